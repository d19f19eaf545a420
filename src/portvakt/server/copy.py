"""The in-process copy of clients, secrets and keys that the token endpoint answers from.

It is valid while the store's change counter stands: each look asks for the counter first (about 1 µs), and a
counter that moved empties the copy. So a new client works at once and a revoked one is refused within a second,
on every node. Where the counter cannot be known, nothing is held and each request reads the store; but for the
published keys, which are remembered until there are others.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from portvakt.jose.keys import from_private_bytes
from portvakt.jose.sealing import place, unseal
from portvakt.jose.signing import Signer
from portvakt.model.provider import API_KEY_TYP, TokenHeader
from portvakt.protocol.govern.keys import signing_key
from portvakt.store import StoreUnavailable

if TYPE_CHECKING:
    from typing import Protocol

    from portvakt.jose.keys import KeyPair
    from portvakt.model.nouns import ClientFacts, Issuer, SigningKey
    from portvakt.model.values import ClientId, Instant, IssuerName, KeyId

    class Reading(Protocol):
        """What the copy asks of a store."""

        async def client_facts(self, issuer: IssuerName, client_id: ClientId) -> ClientFacts | None:
            """Read a client with its owner and secrets."""
            ...

        async def signing_keys(self, issuer: IssuerName) -> tuple[SigningKey, ...]:
            """Read an issuer's keys, oldest first."""
            ...

    class Watching(Protocol):
        """The store's change counter."""

        def token(self) -> object | None:
            """Return a value that another change alters; None where it cannot be known to be fresh."""
            ...


KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

MOST_CLIENTS = 5_000
MOST_SEEN = 20_000

TELL_WITHIN = 0.5
"""Seconds that a key set waits for a store that hangs."""


@dataclass(frozen=True, slots=True)
class _Signing:
    """The signer of an issuer from one moment to the next change of keys."""

    signer: Signer
    begins: Instant
    ends: Instant | None


class Copy:
    """Clients and keys as the store had them at the last look. One thread only."""

    def __init__(self, store: Reading, watch: Watching, *, key: bytes) -> None:
        """`key` unseals the private keys (32 octets)."""
        self._store = store
        self._watch = watch
        self._key = key
        self._stamp: object | None = None
        self._clients: dict[tuple[IssuerName, ClientId], ClientFacts] = {}
        self._absent: dict[tuple[IssuerName, ClientId], None] = {}
        self._seen: dict[tuple[IssuerName, ClientId], None] = {}
        self._keys: dict[IssuerName, tuple[SigningKey, ...]] = {}
        self._last_keys: dict[IssuerName, tuple[SigningKey, ...]] = {}
        self._signing: dict[IssuerName, _Signing] = {}
        self._pairs: dict[KeyId, KeyPair] = {}

    def client(self, issuer: IssuerName, client_id: ClientId) -> ClientFacts | None:
        """Return a client if the copy holds it; None says nothing about the store."""
        return self._clients.get((issuer, client_id)) if self._fresh() else None

    async def load_client(self, issuer: IssuerName, client_id: ClientId) -> ClientFacts | None:
        """Read a client from the store, and hold it if nothing changed meanwhile."""
        stamp = self._watch.token()
        facts = await self._store.client_facts(issuer, client_id)
        if facts is not None:
            _hold(self._seen, (issuer, client_id), None, MOST_SEEN)
        if stamp is not None and self._fresh() and self._stamp == stamp:
            if facts is not None:
                _hold(self._clients, (issuer, client_id), facts, MOST_CLIENTS)
            else:
                _hold(self._absent, (issuer, client_id), None, MOST_CLIENTS)
        return facts

    def is_certain(self, issuer: IssuerName, client_id: ClientId) -> bool:
        """Whether the store was read for this client, there or not, and nothing has changed since."""
        return self._fresh() and ((issuer, client_id) in self._clients or (issuer, client_id) in self._absent)

    def has_seen(self, issuer: IssuerName, client_id: ClientId) -> bool:
        """Whether there was such a client at some time, as far as is remembered."""
        return (issuer, client_id) in self._seen

    async def keys(self, issuer: IssuerName) -> tuple[SigningKey, ...]:
        """Return an issuer's keys, oldest first, from the copy or the store."""
        if self._fresh() and issuer in self._keys:
            return self._keys[issuer]
        stamp = self._watch.token()
        keys = await self._store.signing_keys(issuer)
        if keys:
            self._last_keys[issuer] = keys
        if stamp is not None and self._fresh() and self._stamp == stamp:
            self._keys[issuer] = keys
        return keys

    async def keys_to_publish(self, issuer: IssuerName) -> tuple[SigningKey, ...]:
        """Return an issuer's keys; those it had last, while the store cannot tell or has lost them.

        Tokens that were signed with them are good meanwhile. Raises: StoreUnavailable if there never were any.
        """
        last = self._last_keys.get(issuer, ())
        try:
            async with asyncio.timeout(TELL_WITHIN if last else None):
                return await self.keys(issuer) or last
        except (StoreUnavailable, TimeoutError):
            if not last:
                raise
            return last

    def signer(self, issuer: Issuer, now: Instant) -> Signer | None:
        """Return the signer whose turn it is, if the copy held it when it was last asked for a client."""
        held = self._signing.get(issuer.name)
        if held is None or now < held.begins or (held.ends is not None and now >= held.ends):
            return None
        return held.signer

    async def load_signer(self, issuer: Issuer, now: Instant) -> Signer:
        """Return the signer whose turn it is, unsealed if it was not yet.

        Raises:
            portvakt.jose.sealing.UnsealFailed: the installation's secret is not the one that sealed it.
        """
        keys = await self.keys(issuer.name)
        row = signing_key(keys, now)
        pair = self._pair(issuer, row)
        header = issuer.provider.token_header
        signer = Signer(pair, header.typ, names_key=header is TokenHeader.AT_JWT)
        later = [key.signs_from for key in keys if key.signs_from > now]
        if self._fresh() and self._keys.get(issuer.name) is keys:
            self._signing[issuer.name] = _Signing(signer, min(row.signs_from, now), min(later, default=None))
        return signer

    async def api_key_signer(self, issuer: Issuer, now: Instant) -> Signer:
        """Return what signs personal API keys: the key whose turn it is, under their `typ`. Raises: UnsealFailed."""
        row = signing_key(await self.keys(issuer.name), now)
        return Signer(self._pair(issuer, row), API_KEY_TYP, names_key=True)

    def _pair(self, issuer: Issuer, row: SigningKey) -> KeyPair:
        pair = self._pairs.get(row.id)
        if pair is None:
            opened = unseal(self._key, row.sealed, place(issuer.name, row.id))
            pair = self._pairs[row.id] = from_private_bytes(row.algorithm, opened)
        return pair

    def _fresh(self) -> bool:
        """Empty the copy if the counter moved; False if the counter cannot be known."""
        stamp = self._watch.token()
        if stamp is None or stamp != self._stamp:
            self._clients.clear()
            self._absent.clear()
            self._keys.clear()
            self._signing.clear()
            self._stamp = stamp
        return stamp is not None


def _hold(held: dict[KeyT, ValueT], key: KeyT, value: ValueT, most: int) -> None:
    """Hold one more, the oldest goes first."""
    held[key] = value
    if len(held) > most:
        del held[next(iter(held))]

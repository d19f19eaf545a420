"""Making signing keys: generated off the loop, decided by `govern`, raced safely by any number of nodes."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Protocol

from portvakt.jose.keys import generate
from portvakt.jose.sealing import NONCE_OCTETS
from portvakt.model.audit import NOBODY
from portvakt.model.decision import Granted, Refused
from portvakt.protocol.govern.keys import first_key, revoke_key, rotate_keys
from portvakt.server.act import act

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portvakt.jose.keys import KeyPair
    from portvakt.model.audit import By
    from portvakt.model.nouns import Issuer, SigningKey
    from portvakt.model.values import Instant
    from portvakt.server.clock import Clock
    from portvakt.store import Store


class _Decide(Protocol):
    def __call__(
        self, issuer: Issuer, keys: Sequence[SigningKey], pair: KeyPair, *, key: bytes, nonce: bytes, now: Instant
    ) -> Granted[tuple[SigningKey, ...]] | Refused: ...


async def ensure_key(store: Store, issuer: Issuer, *, key: bytes, clock: Clock) -> None:
    """Give the issuer its first key if it has none. Of many nodes at once, one makes it and all sign with it.

    Raises:
        portvakt.store.StoreUnavailable: the database does not answer.
    """
    if not await store.signing_keys(issuer.name):
        await _with_new_pair(store, issuer, first_key, key=key, clock=clock)


async def rotate(
    store: Store, issuer: Issuer, *, key: bytes, clock: Clock, by: By = NOBODY
) -> tuple[SigningKey, ...] | Refused:
    """Publish a successor of the issuer's newest key, and return all keys. See `govern.keys.rotate_keys`.

    `by`: who does it, for the audit log.

    Raises:
        portvakt.store.StoreUnavailable: the database does not answer.
    """
    await ensure_key(store, issuer, key=key, clock=clock)
    decision = await _with_new_pair(store, issuer, rotate_keys, key=key, clock=clock, by=by)
    return decision if isinstance(decision, Refused) else decision.answer


async def revoke(
    store: Store, issuer: Issuer, key_id: str, *, key: bytes, clock: Clock, by: By = NOBODY
) -> tuple[SigningKey, ...] | Refused:
    """End one of the issuer's keys, and return all. See `govern.keys.revoke_key`. `by`, Raises: as `rotate`."""

    def decide(
        issuer: Issuer, keys: Sequence[SigningKey], pair: KeyPair, *, key: bytes, nonce: bytes, now: Instant
    ) -> Granted[tuple[SigningKey, ...]] | Refused:
        return revoke_key(issuer, keys, key_id, pair, key=key, nonce=nonce, now=now)

    decision = await _with_new_pair(store, issuer, decide, key=key, clock=clock, by=by)
    return decision if isinstance(decision, Refused) else decision.answer


async def _with_new_pair(
    store: Store, issuer: Issuer, decide_on: _Decide, *, key: bytes, clock: Clock, by: By = NOBODY
) -> Granted[tuple[SigningKey, ...]] | Refused:
    pair = await asyncio.to_thread(generate, issuer.algorithm)
    nonce = os.urandom(NONCE_OCTETS)

    async def load() -> Sequence[SigningKey]:
        return await store.signing_keys(issuer.name)

    def decide(keys: Sequence[SigningKey]) -> Granted[tuple[SigningKey, ...]] | Refused:
        return decide_on(issuer, keys, pair, key=key, nonce=nonce, now=clock())

    return await act(store, load, decide, by)

"""When each secret, refresh token and API key was last used: kept in memory, written for all at once, once a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from portvakt.model.values import ApiKeyId, ClientId, Instant, IssuerName, SecretId

    Use = tuple[IssuerName, ClientId, SecretId]
    TokenUse = tuple[IssuerName, bytes]
    KeyUse = tuple[IssuerName, ApiKeyId]

    class Recording(Protocol):
        """What `Uses` asks of a store."""

        async def record_use(
            self,
            uses: Mapping[Use, tuple[Instant, str]],
            *,
            refresh_tokens: Mapping[TokenUse, Instant],
            api_keys: Mapping[KeyUse, Instant],
        ) -> None:
            """Write the moments, none backwards."""
            ...


WRITE_EVERY = 60.0
"""Seconds between two writes; what a crash forgets is at most this much."""


class Uses:
    """The last use of each of them since the last write. No more entries than were used meanwhile."""

    __slots__ = ("_keys", "_last", "_tokens")

    def __init__(self) -> None:
        self._last: dict[Use, tuple[Instant, str]] = {}
        self._tokens: dict[TokenUse, Instant] = {}
        self._keys: dict[KeyUse, Instant] = {}

    def note(self, issuer: IssuerName, client_id: ClientId, secret_id: SecretId, now: Instant, address: str) -> None:
        """Remember that a secret was used at `now`, from a peer's address."""
        self._last[issuer, client_id, secret_id] = (now, address)

    def note_token(self, issuer: IssuerName, digest: bytes, now: Instant) -> None:
        """Remember that a refresh token was used at `now`."""
        self._tokens[issuer, digest] = now

    def note_key(self, issuer: IssuerName, key_id: ApiKeyId, now: Instant) -> None:
        """Remember that a personal API key was used at `now`."""
        self._keys[issuer, key_id] = now

    async def write(self, store: Recording) -> None:
        """Write what was noted; on an error it is kept for the next time."""
        written, self._last = self._last, {}
        tokens, self._tokens = self._tokens, {}
        keys, self._keys = self._keys, {}
        if not written and not tokens and not keys:
            return
        try:
            await store.record_use(written, refresh_tokens=tokens, api_keys=keys)
        except BaseException:
            self._keys = {**keys, **self._keys}
            self._last = {**written, **self._last}
            self._tokens = {**tokens, **self._tokens}
            raise

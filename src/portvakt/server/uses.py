"""When each secret and refresh token was last used: kept in memory, written for all together, once a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from portvakt.model.values import ClientId, Instant, IssuerName, SecretId

    Use = tuple[IssuerName, ClientId, SecretId]
    TokenUse = tuple[IssuerName, bytes]

    class Recording(Protocol):
        """What `Uses` asks of a store."""

        async def record_use(self, uses: Mapping[Use, Instant], *, refresh_tokens: Mapping[TokenUse, Instant]) -> None:
            """Write the moments, none backwards."""
            ...


WRITE_EVERY = 60.0
"""Seconds between two writes; what a crash forgets is at most this much."""


class Uses:
    """The last use of each secret and refresh token since the last write. No more entries than were used meanwhile."""

    __slots__ = ("_last", "_tokens")

    def __init__(self) -> None:
        self._last: dict[Use, Instant] = {}
        self._tokens: dict[TokenUse, Instant] = {}

    def note(self, issuer: IssuerName, client_id: ClientId, secret_id: SecretId, now: Instant) -> None:
        """Remember that a secret was used at `now`."""
        self._last[issuer, client_id, secret_id] = now

    def note_token(self, issuer: IssuerName, digest: bytes, now: Instant) -> None:
        """Remember that a refresh token was used at `now`."""
        self._tokens[issuer, digest] = now

    async def write(self, store: Recording) -> None:
        """Write what was noted; on an error it is kept for the next time."""
        written, self._last = self._last, {}
        tokens, self._tokens = self._tokens, {}
        if not written and not tokens:
            return
        try:
            await store.record_use(written, refresh_tokens=tokens)
        except BaseException:
            self._last = {**written, **self._last}
            self._tokens = {**tokens, **self._tokens}
            raise

"""When each secret was last used: kept in memory, written for all of them together, once a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from portvakt.model.values import ClientId, Instant, IssuerName, SecretId

    Use = tuple[IssuerName, ClientId, SecretId]

    class Recording(Protocol):
        """What `Uses` asks of a store."""

        async def record_use(self, uses: Mapping[Use, Instant]) -> None:
            """Write the moments, none backwards."""
            ...


WRITE_EVERY = 60.0
"""Seconds between two writes; what a crash forgets is at most this much."""


class Uses:
    """The last use of each secret since the last write. No more entries than secrets were used meanwhile."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: dict[Use, Instant] = {}

    def note(self, issuer: IssuerName, client_id: ClientId, secret_id: SecretId, now: Instant) -> None:
        """Remember that a secret was used at `now`."""
        self._last[issuer, client_id, secret_id] = now

    async def write(self, store: Recording) -> None:
        """Write what was noted; on an error it is kept for the next time."""
        written, self._last = self._last, {}
        if not written:
            return
        try:
            await store.record_use(written)
        except BaseException:
            self._last = {**written, **self._last}
            raise

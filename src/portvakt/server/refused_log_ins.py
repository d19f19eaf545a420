"""Refused log-ins in the audit log of those whose account was tried."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from portvakt.model.audit import Act
from portvakt.model.change import Note
from portvakt.model.provider import Quota
from portvakt.model.values import Seconds
from portvakt.protocol.govern.told import of_user
from portvakt.server.quota import Windows
from portvakt.store import StoreUnavailable
from portvakt.wire.address import bucket_address

if TYPE_CHECKING:
    from portvakt.model.audit import By
    from portvakt.model.values import UserId
    from portvakt.server.desk import Desk

NOTED = Quota(10, Seconds(3600))
"""Lines of one user, and lines that one address makes. Strangers make them, and the log is kept for good: it tells
that somebody tries, and from where at first, not how often. The server's own log has every attempt."""

MOST_NOTED = 20_000
"""Users and addresses of which lines are counted."""

MOST_NOTING = 100
"""Lines that are being written at one moment; what comes on top is in the server's own log."""


class RefusedLogIns:
    """Writes lines of one issuer's users."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._noted = Windows(most_keys=MOST_NOTED)
        self._noting: set[asyncio.Task[None]] = set()

    def note(self, email: str, by: By) -> None:
        """Write a line, once the answer is there: who waits learns nothing of who is known."""
        if len(self._noting) < MOST_NOTING:
            task = asyncio.create_task(self._write(email, by), name="portvakt: note a log-in")
            self._noting.add(task)
            task.add_done_callback(self._noting.discard)

    async def _write(self, email: str, by: By) -> None:
        desk = self._desk
        with contextlib.suppress(StoreUnavailable):
            user = await desk.store.user_by_email(desk.issuer.name, email)
            if user is not None and self._take(user.id, bucket_address(by.address)):
                await desk.store.apply([Note(of_user(user, Act.LOG_IN_FAILED, desk.clock()))], by)

    def _take(self, user_id: UserId, bucket: str) -> bool:
        """Count a line, if both may have one more."""
        keys, now = (("address", bucket), ("user", user_id)), self._desk.clock()
        if any(self._noted.exceeded(key, NOTED, now) for key in keys):
            return False
        return all(self._noted.take(key, NOTED, now) is None for key in keys)

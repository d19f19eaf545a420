"""Whether the store answers, asked by anybody as often as they like and found out once a second."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from portvakt.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from portvakt.server.log import Log

KEPT_FOR = 1.0
"""Seconds that an answer is good for. `/readyz` takes no credentials: it must not be a lever on the database."""


class Readiness:
    """The store's last answer. All who ask while it is being asked wait for the one answer."""

    def __init__(self, check: Callable[[], Awaitable[None]], log: Log) -> None:
        """`check` raises StoreUnavailable where the store cannot serve."""
        self._check = check
        self._log = log
        self._running: asyncio.Task[bool] | None = None
        self._good_until = 0.0

    async def ready(self) -> bool:
        """Return whether the store answers."""
        if self._running is None or (self._running.done() and time.monotonic() >= self._good_until):
            self._running = asyncio.create_task(self._ask())
        return await asyncio.shield(self._running)

    async def _ask(self) -> bool:
        try:
            await self._check()
        except StoreUnavailable as error:
            self._log.failure("not_ready", error)
            return False
        finally:
            self._good_until = time.monotonic() + KEPT_FOR
        return True

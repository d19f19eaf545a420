"""How the store asks its database: in the background, and not for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from portvakt.store.errors import StoreUnavailable, our_fault

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from sqlalchemy import Connection, RowMapping, Select

    from portvakt.store.address import Database

PATIENCE = 3.0
"""Seconds after which a caller is told that there is no answer, whatever the driver still waits for."""

READ_PATIENCE = 1.0
"""The same for what only reads: a token request waits for it (FT5)."""

ResultT = TypeVar("ResultT")


class Asking:
    """A database, and what of it is under way."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._running: set[asyncio.Task[Any]] = set()

    async def _read(
        self, doing: str, query: Select[Any], **parameters: str | int | bytes | None
    ) -> Sequence[RowMapping]:
        def work(connection: Connection) -> Sequence[RowMapping]:
            return connection.execute(query, parameters).mappings().all()

        return await self._patiently(doing, self._database.read(work), READ_PATIENCE)

    async def _patiently(self, doing: str, work: Coroutine[Any, Any, ResultT], patience: float = PATIENCE) -> ResultT:
        """Wait for some work, but not for ever; it goes on if the caller is cancelled.

        A driver told to stop may itself wait for a server that is gone, so it is not waited for.
        """
        task = asyncio.create_task(work, name=f"portvakt: {doing}")
        self._running.add(task)
        task.add_done_callback(self._done)
        done, _ = await asyncio.wait({task}, timeout=patience)
        if not done:
            task.cancel()
            raise StoreUnavailable(f"cannot {doing}: no answer in {patience:.0f} s")
        with our_fault(doing):
            return task.result()

    async def _at_rest(self) -> None:
        """Wait for what is under way, but not for ever."""
        if self._running:
            await asyncio.wait(self._running, timeout=PATIENCE)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen: asyncio need not warn that nobody asked

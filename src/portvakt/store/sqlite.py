"""SQLite: one file, one writing thread, a few reading ones.

WAL, so that readers go on while somebody writes; `synchronous=FULL`, so that a revocation that was answered
is there after a power cut; `BEGIN IMMEDIATE`, so that what a transaction read cannot change before it writes.
A whole piece of work crosses to a thread and back once: the write lock is never held across a hop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from portvakt.store.errors import StoreUnavailable
from portvakt.store.watch import SqliteWatch, file_identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

READERS = 4
BUSY_FOR = 2.0
"""Seconds that a write waits for its turn, in this process and then among processes."""
MIGRATION_BUSY_FOR = 30.0

ResultT = TypeVar("ResultT")


class Sqlite:
    """A database file. Everything opens it only if it is there, but `create` makes it."""

    dialect: Final = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity: tuple[int, int] | None = None
        self._looking = threading.Lock()
        self._reader = self._engine(READERS, "query_only=ON")
        self._writer = self._engine(1, "foreign_keys=ON")
        self._reading = ThreadPoolExecutor(READERS, thread_name_prefix="portvakt-read")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="portvakt-write")

    def _engine(self, connections: int, *pragmas: str, busy_for: float = BUSY_FOR) -> Engine:
        engine = create_engine(
            URL.create("sqlite", database=self._uri(), query={"mode": "rw", "uri": "true"}),
            # None: the driver begins nothing by itself. Threads take connections in turn.
            connect_args={"isolation_level": None, "timeout": busy_for, "check_same_thread": False},
            hide_parameters=True,
            poolclass=QueuePool,
            pool_size=connections,
            max_overflow=0,
        )

        def prepare(connection: sqlite3.Connection, _record: Any) -> None:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", *pragmas):
                connection.execute(f"PRAGMA {pragma}")

        event.listen(engine, "connect", prepare)
        return engine

    def _uri(self) -> str:
        return "file:" + quote(str(self.path))

    async def read(self, work: Callable[[Connection], ResultT]) -> ResultT:
        """Do some reading in a thread. Each statement sees the file as of its own moment."""

        def read() -> ResultT:
            self._look_at_file()
            with self._reader.connect() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._reading, read)

    async def write(self, work: Callable[[Connection], ResultT]) -> ResultT:
        """Do some work in one transaction: committed when it returns, rolled back when it raises."""
        give_up_at = time.monotonic() + BUSY_FOR

        def write() -> ResultT:
            self._look_at_file()
            # Waiting for the thread and waiting for other processes share one deadline.
            busy_for = max(0, round(1000 * (give_up_at - time.monotonic())))
            with self._writer.connect() as connection, connection.begin():
                connection.exec_driver_sql(f"PRAGMA busy_timeout={busy_for}")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._writing, write)

    def _look_at_file(self) -> None:
        """Open a file that took the place of the one that is open. Raises: OSError if there is none.

        SQLite itself would go on with a file that was deleted.
        """
        with self._looking:
            identity = file_identity(self.path)
            if identity != self._identity:
                self._reader.dispose()
                self._writer.dispose()
                self._identity = identity

    async def check(self, work: Callable[[Connection], ResultT]) -> ResultT:
        """Do some reading. Raises: StoreUnavailable if file or folder, where WAL needs one, take no writes."""
        for path in (self.path, self.path.parent):
            path.stat()
            if not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
                raise StoreUnavailable(f"cannot write to {path}")
        return await self.read(work)

    def watch(self) -> SqliteWatch:
        """A watch on this file."""
        return SqliteWatch(self.path, self._open_for_watching)

    def _open_for_watching(self) -> sqlite3.Connection:
        # A timeout of 0: the event loop waits for nobody.
        return sqlite3.connect(
            f"{self._uri()}?mode=rw", uri=True, isolation_level=None, timeout=0, check_same_thread=False
        )

    async def close(self) -> None:
        """Close every connection that is not in use, and let the threads end."""
        for threads in (self._reading, self._writing):
            threads.shutdown(wait=False, cancel_futures=True)
        self._reader.dispose()
        self._writer.dispose()

    def create(self) -> None:
        """Make an empty file that only its owner can read, if there is none."""
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))

    @contextlib.contextmanager
    def looking(self) -> Iterator[Connection]:
        """A connection that reads, whoever writes meanwhile; nothing of asyncio. Raises: OSError for no file."""
        file_identity(self.path)  # SQLite would say no more than that it cannot open it
        engine = self._engine(1, "query_only=ON")
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    @contextlib.contextmanager
    def migrating(self) -> Iterator[Connection]:
        """A connection in a transaction that only one migrator can be in; nothing of asyncio."""
        engine = self._engine(1, busy_for=MIGRATION_BUSY_FOR)
        try:
            with engine.connect() as connection, connection.begin():
                connection.exec_driver_sql("BEGIN EXCLUSIVE")
                yield connection
        finally:
            engine.dispose()

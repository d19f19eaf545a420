"""SQLite: one file, one writer, a few readers.

WAL, so that readers go on while somebody writes; `synchronous=FULL`, so that a revocation that was answered
is there after a power cut; `BEGIN IMMEDIATE`, so that what a transaction read cannot change before it writes.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from sqlalchemy import URL, create_engine, event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from portvakt.store.errors import StoreUnavailable
from portvakt.store.watch import SqliteWatch, file_identity

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Engine, Executable
    from sqlalchemy.ext.asyncio import AsyncEngine

READERS = 4
ACQUIRE_WITHIN = 1.0
BUSY_FOR = 2.0
"""Seconds that a write waits for its turn, in this process and then among processes."""
MIGRATION_BUSY_FOR = 30.0


class Sqlite:
    """A database file. `reader` and `writer` open it only if it is there; `create` makes it."""

    dialect: Final = "sqlite"
    announcement: Executable | None = None  # the file says by itself that it changed

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity: tuple[int, int] | None = None
        self.reader = self._engine(query_only=True, pool_size=READERS, pool_timeout=ACQUIRE_WITHIN)
        # A pool of one is the queue of the writers.
        self.writer = self._engine(query_only=False, pool_size=1, pool_timeout=BUSY_FOR)
        event.listen(self.writer.sync_engine, "begin", _begin_immediate)

    def _engine(self, *, query_only: bool, **pool: Any) -> AsyncEngine:
        engine = create_async_engine(
            URL.create("sqlite+aiosqlite", database=self._uri(), query={"mode": "rw", "uri": "true"}),
            connect_args={"isolation_level": None, "timeout": BUSY_FOR},
            hide_parameters=True,
            max_overflow=0,
            skip_autocommit_rollback=query_only,
            isolation_level="AUTOCOMMIT" if query_only else None,
            **pool,
        )

        def prepare(connection: Any, _record: Any) -> None:
            cursor = connection.cursor()
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"query_only={int(query_only)}"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        event.listen(engine.sync_engine, "connect", prepare)
        return engine

    def _uri(self) -> str:
        return "file:" + quote(str(self.path))

    async def be_ready(self) -> None:
        """Make sure that the path still leads to the file that is open; open a new file that took its place.

        Raises: OSError if there is none. SQLite itself would go on with a file that was deleted.
        """
        identity = file_identity(self.path)
        if identity != self._identity:
            await self.reader.dispose()
            await self.writer.dispose()
            self._identity = identity

    async def check(self) -> None:
        """Raises: StoreUnavailable unless the file and its folder can be written to, which WAL needs."""
        await self.be_ready()
        for path in (self.path, self.path.parent):
            if not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
                raise StoreUnavailable(f"cannot write to {path}")

    async def refused_as_read_only(self) -> None:
        """Nothing to do: a file that cannot be written to has no other server."""

    def watch(self) -> SqliteWatch:
        """A watch on this file."""
        return SqliteWatch(self.path, self._open_for_watching)

    def _open_for_watching(self) -> sqlite3.Connection:
        # A timeout of 0: the event loop waits for nobody.
        return sqlite3.connect(
            f"{self._uri()}?mode=rw", uri=True, isolation_level=None, timeout=0, check_same_thread=False
        )

    async def close(self) -> None:
        """Close every connection."""
        await self.reader.dispose()
        await self.writer.dispose()

    def create(self) -> None:
        """Make an empty file that only its owner can read, if there is none."""
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))

    def migration_engine(self) -> Engine:
        """An engine without asyncio, for one migration."""
        engine = create_engine(
            URL.create("sqlite", database=self._uri(), query={"mode": "rw", "uri": "true"}),
            connect_args={"isolation_level": None, "timeout": MIGRATION_BUSY_FOR},
            hide_parameters=True,
            poolclass=NullPool,
        )

        def prepare(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")

        event.listen(engine, "connect", prepare)
        return engine

    def lock_for_migration(self, connection: Connection) -> None:
        """Begin the transaction in which only one migrator can be."""
        connection.exec_driver_sql("BEGIN EXCLUSIVE")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")

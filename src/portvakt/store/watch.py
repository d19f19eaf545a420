"""Has anything changed? A number that is cheap to read, so that an in-process copy knows when it is old.

How to use one: read `token()`, then load; what was loaded holds while `token()` gives the same number.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import psycopg

LOOK_AT_FILE_EVERY = 1.0
ASK_EVERY = 0.01
"""Asking SQLite takes some 5 µs, all of a token request's share; 10 ms late is at once to everybody else."""

POLL_EVERY = 0.25
FRESH_FOR = 1.0
ANSWER_WITHIN = 1.0
FIRST_WAIT, LONGEST_WAIT = 0.05, 1.0


class Watch(Protocol):
    """What `Store.watch()` gives."""

    def token(self) -> int | None:
        """A number that is another one once anybody, in any process, has committed a change.

        It may also change where nothing did. None: it cannot be known; then nothing loaded before holds.
        Makes no network call and does not wait.
        """
        ...

    def applied(self) -> None:
        """This process has committed changes: the token is another one from now on."""
        ...

    async def close(self) -> None:
        """Let go of the connection. From then on the token is None."""
        ...


class SqliteWatch:
    """`PRAGMA data_version` on a connection that does nothing else.

    SQLite changes that number whenever another connection, of this process or another, has committed
    (https://sqlite.org/pragma.html#pragma_data_version). Then the counter of changes is read, so that a writing
    of last use does not pass for a change. An open file outlives its name, so once a second the path is looked at.
    """

    def __init__(self, path: Path, open_it: Callable[[], sqlite3.Connection]) -> None:
        self._path = path
        self._open = open_it
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._version: int | None = None
        self._revision: int | None = None
        self._changes = 0
        self._look_again_at = 0.0
        self._ask_again_at = 0.0
        self._closed = False

    def token(self) -> int | None:
        """See `Watch.token`. SQLite is asked at most once in `ASK_EVERY` seconds; else a comparison."""
        now = time.monotonic()
        if now < self._ask_again_at:
            return self._changes
        self._ask_again_at = now + ASK_EVERY
        if now >= self._look_again_at:
            self._look_again_at = now + LOOK_AT_FILE_EVERY
            self._look_at_file()
        if self._connection is None:
            self._ask_again_at = 0.0
            return None
        try:
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
            if version != self._version:
                self._read_counter(self._connection)
                self._version = version
        except sqlite3.Error:
            self._drop()
            return None
        return self._changes

    def applied(self) -> None:
        """See `Watch.applied`. The writer is another connection, so SQLite says it as soon as it is asked."""
        self._ask_again_at = 0.0

    async def close(self) -> None:
        """See `Watch.close`."""
        self._closed = True
        self._drop()

    def _read_counter(self, connection: sqlite3.Connection) -> None:
        row = connection.execute("SELECT value FROM revision WHERE id = 1").fetchone()
        revision = row[0] if row else None
        if revision is None or revision != self._revision:
            self._revision = revision
            self._changes += 1

    def _look_at_file(self) -> None:
        try:
            identity = file_identity(self._path)
        except OSError:
            self._drop()
            return
        if identity == self._identity or self._closed:
            return
        self._drop()
        with contextlib.suppress(sqlite3.Error):
            self._connection = self._open()
            self._identity = identity

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        # Another file may have the same numbers as the last one.
        self._connection = self._identity = self._version = self._revision = None
        self._ask_again_at = 0.0


class PostgresqlWatch:
    """LISTEN on a connection of its own, and behind it a poll of the counter four times a second.

    A lost notification is so noticed within 0.25 s, and a lost server within 1 s (then the token is None). A
    server that has become a standby is left for another one.
    """

    def __init__(self, connect: Callable[[], Awaitable[psycopg.AsyncConnection]], channel: str) -> None:
        self._connect = connect
        self._channel = channel
        self._changes = 0
        self._revision: int | None = None
        self._confirmed_at = float("-inf")
        self._wait = FIRST_WAIT
        self._following = asyncio.create_task(self._follow(), name="portvakt watch")

    def token(self) -> int | None:
        """See `Watch.token`. Two comparisons."""
        if time.monotonic() - self._confirmed_at > FRESH_FOR:
            return None
        return self._changes

    def applied(self) -> None:
        """See `Watch.applied`."""
        self._changes += 1

    async def close(self) -> None:
        """See `Watch.close`."""
        self._following.cancel()
        await asyncio.wait({self._following}, timeout=ANSWER_WITHIN)
        self._confirmed_at = float("-inf")

    async def _follow(self) -> None:
        import psycopg  # noqa: PLC0415  whoever is on SQLite need not load it

        while True:
            with contextlib.suppress(psycopg.Error, OSError, TimeoutError):
                connection = await self._connect()
                try:
                    await self._listen(connection)
                finally:
                    await connection.close()
            await asyncio.sleep(self._wait)
            self._wait = min(2 * self._wait, LONGEST_WAIT)

    async def _listen(self, connection: psycopg.AsyncConnection) -> None:
        self._changes += 1  # nobody listened until now
        async with asyncio.timeout(ANSWER_WITHIN):
            await connection.execute(f"LISTEN {self._channel}")
        while await self._confirm(connection):
            async for _ in connection.notifies(timeout=POLL_EVERY, stop_after=1):
                self._changes += 1

    async def _confirm(self, connection: psycopg.AsyncConnection) -> bool:
        asked_at = time.monotonic()
        async with asyncio.timeout(ANSWER_WITHIN):
            cursor = await connection.execute("SELECT value, pg_is_in_recovery() FROM revision WHERE id = 1")
            row = await cursor.fetchone()
        if row is None or row[1]:
            return False
        if row[0] != self._revision:
            self._revision = row[0]
            self._changes += 1
        self._confirmed_at = asked_at  # the truth as of the question, not of the answer
        self._wait = FIRST_WAIT
        return True


def file_identity(path: Path) -> tuple[int, int]:
    """Which file a path leads to now. Raises: OSError if to none."""
    found = path.stat()
    return found.st_dev, found.st_ino

"""PostgreSQL: a small pool that heals itself, and deadlines everywhere.

A lost connection is found by using it: a ping before each use would be a round trip more.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from portvakt.store.errors import StoreUnavailable, sqlstate
from portvakt.store.statements import CHANNEL
from portvakt.store.watch import PostgresqlWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

POOL_SIZE = 8
ACQUIRE_WITHIN = 1.0
CONNECT_WITHIN = 1.0
# Every join here follows the keys of few rows: a plan that reads a table instead, to save look-ups, grows with it.
SESSION = (
    "-c statement_timeout=2000 -c idle_in_transaction_session_timeout=5000"
    " -c enable_hashjoin=off -c enable_mergejoin=off"
)
MIGRATION_SESSION = "-c lock_timeout=30000"
MIGRATION_LOCK = int.from_bytes(b"portvakt")
READ_ONLY = "25006"

ResultT = TypeVar("ResultT")


class Postgresql:
    """A database on a server. The password stays in what connects: no engine, URL or `repr` holds it."""

    dialect: Final = "postgresql"

    def __init__(self, url: str) -> None:
        try:
            given = conninfo_to_dict(url)
        except psycopg.Error:
            raise ValueError("not a PostgreSQL URL: postgresql://USER:PASSWORD@HOST:PORT/DATABASE") from None
        self._options = str(given.pop("options", ""))  # after ours, so that it wins
        self._parameters: dict[str, Any] = {"application_name": "portvakt", **given, "client_encoding": "UTF8"}
        self._writer = create_async_engine(
            "postgresql+psycopg://",
            async_creator=self._connect,
            hide_parameters=True,
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_timeout=ACQUIRE_WITHIN,
        )
        # Readiness must be told also while the pool is exhausted, and of the server that is the writer now.
        self._checker = create_async_engine(
            "postgresql+psycopg://", async_creator=self._connect, hide_parameters=True, poolclass=NullPool
        )

    async def _connect(self, *, autocommit: bool = False) -> psycopg.AsyncConnection:
        # libpq's own connect_timeout is whole seconds and at least 2.
        async with asyncio.timeout(CONNECT_WITHIN):
            return await psycopg.AsyncConnection.connect(
                **self._parameters, options=f"{SESSION} {self._options}", autocommit=autocommit
            )

    async def read(self, work: Callable[[Connection], ResultT]) -> ResultT:
        """Do some reading. Each statement sees the database as of its own moment."""
        try:
            return await self._read(work)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            # The server has restarted, and the pool has just forgotten every connection from before.
            return await self._read(work)

    async def _read(self, work: Callable[[Connection], ResultT]) -> ResultT:
        # A read is one statement: no BEGIN and no ROLLBACK around it. An engine with this option would set it while it
        # connects, where a read that is given up loses its connection to the garbage collector.
        def working(connection: Connection) -> ResultT:
            return work(connection.execution_options(isolation_level="AUTOCOMMIT"))

        async with self._writer.connect() as connection:
            return await connection.run_sync(working)

    async def write(self, work: Callable[[Connection], ResultT]) -> ResultT:
        """Do some work in one transaction: committed when it returns, rolled back when it raises."""
        worked = False

        def noticed(connection: Connection) -> ResultT:
            nonlocal worked
            result = work(connection)
            worked = True
            return result

        try:
            return await self._write(noticed)
        except DBAPIError as error:
            if sqlstate(error) == READ_ONLY:
                await self._writer.dispose()  # the writer may be another server by now
            if worked or not error.connection_invalidated:
                raise
            return await self._write(work)  # as in `read`: COMMIT was not sent, so nothing was done

    async def _write(self, work: Callable[[Connection], ResultT]) -> ResultT:
        async with self._writer.begin() as connection:
            return await connection.run_sync(work)

    async def check(self, work: Callable[[Connection], ResultT]) -> ResultT:
        """Do some reading beside the pool. Raises: StoreUnavailable if the server takes no writes."""
        async with self._checker.connect() as connection:
            answer = await connection.execute(
                text("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean")
            )
            if answer.scalar_one():
                raise StoreUnavailable("the PostgreSQL server is read-only")
            return await connection.run_sync(work)

    def watch(self) -> PostgresqlWatch:
        """A watch on this server, with a connection of its own."""
        return PostgresqlWatch(lambda: self._connect(autocommit=True), CHANNEL)

    async def close(self) -> None:
        """Close every connection that is not in use."""
        await self._writer.dispose()
        await self._checker.dispose()

    def create(self) -> None:
        """Nothing to do: a database is made by whoever runs the server."""

    @contextlib.contextmanager
    def looking(self) -> Iterator[Connection]:
        """A connection that reads, whoever migrates meanwhile; nothing of asyncio."""
        with self._engine(f"{SESSION} {self._options}").connect() as connection:
            yield connection

    @contextlib.contextmanager
    def migrating(self) -> Iterator[Connection]:
        """A connection in a transaction that only one migrator can be in; nothing of asyncio."""
        with self._engine(f"{MIGRATION_SESSION} {self._options}").begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
            yield connection

    def _engine(self, options: str) -> Engine:
        def connect() -> psycopg.Connection:
            return psycopg.connect(**{"connect_timeout": 5, **self._parameters}, options=options)

        return create_engine("postgresql+psycopg://", creator=connect, hide_parameters=True, poolclass=NullPool)

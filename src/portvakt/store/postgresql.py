"""PostgreSQL: a small pool that heals itself, and deadlines everywhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from portvakt.store.errors import StoreUnavailable
from portvakt.store.statements import CHANNEL, NOTIFY
from portvakt.store.watch import PostgresqlWatch

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Executable

POOL_SIZE = 8
ACQUIRE_WITHIN = 1.0
CONNECT_WITHIN = 1.0
SESSION = "-c statement_timeout=2000 -c idle_in_transaction_session_timeout=5000"
MIGRATION_SESSION = "-c lock_timeout=30000"
MIGRATION_LOCK = 0x706F727476616B74  # "portvakt"


class Postgresql:
    """A database on a server. The password stays in the closures that connect: no engine or URL holds it."""

    dialect: Final = "postgresql"
    announcement: Executable | None = NOTIFY

    def __init__(self, url: str) -> None:
        try:
            # What is given in the URL stands after ours, so it wins.
            given = conninfo_to_dict(url)
        except psycopg.Error:
            raise ValueError("not a PostgreSQL URL: postgresql://USER:PASSWORD@HOST:PORT/DATABASE") from None
        self._options = str(given.pop("options", ""))
        self._parameters: dict[str, Any] = {"application_name": "portvakt", **given, "client_encoding": "UTF8"}
        self.writer = create_async_engine(
            "postgresql+psycopg://",
            async_creator=self._connect,
            hide_parameters=True,
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_timeout=ACQUIRE_WITHIN,
            pool_pre_ping=True,
        )
        # A read is one statement: no BEGIN and no ROLLBACK around it.
        self.reader = self.writer.execution_options(isolation_level="AUTOCOMMIT")
        # Readiness must be told also while the pool is exhausted.
        self._checker = create_async_engine(
            "postgresql+psycopg://",
            async_creator=self._connect,
            hide_parameters=True,
            pool_size=1,
            max_overflow=0,
            pool_timeout=ACQUIRE_WITHIN,
            pool_pre_ping=True,
            isolation_level="AUTOCOMMIT",
        )

    async def _connect(self, *, autocommit: bool = False) -> psycopg.AsyncConnection:
        # libpq's own connect_timeout is whole seconds and at least 2.
        async with asyncio.timeout(CONNECT_WITHIN):
            return await psycopg.AsyncConnection.connect(
                **self._parameters, options=f"{SESSION} {self._options}", autocommit=autocommit
            )

    async def be_ready(self) -> None:
        """Nothing to do: the pool tries a connection before it gives it."""

    async def check(self) -> None:
        """Raises: StoreUnavailable unless the server answers and takes writes."""
        async with self._checker.connect() as connection:
            answer = await connection.execute(
                text("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean")
            )
            if answer.scalar_one():
                await self._checker.dispose()
                raise StoreUnavailable("the PostgreSQL server is read-only")

    async def refused_as_read_only(self) -> None:
        """Forget the connections, since the writer may be another server by now."""
        await self.writer.dispose()

    def watch(self) -> PostgresqlWatch:
        """A watch on this server, with a connection of its own."""
        return PostgresqlWatch(lambda: self._connect(autocommit=True), CHANNEL)

    async def close(self) -> None:
        """Close every connection."""
        await self.writer.dispose()
        await self._checker.dispose()

    def create(self) -> None:
        """Nothing to do: a database is made by whoever runs the server."""

    def migration_engine(self) -> Engine:
        """An engine without asyncio, for one migration."""

        def connect() -> psycopg.Connection:
            return psycopg.connect(
                **{"connect_timeout": 5, **self._parameters}, options=f"{MIGRATION_SESSION} {self._options}"
            )

        return create_engine("postgresql+psycopg://", creator=connect, hide_parameters=True, poolclass=NullPool)

    def lock_for_migration(self, connection: Connection) -> None:
        """Wait until no other migrator is at work; the lock goes with the transaction."""
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")

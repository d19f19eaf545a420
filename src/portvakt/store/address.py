"""Where the database is: a URL, read once. No message here repeats it, since it may hold a password."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from portvakt.store.sqlite import Sqlite

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Executable
    from sqlalchemy.ext.asyncio import AsyncEngine

    from portvakt.store.watch import Watch


class Database(Protocol):
    """What `Store` needs to know of a kind of database; see `Sqlite` and `Postgresql`."""

    @property
    def dialect(self) -> str: ...  # noqa: D102
    @property
    def announcement(self) -> Executable | None: ...  # noqa: D102
    @property
    def reader(self) -> AsyncEngine: ...  # noqa: D102
    @property
    def writer(self) -> AsyncEngine: ...  # noqa: D102

    async def be_ready(self) -> None: ...  # noqa: D102
    async def check(self) -> None: ...  # noqa: D102
    async def refused_as_read_only(self) -> None: ...  # noqa: D102
    def watch(self) -> Watch: ...  # noqa: D102
    async def close(self) -> None: ...  # noqa: D102
    def create(self) -> None: ...  # noqa: D102
    def migration_engine(self) -> Engine: ...  # noqa: D102
    def lock_for_migration(self, connection: Connection) -> None: ...  # noqa: D102


def database_at(url: str) -> Database:
    """The database that a URL names, not yet connected to.

    `sqlite:///relative/path`, `sqlite:////absolute/path` (percent-encoded where needed), or
    `postgresql://user:password@host:port/database?sslmode=…` with whatever libpq takes.
    Raises: ValueError for anything else.
    """
    scheme, mark, rest = url.partition("://")
    if mark and scheme == "postgresql":
        from portvakt.store.postgresql import Postgresql  # noqa: PLC0415  loads libpq

        return Postgresql(url)
    if mark and scheme == "sqlite" and len(rest) > 1 and rest[0] == "/" and "\0" not in unquote(rest):
        if "?" in rest or "#" in rest:
            raise ValueError("a SQLite URL is sqlite:///PATH and no more; a ? or # in the path is %3F or %23")
        return Sqlite(Path(unquote(rest[1:])).absolute())
    raise ValueError("a database is sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE")

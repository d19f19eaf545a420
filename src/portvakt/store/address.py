"""Where the database is: a URL, read once. No message here repeats it, since it may hold a password."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import unquote

from portvakt.store.sqlite import Sqlite

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection

    from portvakt.store.watch import Watch

ResultT = TypeVar("ResultT")


class Database(Protocol):
    """What `Store` needs of a kind of database. Contracts stand at `Sqlite` and `Postgresql`.

    Work is a plain function of a connection, written once for both; they differ in how it is run.
    """

    @property
    def dialect(self) -> str: ...  # noqa: D102
    async def read(self, work: Callable[[Connection], ResultT]) -> ResultT: ...  # noqa: D102
    async def write(self, work: Callable[[Connection], ResultT]) -> ResultT: ...  # noqa: D102
    async def check(self, work: Callable[[Connection], ResultT]) -> ResultT: ...  # noqa: D102
    def watch(self) -> Watch: ...  # noqa: D102
    async def close(self) -> None: ...  # noqa: D102
    def create(self) -> None: ...  # noqa: D102
    def looking(self) -> AbstractContextManager[Connection]: ...  # noqa: D102
    def migrating(self) -> AbstractContextManager[Connection]: ...  # noqa: D102


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

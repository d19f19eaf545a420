"""Bring a database to this version's schema. Alembic is loaded only for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, String, Table, inspect, select

from portvakt.store.address import database_at
from portvakt.store.errors import our_fault
from portvakt.store.schema import HEAD

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

VERSIONS = Table("alembic_version", MetaData(), Column("version_num", String))  # Alembic's own table


def upgrade(url: str) -> None:
    """Make the database (a SQLite file, mode 0600) and its tables, or bring them to this version.

    All or nothing, in one transaction; a second migrator waits for the first, then finds nothing to do. A
    database that a later version has migrated is left as it is.
    Blocks: not for an event loop. Raises: ValueError for a URL that is none, StoreUnavailable.
    """
    database = database_at(url)
    with our_fault("migrate the database"):
        database.create()
        with database.migrating() as connection:
            if not is_current(connection):
                _run(connection)


def current(url: str) -> bool:
    """Whether the database has this version's schema, or a later one's, which this version can work with.

    Makes nothing. Blocks: not for an event loop. Raises: ValueError for a URL that is none, StoreUnavailable,
    also if there is no such database.
    """
    with our_fault("read the database's version"), database_at(url).looking() as connection:
        return is_current(connection)


def is_current(connection: Connection) -> bool:
    """As `current`, on a connection."""
    if not inspect(connection).has_table(VERSIONS.name):
        return False
    version = connection.execute(select(VERSIONS.c.version_num)).scalar()
    return version is not None and version >= HEAD


def _run(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415  a tenth of a second that only a migration needs

    configuration = alembic_configuration()
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")


def alembic_configuration() -> Config:
    """Alembic's settings: no file, the migrations of this package."""
    from alembic.config import Config  # noqa: PLC0415  as above

    configuration = Config()
    configuration.set_main_option("script_location", "portvakt.store:migrations")
    return configuration

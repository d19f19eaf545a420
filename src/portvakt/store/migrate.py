"""Bring a database to this version's schema. Alembic is loaded only for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import inspect, select, table
from sqlalchemy import column as named

from portvakt.store.address import database_at
from portvakt.store.errors import our_fault
from portvakt.store.schema import HEAD

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

VERSION = select(named("version_num")).select_from(table("alembic_version"))


def upgrade(url: str) -> None:
    """Make the database (a SQLite file, mode 0600) and its tables, or bring them to this version.

    All or nothing, in one transaction; a second migrator waits for the first, then finds nothing to do. A
    database that a later version has migrated is left as it is.
    Blocks: not for an event loop. Raises: ValueError for a URL that is none, StoreUnavailable.
    """
    database = database_at(url)
    with our_fault("migrate the database"):
        database.create()
        engine = database.migration_engine()
        with engine.connect() as connection, connection.begin():
            database.lock_for_migration(connection)
            if not _is_current(connection):
                _run(connection)


def current(url: str) -> bool:
    """Whether the database has this version's schema, or a later one's, which this version can work with.

    Makes nothing. Blocks: not for an event loop. Raises: ValueError for a URL that is none, StoreUnavailable,
    also if there is no such database.
    """
    with our_fault("read the database's version"), database_at(url).migration_engine().connect() as connection:
        return _is_current(connection)


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    version = connection.execute(VERSION).scalar()
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

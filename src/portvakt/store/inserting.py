"""INSERT as both databases have it: a key that is taken is a row count of 0 and no error.

PostgreSQL would write the key of an error to its log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from sqlalchemy import Select, Table
    from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
    from sqlalchemy.sql.dml import Insert


def insert_new(table: Table, row: dict[str, Any], dialect: str) -> Insert:
    """Insert a row, unless one of its keys is taken."""
    return _insert(table, dialect).values(row).on_conflict_do_nothing()


def insert_selected(table: Table, columns: list[str], chosen: Select[Any], dialect: str) -> Insert:
    """Insert what a query finds, unless a key of it is taken. SQLite parses it only if the query has a WHERE."""
    return _insert(table, dialect).from_select(columns, chosen).on_conflict_do_nothing()


def insert_or_replace(table: Table, row: dict[str, Any], dialect: str) -> Insert:
    """Insert a row, or write over the one that has its primary key."""
    key = [column.name for column in table.primary_key]
    rest = {name: value for name, value in row.items() if name not in key}
    return _insert(table, dialect).values(row).on_conflict_do_update(index_elements=key, set_=rest)


def _insert(table: Table, dialect: str) -> SqliteInsert | PostgresqlInsert:
    if dialect == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415  a tenth of a second that SQLite's users need not wait

    return postgresql.insert(table)

"""`StoreUnavailable`: the one error of this room that is not the caller's."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator


class StoreUnavailable(Exception):
    """Our fault, never the client's: the database did not answer, or not in the way it must.

    It says nothing about whether a row exists, so it may become a 503 and never an `invalid_client`. After
    it from `Store.apply`, the changes are in the database or not, all or none: the answer to a COMMIT
    may be what was lost. The message is for the operator: no parameter, no password.
    """


@contextmanager
def our_fault(doing: str) -> Iterator[None]:
    """Turn every error of a database, its driver or the system under it into `StoreUnavailable`.

    The original is dropped on purpose: its text and its traceback may hold rows.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError, TimeoutError) as error:
        raise StoreUnavailable(f"cannot {doing}: {said(error)}") from None
    except Exception as error:
        if not is_psycopg(error):
            raise
        raise StoreUnavailable(f"cannot {doing}: {said(error)}") from None


def said(error: BaseException) -> str:
    """What an error says, in one line without a value that was sent."""
    cause: BaseException = error
    if isinstance(error, DBAPIError) and error.orig is not None:
        cause = error.orig
    elif isinstance(error, PoolTimeoutError):
        return "no connection was free in time"
    elif isinstance(error, SQLAlchemyError):
        return type(error).__name__  # its text may hold a statement
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, OSError):
        where = f": {cause.filename}" if isinstance(cause.filename, (str, os.PathLike)) else ""
        return f"{cause.strerror or type(cause).__name__}{where}"
    state = sqlstate(cause)
    if state is None:
        return f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else 'no text'}"
    if state[:2] in {"22", "23"}:  # data and integrity errors quote the data
        return f"{type(cause).__name__} (SQLSTATE {state})"
    primary = getattr(getattr(cause, "diag", None), "message_primary", None)
    return f"{type(cause).__name__} (SQLSTATE {state}): {primary or 'no text'}"


def sqlstate(error: BaseException | None) -> str | None:
    """PostgreSQL's five characters for an error; None where it gave none."""
    if isinstance(error, DBAPIError):
        return sqlstate(error.orig)
    found = getattr(error, "sqlstate", None)
    return found if isinstance(found, str) else None


def is_psycopg(error: BaseException) -> bool:
    """Whether psycopg raised it; told without importing psycopg, which SQLite's users need not load."""
    return any(base.__module__.partition(".")[0] == "psycopg" for base in type(error).__mro__)

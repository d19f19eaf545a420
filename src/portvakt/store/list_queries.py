"""Each list and each search, as its one query: a range of an index, from where the page before ended.

So it touches the rows that it shows and no others, however many there are: those that were deleted are in none of
these indexes. A condition that limits an index is spelled as in `schema`, or the index would not be used.

A search is by first letters: keys from the prefix on, and below the prefix with the last letter of all behind it. One
condition from below and one from above: of two from below SQLite may take the looser one for its index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, and_, bindparam, select, true, tuple_

from portvakt.store.schema import CLIENTS, GRANTS, MEMBERSHIPS, ORGANISATIONS, USERS
from portvakt.store.statements import ISSUER, LIVE, facts_of

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Select

_FIRST_LETTER = "\x01"  # no text has a NUL, so nothing stands between a text and it with this behind it
_LAST_LETTER = "\U0010ffff"
_LIMIT = bindparam("limit", type_=Integer)


def begin(prefix: str, after: str | None) -> str:
    """The first key that may be on the page, where a key is one row's."""
    return prefix if after is None else max(prefix, after + _FIRST_LETTER)


def begin_behind(prefix: str, after: tuple[str, str] | None) -> tuple[str, str]:
    """The key and id behind which a page begins, where many rows may have one key. No id is empty."""
    return (prefix, "") if after is None else max((prefix, ""), after)


def end(prefix: str) -> str:
    """The key before which all that begin with the prefix stand."""
    return prefix + _LAST_LETTER


def _between(key: Column[Any]) -> ColumnElement[bool]:
    return and_(key >= bindparam("begin"), key < bindparam("end"))


def _behind(key: Column[Any], name: Column[Any]) -> ColumnElement[bool]:
    after = tuple_(bindparam("begin", type_=key.type), bindparam("after", type_=name.type))
    return and_(tuple_(key, name) > after, key < bindparam("end"))


def _clients(*conditions: ColumnElement[bool], key: Column[Any] = CLIENTS.c.id) -> Select[Any]:
    """A page of clients, each as in `statements.ONE_CLIENT`, by a key and then by id."""
    order = (CLIENTS.c.id,) if key is CLIENTS.c.id else (key, CLIENTS.c.id)
    chosen = select(CLIENTS).where(CLIENTS.c.issuer == ISSUER, LIVE, *conditions).order_by(*order).limit(_LIMIT)
    page = chosen.subquery("page")
    return facts_of(page, *(page.c[column.name] for column in order))


_LATER_CLIENT = CLIENTS.c.id > bindparam("after")

PAGE_OF_CLIENTS = _clients(_LATER_CLIENT)
PAGE_OF_OWN_CLIENTS = _clients(CLIENTS.c.owner == bindparam("owner"), CLIENTS.c.organisation.is_(None), _LATER_CLIENT)
PAGE_OF_CLIENTS_OF_ORGANISATION = _clients(CLIENTS.c.organisation == bindparam("organisation"), _LATER_CLIENT)
CLIENTS_BY_NAME = _clients(_behind(CLIENTS.c.name_key, CLIENTS.c.id), key=CLIENTS.c.name_key)

_SOME_CLIENTS = select(CLIENTS.c.id).where(CLIENTS.c.issuer == ISSUER, LIVE).order_by(CLIENTS.c.id).limit(_LIMIT)

SOME_OWN_CLIENTS = _SOME_CLIENTS.where(CLIENTS.c.owner == bindparam("id"), CLIENTS.c.organisation.is_(None))
SOME_CLIENTS_OF_ORGANISATION = _SOME_CLIENTS.where(CLIENTS.c.organisation == bindparam("id"))

PAGE_OF_USERS = (
    select(USERS).where(USERS.c.issuer == ISSUER, USERS.c.id > bindparam("after")).order_by(USERS.c.id).limit(_LIMIT)
)
USERS_BY_EMAIL = (
    select(USERS)
    .where(USERS.c.issuer == ISSUER, _between(USERS.c.search_key))
    .order_by(USERS.c.search_key)
    .limit(_LIMIT)
)

_OF_ISSUER = select(ORGANISATIONS).where(ORGANISATIONS.c.issuer == ISSUER).limit(_LIMIT)

PAGE_OF_ORGANISATIONS = _OF_ISSUER.where(ORGANISATIONS.c.number > bindparam("after")).order_by(ORGANISATIONS.c.number)
ORGANISATIONS_BY_NUMBER = _OF_ISSUER.where(_between(ORGANISATIONS.c.number)).order_by(ORGANISATIONS.c.number)
ORGANISATIONS_BY_NAME = _OF_ISSUER.where(_behind(ORGANISATIONS.c.name_key, ORGANISATIONS.c.number)).order_by(
    ORGANISATIONS.c.name_key, ORGANISATIONS.c.number
)

_MEMBERS = (
    select(
        MEMBERSHIPS.c.since,
        MEMBERSHIPS.c.administrator,
        *(column.label(f"user_{column.name}") for column in USERS.c),
        *(column.label(f"organisation_{column.name}") for column in ORGANISATIONS.c),
    )
    .select_from(
        MEMBERSHIPS.join(USERS, and_(USERS.c.issuer == MEMBERSHIPS.c.issuer, USERS.c.id == MEMBERSHIPS.c.user_id)).join(
            ORGANISATIONS,
            and_(ORGANISATIONS.c.issuer == MEMBERSHIPS.c.issuer, ORGANISATIONS.c.number == MEMBERSHIPS.c.organisation),
        )
    )
    .where(MEMBERSHIPS.c.issuer == ISSUER)
)

PAGE_OF_MEMBERS = (
    _MEMBERS.where(MEMBERSHIPS.c.organisation == bindparam("number"), MEMBERSHIPS.c.user_id > bindparam("after"))
    .order_by(MEMBERSHIPS.c.user_id)
    .limit(_LIMIT)
)
MEMBERSHIPS_OF_USER = _MEMBERS.where(MEMBERSHIPS.c.user_id == bindparam("id")).order_by(MEMBERSHIPS.c.organisation)

ADMINISTERED = (
    select(MEMBERSHIPS.c.organisation)
    .select_from(
        MEMBERSHIPS.join(
            ORGANISATIONS,
            and_(ORGANISATIONS.c.issuer == MEMBERSHIPS.c.issuer, ORGANISATIONS.c.number == MEMBERSHIPS.c.organisation),
        )
    )
    .where(
        MEMBERSHIPS.c.issuer == ISSUER,
        MEMBERSHIPS.c.user_id == bindparam("id"),
        MEMBERSHIPS.c.administrator == true(),
        ORGANISATIONS.c.disabled_at.is_(None),
    )
)

LIVE_GRANTS_OF_CLIENT = (
    select(GRANTS)
    .where(GRANTS.c.issuer == ISSUER, GRANTS.c.client_id == bindparam("id"), GRANTS.c.revoked_at.is_(None))
    .order_by(GRANTS.c.id)
    .limit(_LIMIT)
)

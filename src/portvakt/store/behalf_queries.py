"""Each read of what acts on a user's behalf, as its one query: what is decided together is seen at one moment.

`id` is what is looked up by, whatever the column is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, and_, bindparam, exists, func, or_, select

from portvakt.store.rows import FACTS
from portvakt.store.schema import (
    API_KEYS,
    CLIENT_SECRETS,
    CLIENTS,
    CODES,
    FAMILIES,
    GRANTS,
    MEMBERSHIPS,
    ORGANISATIONS,
    PASSWORDS,
    REFRESH_TOKENS,
    REVOCATIONS,
    SESSIONS,
    TRANSACTIONS,
    USERS,
)
from portvakt.store.statements import HOLDERS, ISSUER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import ColumnElement, FromClause, Label

OWNERS = USERS.alias("owners")
SUCCESSORS = REFRESH_TOKENS.alias("successors")
MOST = 2**63 - 1  # BIGINT

STANDING: Mapping[str, FromClause] = {
    **FACTS,
    "owner": OWNERS,
    "holder": HOLDERS,
    "user": USERS,
    "grant": GRANTS,
    "organisation": ORGANISATIONS,
    "membership": MEMBERSHIPS,
}
"""The parts of a row of a grant and what it rests on: one for each secret of the client."""

_SECRETS_IN_ORDER = (CLIENT_SECRETS.c.created_at, CLIENT_SECRETS.c.id)


def _labelled(parts: Mapping[str, FromClause]) -> Iterator[Label[Any]]:
    return (column.label(f"{part}_{column.name}") for part, table in parts.items() for column in table.c)


def _same(issuer_of: FromClause, table: FromClause, **columns: str) -> ColumnElement[bool]:
    """The condition that joins `table` by its columns to those of another, within one issuer."""
    pairs = (table.c[mine] == issuer_of.c[theirs] for mine, theirs in columns.items())
    return and_(table.c.issuer == issuer_of.c.issuer, *pairs)


def _on_standing(start: FromClause) -> FromClause:
    """Join to something that holds GRANTS whatever a grant rests on."""
    return (
        start.join(CLIENTS, and_(_same(GRANTS, CLIENTS, id="client_id"), CLIENTS.c.deleted_at.is_(None)))
        .join(OWNERS, _same(CLIENTS, OWNERS, id="owner"))
        .outerjoin(HOLDERS, _same(CLIENTS, HOLDERS, number="organisation"))
        .join(USERS, _same(GRANTS, USERS, id="user_id"))
        .outerjoin(ORGANISATIONS, _same(GRANTS, ORGANISATIONS, number="organisation"))
        .outerjoin(MEMBERSHIPS, _same(GRANTS, MEMBERSHIPS, user_id="user_id", organisation="organisation"))
        .outerjoin(CLIENT_SECRETS, _same(CLIENTS, CLIENT_SECRETS, client_id="id"))
    )


ONE_STANDING = (
    select(*_labelled(STANDING))
    .select_from(_on_standing(GRANTS))
    .where(GRANTS.c.issuer == ISSUER, GRANTS.c.id == bindparam("id"))
    .order_by(*_SECRETS_IN_ORDER)
)

CODE_FACTS = (
    select(*_labelled({"code": CODES, "family": FAMILIES, **STANDING}))
    .select_from(
        _on_standing(CODES.join(GRANTS, _same(CODES, GRANTS, id="grant_id"))).outerjoin(
            FAMILIES, _same(GRANTS, FAMILIES, grant_id="id")
        )
    )
    .where(CODES.c.issuer == ISSUER, CODES.c.digest == bindparam("digest"))
    .order_by(FAMILIES.c.created_at, FAMILIES.c.id, *_SECRETS_IN_ORDER)
)

REFRESH_FACTS = (
    select(*_labelled({"token": REFRESH_TOKENS, "family": FAMILIES, "successor": SUCCESSORS, **STANDING}))
    .select_from(
        _on_standing(
            REFRESH_TOKENS.join(FAMILIES, _same(REFRESH_TOKENS, FAMILIES, id="family_id")).join(
                GRANTS, _same(FAMILIES, GRANTS, id="grant_id")
            )
        ).outerjoin(
            SUCCESSORS,
            and_(
                _same(REFRESH_TOKENS, SUCCESSORS, family_id="family_id"),
                SUCCESSORS.c.generation == REFRESH_TOKENS.c.generation + 1,
            ),
        )
    )
    .where(REFRESH_TOKENS.c.issuer == ISSUER, REFRESH_TOKENS.c.digest == bindparam("digest"))
    .order_by(*_SECRETS_IN_ORDER)
)

SESSION_FACTS = (
    select(*_labelled({"session": SESSIONS, "user": USERS, "organisation": ORGANISATIONS}))
    .select_from(
        SESSIONS.join(USERS, _same(SESSIONS, USERS, id="user_id"))
        .outerjoin(MEMBERSHIPS, _same(SESSIONS, MEMBERSHIPS, user_id="user_id"))
        .outerjoin(ORGANISATIONS, _same(MEMBERSHIPS, ORGANISATIONS, number="organisation"))
    )
    .where(SESSIONS.c.issuer == ISSUER, SESSIONS.c.digest == bindparam("digest"))
    .order_by(ORGANISATIONS.c.number)
)

SESSIONS_OF_USER = (
    select(SESSIONS)
    .where(SESSIONS.c.issuer == ISSUER, SESSIONS.c.user_id == bindparam("id"))
    .order_by(SESSIONS.c.created_at, SESSIONS.c.id)
)

ONE_TRANSACTION = select(TRANSACTIONS).where(TRANSACTIONS.c.issuer == ISSUER, TRANSACTIONS.c.id == bindparam("id"))

PENDING = select(func.count().label("pending")).where(
    TRANSACTIONS.c.issuer == ISSUER,
    TRANSACTIONS.c.session_id == bindparam("id"),
    TRANSACTIONS.c.answered_at.is_(None),
    TRANSACTIONS.c.expires_at > bindparam("now"),
)

ONE_PASSWORD = select(PASSWORDS).where(PASSWORDS.c.issuer == ISSUER, PASSWORDS.c.user_id == bindparam("id"))

ONE_ORGANISATION = select(ORGANISATIONS).where(
    ORGANISATIONS.c.issuer == ISSUER, ORGANISATIONS.c.number == bindparam("id")
)

ORGANISATIONS_OF_USER = (
    select(ORGANISATIONS)
    .select_from(MEMBERSHIPS.join(ORGANISATIONS, _same(MEMBERSHIPS, ORGANISATIONS, number="organisation")))
    .where(MEMBERSHIPS.c.issuer == ISSUER, MEMBERSHIPS.c.user_id == bindparam("id"))
    .order_by(ORGANISATIONS.c.number)
)

_LIVE_GRANTS = (GRANTS.c.issuer == ISSUER, GRANTS.c.user_id == bindparam("id"), GRANTS.c.revoked_at.is_(None))

GRANTS_OF_USER = select(GRANTS).where(*_LIVE_GRANTS).order_by(GRANTS.c.created_at, GRANTS.c.id)

GRANTS_BETWEEN = GRANTS_OF_USER.where(
    GRANTS.c.client_id == bindparam("client_id"),
    GRANTS.c.organisation.is_not_distinct_from(bindparam("organisation", type_=GRANTS.c.organisation.type)),
)

LAST_USES = (
    select(GRANTS.c.id, func.max(REFRESH_TOKENS.c.last_used_at).label("last_used_at"))
    .select_from(
        GRANTS.join(FAMILIES, _same(GRANTS, FAMILIES, grant_id="id")).join(
            REFRESH_TOKENS, _same(FAMILIES, REFRESH_TOKENS, family_id="id")
        )
    )
    .where(*_LIVE_GRANTS, REFRESH_TOKENS.c.last_used_at.is_not(None))
    .group_by(GRANTS.c.id)
)

API_KEY_FACTS = (
    select(*_labelled({"key": API_KEYS, "user": USERS, "organisation": ORGANISATIONS, "membership": MEMBERSHIPS}))
    .select_from(
        API_KEYS.join(USERS, _same(API_KEYS, USERS, id="user_id"))
        .outerjoin(ORGANISATIONS, _same(API_KEYS, ORGANISATIONS, number="organisation"))
        .outerjoin(MEMBERSHIPS, _same(API_KEYS, MEMBERSHIPS, user_id="user_id", organisation="organisation"))
    )
    .where(API_KEYS.c.issuer == ISSUER, API_KEYS.c.id == bindparam("id"))
)

API_KEYS_OF_USER = (
    select(API_KEYS)
    .where(API_KEYS.c.issuer == ISSUER, API_KEYS.c.user_id == bindparam("id"))
    .order_by(API_KEYS.c.created_at, API_KEYS.c.id)
)

_LATER = (REVOCATIONS.c.issuer == ISSUER, REVOCATIONS.c.sequence > bindparam("after"))
_LAST_OF_PAGE = (
    select(REVOCATIONS.c.sequence)
    .where(*_LATER)
    .order_by(REVOCATIONS.c.sequence)
    .limit(1)
    .offset(bindparam("others", type_=Integer))
    .scalar_subquery()
)
REVOCATIONS_AFTER = (
    select(REVOCATIONS)
    .where(*_LATER, REVOCATIONS.c.sequence <= func.coalesce(_LAST_OF_PAGE, MOST))
    .order_by(REVOCATIONS.c.sequence, REVOCATIONS.c.id)
)
"""The next revocations, and all that share the last one's number, or a reader would go on behind them."""

_SINCE = REVOCATIONS.alias("since")
TAKEN_BACK = (
    select(REVOCATIONS.c.id)
    .where(
        REVOCATIONS.c.issuer == ISSUER,
        REVOCATIONS.c.id.in_([bindparam("client_id"), bindparam("subject"), bindparam("organisation")]),
        or_(REVOCATIONS.c.before.is_(None), REVOCATIONS.c.before >= bindparam("issued_at")),
        ~exists(
            select(_SINCE.c.id).where(_same(REVOCATIONS, _SINCE, id="id"), _SINCE.c.sequence > REVOCATIONS.c.sequence)
        ),
    )
    .limit(1)
)
"""Whether the last word about something that a token names refuses it: ids of two kinds are never alike."""

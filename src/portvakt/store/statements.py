"""Each change as its one SQL statement, and each read as its one query. The same text for both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, func, select, text

from portvakt.model.audit import NOBODY
from portvakt.model.change import AddClient, AddKey, AddSecret, AddUser, ExpireSecret, RetireKey, RevokeKey
from portvakt.store import administration_changes, behalf_changes, invitations
from portvakt.store.checks import checked_id, checked_moment
from portvakt.store.inserting import insert_new
from portvakt.store.rows import FACTS, row_of_client, row_of_key, row_of_secret, row_of_user
from portvakt.store.schema import CLIENT_SECRETS, CLIENTS, ORGANISATIONS, REVISION, SIGNING_KEYS, USERS

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, ColumnElement, Executable, FromClause, Select

    from portvakt.model.audit import By
    from portvakt.model.change import Change

CHANNEL = "portvakt_change"
HOLDERS = ORGANISATIONS.alias("holders")

_RAISE_REVISION = REVISION.update().where(REVISION.c.id == 1).values(value=REVISION.c.value + 1)

AFTER_CHANGES: dict[str, tuple[Executable, ...]] = {
    "sqlite": (_RAISE_REVISION,),  # the file says by itself that it changed
    "postgresql": (_RAISE_REVISION, text("SELECT pg_notify(:channel, '')").bindparams(channel=CHANNEL)),
}
"""What every set of changes ends with, so that watches see it."""


def statement_of(change: Change, dialect: str, by: By = NOBODY) -> Executable:
    """The statement that makes a change true, if it touches exactly one row. `by`: who does it, for the log.

    Raises: ValueError if the change holds what no database can (a NUL, a lone surrogate, an id that no
    look-up would find).
    """
    if isinstance(change, administration_changes.AdministrationChange):
        return administration_changes.statement_of(change, dialect, by)
    if isinstance(change, invitations.InvitationChange):
        return invitations.statement_of(change, dialect)
    match change:
        case AddUser(user):
            return insert_new(USERS, row_of_user(user), dialect)
        case AddClient(client):
            return insert_new(CLIENTS, row_of_client(client), dialect)
        case AddSecret(issuer, secret):
            return insert_new(CLIENT_SECRETS, row_of_secret(issuer, secret), dialect)
        case AddKey(key):
            return insert_new(SIGNING_KEYS, row_of_key(key), dialect)
        case ExpireSecret():
            return _expire_secret(change)
        case RetireKey(issuer, key_id, published_until):
            return (
                SIGNING_KEYS.update()
                .where(
                    SIGNING_KEYS.c.issuer == checked_id(issuer),
                    SIGNING_KEYS.c.id == checked_id(key_id),
                    SIGNING_KEYS.c.published_until.is_(None),
                )
                .values(published_until=checked_moment(published_until))
            )
        case RevokeKey(issuer, key_id, revoked_at):
            at = checked_moment(revoked_at)
            return (
                SIGNING_KEYS.update()
                .where(
                    SIGNING_KEYS.c.issuer == checked_id(issuer),
                    SIGNING_KEYS.c.id == checked_id(key_id),
                    SIGNING_KEYS.c.revoked_at.is_(None),
                )
                .values(revoked_at=at, published_until=at)
            )
        case _:
            return behalf_changes.statement_of(change, dialect)


def _expire_secret(change: ExpireSecret) -> Executable:
    end = checked_moment(change.expires_at)
    current = CLIENT_SECRETS.c.expires_at
    return (
        CLIENT_SECRETS.update()
        .where(
            CLIENT_SECRETS.c.issuer == checked_id(change.issuer),
            CLIENT_SECRETS.c.client_id == checked_id(change.client_id),
            CLIENT_SECRETS.c.id == checked_id(change.secret_id),
            CLIENT_SECRETS.c.revoked_at.is_(None),
        )
        # Brought forward only: a secret that ends sooner keeps its end.
        .values(expires_at=case((current < end, current), else_=end))
    )


def facts_of(clients: FromClause, *order: ColumnElement[Any]) -> Select[Any]:
    """Some clients, each with its owner, its organisation and its secrets, oldest secret first.

    A client stands in one row for each of its secrets. `order`: the clients', by id at last.
    """
    joined = (
        clients.join(USERS, and_(USERS.c.issuer == clients.c.issuer, USERS.c.id == clients.c.owner))
        .outerjoin(
            CLIENT_SECRETS,
            and_(CLIENT_SECRETS.c.issuer == clients.c.issuer, CLIENT_SECRETS.c.client_id == clients.c.id),
        )
        .outerjoin(HOLDERS, and_(HOLDERS.c.issuer == clients.c.issuer, HOLDERS.c.number == clients.c.organisation))
    )
    parts = zip(FACTS, (clients, USERS, CLIENT_SECRETS, HOLDERS), strict=True)
    columns = (column.label(f"{part}_{column.name}") for part, table in parts for column in table.c)
    return select(*columns).select_from(joined).order_by(*order, CLIENT_SECRETS.c.created_at, CLIENT_SECRETS.c.id)


ISSUER: BindParameter[str] = bindparam("issuer")

LIVE = CLIENTS.c.deleted_at.is_(None)

ONE_CLIENT = facts_of(CLIENTS).where(CLIENTS.c.issuer == ISSUER, CLIENTS.c.id == bindparam("id"), LIVE)
"""A client, its owner and its secrets, oldest secret first."""

REDIRECTS_OF_PUBLIC_CLIENTS = select(CLIENTS.c.redirect_uris).where(
    CLIENTS.c.issuer == ISSUER,
    CLIENTS.c.authentication == text("'none'"),
    func.coalesce(CLIENTS.c.deleted_at, CLIENTS.c.disabled_at).is_(None),
)
"""The text is spelled out: with a parameter no partial index is used. `LIVE` is not: SQLite would take the index of all
that live, and walk it.
"""

ONE_USER = select(USERS).where(USERS.c.issuer == ISSUER, USERS.c.id == bindparam("id"))

USER_WITH_EMAIL = select(USERS).where(USERS.c.issuer == ISSUER, USERS.c.email_key == bindparam("email_key"))

KEYS_OF_ISSUER = select(SIGNING_KEYS).where(SIGNING_KEYS.c.issuer == ISSUER).order_by(SIGNING_KEYS.c.number)

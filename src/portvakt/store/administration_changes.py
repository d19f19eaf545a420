"""Each change that administration makes to what exists, and the log of it, as its one SQL statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from portvakt.model.change import (
    AddMember,
    AddOrganisation,
    ChangeClient,
    ChangeOrganisation,
    ChangeUser,
    DeleteClient,
    Note,
    RemoveMember,
    RevokeSecret,
    SetAdministrator,
    SetClient,
    SetClientDisabled,
    SetOrganisation,
    SetOrganisationDisabled,
    SetUser,
    SetUserDisabled,
)
from portvakt.store.audit_rows import row_of_event
from portvakt.store.checks import checked_end, checked_id, checked_moment
from portvakt.store.inserting import insert_new
from portvakt.store.rows import row_of_client, row_of_organisation, row_of_user
from portvakt.store.schema import AUDIT, CLIENT_SECRETS, CLIENTS, MEMBERSHIPS, ORGANISATIONS, USERS

if TYPE_CHECKING:
    from sqlalchemy import Executable, Update

    from portvakt.model.audit import By
    from portvakt.model.values import ClientId, IssuerName, OrganisationNumber, UserId

OfUser = ChangeUser | SetUser | SetUserDisabled
OfClient = ChangeClient | SetClient | SetClientDisabled | DeleteClient | RevokeSecret
OfOrganisation = AddOrganisation | ChangeOrganisation | SetOrganisation | SetOrganisationDisabled
OfMember = AddMember | SetAdministrator | RemoveMember
AdministrationChange = OfUser | OfClient | OfOrganisation | OfMember | Note

NEVER_SET = {"issuer", "id", "number", "created_at", "disabled_at", "disabled_by_operator", "version"}
"""What a change of a whole noun leaves: others decide it, each with a change of its own."""


def statement_of(change: AdministrationChange, dialect: str, by: By) -> Executable:
    """As `statements.statement_of`."""
    if isinstance(change, Note):
        return AUDIT.insert().values(row_of_event(change.event, by))
    if isinstance(change, OfUser):
        return _of_user(change)
    if isinstance(change, OfClient):
        return _of_client(change)
    return _of_organisation(change, dialect) if isinstance(change, OfOrganisation) else _of_member(change, dialect)


def _of_user(change: OfUser) -> Update:
    match change:
        case ChangeUser(issuer, user_id, version):
            one = _user(issuer, user_id).where(USERS.c.version == version)
            return one.values(version=USERS.c.version + 1)
        case SetUser(user):
            row = row_of_user(user)
            said = {name: row[name] for name in ("locale", "roles", "search_key")}
            return _user(user.issuer, user.id).values(said)
        case SetUserDisabled(issuer, user_id, disabled_at):
            return _user(issuer, user_id).values(disabled_at=checked_end(disabled_at))
        case _:
            assert_never(change)


def _user(issuer: IssuerName, user_id: UserId) -> Update:
    return USERS.update().where(USERS.c.issuer == checked_id(issuer), USERS.c.id == checked_id(user_id))


def _of_client(change: OfClient) -> Update:
    match change:
        case ChangeClient(issuer, client_id, version):
            one = _client(issuer, client_id).where(CLIENTS.c.version == version)
            return one.values(version=CLIENTS.c.version + 1)
        case SetClient(client):
            row = row_of_client(client)
            said = {name: value for name, value in row.items() if name not in NEVER_SET}
            return _client(client.issuer, client.id).values(said)
        case SetClientDisabled(issuer, client_id, disabled_at, by_operator):
            said = {"disabled_at": checked_end(disabled_at), "disabled_by_operator": by_operator}
            return _client(issuer, client_id).values(said)
        case DeleteClient(issuer, client_id, deleted_at):
            return _client(issuer, client_id).values(deleted_at=checked_moment(deleted_at))
        case RevokeSecret(issuer, client_id, secret_id, revoked_at):
            return (
                CLIENT_SECRETS.update()
                .where(
                    CLIENT_SECRETS.c.issuer == checked_id(issuer),
                    CLIENT_SECRETS.c.client_id == checked_id(client_id),
                    CLIENT_SECRETS.c.id == checked_id(secret_id),
                    CLIENT_SECRETS.c.revoked_at.is_(None),
                )
                .values(revoked_at=checked_moment(revoked_at))
            )
        case _:
            assert_never(change)


def _client(issuer: IssuerName, client_id: ClientId) -> Update:
    one = (CLIENTS.c.issuer == checked_id(issuer), CLIENTS.c.id == checked_id(client_id))
    return CLIENTS.update().where(*one, CLIENTS.c.deleted_at.is_(None))


def _of_organisation(change: OfOrganisation, dialect: str) -> Executable:
    match change:
        case AddOrganisation(organisation):
            return insert_new(ORGANISATIONS, row_of_organisation(organisation), dialect)
        case ChangeOrganisation(issuer, number, version):
            one = _organisation(issuer, number).where(ORGANISATIONS.c.version == version)
            return one.values(version=ORGANISATIONS.c.version + 1)
        case SetOrganisation(organisation):
            row = row_of_organisation(organisation)
            one = _organisation(organisation.issuer, organisation.number)
            return one.values(name=row["name"], name_key=row["name_key"])
        case SetOrganisationDisabled(issuer, number, disabled_at):
            return _organisation(issuer, number).values(disabled_at=checked_end(disabled_at))
        case _:
            assert_never(change)


def _organisation(issuer: IssuerName, number: OrganisationNumber) -> Update:
    one = (ORGANISATIONS.c.issuer == checked_id(issuer), ORGANISATIONS.c.number == checked_id(number))
    return ORGANISATIONS.update().where(*one)


def _of_member(change: OfMember, dialect: str) -> Executable:
    key = {
        "issuer": checked_id(change.issuer),
        "user_id": checked_id(change.user_id),
        "organisation": checked_id(change.number),
    }
    mine = [MEMBERSHIPS.c[name] == value for name, value in key.items()]
    match change:
        case AddMember():
            return insert_new(MEMBERSHIPS, {**key, "since": checked_moment(change.since)}, dialect)
        case SetAdministrator():
            return MEMBERSHIPS.update().where(*mine).values(administrator=change.administrator)
        case RemoveMember():
            return MEMBERSHIPS.delete().where(*mine)
        case _:
            assert_never(change)

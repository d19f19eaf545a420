"""Rows to nouns and back."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from portvakt.model.nouns import (
    Algorithm,
    Client,
    ClientAuthentication,
    ClientFacts,
    ClientSecret,
    Organisation,
    SigningKey,
    User,
)
from portvakt.model.provider import Quota
from portvakt.model.values import (
    ClientId,
    Instant,
    IssuerName,
    KeyId,
    OrganisationNumber,
    Seconds,
    SecretId,
    UserId,
)
from portvakt.store.checks import checked_end, checked_id, checked_moment, checked_text, checked_words
from portvakt.store.errors import StoreUnavailable
from portvakt.store.schema import CLIENT_SECRETS, CLIENTS, ORGANISATIONS, USERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Table

Fields = dict[str, Any]

FACTS: Mapping[str, Table] = {"client": CLIENTS, "owner": USERS, "secret": CLIENT_SECRETS, "holder": ORGANISATIONS}
"""The parts of a row of client, owner, secret and the organisation that the client belongs to, side by side: what each
column's name begins with, and its table."""


def search_key(text: str) -> str:
    """The form in which addresses and names are compared and put in order: without letter case.

    Two addresses with one key may still be two mailboxes: send mail to the stored one, never to the one asked for.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def row_of_user(user: User) -> Fields:
    """Raises: ValueError as `checked_id`, `checked_text` and `checked_moment` do; so do the others below."""
    return {
        "issuer": checked_id(user.issuer),
        "id": checked_id(user.id),
        "email": checked_text(user.email),
        "email_key": search_key(user.email),
        "search_key": search_key(user.email),
        "roles": checked_words(sorted(user.roles)),
        "created_at": checked_moment(user.created_at),
        "disabled_at": checked_end(user.disabled_at),
        "locale": None if user.locale is None else checked_text(user.locale),
        "version": user.version,
    }


def row_of_client(client: Client) -> Fields:
    """A client as a row."""
    return {
        "issuer": checked_id(client.issuer),
        "id": checked_id(client.id),
        "name": checked_text(client.name),
        "description": checked_text(client.description),
        "owner": checked_id(client.owner),
        "authentication": client.authentication.value,
        "grants": checked_words(sorted(client.grants)),
        "scopes": checked_words(client.scopes),
        "default_scopes": checked_words(client.default_scopes),
        "created_at": checked_moment(client.created_at),
        "disabled_at": checked_end(client.disabled_at),
        "version": client.version,
        "redirect_uris": checked_words(client.redirect_uris),
        "name_key": search_key(client.name),
        "organisation": None if client.organisation is None else checked_id(client.organisation),
        "token_quota": _quota_text(client.token_quota),
        "disabled_by_operator": client.disabled_by_operator,
    }


def row_of_secret(issuer: IssuerName, secret: ClientSecret) -> Fields:
    """A secret as a row."""
    return {
        "issuer": checked_id(issuer),
        "id": checked_id(secret.id),
        "client_id": checked_id(secret.client_id),
        "digest": secret.digest,
        "prefix": checked_text(secret.prefix),
        "last4": checked_text(secret.last4),
        "created_at": checked_moment(secret.created_at),
        "expires_at": checked_end(secret.expires_at),
        "revoked_at": checked_end(secret.revoked_at),
        "last_used_at": checked_end(secret.last_used_at),
        "last_used_from": None if secret.last_used_from is None else checked_text(secret.last_used_from),
    }


def row_of_organisation(organisation: Organisation) -> Fields:
    """An organisation as a row."""
    return {
        "issuer": checked_id(organisation.issuer),
        "number": checked_id(organisation.number),
        "name": checked_text(organisation.name),
        "created_at": checked_moment(organisation.created_at),
        "disabled_at": checked_end(organisation.disabled_at),
        "version": organisation.version,
        "name_key": search_key(organisation.name),
    }


def row_of_key(key: SigningKey) -> Fields:
    """A signing key as a row."""
    return {
        "issuer": checked_id(key.issuer),
        "id": checked_id(key.id),
        "number": key.number,
        "algorithm": key.algorithm.value,
        "public_jwk": checked_text(key.public_jwk),
        "sealed": key.sealed,
        "created_at": checked_moment(key.created_at),
        "signs_from": checked_moment(key.signs_from),
        "published_until": checked_end(key.published_until),
        "revoked_at": checked_end(key.revoked_at),
    }


def user_from(row: Mapping[Any, Any]) -> User:
    """The user in a row."""
    return User(
        id=UserId(row["id"]),
        issuer=IssuerName(row["issuer"]),
        email=row["email"],
        locale=row["locale"],
        roles=frozenset(json.loads(row["roles"])),
        created_at=Instant(row["created_at"]),
        disabled_at=row["disabled_at"],
        version=row["version"],
    )


def organisation_from(row: Mapping[Any, Any]) -> Organisation:
    """The organisation in a row."""
    return Organisation(
        issuer=IssuerName(row["issuer"]),
        number=OrganisationNumber(row["number"]),
        name=row["name"],
        created_at=Instant(row["created_at"]),
        disabled_at=row["disabled_at"],
        version=row["version"],
    )


def client_from(row: Mapping[Any, Any]) -> Client:
    """The client in a row."""
    return Client(
        id=ClientId(row["id"]),
        issuer=IssuerName(row["issuer"]),
        name=row["name"],
        description=row["description"],
        owner=UserId(row["owner"]),
        organisation=row["organisation"],
        authentication=known(ClientAuthentication, row["authentication"]),
        grants=frozenset(json.loads(row["grants"])),
        scopes=tuple(json.loads(row["scopes"])),
        default_scopes=tuple(json.loads(row["default_scopes"])),
        redirect_uris=tuple(json.loads(row["redirect_uris"])),
        token_quota=_quota_from(row["token_quota"]),
        created_at=Instant(row["created_at"]),
        disabled_at=row["disabled_at"],
        disabled_by_operator=row["disabled_by_operator"],
        version=row["version"],
    )


def secret_from(row: Mapping[Any, Any]) -> ClientSecret:
    """The secret in a row."""
    return ClientSecret(
        id=SecretId(row["id"]),
        client_id=ClientId(row["client_id"]),
        digest=bytes(row["digest"]),
        prefix=row["prefix"],
        last4=row["last4"],
        created_at=Instant(row["created_at"]),
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        last_used_from=row["last_used_from"],
    )


def key_from(row: Mapping[Any, Any]) -> SigningKey:
    """The signing key in a row."""
    return SigningKey(
        id=KeyId(row["id"]),
        issuer=IssuerName(row["issuer"]),
        number=row["number"],
        algorithm=known(Algorithm, row["algorithm"]),
        public_jwk=row["public_jwk"],
        sealed=bytes(row["sealed"]),
        created_at=Instant(row["created_at"]),
        signs_from=Instant(row["signs_from"]),
        published_until=row["published_until"],
        revoked_at=row["revoked_at"],
    )


def part_of(row: Mapping[Any, Any], part: str, table: Table) -> Fields:
    """The row of a table in a row where the names of its columns begin with the part's."""
    return {column.name: row[f"{part}_{column.name}"] for column in table.columns}


def facts_from(found: Sequence[Mapping[Any, Any]]) -> list[ClientFacts]:
    """The clients in rows of `statements.FACTS`, in the order of the rows.

    A client stands in one row for each of its secrets, or in one row whose secret is all NULL; in more where the
    rows tell of other things too.
    """
    facts: dict[tuple[str, str], tuple[ClientFacts, dict[str, ClientSecret]]] = {}
    for row in found:
        client, owner, secret, holder = (part_of(row, part, table) for part, table in FACTS.items())
        key = (client["issuer"], client["id"])
        if key not in facts:
            organisation = None if holder["issuer"] is None else organisation_from(holder)
            one = ClientFacts(client=client_from(client), owner=user_from(owner), organisation=organisation)
            facts[key] = (one, {})
        if secret["id"] is not None:
            facts[key][1][secret["id"]] = secret_from(secret)
    return [replace(one, secrets=tuple(secrets.values())) for one, secrets in facts.values()]


def _quota_text(quota: Quota | None) -> str | None:
    return None if quota is None else json.dumps([quota.limit, quota.window])


def _quota_from(text: str | None) -> Quota | None:
    if text is None:
        return None
    limit, window = json.loads(text)
    return Quota(limit, Seconds(window))


EnumT = TypeVar("EnumT", bound=Enum)


def known(kind: type[EnumT], value: str) -> EnumT:
    """The member of an enumeration that a row names. Raises: StoreUnavailable if this version has none such."""
    try:
        return kind(value)
    except ValueError:
        raise StoreUnavailable(f"a row has a {kind.__name__} that this version does not know") from None

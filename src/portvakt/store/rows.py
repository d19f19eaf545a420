"""Rows to nouns and back."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING, Any, TypeVar

from portvakt.model.nouns import Algorithm, Client, ClientAuthentication, ClientFacts, ClientSecret, SigningKey, User
from portvakt.model.values import ClientId, Instant, IssuerName, KeyId, SecretId, UserId
from portvakt.store.checks import checked_end, checked_id, checked_moment, checked_text, checked_words
from portvakt.store.errors import StoreUnavailable
from portvakt.store.schema import CLIENT_SECRETS, CLIENTS, USERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Table

Fields = dict[str, Any]

FACTS: Mapping[str, Table] = {"client": CLIENTS, "owner": USERS, "secret": CLIENT_SECRETS}
"""The parts of a row of client, owner and secret side by side: what each column's name begins with, and its table."""


def email_key(email: str) -> str:
    """The form in which addresses are compared: without letter case.

    Two addresses with one key may still be two mailboxes: send mail to the stored one, never to the one asked for.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email).casefold())


def row_of_user(user: User) -> Fields:
    """Raises: ValueError as `checked_id`, `checked_text` and `checked_moment` do; so do the others below."""
    return {
        "issuer": checked_id(user.issuer),
        "id": checked_id(user.id),
        "email": checked_text(user.email),
        "email_key": email_key(user.email),
        "roles": checked_words(sorted(user.roles)),
        "created_at": checked_moment(user.created_at),
        "disabled_at": checked_end(user.disabled_at),
        "locale": None if user.locale is None else checked_text(user.locale),
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
    )


def client_from(row: Mapping[Any, Any]) -> Client:
    """The client in a row."""
    return Client(
        id=ClientId(row["id"]),
        issuer=IssuerName(row["issuer"]),
        name=row["name"],
        description=row["description"],
        owner=UserId(row["owner"]),
        authentication=_known(ClientAuthentication, row["authentication"]),
        grants=frozenset(json.loads(row["grants"])),
        scopes=tuple(json.loads(row["scopes"])),
        default_scopes=tuple(json.loads(row["default_scopes"])),
        redirect_uris=tuple(json.loads(row["redirect_uris"])),
        created_at=Instant(row["created_at"]),
        disabled_at=row["disabled_at"],
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
    )


def key_from(row: Mapping[Any, Any]) -> SigningKey:
    """The signing key in a row."""
    return SigningKey(
        id=KeyId(row["id"]),
        issuer=IssuerName(row["issuer"]),
        number=row["number"],
        algorithm=_known(Algorithm, row["algorithm"]),
        public_jwk=row["public_jwk"],
        sealed=bytes(row["sealed"]),
        created_at=Instant(row["created_at"]),
        signs_from=Instant(row["signs_from"]),
        published_until=row["published_until"],
    )


def part_of(row: Mapping[Any, Any], part: str, table: Table) -> Fields:
    """The row of a table in a row where the names of its columns begin with the part's."""
    return {column.name: row[f"{part}_{column.name}"] for column in table.columns}


def facts_from(found: Sequence[Mapping[Any, Any]]) -> list[ClientFacts]:
    """The clients in rows of `statements.FACTS`, in the order of the rows.

    A client stands in one row for each of its secrets, or in one row whose secret is all NULL; in more where the
    rows tell of other things too.
    """
    facts: dict[tuple[str, str], tuple[Client, User, dict[str, ClientSecret]]] = {}
    for row in found:
        client, owner, secret = (part_of(row, part, table) for part, table in FACTS.items())
        known = (client["issuer"], client["id"])
        if known not in facts:
            facts[known] = (client_from(client), user_from(owner), {})
        if secret["id"] is not None:
            facts[known][2][secret["id"]] = secret_from(secret)
    return [
        ClientFacts(client=client, owner=owner, secrets=tuple(secrets.values()))
        for client, owner, secrets in facts.values()
    ]


EnumT = TypeVar("EnumT", ClientAuthentication, Algorithm)


def _known(kind: type[EnumT], value: str) -> EnumT:
    try:
        return kind(value)
    except ValueError:
        raise StoreUnavailable(f"a row has a {kind.__name__} that this version does not know") from None

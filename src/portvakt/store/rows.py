"""Rows to nouns and back. What a database could not hold is refused here, before any SQL."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from portvakt.model.nouns import Algorithm, Client, ClientAuthentication, ClientFacts, ClientSecret, SigningKey, User
from portvakt.model.values import ClientId, Instant, IssuerName, KeyId, SecretId, UserId
from portvakt.store.errors import StoreUnavailable
from portvakt.store.schema import CLIENT_SECRETS, CLIENTS, USERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Table

Fields = dict[str, Any]
IdT = TypeVar("IdT", bound=str)

FACTS: Mapping[str, Table] = {"client": CLIENTS, "owner": USERS, "secret": CLIENT_SECRETS}
"""The parts of a row of client, owner and secret side by side: what each column's name begins with, and its table."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_MOMENTS = range(-(2**63), 2**63)  # BIGINT


def is_id(text: object) -> TypeGuard[str]:
    """Whether a text can be the id of a row: 1 to 255 of A-Z a-z 0-9 _ -."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def checked_id(text: IdT) -> IdT:
    """Return an id that is about to be written. Raises: ValueError if no look-up would ever find it."""
    if not is_id(text):
        raise ValueError("an id is 1 to 255 of A-Z a-z 0-9 _ -")
    return text


def is_text(text: str) -> bool:
    """Whether both databases can hold a text: PostgreSQL has no NUL, and UTF-8 no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def checked_text(text: str) -> str:
    """Return a text that is about to be written. Raises: ValueError if it has a NUL or a lone surrogate."""
    if not is_text(text):
        raise ValueError("a text has a NUL or a lone surrogate")
    return text


def checked_moment(moment: Instant) -> Instant:
    """Return a moment that is about to be written. Raises: ValueError if it does not fit 64 bits."""
    if moment not in _MOMENTS:
        raise ValueError("a moment does not fit 64 bits")
    return moment


def checked_end(moment: Instant | None) -> Instant | None:
    """As `checked_moment`, with None for "never"."""
    return None if moment is None else checked_moment(moment)


def email_key(email: str) -> str:
    """The form in which addresses are compared: without letter case.

    Two addresses with one key may still be two mailboxes: send mail to the stored one, never to the one asked for.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email).casefold())


def _words(words: Iterable[str]) -> str:
    return json.dumps([checked_text(word) for word in words], ensure_ascii=False, separators=(",", ":"))


def row_of_user(user: User) -> Fields:
    """Raises: ValueError as `checked_id`, `checked_text` and `checked_moment` do; so do the others below."""
    return {
        "issuer": checked_id(user.issuer),
        "id": checked_id(user.id),
        "email": checked_text(user.email),
        "email_key": email_key(user.email),
        "roles": _words(sorted(user.roles)),
        "created_at": checked_moment(user.created_at),
        "disabled_at": checked_end(user.disabled_at),
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
        "grants": _words(sorted(client.grants)),
        "scopes": _words(client.scopes),
        "default_scopes": _words(client.default_scopes),
        "created_at": checked_moment(client.created_at),
        "disabled_at": checked_end(client.disabled_at),
        "version": client.version,
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


def facts_from(found: Sequence[Mapping[Any, Any]]) -> list[ClientFacts]:
    """The clients in rows of `statements.FACTS`, in the order of the rows.

    A client stands in one row for each of its secrets, or in one row whose secret is all NULL.
    """
    facts: dict[tuple[str, str], tuple[Client, User, list[ClientSecret]]] = {}
    for row in found:
        client, owner, secret = (
            {column.name: row[f"{part}_{column.name}"] for column in table.columns} for part, table in FACTS.items()
        )
        known = (client["issuer"], client["id"])
        if known not in facts:
            facts[known] = (client_from(client), user_from(owner), [])
        if secret["id"] is not None:
            facts[known][2].append(secret_from(secret))
    return [
        ClientFacts(client=client, owner=owner, secrets=tuple(secrets)) for client, owner, secrets in facts.values()
    ]


EnumT = TypeVar("EnumT", ClientAuthentication, Algorithm)


def _known(kind: type[EnumT], value: str) -> EnumT:
    try:
        return kind(value)
    except ValueError:
        raise StoreUnavailable(f"a row has a {kind.__name__} that this version does not know") from None

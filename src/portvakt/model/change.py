"""What a decision may ask the store to do. Each is one SQL statement; the store applies them all or none.

A statement that touches no row means that another request was first: the store then applies nothing and
answers `Lost` with that change, and the caller loads the facts and decides again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portvakt.model.nouns import Client, ClientSecret, SigningKey, User
    from portvakt.model.values import ClientId, Instant, IssuerName, KeyId, SecretId


@dataclass(frozen=True, slots=True)
class AddUser:
    """Insert a user. Lost if the issuer has one with that id or email (compared without letter case)."""

    user: User


@dataclass(frozen=True, slots=True)
class AddClient:
    """Insert a client. Lost if the issuer has one with that id."""

    client: Client


@dataclass(frozen=True, slots=True)
class ChangeClient:
    """Raise a client's version from `version` by one. Lost if it is another by now.

    It stands first in every set of changes to a client that exists, so that the whole set is decided on
    what was read.
    """

    issuer: IssuerName
    client_id: ClientId
    version: int


@dataclass(frozen=True, slots=True)
class SetClientDisabled:
    """Set `disabled_at`; None enables the client. Lost if there is no such client."""

    issuer: IssuerName
    client_id: ClientId
    disabled_at: Instant | None


@dataclass(frozen=True, slots=True)
class AddSecret:
    """Insert a secret of a client. Lost if there is one with that id."""

    issuer: IssuerName
    secret: ClientSecret


@dataclass(frozen=True, slots=True)
class ExpireSecret:
    """Bring forward the end of a secret. Lost if there is no such secret or it was revoked."""

    issuer: IssuerName
    client_id: ClientId
    secret_id: SecretId
    expires_at: Instant


@dataclass(frozen=True, slots=True)
class AddKey:
    """Insert a signing key. Lost if the issuer has one with that number or id."""

    key: SigningKey


@dataclass(frozen=True, slots=True)
class RetireKey:
    """Say until when a key is published. Lost if there is no such key or its end was said already."""

    issuer: IssuerName
    key_id: KeyId
    published_until: Instant


Change = AddUser | AddClient | ChangeClient | SetClientDisabled | AddSecret | ExpireSecret | AddKey | RetireKey


@dataclass(frozen=True, slots=True)
class Applied:
    """All changes are in the database."""


@dataclass(frozen=True, slots=True)
class Lost:
    """None of the changes is in the database, since `change` found its row taken, gone or altered."""

    change: Change

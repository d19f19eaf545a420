"""What a decision may ask the store to do. Each is one SQL statement; the store applies them all or none.

A statement that touches no row means that another request was first: the store then applies nothing and
answers `Lost` with that change, and the caller loads the facts and decides again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portvakt.model.behalf_change import BehalfChange

if TYPE_CHECKING:
    from portvakt.model.audit import Event
    from portvakt.model.behalf import Invitation
    from portvakt.model.nouns import Client, ClientSecret, Organisation, SigningKey, User
    from portvakt.model.values import ClientId, Instant, IssuerName, KeyId, OrganisationNumber, SecretId, UserId


@dataclass(frozen=True, slots=True)
class AddUser:
    """Insert a user. Lost if the issuer has one with that id or email (compared without letter case)."""

    user: User


@dataclass(frozen=True, slots=True)
class SetUserDisabled:
    """Set `disabled_at`; None enables the user. Lost if there is no such user."""

    issuer: IssuerName
    user_id: UserId
    disabled_at: Instant | None


@dataclass(frozen=True, slots=True)
class ChangeUser:
    """Raise a user's version from `version` by one. Lost if it is another by now. As `ChangeClient`."""

    issuer: IssuerName
    user_id: UserId
    version: int


@dataclass(frozen=True, slots=True)
class SetUser:
    """Write a user's locale and roles. Lost if there is no such user."""

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
    """Set `disabled_at` and by whom; None enables the client. Lost if there is no such client."""

    issuer: IssuerName
    client_id: ClientId
    disabled_at: Instant | None
    by_operator: bool = False


@dataclass(frozen=True, slots=True)
class SetClient:
    """Write what a client's owner may change: all but its id, issuer, version, and when and by whom it was disabled.

    When it was made stays, too. Lost if there is no such client.
    """

    client: Client


@dataclass(frozen=True, slots=True)
class DeleteClient:
    """Delete a client: nobody finds it again, and its id is not given again. Lost if there is no such client."""

    issuer: IssuerName
    client_id: ClientId
    deleted_at: Instant


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
class RevokeSecret:
    """Revoke a secret. Lost if there is none, or it was revoked already."""

    issuer: IssuerName
    client_id: ClientId
    secret_id: SecretId
    revoked_at: Instant


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


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """End a key, which is not published from then on. Lost if there is no such key or it was revoked already."""

    issuer: IssuerName
    key_id: KeyId
    revoked_at: Instant


@dataclass(frozen=True, slots=True)
class AddOrganisation:
    """Insert an organisation. Lost if the issuer has one with that number."""

    organisation: Organisation


@dataclass(frozen=True, slots=True)
class SetOrganisationDisabled:
    """Set `disabled_at`; None enables the organisation. Lost if there is no such organisation."""

    issuer: IssuerName
    number: OrganisationNumber
    disabled_at: Instant | None


@dataclass(frozen=True, slots=True)
class ChangeOrganisation:
    """Raise an organisation's version from `version` by one. Lost if it is another by now. As `ChangeClient`."""

    issuer: IssuerName
    number: OrganisationNumber
    version: int


@dataclass(frozen=True, slots=True)
class SetOrganisation:
    """Write an organisation's name. Lost if there is no such organisation."""

    organisation: Organisation


@dataclass(frozen=True, slots=True)
class SetAdministrator:
    """Say whether a member administers the organisation. Lost if there is no such member."""

    issuer: IssuerName
    number: OrganisationNumber
    user_id: UserId
    administrator: bool


@dataclass(frozen=True, slots=True)
class AddMember:
    """Make a user a member. Lost if the user is one, or if there is no such user or organisation."""

    issuer: IssuerName
    number: OrganisationNumber
    user_id: UserId
    since: Instant


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """End a membership. Lost if there is none."""

    issuer: IssuerName
    number: OrganisationNumber
    user_id: UserId


@dataclass(frozen=True, slots=True)
class PutInvitation:
    """Insert a user's invitation, in the place of an older one. Lost if there is no such user."""

    invitation: Invitation


@dataclass(frozen=True, slots=True)
class EndInvitation:
    """Delete an invitation. Lost if there is none with that digest: it was used, or a newer one took its place."""

    issuer: IssuerName
    digest: bytes


@dataclass(frozen=True, slots=True)
class ForgetLink:
    """Delete the sealed link of an invitation, since it was sent. Lost if there is none, or it was sent already."""

    issuer: IssuerName
    digest: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """Write a line in the audit log: what happened. Who did it, `apply` is told. Never lost."""

    event: Event


Change = (
    BehalfChange
    | AddUser
    | ChangeUser
    | SetUser
    | SetUserDisabled
    | AddClient
    | ChangeClient
    | SetClient
    | SetClientDisabled
    | DeleteClient
    | AddSecret
    | ExpireSecret
    | RevokeSecret
    | AddKey
    | RetireKey
    | RevokeKey
    | PutInvitation
    | EndInvitation
    | ForgetLink
    | AddOrganisation
    | ChangeOrganisation
    | SetOrganisation
    | SetOrganisationDisabled
    | SetAdministrator
    | AddMember
    | RemoveMember
    | Note
)


@dataclass(frozen=True, slots=True)
class Applied:
    """All changes are in the database."""


@dataclass(frozen=True, slots=True)
class Lost:
    """None of the changes is in the database, since `change` found its row taken, gone or altered."""

    change: Change

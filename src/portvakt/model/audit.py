"""What happened, who did it and from where: the audit log's nouns, and those of a refused request's explanation."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.model.values import ClientId, Instant, IssuerName, OrganisationNumber, UserId

    Told = Mapping[str, str | int | bool | tuple[str, ...] | None]
    """Members of an object as the log tells them, by name. Never a secret, a hash, a token or a password."""


class Act(StrEnum):
    """What happened to something. The part before the dot is the kind of object."""

    CLIENT_CREATED = "client.created"
    CLIENT_CHANGED = "client.changed"
    CLIENT_DISABLED = "client.disabled"
    CLIENT_ENABLED = "client.enabled"
    CLIENT_DELETED = "client.deleted"
    SECRET_CREATED = "secret.created"
    SECRET_ENDED = "secret.ended"  # its end was brought forward, by a rotation
    SECRET_REVOKED = "secret.revoked"
    USER_CREATED = "user.created"
    USER_INVITED = "user.invited"
    USER_CHANGED = "user.changed"
    USER_DISABLED = "user.disabled"
    USER_ENABLED = "user.enabled"
    PASSWORD_SET = "password.set"
    PASSWORD_RESET_ASKED = "password.reset_asked"
    LOG_IN = "session.begun"
    LOG_IN_FAILED = "session.refused"
    SESSION_ENDED = "session.ended"
    ORGANISATION_CREATED = "organisation.created"
    ORGANISATION_CHANGED = "organisation.changed"
    ORGANISATION_DISABLED = "organisation.disabled"
    ORGANISATION_ENABLED = "organisation.enabled"
    MEMBER_ADDED = "member.added"
    MEMBER_CHANGED = "member.changed"
    MEMBER_REMOVED = "member.removed"
    GRANT_GIVEN = "grant.given"
    GRANT_REVOKED = "grant.revoked"
    CODE_REPLAYED = "code.replayed"
    REFRESH_TOKEN_REPLAYED = "refresh_token.replayed"
    REFRESH_TOKEN_REPEATED = "refresh_token.repeated"
    API_KEY_CREATED = "api_key.created"
    API_KEY_REVOKED = "api_key.revoked"
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"


class ActorKind(StrEnum):
    """Who acts."""

    USER = "user"
    CLIENT = "client"
    COMMAND = "command"  # whoever may read the installation's files; `id` is their name on that machine
    NOBODY = "nobody"  # not authenticated, or by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who did something, and from where. `issuer`: whose user or client it is; None for the others.

    `address`: the peer's, "" if there is none. `request_id`: as in the log, and as `Portvakt-Reference` says it.
    """

    kind: ActorKind = ActorKind.NOBODY
    issuer: IssuerName | None = None
    id: str = ""
    address: str = ""
    request_id: str = ""


NOBODY = By()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened at one issuer. `id` names the object (of the act's kind).

    `client`, `user` and `organisation`: whom it concerns, so who else may read of it. `before` and `after`: what
    changed, and only that.
    """

    act: Act
    issuer: IssuerName
    id: str
    at: Instant
    client: ClientId | None = None
    user: UserId | None = None
    organisation: OrganisationNumber | None = None
    before: Told = field(default_factory=dict)
    after: Told = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the audit log. `number` is unique and later lines have greater ones, within one issuer."""

    number: int
    event: Event
    by: By


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRequest:
    """A request that was refused, as it is kept for the owner of its client. Never a secret, a token or a body.

    `reference`: as the reply's `Portvakt-Reference` says it. `code`, `status`: as on the wire. `reason`: the exact
    cause. `near`: what nearly worked (`NearMiss`), "" if nothing did. `hints`: what else is known, by name.
    """

    reference: str
    issuer: IssuerName
    at: Instant
    client_id: ClientId | None
    method: str
    path: str
    address: str
    status: int
    code: str
    reason: str
    near: str = ""
    hints: Told = field(default_factory=dict)

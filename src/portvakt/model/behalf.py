"""What stands between a user and a client that acts for them: sessions, transactions, grants, codes, refresh tokens.

Codes, refresh tokens and session cookies are opaque texts of 256 random bits. What is kept of one is its digest,
HMAC-SHA-256 under the installation's pepper: 32 bytes, by which its row is found.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portvakt.model.nouns import ClientFacts, Organisation, User
    from portvakt.model.values import (
        ApiKeyId,
        ClientId,
        FamilyId,
        GrantId,
        Instant,
        IssuerName,
        OrganisationNumber,
        SessionId,
        TransactionId,
        UserId,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Password:
    """How a user proves who they are: an Argon2id hash in the PHC format, never the password."""

    issuer: IssuerName
    user_id: UserId
    hash: str = field(repr=False)
    changed_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A user of an organisation. `administrator`: they administer what is the organisation's."""

    user: User
    organisation: Organisation
    since: Instant
    administrator: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser in which a user has logged in. `id` is for lists; the cookie's own text is kept as `digest` alone."""

    issuer: IssuerName
    id: SessionId
    digest: bytes = field(repr=False)
    user_id: UserId
    created_at: Instant
    expires_at: Instant
    revoked_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """An authorization request that a logged-in user has yet to answer, in the browser of that session.

    Every member was checked when it was made. `redirect_uri` is where the answer goes, `redirect_sent` whether the
    request named it (RFC 6749 §4.1.3). `challenge`: PKCE S256 (RFC 7636 §4.2), None if none was sent. `organisation`:
    the only one that may be chosen, None if the user may choose. `answered_at`: once, then never again.
    """

    issuer: IssuerName
    id: TransactionId
    session_id: SessionId
    user_id: UserId
    client_id: ClientId
    redirect_uri: str
    redirect_sent: bool
    scopes: tuple[str, ...]
    state: str | None = field(default=None, repr=False)
    challenge: str | None = None
    organisation: OrganisationNumber | None = None
    locale: str | None = None
    created_at: Instant
    expires_at: Instant
    answered_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a user gave: to which client, for which company, which scopes. One for each authorization.

    Revoking it ends its codes, its refresh tokens and, at the guards, its access tokens (`gid`).
    """

    issuer: IssuerName
    id: GrantId
    user_id: UserId
    client_id: ClientId
    organisation: OrganisationNumber | None
    scopes: tuple[str, ...]
    created_at: Instant
    revoked_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An authorization code (RFC 6749 §4.1.2), good once. `redeemed_at` says when that was."""

    issuer: IssuerName
    digest: bytes = field(repr=False)
    grant_id: GrantId
    client_id: ClientId
    redirect_uri: str
    redirect_sent: bool
    challenge: str | None
    created_at: Instant
    expires_at: Instant
    redeemed_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """All refresh tokens that came from one code. `generation` counts rotations; it only ever rises by one.

    `ends_at`: the absolute end, None if there is none (a static token). `revoked_at` ends all of it.
    `repeated_generation` is the newest one whose answer was given again, `repeats` how many running were.
    """

    issuer: IssuerName
    id: FamilyId
    grant_id: GrantId
    client_id: ClientId
    generation: int
    created_at: Instant
    ends_at: Instant | None
    revoked_at: Instant | None = None
    repeated_generation: int | None = None
    repeats: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """One refresh token of a family: the one of `generation`.

    `expires_at`: its idle end, None for a static one. `redeemed_at`: when its successor was made, `redeemed_from`: for
    which address. `reissue`: the successor and the access token's claims, sealed under the token itself, for as long as
    the same request may get the same answer (security.md's rule on re-issue); `request` is a digest of that request.
    """

    issuer: IssuerName
    digest: bytes = field(repr=False)
    family_id: FamilyId
    generation: int
    created_at: Instant
    expires_at: Instant | None
    redeemed_at: Instant | None = None
    reissue: bytes | None = field(default=None, repr=False)
    request: bytes | None = field(default=None, repr=False)
    last_used_at: Instant | None = None
    redeemed_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Whether what a grant rests on still stands: read together, so that one look decides (`is_live`).

    `organisation` None: the grant is for none. `is_member`: whether the user belongs to it now.
    """

    client: ClientFacts
    user: User
    grant: Grant
    organisation: Organisation | None
    is_member: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFacts:
    """All that a decision about a code needs."""

    code: Code
    standing: Standing
    families: tuple[Family, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshFacts:
    """All that a decision about a refresh token needs. `successor` is the next generation's token, if it was made."""

    token: RefreshToken
    family: Family
    standing: Standing
    successor: RefreshToken | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """A session, whose it is, and the organisations that they belong to, by number; the disabled ones too."""

    session: Session
    user: User
    organisations: tuple[Organisation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A user's personal API key. The key itself is a signed token; `id` is its `jti`, and nothing else of it is kept.

    `organisation` None: it is for none. `expires_at` None: no end was chosen.
    """

    issuer: IssuerName
    id: ApiKeyId
    user_id: UserId
    organisation: OrganisationNumber | None = None
    name: str = ""
    created_at: Instant
    expires_at: Instant | None = None
    revoked_at: Instant | None = None
    last_used_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyFacts:
    """All that tells whether an API key is live. `is_member`: whether the user belongs to its organisation now."""

    key: ApiKey
    user: User
    organisation: Organisation | None
    is_member: bool


class Purpose(StrEnum):
    """What a user is sent a link for."""

    INVITED = "invited"  # to choose a first password
    RESET = "reset"  # to choose another one


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """The one link by which a user may choose a password, once. A newer one takes its place.

    `sealed`: the link's text for whoever sends it, None once it was sent; what it is found by is `digest` alone.
    """

    issuer: IssuerName
    user_id: UserId
    digest: bytes = field(repr=False)
    purpose: Purpose
    created_at: Instant
    expires_at: Instant
    sealed: bytes | None = field(default=None, repr=False)


class Ended(StrEnum):
    """What a guard is told has ended, and the claim of an access token that it compares."""

    GRANT = "grant"  # gid
    CLIENT = "client"  # client_id
    USER = "user"  # sub
    ORGANISATION = "organisation"  # organisation_number
    KEY = "key"  # kid, in the header


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Something that ended, as the guards are told. `sequence` says when: later sets of changes have greater ones.

    `before`: only tokens whose `iat` is at or before it are refused, for what may be enabled again; None: all are. Of
    several about one thing the last counts. `until`: when the last token that it refuses has ended by itself.
    """

    issuer: IssuerName
    sequence: int
    kind: Ended
    id: str
    before: Instant | None
    until: Instant

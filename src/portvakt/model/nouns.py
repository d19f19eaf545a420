"""What an issuer keeps: users, organisations, clients with their secrets, signing keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portvakt.model.provider import Provider, Quota
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


class Algorithm(StrEnum):
    """The signature algorithms that an issuer may choose (RFC 7518 §3.1, RFC 8037 §3.1)."""

    RS256 = "RS256"
    ES256 = "ES256"
    EDDSA = "EdDSA"


class ClientAuthentication(StrEnum):
    """How a client authenticates (RFC 7591 §2, `token_endpoint_auth_method`)."""

    ANY_SECRET = "any_secret"  # Basic and body both work (RFC 6749 §2.3.1)
    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    NONE = "none"  # a public client


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """One running authority: a provider spoken at one URL.

    `url` is the `iss` of its tokens: no trailing slash, query or fragment, never derived from a request.
    `api_url` is where its API lives; `audience` is the `aud` of its access tokens, which live `lifetime`
    seconds. Quotas and lifetime are the provider's own unless its settings say otherwise; None means no quota.
    `title` is what its pages are headed with ("": the provider's), `colour` their accent as #rrggbb (None: the
    pages' own), `test` whether they say that nothing here is real. `administration` is the `aud` of tokens by which
    the installation is administered, where that is another than `audience`; "" where there are none.
    """

    name: IssuerName
    url: str
    provider: Provider
    api_url: str
    audience: str
    lifetime: Seconds
    algorithm: Algorithm = Algorithm.RS256
    token_quota: Quota | None = None
    api_quota: Quota | None = None
    title: str = ""
    colour: str | None = None
    test: bool = False
    administration: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody whom clients belong to, and with whose roles they act. `id` begins with `user_`.

    `locale` is the language that the user chose, such as `nb`; None: none was chosen. `version` counts changes, as
    a client's does.
    """

    id: UserId
    issuer: IssuerName
    email: str
    locale: str | None = None
    roles: frozenset[str] = frozenset()
    created_at: Instant
    disabled_at: Instant | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """A company whose data an API holds. `version` counts changes, as a client's does."""

    issuer: IssuerName
    number: OrganisationNumber
    name: str
    created_at: Instant
    disabled_at: Instant | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSecret:
    """One secret of a client, as kept: never the secret itself.

    `digest` is HMAC-SHA-256 under the installation's pepper. `prefix` and `last4` are what lists show.
    A secret lives until `expires_at` (None: no end) or until `revoked_at`, whichever is first. `last_used_from` is the
    address that it was last used from.
    """

    id: SecretId
    client_id: ClientId
    digest: bytes = field(repr=False)
    prefix: str
    last4: str
    created_at: Instant
    expires_at: Instant | None = None
    revoked_at: Instant | None = None
    last_used_at: Instant | None = None
    last_used_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An application that asks for tokens. It belongs to `owner` and acts with that user's roles.

    With `organisation` it belongs to that organisation: `owner` only says who made it, and it has nobody's roles.

    `scopes` is what it may ask for, `default_scopes` what it gets when it asks for none, `grants` the
    grant types that it may use, `redirect_uris` where users may be sent back to. `token_quota` is its own,
    instead of the issuer's. `version` counts changes: a change made on an older version is lost. A client that
    was deleted is found by nobody; its id is never given again. What is `disabled_by_operator`, as far as it is
    disabled at all, its owner does not enable.
    """

    id: ClientId
    issuer: IssuerName
    name: str
    description: str = ""
    owner: UserId
    organisation: OrganisationNumber | None = None
    authentication: ClientAuthentication = ClientAuthentication.ANY_SECRET
    grants: frozenset[str] = frozenset({"client_credentials"})
    scopes: tuple[str, ...] = ()
    default_scopes: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    token_quota: Quota | None = None
    created_at: Instant
    disabled_at: Instant | None = None
    disabled_by_operator: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFacts:
    """All that a decision about a client needs, read together. `organisation`: the one that it belongs to."""

    client: Client
    owner: User
    secrets: tuple[ClientSecret, ...] = ()
    organisation: Organisation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key pair of an issuer, as kept: the private half sealed under a key that is not in the database.

    `public_jwk` is canonical JSON with `kty`, `kid`, `alg`, `use` and the public members (RFC 7517).
    `number` is 1 for an issuer's first key, then 2, 3, …; (issuer, number) is unique, so that two nodes that
    make the next key at once make one. It signs from `signs_from` until its successor does, and stands in
    the key set until `published_until` (None: it has no successor yet). What was signed with one that was revoked is
    refused, whenever it was.
    """

    id: KeyId
    issuer: IssuerName
    number: int
    algorithm: Algorithm
    public_jwk: str
    sealed: bytes = field(repr=False)
    created_at: Instant
    signs_from: Instant
    published_until: Instant | None = None
    revoked_at: Instant | None = None

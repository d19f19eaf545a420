"""The provider vocabulary: everything in which one provider's OAuth differs from the RFC's, as data.

A closed set of axes. Each defaults to what the RFC says, so a value reads as "how they differ". No callables
and no templates, but texts with the places `{limit}`, `{window}` and `{seconds}`. What a value cannot say
becomes a new axis with an RFC default, a decision record and a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from portvakt.model.nouns import Algorithm, ClientAuthentication
from portvakt.model.values import Seconds


class Body(StrEnum):
    """A media type that a token endpoint accepts."""

    FORM = "application/x-www-form-urlencoded"
    JSON = "application/json"


class MissingSecret(StrEnum):
    """The error for a token request that names a client and proves nothing."""

    INVALID_CLIENT = "invalid_client"  # RFC 6749 §5.2
    INVALID_REQUEST = "invalid_request"


class EmptyScope(Enum):
    """What a token reply says when no scope was granted."""

    OMITTED = "omitted"  # RFC 6749 §3.3: a scope has at least one token
    EMPTY_TEXT = "empty text"


class TokenHeader(Enum):
    """The header of an access token, and so what tells it from other JWTs."""

    AT_JWT = "at+jwt"  # RFC 9068 §2.1, with `kid`
    BARE_JWT = "JWT"  # exactly {"alg","typ":"JWT"}: a verifier tries the issuer's current keys

    @property
    def typ(self) -> str:
        """The value of the header's `typ`."""
        return self.value


class LoopbackPort(Enum):
    """Whose redirect URIs on loopback may name another port than the one that was registered."""

    PUBLIC_CLIENTS = "public clients"  # RFC 8252 §7.3; `localhost` too
    TESTS_TOO = "tests too"  # and a confidential client's literal addresses, at a test issuer


class CodeRedirect(Enum):
    """Whether a code exchange repeats `redirect_uri`."""

    AS_SENT = "as sent"  # RFC 6749 §4.1.3
    MAY_BE_OMITTED = "may be omitted"  # by authenticated confidential clients


class Refresh(Enum):
    """What becomes of a refresh token that is used."""

    NONE = "none"  # no grant of this provider gives one
    ROTATING = "rotating"  # RFC 9700 §4.14.2
    STATIC = "static"  # the same one comes back; confidential clients only


class Consent(Enum):
    """How often a user is asked whether an application may act for them."""

    EVERY_TIME = "every time"
    REMEMBERED = "remembered"  # for user, client, company and scopes, until revoked


class Prompt(StrEnum):
    """What a request may want a user to be asked (OpenID Connect Core §3.1.2.1, `prompt`)."""

    NONE = "none"  # nothing: a code, or an error
    LOGIN = "login"  # for the password, also where somebody is logged in; `max_age`, too, is listened to
    CONSENT = "consent"  # whatever was agreed to before


class Company(Enum):
    """Whether what a user gives is for one company."""

    OPTIONAL = "optional"  # where the user has any
    REQUIRED = "required"


class ApiKeys(Enum):
    """Whether users make personal API keys, which the API takes as bearer tokens."""

    NONE = "none"
    PERSONAL = "personal"


API_KEY_TYP = "apikey+jwt"
"""The `typ` of a personal API key: no access token has it."""

API_KEY_TOKEN_TYPE = "api_key"
"""What introspection calls a personal API key, so that nobody takes it for an access token."""


class Metadata(Enum):
    """Whether the provider documents authorization server metadata (RFC 8414)."""

    DOCUMENTED = "documented"  # RFC 9700 §2.6
    PUBLISHED = "published"  # ours publishes it; a caller of the real one cannot count on it


class ApiKind(Enum):
    """The tongue in which an API says no."""

    REST = "rest"  # RFC 6750 §3
    GRAPHQL = "graphql"  # an `errors` list with `extensions.code`


class TokenCheck(Enum):
    """When an API looks at the token, and so whether a request that it refused for it was carried out in part."""

    UNKNOWN = "unknown"  # only a safe request (RFC 9110 §9.2.1) is repeated
    BEFORE_EXECUTION = "before execution"


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `limit` requests in a window of `window` seconds that begins with the first of them."""

    limit: int
    window: Seconds


@dataclass(frozen=True, slots=True)
class RateLimited:
    """How a token endpoint says that a quota is used up, under status 429."""

    code: str = "temporarily_unavailable"  # RFC 6749 §4.1.2.1 is the nearest that is registered
    text: str = "Rate limit exceeded: at most {limit} requests per {window}. Try again in {seconds} seconds."


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The API that the tokens are for.

    `path` is where it lives under the API's URL; `audience_path` is what the `aud` of a token adds to it.
    `quota_headers` are the names of limit, remaining and reset (Unix time), sent with every reply.
    `token_check`: whether a caller may repeat any request once it was refused for its token.
    """

    kind: ApiKind = ApiKind.REST
    path: str = "/echo"
    audience_path: str = ""
    refused_text: str = "The access token is missing, expired or not valid here."
    quota: Quota | None = None
    quota_headers: tuple[str, str, str] | None = None
    token_check: TokenCheck = TokenCheck.UNKNOWN
    quota_text: str = "Too many requests. Try again in {seconds} seconds."


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A deployment of the provider: its issuer's URL and its API's URL, without trailing slash."""

    name: str
    issuer_url: str
    api_url: str


class Source(StrEnum):
    """Where a fact about a provider stands."""

    SEED = "seed"  # the document that this project began from
    PUBLIC = "public"  # the same provider's public documentation
    OURS = "ours"  # silent in both: decided here, from the RFCs


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why a field differs from the RFC: who says so, in which words, and the day that we looked."""

    field: str
    source: Source
    says: str
    seen: str = "2026-11-22"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider's contract. See the module's text for what may stand here.

    Paths are under the issuer's URL; the first of several is the one that is documented. Lifetimes are
    seconds. `scopes` None: what each client was registered with; else the only ones that exist.
    `caller_authentication` is how the document asks callers to prove who they are; the server takes others too.
    `authorize_requires`: a public client's request needs a `code_challenge` whatever stands there.
    `stated_short_by`: seconds by which `expires_in` is less than the token's life.
    """

    name: str
    title: str
    evidence: tuple[Evidence, ...] = ()
    environments: tuple[Environment, ...] = ()

    token_paths: tuple[str, ...] = ("/token",)
    token_bodies: frozenset[Body] = frozenset({Body.FORM})  # RFC 6749 §4.4.2
    grants: tuple[str, ...] = ("authorization_code", "refresh_token", "client_credentials")
    scopes: tuple[str, ...] | None = None
    caller_authentication: ClientAuthentication = ClientAuthentication.BASIC  # RFC 6749 §2.3.1
    client_id_prefix: str = "client_"
    missing_secret: MissingSecret = MissingSecret.INVALID_CLIENT

    reply_members: tuple[str, ...] = ("access_token", "token_type", "expires_in", "refresh_token", "scope")
    token_type: str = "Bearer"  # RFC 6750 §6.1.1
    lifetime: Seconds = Seconds(600)
    stated_short_by: Seconds = Seconds(0)
    empty_scope: EmptyScope = EmptyScope.OMITTED
    token_header: TokenHeader = TokenHeader.AT_JWT
    algorithms: tuple[Algorithm, ...] = (Algorithm.RS256, Algorithm.ES256, Algorithm.EDDSA)

    wrong_credentials_text: str = "Client authentication failed."
    expired_secret_text: str | None = None  # None: as for wrong credentials
    rate_limited: RateLimited = RateLimited()
    token_quota: Quota | None = None

    authorize_path: str | None = "/authorize"
    authorize_methods: tuple[str, ...] = ("GET", "POST")  # RFC 6749 §3.1
    # RFC 6749 §4.1.1; RFC 9700 §2.1.1 has PKCE for public clients and recommends it for all
    authorize_requires: tuple[str, ...] = ("client_id", "response_type", "code_challenge")
    redirect_members: tuple[str, ...] = ("code", "state", "iss")  # RFC 6749 §4.1.2, RFC 9207 §2
    loopback_port: LoopbackPort = LoopbackPort.PUBLIC_CLIENTS
    code_redirect: CodeRedirect = CodeRedirect.AS_SENT
    code_lifetime: Seconds = Seconds(60)
    refresh: Refresh = Refresh.ROTATING
    refresh_idle: Seconds = Seconds(30 * 86400)  # a rotating token that nobody used for so long has ended
    refresh_absolute: Seconds = Seconds(365 * 86400)  # and so has its whole family after so long
    reissue_window: Seconds = Seconds(10)  # in which the same request gets the same answer; 0: never
    consent: Consent = Consent.REMEMBERED
    prompts: frozenset[Prompt] = frozenset(Prompt)
    company: Company = Company.OPTIONAL
    api_keys: ApiKeys = ApiKeys.NONE

    metadata: Metadata = Metadata.DOCUMENTED
    auth_path: str = ""  # from a base URL, where one holds issuer and API, to the issuer's
    api_path: str = "/api"  # and to the API's
    api: Api = Api()

"""Where a client asks for tokens, and how, and where it sends a browser: from a provider's value, or from metadata."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from portvakt.jose.strict_json import read_object
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import Body, Metadata
from portvakt.wire.issuer_url import check_issuer_url, well_known

if TYPE_CHECKING:
    from portvakt.model.provider import Provider

_LONGEST_URL = 2048
_LONGEST_SHOWN = 200
_WELL_KNOWN = "/.well-known/"

# RFC 3986 §2, and no fragment (RFC 6749 §3.2): what is left is read alike by every parser.
_PLAIN = re.compile(r"[!$-;=?-\[\]_a-z~]+", re.ASCII)
_AFTER_AUTHORITY = re.compile(r"[/?]")


class MetadataRefused(Exception):
    """A document is not the metadata of the issuer that was asked.

    The text says why and quotes nothing of it, but for another issuer's URL if that is a plain one.
    """


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """A token endpoint as its caller sees it.

    `provider` is how it talks. `authentication` is how a secret is sent, BASIC or POST (RFC 6749 §2.3.1). `named`:
    whether the caller wrote its host down; else the issuer's metadata named it.
    """

    url: str
    provider: Provider
    body: Body = Body.FORM
    authentication: ClientAuthentication = ClientAuthentication.BASIC
    named: bool = True


@dataclass(frozen=True, slots=True)
class AuthorizationEndpoint:
    """Where a browser is sent, and by whom its answer must say it comes.

    `sends_iss`: whether an answer without `iss` is none (RFC 9207 §2.4). One that is there must be right in any case.
    """

    issuer: str
    url: str
    sends_iss: bool


def documented_endpoint(provider: Provider, issuer_url: str) -> TokenEndpoint:
    """Return the token endpoint that the provider documents, under its issuer's URL."""
    body = Body.JSON if Body.JSON in provider.token_bodies else Body.FORM
    return TokenEndpoint(issuer_url + provider.token_paths[0], provider, body, provider.caller_authentication)


def documented_authorization(provider: Provider, issuer_url: str) -> AuthorizationEndpoint | None:
    """Return where a provider's documents send a browser; None: nobody logs in there.

    A provider that documents no metadata cannot be held to `iss` at its own address: only our server plays it with.
    """
    if provider.authorize_path is None:
        return None
    own = issuer_url in {environment.issuer_url for environment in provider.environments}
    sends_iss = "iss" in provider.redirect_members and (provider.metadata is Metadata.DOCUMENTED or not own)
    return AuthorizationEndpoint(issuer_url, issuer_url + provider.authorize_path, sends_iss)


def check_issuer(issuer: str) -> str | None:
    """Return what is wrong with the URL of somebody's issuer, to be said after its name; None if nothing is.

    As `check_issuer_url`, but one slash may end it: some issuers write themselves so.
    """
    return check_issuer_url(issuer.removesuffix("/"))


def metadata_urls(issuer: str) -> tuple[str, ...]:
    """Return where an issuer's metadata may lie, best first.

    RFC 8414 §3.1 puts the well-known part before the issuer's path, OpenID Connect Discovery §4 behind it; both
    remove a terminating slash.
    """
    issuer = issuer.removesuffix("/")
    return (well_known(issuer, "oauth-authorization-server"), f"{issuer}{_WELL_KNOWN}openid-configuration")


def read_metadata(issuer: str, body: bytes, provider: Provider, *, public: bool = False) -> TokenEndpoint:
    """Return the token endpoint that metadata names (RFC 8414 §2). `provider`: how it is expected to talk.

    `public`: the client has no secret to send.

    Raises:
        MetadataRefused: it is no JSON object, another issuer's (§3.3: "MUST be identical"), or it names no token
            endpoint to which a secret may be sent: https, or http on loopback where the issuer is there too.
    """
    metadata = _members(issuer, body)
    endpoint = _named(issuer, metadata, "token_endpoint")
    return TokenEndpoint(
        endpoint,
        provider,
        authentication=ClientAuthentication.BASIC if public else _authentication(metadata),
        named=_origin(endpoint) == _origin(issuer),
    )


def read_authorization(issuer: str, body: bytes) -> AuthorizationEndpoint:
    """Return where metadata sends a browser (RFC 8414 §2), and whether its answers name the issuer (RFC 9207 §3).

    Raises:
        MetadataRefused: as `read_metadata`; it names no authorization endpoint, or one without PKCE S256 although
            it says what it has (RFC 9700 §2.1.1: a client makes sure).
    """
    metadata = _members(issuer, body)
    methods = metadata.get("code_challenge_methods_supported", ["S256"])
    if not isinstance(methods, list) or "S256" not in methods:
        raise MetadataRefused("its authorization endpoint knows no PKCE with S256")
    sends_iss = metadata.get("authorization_response_iss_parameter_supported") is True
    return AuthorizationEndpoint(issuer, _named(issuer, metadata, "authorization_endpoint"), sends_iss)


def read_revocation(issuer: str, body: bytes, endpoint: TokenEndpoint) -> TokenEndpoint | None:
    """Return where a token is given back (RFC 7009), to be asked as `endpoint` is; None: metadata names no place.

    Raises:
        MetadataRefused: as `read_metadata`.
    """
    metadata = _members(issuer, body)
    if "revocation_endpoint" not in metadata:
        return None
    url = _named(issuer, metadata, "revocation_endpoint")
    return replace(endpoint, url=url, body=Body.FORM, named=_origin(url) == _origin(issuer))


def _members(issuer: str, body: bytes) -> dict[str, object]:
    try:
        metadata = read_object(body)
    except ValueError:
        raise MetadataRefused("it is not one JSON object") from None
    if metadata.get("issuer") != issuer:
        raise MetadataRefused(_other_issuer(issuer, metadata.get("issuer")))
    return metadata


def _named(issuer: str, metadata: dict[str, object], name: str) -> str:
    """Return the URL of an endpoint, checked."""
    endpoint = metadata.get(name)
    if not isinstance(endpoint, str):
        raise MetadataRefused(f"it names no {name}")
    if len(endpoint) > _LONGEST_URL or not _PLAIN.fullmatch(endpoint):
        raise MetadataRefused(f"its {name} is no plain URL")
    scheme, authority = _origin(endpoint)
    # The grammar of an issuer's URL is that of a plain origin; a path and a query follow it here.
    if check_issuer_url(f"{scheme}://{authority}") is not None:
        raise MetadataRefused(f"its {name} is no https URL")
    if scheme == "http" and not issuer.startswith("http://"):
        raise MetadataRefused(f"its {name} is plain http")
    return endpoint


def _other_issuer(asked: str, said: object) -> str:
    """Say whose metadata it is, if that can be shown."""
    text = "its issuer is not the one that was asked"
    if not isinstance(said, str) or len(said) > _LONGEST_SHOWN or check_issuer(said) is not None:
        return text
    use = "use" if _origin(said) == _origin(asked) else "if you trust that, use"
    return f"{text}, but {said}: {use} that text exactly"


def _origin(url: str) -> tuple[str, str]:
    scheme, _, rest = url.partition("://")
    return scheme, _AFTER_AUTHORITY.split(rest, maxsplit=1)[0]


def _authentication(metadata: dict[str, object]) -> ClientAuthentication:
    """Return how to authenticate: Basic if it is taken, which it is where nothing is said (RFC 8414 §2)."""
    methods = metadata.get("token_endpoint_auth_methods_supported", [ClientAuthentication.BASIC.value])
    if not isinstance(methods, list):
        raise MetadataRefused("its token_endpoint_auth_methods_supported is no list")
    for method in (ClientAuthentication.BASIC, ClientAuthentication.POST):
        if method.value in methods:
            return method
    raise MetadataRefused("its token endpoint takes no client secret")

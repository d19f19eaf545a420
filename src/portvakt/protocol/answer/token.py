"""The token endpoint's decisions, in the order in which they are made: grant type, client, quota, scope.

The form of the request comes first and is `wire`'s. Each decision is a function of the request and of facts;
none waits, so that a request whose facts are at hand is answered in one go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portvakt.model.decision import (
    INVALID_SCOPE,
    INVALID_TARGET,
    UNAUTHORIZED_CLIENT,
    UNSUPPORTED_GRANT_TYPE,
    Granted,
    Refused,
    Tokens,
)
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import EmptyScope
from portvakt.model.values import Seconds, Secret
from portvakt.protocol.credentials import digest, matching
from portvakt.providers.speak import refuse_secret

if TYPE_CHECKING:
    from portvakt.jose.signing import Signer
    from portvakt.model.message import TokenRequest
    from portvakt.model.nouns import Client, ClientFacts, ClientSecret, Issuer
    from portvakt.model.provider import Provider
    from portvakt.model.values import Instant

CLIENT_CREDENTIALS = "client_credentials"
GRANTS = (CLIENT_CREDENTIALS,)
"""The grant types that this server answers, whatever more a provider documents."""

SCOPE_CHARACTERS = 4096

# RFC 6749 §3.3: scope = scope-token *( SP scope-token ); scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A client that proved who it is, and by which of its secrets. Only `authenticate` makes one."""

    facts: ClientFacts
    secret: ClientSecret


def refuse_grant_type(provider: Provider, request: TokenRequest) -> Refused | None:
    """Refuse a grant type that the provider does not have (RFC 6749 §5.2), or None. Compared exactly."""
    if request.grant_type in provider.grants and request.grant_type in GRANTS:
        return None
    served = ", ".join(grant for grant in provider.grants if grant in GRANTS)
    text = f"This server answers grant_type {served}." if served else "This server answers no grant_type yet."
    return Refused(UNSUPPORTED_GRANT_TYPE, text)


def authenticate(
    provider: Provider, request: TokenRequest, facts: ClientFacts | None, *, pepper: bytes, now: Instant
) -> Authenticated | Refused:
    """Decide whether the request comes from the client that it names (RFC 6749 §2.3, §3.2.1).

    An unknown client, a wrong secret, and a client or owner that was disabled get the same answer. An expired
    secret is told apart only to one who presents it.
    """
    presented = digest(pepper, request.client_secret) if request.client_secret is not None else None
    dead = _dead(facts)
    if facts is None or dead:
        return refuse_secret(provider, dead)
    client = facts.client
    if client.authentication is ClientAuthentication.NONE:
        if presented is not None:
            return refuse_secret(provider, "a public client sent a secret")
        # RFC 6749 §4.4: "MUST only be used by confidential clients"
        text = "A public client cannot use client_credentials."
        return Refused(UNAUTHORIZED_CLIENT, text)
    if presented is None:
        return refuse_secret(provider, "no secret was sent")
    if client.authentication is not ClientAuthentication.ANY_SECRET and client.authentication != request.method:
        return refuse_secret(provider, f"the client is set to {client.authentication}")
    secret = matching(facts.secrets, presented)
    if secret is None:
        return refuse_secret(provider, "wrong secret")
    if secret.revoked_at is not None:
        return refuse_secret(provider, "the secret was revoked")
    if secret.expires_at is not None and now >= secret.expires_at:
        return refuse_secret(provider, "the secret has expired", expired=True)
    return Authenticated(facts, secret)


def _dead(facts: ClientFacts | None) -> str:
    """Return why nobody can authenticate as this client, or an empty text. One answer for all of them."""
    if facts is None:
        return "unknown client"
    if facts.client.disabled_at is not None:
        return "the client is disabled"
    return "the client's owner is disabled" if facts.owner.disabled_at is not None else ""


def issue(
    issuer: Issuer, request: TokenRequest, authenticated: Authenticated, *, signer: Signer, jti: str, now: Instant
) -> Granted[Tokens] | Refused:
    """Decide what an authenticated client gets: an access token for itself (RFC 6749 §4.4, RFC 9068 §2.2).

    `jti` is an id that no other token has. No refresh token (§4.4.3), nothing to store.
    """
    client = authenticated.facts.client
    if request.grant_type not in client.grants:
        return Refused(UNAUTHORIZED_CLIENT, "The client may not use this grant_type.")
    resource = request.parameters.get("resource")
    if resource is not None and set(resource.split(" ")) != {issuer.audience}:
        return Refused(INVALID_TARGET, "resource names no API of this server.")  # RFC 8707 §2
    scopes = _scopes(issuer.provider, client, request.parameters.get("scope"))
    if isinstance(scopes, Refused):
        return scopes
    scope = " ".join(scopes)
    claims: dict[str, object] = {
        "iss": issuer.url,
        "sub": client.id,
        "aud": issuer.audience,
        "client_id": client.id,
        "iat": now,
        "exp": now + issuer.lifetime,
        "jti": jti,
    }
    if scope:
        claims["scope"] = scope
    if authenticated.facts.owner.roles:
        claims["roles"] = sorted(authenticated.facts.owner.roles)
    return Granted(
        Tokens(
            access_token=Secret(signer.sign(claims)),
            token_type=issuer.provider.token_type,
            lifetime=Seconds(issuer.lifetime - issuer.provider.stated_short_by),
            scope=scope if scope or issuer.provider.empty_scope is EmptyScope.EMPTY_TEXT else None,
        )
    )


def _scopes(provider: Provider, client: Client, asked: str | None) -> tuple[str, ...] | Refused:
    """Return the scopes granted: those asked for, each once, or the client's default ones. Never fewer."""
    if asked is None:
        return client.default_scopes
    if len(asked) > SCOPE_CHARACTERS or not _SCOPE.fullmatch(asked):
        return Refused(INVALID_SCOPE, "scope is not a list of scopes separated by one space.")
    scopes = tuple(dict.fromkeys(asked.split(" ")))
    known = client.scopes if provider.scopes is None else provider.scopes
    if not set(scopes) <= set(known) & set(client.scopes):
        return Refused(INVALID_SCOPE, "The client does not have every scope that was asked for.")
    return scopes

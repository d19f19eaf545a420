"""The token endpoint's decisions, in the order in which they are made: grant type, client, quota, and then the grant's.

The form of the request comes first and is `wire`'s. Each decision is a function of the request and of facts;
none waits, so that a request whose facts are at hand is answered in one go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portvakt.model.decision import (
    INVALID_REQUEST,
    UNAUTHORIZED_CLIENT,
    UNSUPPORTED_GRANT_TYPE,
    Granted,
    Refused,
    Tokens,
)
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import Refresh
from portvakt.protocol.answer.access_token import client_claims, tokens_for
from portvakt.protocol.answer.asked import ask_scopes, refuse_audience
from portvakt.protocol.credentials import digest, matching
from portvakt.protocol.live import why_client_is_dead
from portvakt.protocol.own_scopes import OWN_SCOPES
from portvakt.providers.speak import refuse_secret

if TYPE_CHECKING:
    from portvakt.jose.signing import Signer
    from portvakt.model.message import TokenRequest
    from portvakt.model.nouns import ClientFacts, ClientSecret, Issuer
    from portvakt.model.provider import Provider
    from portvakt.model.values import Instant

AUTHORIZATION_CODE = "authorization_code"
CLIENT_CREDENTIALS = "client_credentials"
REFRESH_TOKEN = "refresh_token"

GRANTS = (AUTHORIZATION_CODE, CLIENT_CREDENTIALS, REFRESH_TOKEN)
"""The grant types that this server answers, whatever more a provider documents."""

_NEEDED = {AUTHORIZATION_CODE: "code", REFRESH_TOKEN: "refresh_token"}
"""The parameter without which a grant type says nothing (RFC 6749 §4.1.3, §6)."""


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A client that proved who it is, and by which of its secrets. Only `authenticate` makes one.

    `secret` None: a public client, which proves nothing (RFC 6749 §2.1); the code or token must.
    """

    facts: ClientFacts
    secret: ClientSecret | None


def served_grants(provider: Provider) -> tuple[str, ...]:
    """Return the grant types that an issuer of this provider answers."""
    return tuple(grant for grant in provider.grants if _serves(provider, grant))


def refuse_grant_type(provider: Provider, request: TokenRequest) -> Refused | None:
    """Refuse a grant type that the provider does not have (RFC 6749 §5.2), compared exactly; None if it has it.

    Also a request that lacks the parameter which its grant type is about.
    """
    if not _serves(provider, request.grant_type):
        served = ", ".join(served_grants(provider))
        text = f"This server answers grant_type {served}." if served else "This server answers no grant_type yet."
        return Refused(UNSUPPORTED_GRANT_TYPE, text)
    needed = _NEEDED.get(request.grant_type)
    if needed is not None and needed not in request.parameters:
        return Refused(INVALID_REQUEST, f"{needed} is missing.")
    return None


def _serves(provider: Provider, grant: str) -> bool:
    if grant not in provider.grants or grant not in GRANTS:
        return False
    return grant != REFRESH_TOKEN or provider.refresh is not Refresh.NONE


def authenticate(
    provider: Provider, request: TokenRequest, facts: ClientFacts | None, *, pepper: bytes, now: Instant
) -> Authenticated | Refused:
    """Decide whether the request comes from the client that it names (RFC 6749 §2.3, §3.2.1).

    An unknown client, a wrong secret, and a client or owner that was disabled get the same answer. An expired
    secret is told apart only to one who presents it.
    """
    presented = digest(pepper, request.client_secret) if request.client_secret is not None else None
    dead = why_client_is_dead(facts)
    if facts is None or dead:
        return refuse_secret(provider, dead)
    client = facts.client
    if client.authentication is ClientAuthentication.NONE:
        if presented is not None or request.method != ClientAuthentication.NONE:
            return refuse_secret(provider, "a public client sent a secret")
        if request.grant_type == CLIENT_CREDENTIALS:  # RFC 6749 §4.4: "MUST only be used by confidential clients"
            return Refused(UNAUTHORIZED_CLIENT, "A public client cannot use client_credentials.")
        return Authenticated(facts, None)
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


def issue(
    issuer: Issuer, request: TokenRequest, authenticated: Authenticated, *, signer: Signer, jti: str, now: Instant
) -> Granted[Tokens] | Refused:
    """Decide what an authenticated client gets: an access token for itself (RFC 6749 §4.4, RFC 9068 §2.2).

    `jti` is an id that no other token has. No refresh token (§4.4.3), nothing to store.
    """
    client = authenticated.facts.client
    if request.grant_type != CLIENT_CREDENTIALS or CLIENT_CREDENTIALS not in client.grants:
        return Refused(UNAUTHORIZED_CLIENT, "The client may not use this grant_type.")
    scopes = ask_scopes(issuer.provider, client, request.parameters.get("scope"), own=OWN_SCOPES)
    if isinstance(scopes, Refused):
        return scopes
    refused = refuse_audience(issuer, scopes, request.parameters.get("resource"))
    if refused is not None:
        return refused
    claims = client_claims(issuer, authenticated.facts, scopes, jti=jti, now=now)
    return Granted(tokens_for(issuer, claims, signer=signer, expires_in=issuer.lifetime))

"""A code for tokens (RFC 6749 §4.1.3): the checks in the order of `CHECKS`, after the client proved who it is.

Whoever is another client learns and changes nothing. A check that only a thief or a broken client fails burns the
code; one that fails for a passing reason leaves it as it is.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portvakt.jose import base64url
from portvakt.model.audit import Act
from portvakt.model.behalf import Family
from portvakt.model.behalf_change import AddFamily, AddRefreshToken, RedeemCode
from portvakt.model.change import Note
from portvakt.model.decision import INVALID_GRANT, UNAUTHORIZED_CLIENT, Granted, Refused, Tokens
from portvakt.model.provider import CodeRedirect, Refresh
from portvakt.model.values import FamilyId, Instant, Secret
from portvakt.protocol.answer.access_token import JTI_OCTETS, tokens_for, user_claims
from portvakt.protocol.answer.asked import refuse_audience
from portvakt.protocol.answer.refresh import refresh_token_row
from portvakt.protocol.answer.token import AUTHORIZATION_CODE, REFRESH_TOKEN
from portvakt.protocol.credentials import SECRET_OCTETS, Kind, mint, mint_id, opaque_digest
from portvakt.protocol.ending import end_grant
from portvakt.protocol.events import of_grant
from portvakt.protocol.live import scopes_left, why_not_live

if TYPE_CHECKING:
    from collections.abc import Callable

    from portvakt.jose.signing import Signer
    from portvakt.model.behalf import CodeFacts
    from portvakt.model.change import Change
    from portvakt.model.message import TokenRequest
    from portvakt.model.nouns import Issuer
    from portvakt.protocol.answer.token import Authenticated

ID_OCTETS = 32
RANDOM_OCTETS = JTI_OCTETS + ID_OCTETS + SECRET_OCTETS
"""How many random bytes `exchange_code` needs."""

_TEXT = "The authorization code is not valid, was used, or has expired."
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636 §4.1


@dataclass(frozen=True, slots=True)
class Exchange:
    """A code that was found, and who asks for its tokens."""

    issuer: Issuer
    request: TokenRequest
    authenticated: Authenticated
    facts: CodeFacts
    now: Instant


def code_digest(pepper: bytes, request: TokenRequest) -> bytes | None:
    """Return by what the code of a token request is found; None if what was sent is no code at all."""
    return opaque_digest(Kind.CODE, pepper, Secret(request.parameters.get("code", "")))


def exchange_code(
    issuer: Issuer,
    request: TokenRequest,
    authenticated: Authenticated,
    facts: CodeFacts | None,
    *,
    pepper: bytes,
    signer: Signer,
    random: bytes,
    now: Instant,
) -> Granted[Tokens] | Refused:
    """Decide what an authenticated client gets for a code; `facts` are None for a code that is not known.

    `random`: `RANDOM_OCTETS` bytes, new ones for each call.
    """
    if AUTHORIZATION_CODE not in authenticated.facts.client.grants:
        return Refused(UNAUTHORIZED_CLIENT, "The client may not use this grant_type.")
    if facts is None:
        return Refused(INVALID_GRANT, _TEXT, reason="unknown code")
    exchange = Exchange(issuer, request, authenticated, facts, now)
    for check in CHECKS:
        refused = check(exchange)
        if refused is not None:
            return refused
    redeem: Change = RedeemCode(issuer.name, facts.code.digest, now)
    refresh_token, family = _first_refresh_token(exchange, pepper, random[JTI_OCTETS:])
    standing = facts.standing
    claims = user_claims(issuer, standing, scopes_left(standing), jti=random[:JTI_OCTETS].hex(), now=now)
    tokens = tokens_for(issuer, claims, signer=signer, expires_in=issuer.lifetime, refresh_token=refresh_token)
    return Granted(tokens, (redeem, *family))


def of_this_client(exchange: Exchange) -> Refused | None:
    """RFC 6749 §5.2: "was issued to another client". Nothing is revoked: a stranger must not end a grant."""
    if exchange.facts.code.client_id != exchange.authenticated.facts.client.id:
        return Refused(INVALID_GRANT, _TEXT, reason="the code belongs to another client")
    return None


def not_used(exchange: Exchange) -> Refused | None:
    """RFC 6749 §4.1.2: a code that is used twice ends all that it gave."""
    if exchange.facts.code.redeemed_at is None:
        return None
    grant = exchange.facts.standing.grant
    changes = end_grant(exchange.issuer, grant, exchange.now)
    if changes:  # once: whoever shows it again and again fills no log
        changes = (*changes, Note(of_grant(grant, Act.CODE_REPLAYED, exchange.now)))
    return Refused(INVALID_GRANT, _TEXT, reason="the code was used before", changes=changes)


def not_expired(exchange: Exchange) -> Refused | None:
    """RFC 6749 §4.1.2: a code expires shortly."""
    if exchange.now >= exchange.facts.code.expires_at:
        return Refused(INVALID_GRANT, _TEXT, reason="the code has expired")
    return None


def for_this_redirect_uri(exchange: Exchange) -> Refused | None:
    """RFC 6749 §4.1.3: `redirect_uri` is repeated if it was sent, and identical. Compared as texts, port and all."""
    code, sent = exchange.facts.code, exchange.request.parameters.get("redirect_uri")
    if sent is not None:
        return None if sent == code.redirect_uri else _burn(exchange, "redirect_uri is another one")
    may_omit = exchange.issuer.provider.code_redirect is CodeRedirect.MAY_BE_OMITTED
    if code.redirect_sent and not (may_omit and exchange.authenticated.secret is not None):
        return _burn(exchange, "redirect_uri is missing")
    return None


def by_who_began(exchange: Exchange) -> Refused | None:
    """RFC 7636 §4.6, and RFC 9700 §4.8.2: a verifier without a challenge means that somebody took the challenge out."""
    challenge, verifier = exchange.facts.code.challenge, exchange.request.parameters.get("code_verifier")
    if challenge is None:
        if verifier is not None:
            return _burn(exchange, "code_verifier was sent for a code without a challenge")
        if exchange.authenticated.secret is None:  # RFC 9700 §2.1.1: public clients MUST use PKCE
            return _burn(exchange, "a public client's code without a challenge")
        return None
    if verifier is None:
        return _burn(exchange, "code_verifier is missing")
    if not _VERIFIER.fullmatch(verifier) or not hmac.compare_digest(_s256(verifier), challenge.encode()):
        return _burn(exchange, "code_verifier does not match the challenge")
    return None


def for_a_known_resource(exchange: Exchange) -> Refused | None:
    """RFC 8707 §2.2: the API that the token is for."""
    scopes = scopes_left(exchange.facts.standing)
    return refuse_audience(exchange.issuer, scopes, exchange.request.parameters.get("resource"))


def still_standing(exchange: Exchange) -> Refused | None:
    """Client, user, company, grant and scopes may have ended since the user agreed."""
    reason = why_not_live(exchange.facts.standing)
    return Refused(INVALID_GRANT, _TEXT, reason=reason) if reason else None


CHECKS: tuple[Callable[[Exchange], Refused | None], ...] = (
    of_this_client,
    not_used,
    not_expired,
    for_this_redirect_uri,
    by_who_began,
    for_a_known_resource,
    still_standing,
)


def _burn(exchange: Exchange, reason: str) -> Refused:
    """Refuse, and use the code up: who guesses gets one try. The code of a grant that ended is used up already."""
    changes: tuple[Change, ...] = ()
    if exchange.facts.standing.grant.revoked_at is None:
        changes = (RedeemCode(exchange.issuer.name, exchange.facts.code.digest, exchange.now),)
    return Refused(INVALID_GRANT, _TEXT, reason=reason, changes=changes)


def _s256(verifier: str) -> bytes:
    return base64url.encode(hashlib.sha256(verifier.encode()).digest())


def _first_refresh_token(
    exchange: Exchange, pepper: bytes, random: bytes
) -> tuple[Secret | None, tuple[AddFamily, AddRefreshToken] | tuple[()]]:
    """Return the first refresh token of a new family, where the provider gives one and the client may use it."""
    issuer, now, client = exchange.issuer, exchange.now, exchange.authenticated.facts.client
    provider = issuer.provider
    static = provider.refresh is Refresh.STATIC
    if provider.refresh is Refresh.NONE or REFRESH_TOKEN not in client.grants:
        return None, ()
    if static and exchange.authenticated.secret is None:  # RFC 9700 §2.2.2: rotated, for public clients
        return None, ()
    family = Family(
        issuer=issuer.name,
        id=FamilyId(mint_id("fam_", random[:ID_OCTETS])),
        grant_id=exchange.facts.standing.grant.id,
        client_id=client.id,
        generation=0,
        created_at=now,
        ends_at=None if static else Instant(now + provider.refresh_absolute),
    )
    text = mint(Kind.REFRESH_TOKEN, random[ID_OCTETS : ID_OCTETS + SECRET_OCTETS])
    return text, (
        AddFamily(family),
        AddRefreshToken(refresh_token_row(issuer, family, 0, text, pepper=pepper, now=now)),
    )

"""The introspection endpoint (RFC 7662): is this token good, and what does it say.

Asked by a client about its own tokens, or by an API that has the scope `portvakt:introspect` about the access tokens
that it is shown, but for those of the administration: no API may take one. Whoever else asks learns what they would of
a made-up token: that it is not active. A scope that the client lost since is not told; a token of which none is left is
not active.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from portvakt.model.behalf import RefreshFacts
from portvakt.model.decision import Granted
from portvakt.protocol.live import is_live, scopes_left, why_client_is_dead
from portvakt.protocol.own_scopes import INTROSPECT
from portvakt.providers.speak import refuse_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.model.decision import Refused
    from portvakt.model.nouns import Issuer
    from portvakt.model.values import Instant
    from portvakt.protocol.answer.presented import AccessFacts, Presented
    from portvakt.protocol.answer.token import Authenticated

INACTIVE: Mapping[str, object] = MappingProxyType({"active": False})
"""RFC 7662 §2.2: "SHOULD NOT include any additional information"."""

_TOLD = ("scope", "client_id", "exp", "iat", "sub", "aud", "iss", "jti", "organisation_number", "roles")


def introspect(
    issuer: Issuer, authenticated: Authenticated, presented: Presented, *, now: Instant
) -> Granted[Mapping[str, object]] | Refused:
    """Decide what is told of a token. Refused for a client that proves nothing (RFC 7662 §2.1)."""
    if authenticated.secret is None:
        return refuse_secret(issuer.provider, "a public client asks about a token")
    if presented is None:
        return Granted(INACTIVE)
    if isinstance(presented, RefreshFacts):
        return Granted(_refresh_token(issuer, authenticated, presented, now))
    return Granted(_access_token(issuer, authenticated, presented))


def _refresh_token(
    issuer: Issuer, authenticated: Authenticated, facts: RefreshFacts, now: Instant
) -> Mapping[str, object]:
    """A refresh token is its client's affair, and no API's."""
    token, family, standing = facts.token, facts.family, facts.standing
    ended = token.expires_at is not None and now >= token.expires_at
    over = family.ends_at is not None and now >= family.ends_at
    used = token.redeemed_at is not None or family.revoked_at is not None
    if family.client_id != authenticated.facts.client.id or ended or over or used or not is_live(standing):
        return INACTIVE
    told: dict[str, object] = {
        "active": True,
        "scope": " ".join(scopes_left(standing)),
        "client_id": family.client_id,
        "sub": standing.user.id,
        "iss": issuer.url,
        "iat": token.created_at,
    }
    return told if token.expires_at is None else {**told, "exp": token.expires_at}


def _access_token(issuer: Issuer, authenticated: Authenticated, facts: AccessFacts) -> Mapping[str, object]:
    caller = authenticated.facts.client
    may_ask = INTROSPECT in caller.scopes and facts.token.claims["aud"] == issuer.audience
    if facts.taken_back or (facts.token.client_id != caller.id and not may_ask):
        return INACTIVE
    if facts.token.grant_id is None:
        client = None if why_client_is_dead(facts.client) else facts.client
    else:
        client = facts.standing.client if facts.standing is not None and is_live(facts.standing) else None
    if client is None:
        return INACTIVE
    claims = facts.token.claims
    told = {"active": True, "token_type": "Bearer", **{name: claims[name] for name in _TOLD if name in claims}}
    if "scope" not in told:
        return told
    left = [scope for scope in str(told["scope"]).split() if scope in client.client.scopes]
    return {**told, "scope": " ".join(left)} if left else INACTIVE

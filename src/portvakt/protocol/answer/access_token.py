"""The claims of access tokens (RFC 9068 §2.2), and the reply that carries one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.model.decision import Tokens
from portvakt.model.provider import EmptyScope
from portvakt.model.values import Seconds, Secret
from portvakt.protocol.answer.asked import audience_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from portvakt.jose.signing import Signer
    from portvakt.model.behalf import Standing
    from portvakt.model.nouns import ClientFacts, Issuer
    from portvakt.model.values import ClientId, Instant

JTI_OCTETS = 16


def client_claims(
    issuer: Issuer, facts: ClientFacts, scopes: Collection[str], *, jti: str, now: Instant
) -> dict[str, object]:
    """Return the claims of a client's own token: it is the subject, with the roles of the user whom it belongs to."""
    client_id = facts.client.id
    claims = _claims(issuer, client_id, client_id, scopes, jti=jti, now=now)
    if facts.owner.roles and facts.client.organisation is None:
        claims["roles"] = sorted(facts.owner.roles)
    return claims


def user_claims(
    issuer: Issuer, standing: Standing, scopes: Collection[str], *, jti: str, now: Instant
) -> dict[str, object]:
    """Return the claims of a token by which a client acts for a user: the user is the subject, `gid` the grant."""
    claims = _claims(issuer, standing.user.id, standing.client.client.id, scopes, jti=jti, now=now)
    claims["gid"] = standing.grant.id
    if standing.grant.organisation is not None:
        claims["organisation_number"] = standing.grant.organisation
    if standing.user.roles:
        claims["roles"] = sorted(standing.user.roles)
    return claims


def tokens_for(
    issuer: Issuer,
    claims: Mapping[str, object],
    *,
    signer: Signer,
    expires_in: int,
    refresh_token: Secret | None = None,
) -> Tokens:
    """Return the reply with an access token of these claims, which ends in `expires_in` seconds."""
    scope = str(claims.get("scope", ""))
    return Tokens(
        access_token=Secret(signer.sign(claims)),
        token_type=issuer.provider.token_type,
        lifetime=Seconds(max(0, expires_in - issuer.provider.stated_short_by)),
        scope=scope if scope or issuer.provider.empty_scope is EmptyScope.EMPTY_TEXT else None,
        refresh_token=refresh_token,
    )


def _claims(
    issuer: Issuer, subject: str, client_id: ClientId, scopes: Collection[str], *, jti: str, now: Instant
) -> dict[str, object]:
    claims: dict[str, object] = {
        "iss": issuer.url,
        "sub": subject,
        "aud": audience_of(issuer, scopes),
        "client_id": client_id,
        "iat": now,
        "exp": now + issuer.lifetime,
        "jti": jti,
    }
    scope = " ".join(scopes)
    if scope:
        claims["scope"] = scope
    return claims

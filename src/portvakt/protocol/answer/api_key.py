"""A personal API key that is shown to its own issuer: whose it is, and whether it is live."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portvakt.jose.verifying import TokenRefused, open_token
from portvakt.model.provider import API_KEY_TOKEN_TYPE, API_KEY_TYP
from portvakt.model.values import ApiKeyId
from portvakt.protocol.live import api_key_lives

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portvakt.jose.keys import PublicKey
    from portvakt.model.behalf import ApiKeyFacts
    from portvakt.model.nouns import Issuer
    from portvakt.model.values import Instant


@dataclass(frozen=True, slots=True)
class ShownKey:
    """An API key of this issuer. Only `read_api_key` makes one. Nothing is said of whether it is live."""

    id: ApiKeyId
    claims: Mapping[str, object] = field(repr=False)


def read_api_key(issuer: Issuer, keys: Sequence[PublicKey], token: str) -> ShownKey | None:
    """Return an API key that one of `keys` signed: all that the issuer ever had, for a key has no end of its own."""
    try:
        claims = open_token(token, keys, API_KEY_TYP).claims
    except TokenRefused:
        return None
    key_id = claims.get("jti")
    if (claims.get("iss"), claims.get("aud")) != (issuer.url, issuer.audience) or not isinstance(key_id, str):
        return None
    return ShownKey(ApiKeyId(key_id), claims)


def tell_api_key(
    issuer: Issuer, shown: ShownKey, facts: ApiKeyFacts | None, now: Instant
) -> Mapping[str, object] | None:
    """Return what a live key may do now, as introspection tells it; None for one that is not live."""
    if facts is None or facts.key.user_id != shown.claims.get("sub") or not api_key_lives(facts, now):
        return None
    key, user = facts.key, facts.user
    told: dict[str, object] = {
        "active": True,
        "token_type": API_KEY_TOKEN_TYPE,
        "iss": issuer.url,
        "sub": user.id,
        "aud": issuer.audience,
        "iat": key.created_at,
        "jti": key.id,
        "scope": " ".join(issuer.provider.scopes or ()),
    }
    if key.expires_at is not None:
        told["exp"] = key.expires_at
    if key.organisation is not None:
        told["organisation_number"] = key.organisation
    if user.roles:
        told["roles"] = sorted(user.roles)
    return told

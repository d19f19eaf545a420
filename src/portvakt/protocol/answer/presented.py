"""A token that is shown to its own issuer, to be revoked or asked about.

Which kind it is, it says itself: the hint of RFC 7009 §2.1 is not needed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portvakt.jose.verifying import TokenRefused, open_token
from portvakt.model.behalf import RefreshFacts
from portvakt.model.provider import TokenHeader
from portvakt.model.values import ClientId, GrantId, Instant
from portvakt.protocol.answer.asked import apis_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portvakt.jose.keys import PublicKey
    from portvakt.model.behalf import Standing
    from portvakt.model.nouns import ClientFacts, Issuer


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """An access token of this issuer that has not expired. Only `read_access_token` makes one.

    `grant_id` None: a client's own token. Nothing is said of whether what it rests on still stands.
    """

    client_id: ClientId
    grant_id: GrantId | None
    subject: str = field(repr=False)
    organisation: str | None = field(repr=False)
    issued_at: Instant
    claims: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccessFacts:
    """An access token, with what it rests on: the standing of its grant, or the client whose own it is.

    Each is None if there is no such thing any more. `taken_back`: whether something that the token names has ended
    since it was issued, also if it has begun again.
    """

    token: AccessToken
    standing: Standing | None
    client: ClientFacts | None
    taken_back: bool


Presented = RefreshFacts | AccessFacts | None
"""What was found of a token; None: it is unknown, expired, malformed or of another kind or issuer."""


def read_access_token(issuer: Issuer, keys: Sequence[PublicKey], token: str, now: Instant) -> AccessToken | None:
    """Return an access token of this issuer that `keys`, its own, signed; None for whatever else it is.

    Also one that is for the administration: whoever takes tokens for the API alone looks at `aud`.
    """
    header = issuer.provider.token_header
    try:
        claims = open_token(token, keys, header.typ, keyless=header is TokenHeader.BARE_JWT).claims
    except TokenRefused:
        return None
    client_id, subject, began, end = (claims.get(name) for name in ("client_id", "sub", "iat", "exp"))
    if claims.get("iss") != issuer.url or claims.get("aud") not in apis_of(issuer):
        return None
    if not isinstance(client_id, str) or not isinstance(subject, str):
        return None
    if not isinstance(began, int) or not isinstance(end, int) or now >= end:
        return None
    grant_id, organisation = claims.get("gid"), claims.get("organisation_number")
    return AccessToken(
        client_id=ClientId(client_id),
        grant_id=GrantId(grant_id) if isinstance(grant_id, str) else None,
        subject=subject,
        organisation=organisation if isinstance(organisation, str) else None,
        issued_at=Instant(began),
        claims=claims,
    )

"""The claims of an access token, checked one by one in the order of `CHECKS` (RFC 9068 §2.2 and §4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portvakt.model.provider import TokenHeader
from portvakt.model.values import ClientId, Instant, Seconds
from portvakt.protocol.admit.verified import Verified

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from portvakt.model.provider import Provider

LEEWAY = Seconds(5)
"""By default: two machines that set their clocks by NTP differ by less."""

MAX_LEEWAY = Seconds(30)

LATEST = Instant(253_402_300_799)
"""The end of the year 9999: beyond it nobody means a moment."""

OF_OTHER_JWTS = ("nonce", "at_hash", "c_hash", "events", "htm")
"""Claims of ID tokens, logout tokens and DPoP proofs, which no access token has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a resource server takes. `leeway` is seconds, 0..30, by which clocks may differ.

    Raises:
        ValueError: no issuer, no audience, or a leeway out of bounds.
    """

    issuer: str
    audience: str
    provider: Provider
    leeway: Seconds = LEEWAY

    def __post_init__(self) -> None:
        if not self.issuer or not self.audience:  # else RFC 9068 §4 could not be kept
            raise ValueError("a resource server needs the issuer whose tokens it takes and an audience of its own")
        if not 0 <= self.leeway <= MAX_LEEWAY:
            raise ValueError(f"leeway is 0..{MAX_LEEWAY} seconds")


class Unfit(Exception):
    """A claim is missing, of the wrong type, or says that the token is not for here. The text is the operator's."""


def text(claims: Mapping[str, object], name: str) -> str:
    """Return a claim that is a text of at least one character."""
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise Unfit(f"{name} is missing or no text")
    return value


def optional_text(claims: Mapping[str, object], name: str) -> str | None:
    """Return a claim that is absent or a text of at least one character."""
    return text(claims, name) if name in claims else None


def moment(claims: Mapping[str, object], name: str) -> Instant:
    """Return a claim that is a moment: whole seconds from 1970 to 9999, and no boolean."""
    value = claims.get(name)
    if type(value) is not int or not 0 <= value <= LATEST:
        raise Unfit(f"{name} is missing or no moment")
    return Instant(value)


def texts(claims: Mapping[str, object], name: str) -> frozenset[str]:
    """Return a claim that is absent or a list of texts."""
    value = claims.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise Unfit(f"{name} is not a list of texts")
    return frozenset(value)


def scopes(claims: Mapping[str, object]) -> frozenset[str]:
    """Return the scope tokens, none where there is no such claim (RFC 9068 §2.2.3)."""
    value = claims.get("scope", "")
    if not isinstance(value, str):
        raise Unfit("scope is no text")
    return frozenset(value.split(" ")) - {""}  # RFC 6749 §3.3: delimited by spaces


def from_the_issuer(claims: Mapping[str, object], rules: Rules, _: Instant) -> None:
    """RFC 9068 §4: iss must exactly match the issuer identifier."""
    if text(claims, "iss") != rules.issuer:
        raise Unfit(f"iss is another issuer than {rules.issuer}")


def for_this_audience(claims: Mapping[str, object], rules: Rules, _: Instant) -> None:
    """RFC 7519 §4.1.3: one text, or a list of them that holds ours."""
    audience = claims.get("aud")
    several = [audience] if isinstance(audience, str) else audience
    if not isinstance(several, list) or not all(isinstance(item, str) for item in several):
        raise Unfit("aud is missing or no text")
    if rules.audience not in several:
        raise Unfit(f"aud does not name this API, {rules.audience}")


def not_another_jwt(claims: Mapping[str, object], rules: Rules, _: Instant) -> None:
    """RFC 9068 §5: where the header does not tell the kinds apart, the claims must."""
    if rules.provider.token_header is not TokenHeader.BARE_JWT:
        return
    for name in OF_OTHER_JWTS:
        if name in claims:
            raise Unfit(f"{name} belongs to another kind of JWT")
    if claims.get("sub") == claims.get("iss"):
        raise Unfit("sub is the issuer: a client assertion or a statement of its own")


def not_expired(claims: Mapping[str, object], rules: Rules, now: Instant) -> None:
    """RFC 7519 §4.1.4: on or after exp it is not accepted."""
    end = moment(claims, "exp")
    if now >= end + rules.leeway:
        raise Unfit(f"expired {now - end} s ago")


def begun(claims: Mapping[str, object], rules: Rules, now: Instant) -> None:
    """RFC 7519 §4.1.5 and §4.1.6: not before nbf, and not issued in the future."""
    for name in ("nbf", "iat") if "nbf" in claims else ("iat",):
        ahead = moment(claims, name) - now
        if ahead > rules.leeway:
            raise Unfit(f"{name} is {ahead} s in the future")


CHECKS: tuple[Callable[[Mapping[str, object], Rules, Instant], None], ...] = (
    from_the_issuer,
    for_this_audience,
    not_another_jwt,
    not_expired,
    begun,
)


def read(claims: Mapping[str, object], rules: Rules, key_id: str, now: Instant) -> Verified:
    """Check the claims of a token whose signature `key_id` verified.

    Raises:
        Unfit: one of the seven required claims is missing, one is not of its type, or a check fails.
    """
    for check in CHECKS:
        check(claims, rules, now)
    return Verified(
        client_id=ClientId(text(claims, "client_id")),
        subject=text(claims, "sub"),
        scopes=scopes(claims),
        organisation_number=optional_text(claims, "organisation_number"),
        roles=texts(claims, "roles"),
        issued_at=moment(claims, "iat"),
        expires_at=moment(claims, "exp"),
        token_id=text(claims, "jti"),
        grant_id=optional_text(claims, "gid"),
        key_id=key_id,
    )

"""A personal API key at a resource server: what its issuer says of it, checked as claims are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.jose.verifying import KeyNotFound, TokenRefused, open_token
from portvakt.model.decision import INVALID_TOKEN, Refused
from portvakt.model.provider import API_KEY_TOKEN_TYPE, API_KEY_TYP
from portvakt.model.values import ClientId, Instant
from portvakt.protocol.admit import claims
from portvakt.protocol.admit.claims import LATEST, Rules, Unfit
from portvakt.protocol.admit.verified import Verified

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portvakt.jose.keys import PublicKey


def refuse_forged(token: str, *, rules: Rules, keys: Sequence[PublicKey]) -> Refused | None:
    """Refuse what one of the current keys is named to have signed and did not.

    None proves nothing: a key of the issuer's that is published no more may have signed it, so the issuer is asked.
    """
    try:
        open_token(token, keys, API_KEY_TYP)
    except KeyNotFound:
        return None
    except TokenRefused as error:
        return refuse_key(rules, error.reason)
    return None


def admit_api_key(told: Mapping[str, object] | None, *, rules: Rules, now: Instant) -> Verified | Refused:
    """Judge what the issuer said of an API key when it was asked; None: that it is not live."""
    if told is None:
        return refuse_key(rules, "the API key is not live")
    try:
        return _read(told, rules, now)
    except Unfit as error:
        return refuse_key(rules, str(error))


def refuse_key(rules: Rules, reason: str) -> Refused:
    """Return the refusal of an API key, as of any bad token."""
    return Refused(INVALID_TOKEN, rules.provider.api.refused_text, 401, reason=reason)


def _read(told: Mapping[str, object], rules: Rules, now: Instant) -> Verified:
    if told.get("active") is not True or told.get("token_type") != API_KEY_TOKEN_TYPE:
        raise Unfit("the issuer does not call it a live API key")
    claims.from_the_issuer(told, rules, now)
    claims.for_this_audience(told, rules, now)
    expires_at = claims.moment(told, "exp") if "exp" in told else LATEST
    if now >= expires_at:
        raise Unfit("expired")
    key_id = claims.text(told, "jti")
    return Verified(
        client_id=ClientId(key_id),
        subject=claims.text(told, "sub"),
        scopes=claims.scopes(told),
        organisation_number=claims.optional_text(told, "organisation_number"),
        roles=claims.texts(told, "roles"),
        issued_at=claims.moment(told, "iat"),
        expires_at=Instant(expires_at),
        token_id=key_id,
        grant_id=None,
        key_id="",
    )

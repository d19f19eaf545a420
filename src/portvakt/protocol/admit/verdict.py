"""From a token's text to a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portvakt.jose import base64url
from portvakt.jose.strict_json import read_object
from portvakt.jose.verifying import KeyNotFound, TokenRefused, open_token
from portvakt.model.decision import INSUFFICIENT_SCOPE, INVALID_TOKEN, Refused
from portvakt.model.provider import TokenHeader
from portvakt.protocol.admit.claims import Unfit, read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from portvakt.jose.keys import PublicKey
    from portvakt.model.values import Instant
    from portvakt.protocol.admit.claims import Rules
    from portvakt.protocol.admit.verified import Verified


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """None of these keys signed the token. A newer key set might hold one that did; else the answer is `refused`."""

    refused: Refused


def admit(token: str, *, rules: Rules, keys: Sequence[PublicKey], now: Instant) -> Verified | Refused | UnknownKey:
    """Judge an access token (RFC 9068 §4): kind, signature, then claims, so that a forger learns nothing of the rest.

    `keys` are the issuer's current ones. A provider whose tokens name no key is tried against each, at most 4.
    A `Refused` is `invalid_token` under 401; its reason is the operator's (RFC 6750 §3.1).
    """
    header = rules.provider.token_header
    try:
        opened = open_token(token, keys, header.typ, keyless=header is TokenHeader.BARE_JWT)
        return read(opened.claims, rules, opened.kid, now)
    except KeyNotFound as error:
        return UnknownKey(_invalid_token(rules, error.reason + _foreign(token, rules)))
    except TokenRefused as error:
        return _invalid_token(rules, error.reason + _foreign(token, rules))
    except Unfit as error:
        return _invalid_token(rules, str(error))


def missing_scopes(verified: Verified, needed: AbstractSet[str]) -> Refused:
    """Say `insufficient_scope` under 403 to a token that does not hold all of `needed`.

    Whether it does is `needed <= verified.scopes` and nothing else: scopes are names, not prefixes.
    """
    lacking = " ".join(sorted(needed - verified.scopes))
    text = "The access token lacks a scope that this needs."
    return Refused(INSUFFICIENT_SCOPE, text, 403, reason=f"scopes that the token lacks: {lacking}")


def _foreign(token: str, rules: Rules) -> str:
    """Say so of a token that names another issuer, as the other environment's does: it is why no key of ours fits.

    Nobody has verified what it says, so nothing of it is repeated.
    """
    try:
        said = read_object(base64url.decode(token.split(".")[1].encode("ascii"))).get("iss")
    except (ValueError, IndexError):
        return ""
    return f"; it names another issuer than {rules.issuer}" if isinstance(said, str) and said != rules.issuer else ""


def _invalid_token(rules: Rules, reason: str) -> Refused:
    return Refused(INVALID_TOKEN, rules.provider.api.refused_text, 401, reason=reason)

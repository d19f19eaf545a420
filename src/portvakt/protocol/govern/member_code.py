"""Codes by which a user lets somebody else have them belong to an organisation.

Whoever administers an organisation adds people by a code that only those people see. An address would tell them, or
whoever they are, which addresses have an account here; an id stands in the tokens of others.
"""

from __future__ import annotations

import hmac
import json
import re

from portvakt.jose.base64url import encode
from portvakt.model.decision import INVALID_REQUEST, Refused
from portvakt.model.values import Instant, IssuerName, Secret, UserId

LIFE = 2 * 86_400
"""Seconds that a code is good at most; at least half as many, since it ends with a day."""

NO_CODE = Refused(
    INVALID_REQUEST,
    "That is no code of a member-to-be, or it is too old. They see theirs on the page of their account.",
    reason="no member's code",
)

_DAY = 86_400
_MAC_OCTETS = 16
_CODE = re.compile(r"([A-Za-z0-9_-]{1,128})\.([0-9]{1,12})\.([A-Za-z0-9_-]{22})", re.ASCII)


def member_code(pepper: bytes, issuer: IssuerName, user_id: UserId, now: Instant) -> Secret:
    """Return the code of a user, the same for a day."""
    ends = (now // _DAY) * _DAY + LIFE
    return Secret(f"{user_id}.{ends}.{_mac(pepper, issuer, user_id, ends)}")


def whose_code(pepper: bytes, issuer: IssuerName, text: str, now: Instant) -> UserId | None:
    """Return whose code it is; None: nobody's, or it is too old."""
    match = _CODE.fullmatch(text)
    if match is None or now >= int(match[2]):
        return None
    user_id = UserId(match[1])
    return user_id if hmac.compare_digest(match[3], _mac(pepper, issuer, user_id, int(match[2]))) else None


def _mac(pepper: bytes, issuer: IssuerName, user_id: UserId, ends: int) -> str:
    about = json.dumps(["portvakt member", issuer, user_id, ends]).encode()
    return encode(hmac.digest(pepper, about, "sha256")[:_MAC_OCTETS]).decode("ascii")

"""Page tokens: where a list goes on. Each is for one list of one issuer with one set of filters, and for no other."""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING

from portvakt.jose.base64url import decode, encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    Cursor = Sequence[str | int]

LONGEST = 4096
_MAC_OCTETS = 16


def write_page_token(key: bytes, of: Sequence[str | None], cursor: Cursor) -> str:
    """Return the token of what comes behind `cursor`. `of`: which list it is, with its filters."""
    octets = json.dumps(list(cursor), ensure_ascii=False, separators=(",", ":")).encode()
    return encode(_mac(key, of, octets) + octets).decode("ascii")


def read_page_token(key: bytes, of: Sequence[str | None], token: str) -> list[str | int] | None:
    """Return the cursor; None for a text that `write_page_token` did not write for this list (W5, Z8)."""
    if len(token) > LONGEST or not token.isascii():
        return None
    try:
        octets = decode(token.encode("ascii"))
    except ValueError:
        return None
    mac, octets = octets[:_MAC_OCTETS], octets[_MAC_OCTETS:]
    if not hmac.compare_digest(mac, _mac(key, of, octets)):
        return None
    cursor: list[str | int] = json.loads(octets)
    return cursor


def _mac(key: bytes, of: Sequence[str | None], octets: bytes) -> bytes:
    about = json.dumps(list(of)).encode()
    return hmac.digest(key, len(about).to_bytes(4, "big") + about + octets, "sha256")[:_MAC_OCTETS]

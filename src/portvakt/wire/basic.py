"""The `Authorization` header of a client, and HTTP Basic in it (RFC 7617, RFC 6749 §2.3.1)."""

from __future__ import annotations

import binascii
import re

from portvakt.wire.errors import WireError
from portvakt.wire.form import decode_component

BASIC_LIMIT = 4096
"""The longest header value that is read, in bytes."""

_BASIC = re.compile(rb"(?i:basic) +([A-Za-z0-9+/]+={0,2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def authorization_scheme(value: bytes) -> bytes:
    """Return the scheme of an Authorization header in lower case (RFC 9110 §11.4); of an empty one, b""."""
    return value.partition(b" ")[0].lower()


def parse_basic(value: bytes) -> tuple[str, str]:
    """Return client id and secret of an Authorization header whose scheme is Basic.

    The two are split at the first colon and each is form-decoded exactly once (RFC 6749 §2.3.1). The base64
    is the canonical one: padded, no stray bits, nothing beside it. Either half may be empty.

    Raises: WireError for whatever else there is: another encoding, control characters, more than 4 KiB.
    """
    if len(value) > BASIC_LIMIT:
        raise _malformed("is too long")
    match = _BASIC.fullmatch(value)
    if match is None:
        raise _malformed("is not Basic with base64")
    encoded = match[1]
    try:
        pair = binascii.a2b_base64(encoded)
        if binascii.b2a_base64(pair, newline=False) != encoded:  # decoding drops stray bits and padding
            raise _malformed("is not Basic with base64")
        user, colon, password = pair.decode().partition(":")
        client_id, client_secret = decode_component(user), decode_component(password)
    except ValueError:  # binascii.Error and UnicodeDecodeError are among them
        raise _malformed("is not form-encoded UTF-8 in base64") from None
    if not colon:
        raise _malformed("has no colon between client id and secret")
    if _CONTROL.search(client_id) or _CONTROL.search(client_secret):
        raise _malformed("holds a control character")
    return client_id, client_secret


def _malformed(says: str) -> WireError:
    return WireError(None, f"The Authorization header {says}.")

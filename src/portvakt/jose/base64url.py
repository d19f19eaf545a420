"""Base64url without padding (RFC 7515 §2), of which every octet string has exactly one spelling."""

from __future__ import annotations

import binascii

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


def encode(octets: bytes) -> bytes:
    """Return the base64url text of `octets`, as ASCII bytes."""
    return binascii.b2a_base64(octets, newline=False).rstrip(b"=").translate(_TO_URL)


def decode(text: bytes) -> bytes:
    """Return the octets that `text` spells.

    Raises:
        ValueError: `text` is not what `encode` would have written: padding, white space, another alphabet, an
            impossible length, or unused bits of the last character that are not zero (RFC 4648 §3.5).
    """
    octets = binascii.a2b_base64(text.translate(_FROM_URL) + b"==")
    # The decoder passes over what it does not know; the comparison does not.
    if encode(octets) != text:
        raise ValueError("not base64url")
    return octets

"""What kind of token a text says that it is."""

from __future__ import annotations

from portvakt.jose.verifying import TokenRefused, split
from portvakt.model.provider import API_KEY_TYP


def is_api_key(token: str) -> bool:
    """Whether a token says of itself that it is an API key. Nothing of it is proven."""
    try:
        typ = split(token).typ
    except TokenRefused:
        return False
    return typ is not None and typ.isascii() and typ.lower() in {API_KEY_TYP, f"application/{API_KEY_TYP}"}

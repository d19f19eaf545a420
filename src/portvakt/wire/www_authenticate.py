"""`WWW-Authenticate` as servers write it, and bearer tokens as resource servers read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.wire.basic import authorization_scheme
from portvakt.wire.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Sequence

BEARER_LIMIT = 16_384
"""The longest Authorization header that is read, in bytes."""

# RFC 6750 §2.1: b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
_TOKEN_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
_NOT_QUOTABLE = 'a challenge holds printable ASCII without " and \\'


def basic_challenge(realm: str) -> str:
    """Return the challenge of HTTP Basic; the charset tells clients to send UTF-8 (RFC 7617 §2.1).

    Raises: ValueError as `bearer_challenge`.
    """
    return f'Basic realm={_quoted(realm)}, charset="UTF-8"'


def bearer_challenge(
    *,
    realm: str | None = None,
    error: str | None = None,
    description: str | None = None,
    scope: str | None = None,
    resource_metadata: str | None = None,
) -> str:
    r"""Return the challenge of a resource server (RFC 6750 §3, RFC 9728 §5.1). None: that member is left out.

    Raises: ValueError if a text is not printable ASCII, or holds `"` or `\`: RFC 6750 §3 allows neither in
        `error`, `error_description` and `scope`, and no realm or URL of ours needs them.
    """
    members = {
        "realm": realm,
        "error": error,
        "error_description": description,
        "scope": scope,
        "resource_metadata": resource_metadata,
    }
    said = ", ".join(f"{name}={_quoted(text)}" for name, text in members.items() if text is not None)
    return f"Bearer {said}" if said else "Bearer"


def parse_bearer(values: Sequence[bytes]) -> str | None:
    """Return the token of a request whose Authorization headers are `values`; None if it shows no bearer token.

    A header of another scheme is somebody else's, so None too. The scheme may be in any letter case, and
    several spaces may follow it (RFC 9110 §11.4).

    Raises: WireError (400, RFC 6750 §3.1) for two headers, no token, two, one of other characters, or more than
        16 KiB.
    """
    if not values:
        return None
    if len(values) > 1:
        raise WireError(None, "The Authorization header is sent more than once.")
    value = values[0]
    if authorization_scheme(value) != b"bearer":
        return None
    if len(value) > BEARER_LIMIT:
        raise WireError(None, "The bearer token is too long.")
    token = value[6:].lstrip(b" ")
    body = token.rstrip(b"=")
    if not body or body.translate(None, _TOKEN_BYTES):
        raise WireError(None, "The Authorization header does not hold one bearer token.")
    return token.decode("ascii")


def _quoted(text: str) -> str:
    if not (text.isascii() and text.isprintable()) or '"' in text or "\\" in text:
        raise ValueError(_NOT_QUOTABLE)
    return f'"{text}"'

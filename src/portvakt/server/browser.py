"""What is kept in a browser: one cookie for each issuer, and values that bind a form to the browser it was sent to.

Issuers under one host share a browser's origin, so each cookie's name carries its issuer's. A cookie holds an opaque
text and nothing else. The language that was chosen is the one thing that is the same for all of them.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portvakt.model.nouns import Issuer

SESSION = "session"
VISIT = "visit"
"""Before a log-in: a random text that ties the log-in form to the browser which asked for it."""

LANGUAGE = "language"
LANGUAGE_LIFE = 365 * 86_400

_LONGEST_COOKIES = 8192
_SAME_SITE = frozenset({b"same-origin", b"none"})  # "none": the user typed the address, or a bookmark did


def cookie_name(issuer: Issuer, kind: str) -> str:
    """Return the cookie's name: with `__Host-` where there is TLS (RFC 6265bis §4.1.3.2)."""
    prefix = "__Host-" if issuer.url.startswith("https://") else ""
    return f"{prefix}portvakt-{kind}" if kind == LANGUAGE else f"{prefix}portvakt-{issuer.name}-{kind}"


def set_cookie(issuer: Issuer, kind: str, value: str, *, seconds: int | None) -> tuple[str, str]:
    """Return the header that sets a cookie; `seconds` None: until the browser is closed."""
    secure = "; Secure" if issuer.url.startswith("https://") else ""
    age = "" if seconds is None else f"; Max-Age={seconds}"
    # Lax: the client's site sends the user here by a link, and the session must come along.
    return "set-cookie", f"{cookie_name(issuer, kind)}={value}; Path=/{secure}; HttpOnly; SameSite=Lax{age}"


def clear_cookie(issuer: Issuer, kind: str) -> tuple[str, str]:
    """Return the header that deletes a cookie."""
    return set_cookie(issuer, kind, "", seconds=0)


def read_cookie(issuer: Issuer, kind: str, headers: list[tuple[bytes, bytes]]) -> str | None:
    """Return the cookie's value; None if it is not there, empty, or there twice with two values."""
    name = cookie_name(issuer, kind).encode()
    found: set[bytes] = set()
    for header, line in headers:
        if header == b"cookie" and len(line) <= _LONGEST_COOKIES:
            for pair in line.split(b";"):
                key, _, value = pair.strip().partition(b"=")
                if key == name:
                    found.add(value)
    value = found.pop() if len(found) == 1 else b""
    return value.decode("ascii", "ignore") or None


def bind(key: bytes, purpose: str, text: str) -> str:
    """Return a value that only this server can make, for one purpose and one browser: what a form must bring back."""
    mac = hmac.digest(key, f"{purpose}\0{text}".encode(), "sha256")
    return urlsafe_b64encode(mac).rstrip(b"=").decode()


def is_bound(key: bytes, purpose: str, text: str, shown: str) -> bool:
    """Tell whether a form brought back what it was given. Takes the same time wherever the difference lies."""
    return hmac.compare_digest(bind(key, purpose, text).encode(), shown.encode())


def is_link_of_ours(issuer: Issuer, headers: list[tuple[bytes, bytes]]) -> bool:
    """Tell whether a link on one of our own pages was followed: what sends a browser on (303) hides where it was."""
    own = _origin(issuer).encode() + b"/"
    return any(name == b"referer" and value.startswith(own) for name, value in headers)


def is_from_here(issuer: Issuer, headers: list[tuple[bytes, bytes]]) -> bool:
    """Tell whether a browser says that a form was posted from one of our own pages.

    `Origin` must be the issuer's own where it is sent, and `Sec-Fetch-Site` same-origin; `null` is nobody's. A browser
    too old for both is left to the value in the form.
    """
    own = _origin(issuer).encode()
    for name, value in headers:
        if name == b"origin" and value != own:
            return False
        if name == b"sec-fetch-site" and value not in _SAME_SITE:
            return False
    return True


def _origin(issuer: Issuer) -> str:
    scheme, _, rest = issuer.url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"

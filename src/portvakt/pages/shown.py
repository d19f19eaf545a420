"""Texts of strangers, made fit to be shown: what could mislead the eye or break the page is taken out."""

from __future__ import annotations

import unicodedata
from urllib.parse import urlsplit

LONGEST_NAME = 100
MOST_MARKS = 2  # on one letter: enough for the languages we know of, too few to cover the line above

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})  # controls, bidi overrides, zero width, surrogates, unassigned
_SPACE = frozenset({"Zs", "Zl", "Zp"})
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f")  # letters and marks by category, nothing to the eye


def shown(text: str, longest: int = LONGEST_NAME) -> str:
    """Return a name in one line of at most `longest` characters, with nothing hidden in it; "" if nothing is left."""
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text[: 8 * longest]):
        category = unicodedata.category(character)
        if category in _SPACE or character in "\t\n\r\v\f\x85":
            kept.append(" ")
        elif category not in _HIDDEN and character not in _BLANK:
            marks = marks + 1 if category in {"Mn", "Me"} else 0
            if marks <= MOST_MARKS:
                kept.append(character)
    line = " ".join("".join(kept).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def grouped(number: str) -> str:
    """Return an organisation number as it is written on paper: 912 345 678, which never breaks."""
    clean = shown(number, 24)
    nine = len(clean) == 9 and clean.isascii() and clean.isdigit()  # noqa: PLR2004  Norway's have nine digits
    return "\u00a0".join((clean[:3], clean[3:6], clean[6:])) if nine else clean


def host_of(redirect_uri: str) -> str:
    """Return what a user can know an application's address by: its host, or the scheme of an app's own address."""
    parts = urlsplit(redirect_uri)
    return shown(parts.hostname or parts.scheme, 120)


def is_on_this_device(redirect_uri: str) -> bool:
    """Tell whether an application waits for the user on their own machine (RFC 8252 §7.3)."""
    return urlsplit(redirect_uri).hostname in {"127.0.0.1", "::1", "localhost"}


def own_path(url: str) -> str:
    """Return an address of our own, a path from the root. Raises ValueError for any other."""
    if not url.startswith("/") or url[1:2] in {"/", "\\"} or not url.isprintable() or " " in url:
        raise ValueError("a page links only to its own issuer's paths")
    return url


def application_url(url: str) -> str:
    """Return an application's address: https, http or an app's own scheme. Raises ValueError for any other."""
    scheme, colon, _ = url.partition(":")
    # RFC 8252 §7.1: an app's own scheme is a reversed domain name, so never `javascript` or `data`.
    if not colon or not (scheme.lower() in {"https", "http"} or "." in scheme) or not url.isprintable():
        raise ValueError("an application's address is of no scheme that a page may link to")
    return url

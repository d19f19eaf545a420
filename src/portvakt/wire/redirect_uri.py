"""Redirect URIs: what may be registered, what matches it, and how an answer is put into one.

They are compared as texts (RFC 9700 §2.1), so what is registered has one spelling: nothing in it that two parsers
might read differently. What is sent is not parsed at all, but for the port on loopback.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from portvakt.wire.query import parameter_names

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 2048
"""Characters of a redirect URI."""

LOOPBACK_LITERALS = frozenset({"127.0.0.1", "[::1]"})
LOOPBACK_NAMES = LOOPBACK_LITERALS | {"localhost"}
"""`localhost` may be pointed elsewhere (RFC 8252 §8.3), but many native applications use it."""

ANSWER_PARAMETERS = frozenset({"code", "state", "iss", "error", "error_description", "error_uri", "scope"})
"""What an answer adds: a registered query that has one of them would speak for the server."""

_HIGHEST_PORT = 65_535
# RFC 3986 §2, without "*" (a wildcard is never meant), "'" and ";" (other servers split paths there)
_PLAIN = re.compile(r"(?:[A-Za-z0-9._~:/?@!$&()+,=\[\]-]|%[0-9A-Fa-f]{2})*")
_CONTROL_ESCAPE = re.compile(r"%(?:[01][0-9A-F]|7F)", re.IGNORECASE)
_DOT_OR_SLASH_ESCAPE = re.compile(r"%(?:2[EF]|5C)", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::([1-9][0-9]{0,4}))?")
_HOST_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\]|localhost)(?::([1-9][0-9]{0,4}))?((?:[/?].*)?)")


def check_redirect_uri(text: str, *, public: bool) -> str | None:
    """Return what is wrong with a redirect URI that is to be registered, to be said after its name; None if nothing is.

    It is https, or http on `127.0.0.1`, `[::1]` or `localhost`; or, for a public client, a scheme of its own that has
    a dot (`com.example.app:/callback`, RFC 8252 §7.1). It is absolute, with a host in lower case and ASCII, without
    user, fragment (RFC 6749 §3.1.2), wildcard or dot segment.
    """
    if len(text) > LONGEST:
        return f"is longer than {LONGEST} characters"
    if "#" in text:
        return "has a fragment"
    if not _PLAIN.fullmatch(text) or _CONTROL_ESCAPE.search(text):
        return "has a character that is not plain there: a wildcard, a space, a semicolon, a letter beyond ASCII"
    scheme, colon, rest = text.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme):
        return "does not begin with a scheme in lower case, such as https:"
    if set(parameter_names(text.partition("?")[2].encode())) & ANSWER_PARAMETERS:
        return "has a query with a parameter that belongs to the answer"
    hierarchy, _, _ = rest.partition("?")
    if scheme in {"https", "http"}:
        problem = _web_problem(scheme, hierarchy)
    else:
        problem = _private_use_problem(scheme, hierarchy, public=public)
    return problem or _path_problem(hierarchy)


def matches(registered: str, sent: str, *, any_port_on: frozenset[str] = frozenset()) -> bool:
    """Whether `sent` is the registered URI: the same text (RFC 9700 §2.1, RFC 3986 §6.2.1).

    Where both are plain http on the same host of `any_port_on`, the port may differ, and nothing else (RFC 8252 §7.3).
    """
    if sent == registered:
        return True
    ours, theirs = _LOOPBACK.fullmatch(registered), _LOOPBACK.fullmatch(sent)
    if ours is None or theirs is None or ours[1] not in any_port_on:
        return False
    return (ours[1], ours[3]) == (theirs[1], theirs[3]) and _is_port(theirs[2])


def answer_uri(redirect_uri: str, members: Iterable[tuple[str, str]]) -> str:
    """Return the redirect URI with the members of an answer added to its query (RFC 6749 §4.1.2, appendix B).

    Raises: ValueError if it could not stand in a header: the redirect URI was never checked.
    """
    if not redirect_uri.isascii() or not redirect_uri.isprintable() or " " in redirect_uri or "#" in redirect_uri:
        raise ValueError("this redirect URI was not checked")
    separator = "?" if "?" not in redirect_uri else "" if redirect_uri.endswith(("?", "&")) else "&"
    return f"{redirect_uri}{separator}{urlencode(list(members))}"


def _web_problem(scheme: str, hierarchy: str) -> str | None:
    authority = hierarchy[2:].partition("/")[0]
    if not hierarchy.startswith("//") or not authority:
        return "has no host"
    if "@" in authority:
        return "holds a user name"
    match = _AUTHORITY.fullmatch(authority)
    if match is None or not _is_port(match[2]):
        return "has no plain host and port, or a host in upper case"
    if not _HOST_NAME.fullmatch(match[1]) and not _is_address(match[1]):
        return "has a host that is no name and no address in its usual spelling"
    if scheme == "http" and match[1] not in LOOPBACK_NAMES:  # RFC 9700 §2.6
        return "is plain http, which is for 127.0.0.1, [::1] and localhost"
    return None


def _private_use_problem(scheme: str, hierarchy: str, *, public: bool) -> str | None:
    if "." not in scheme:  # an allow-list: javascript, data, file, intent and whatever comes have none
        return "has a scheme that is not https, nor one of the application's own with a dot in it"
    if not public:  # RFC 8252 §8.5: such an application keeps no secret
        return "has a scheme of the application's own, which is for public clients"
    # Brackets: what no IPv6 address is in, others refuse to take apart, as the pages would that show it.
    return None if hierarchy.startswith("/") and not set(hierarchy) & set("@[]") else "has no path after its scheme"


def _path_problem(hierarchy: str) -> str | None:
    segments = hierarchy.split("/")
    if "." in segments or ".." in segments or _DOT_OR_SLASH_ESCAPE.search(hierarchy):
        return "has a dot segment, or an escaped dot, slash or backslash in its path"  # some servers decode them first
    return None


def _is_port(digits: str | None) -> bool:
    return digits is None or int(digits) <= _HIGHEST_PORT


def _is_address(host: str) -> bool:
    """Whether `host` is an address in its usual spelling: `[::1]`, `127.0.0.1`."""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    usual = {IPv4Address: "{}", IPv6Address: "[{}]"}[type(address)]
    return usual.format(address) == host

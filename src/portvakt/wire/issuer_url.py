"""Issuer URLs: compared as texts (RFC 8414 §3.3), so one place has one spelling."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

LONGEST = 2048
"""Characters of an issuer's URL."""

_HIGHEST_PORT = 65_535
_USUAL_PORT = {"https": "443", "http": "80"}
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::([1-9][0-9]{0,4}))?")
_HOST_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SEGMENT = re.compile(r"(?!\.\.?\Z)[A-Za-z0-9._~-]+")


def check_issuer_url(url: str) -> str | None:
    """Return what is wrong with an issuer's URL, to be said after its name; None if nothing is.

    It is https, or http on loopback (`localhost`, 127.0.0.0/8, `[::1]`). Its host is in lower case, its port
    is written only if it is not the scheme's own. It has no user, query, fragment (RFC 8414 §2) or trailing
    slash, and plain segments: letters, digits and `-._~`, none empty, `.` or `..`.
    """
    if len(url) > LONGEST:
        return f"is longer than {LONGEST} characters"
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _USUAL_PORT:
        return "does not begin with https:// (http:// is for loopback)"
    if "?" in rest or "#" in rest:
        return "has a query or a fragment"
    if rest.endswith("/"):
        return "ends with a slash"
    authority, *segments = rest.split("/")
    if not all(_SEGMENT.fullmatch(segment) for segment in segments):
        return "has a path with an empty segment, a dot segment or a character other than letters, digits and -._~"
    return _authority_problem(scheme, authority)


def well_known(issuer: str, suffix: str) -> str:
    """Return where `issuer` publishes `suffix`: its path goes behind the well-known one (RFC 8414 §3.1)."""
    scheme, _, rest = issuer.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority}/.well-known/{suffix}{slash}{path}"


def _authority_problem(scheme: str, authority: str) -> str | None:
    if "@" in authority:
        return "holds a user name"
    if authority != authority.lower():
        return "has a host in upper case"
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        return "has no plain host and port"
    host, port = match[1], match[2]
    if port is not None and (port == _USUAL_PORT[scheme] or int(port) > _HIGHEST_PORT):
        return "has a port that is out of range, or the usual one, which is left out"
    address = _address(host)
    if address is None and not _HOST_NAME.fullmatch(host):
        return "has a host that is no name and no address in its usual spelling"
    is_loopback = host == "localhost" if address is None else address.is_loopback
    if scheme == "http" and not is_loopback:
        return "is plain http, which is for loopback only"
    return None


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that `host` spells in the usual way: `[::1]`, `127.0.0.1`; None if it does not."""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return None
    usual = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    return address if usual == host else None

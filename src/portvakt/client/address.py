"""Where a URL leads: its parts, and whether the addresses behind its host are the open internet's."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

PORTS = {"https": 443, "http": 80}

# RFC 3986 §2: no space, control character, quotation mark, "<", ">", backslash, "^", "`", "{", "|", "}".
_URL = re.compile(r"(?:https|http)://[!#-;=?-\[\]_a-z~]+", re.ASCII | re.IGNORECASE)

# RFC 6052 §2.1: the last 32 bits are an IPv4 address that a gateway may turn to.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

# Not left to `is_global`: what it knows of these differs from one version of Python to the next.
_SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # RFC 6890: protocol assignments
            "192.88.99.0/24",  # RFC 7526: relays of 6to4, given up
            "2001::/23",  # RFC 2928: protocol assignments
            "3fff::/20",  # RFC 9637: documentation
        ),
    )
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotPlain(ValueError):
    """A text is no absolute http or https URL that every parser reads alike."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads. `host` is lower case and without brackets, `target` is path and query."""

    scheme: str
    host: str
    port: int
    target: str


def place(url: str) -> Place:
    """Take `url` apart.

    Raises:
        NotPlain: no absolute http or https URL; user information, a fragment, or a character that RFC 3986 does
            not know (CR, LF, a space, a letter beyond ASCII).
    """
    if not _URL.fullmatch(url) or "#" in url:
        raise NotPlain("not a plain http or https URL")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise NotPlain("not a plain http or https URL") from None
    if not host or "@" in parts.netloc or "%" in parts.netloc:
        raise NotPlain("not a plain http or https URL")
    scheme = parts.scheme.lower()
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(scheme, host, PORTS[scheme] if port is None else port, target)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, also when it hides an IPv4 address in an IPv6 one."""
    ip: Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    if any(ip in network for network in _SPECIAL):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def is_loopback(address: str) -> bool:
    """Whether an IP address is this machine's own."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback

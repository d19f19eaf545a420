"""The one outbound fetcher: small JSON documents, from hosts that somebody else may have named.

Everything that portvakt reads from an address which it did not make up itself goes through here, so that no document
can point it at a machine behind the firewall (SSRF), keep it waiting or fill its memory.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2

from portvakt.model.values import Seconds

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Sequence

BODY_OCTETS = 64 * 1024
HEADER_FIELDS = 64
DEADLINE = Seconds(3)
"""For all of it: name, connection, TLS, head and body."""

CONNECT_DEADLINE = Seconds(1)
"""For one of a name's addresses, so that a dead one leaves time for the next."""

_ADDRESSES = 4
_PORTS = {"https": 443, "http": 80}
_OK = 200

# RFC 3986 §2: no space, control character, quotation mark, "<", ">", backslash, "^", "`", "{", "|", "}".
_URL = re.compile(r"(?:https|http)://[!#-;=?-\[\]_a-z~]+", re.ASCII | re.IGNORECASE)
_JSON = re.compile(r"application/(?:[a-z0-9.-]+\+)?json", re.ASCII)
_MAX_AGE = re.compile(r"(?:^|,)\s*max-age=\"?([0-9]{1,9})\"?\s*(?:,|$)", re.ASCII | re.IGNORECASE)

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


class FetchFailed(Exception):
    """Nothing usable was fetched. The text names the host and the cause, never a query or what was received."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A JSON document as it was received, not parsed. `max_age`: what its Cache-Control says, if anything."""

    body: bytes
    max_age: Seconds | None = None


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
        FetchFailed: no absolute http or https URL; user information, a fragment, or a character that RFC 3986 does
            not know (CR, LF, a space, a letter beyond ASCII).
    """
    if not _URL.fullmatch(url) or "#" in url:
        raise FetchFailed("not a plain http or https URL")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise FetchFailed("not a plain http or https URL") from None
    if not host or "@" in parts.netloc or "%" in parts.netloc:
        raise FetchFailed("not a plain http or https URL")
    scheme = parts.scheme.lower()
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(scheme, host, _PORTS[scheme] if port is None else port, target)


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


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host, by the system's resolver, in its order."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


@cache
def _system_trust() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)  # some 20 ms: once a process


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches JSON documents within narrow bounds.

    `named_urls` are the URLs that the operator wrote down: the hosts in them may have private addresses, and are
    asked at the ports in them. Every other host needs a public address and port 443. `trust` replaces the system's
    certificate authorities, `resolver` its resolver.
    """

    named_urls: tuple[str, ...] = ()
    trust: ssl.SSLContext | None = None
    resolver: Callable[[str, int], Awaitable[Sequence[str]]] = resolve
    deadline: Seconds = DEADLINE

    async def fetch(self, url: str) -> Fetched:
        """GET a JSON document of at most 64 KiB within 3 seconds, following no redirect and asking no proxy.

        Raises:
            FetchFailed: the URL is not allowed, or what came is not a 200 with an uncompressed JSON body.
        """
        goal = place(url)
        try:
            async with asyncio.timeout(self.deadline):
                addresses = await self._addresses(goal)
                return await self._get(goal, addresses)
        except TimeoutError:
            raise FetchFailed(f"{goal.host}: no complete answer within {self.deadline} s") from None

    async def _addresses(self, goal: Place) -> Sequence[str]:
        """Resolve once and check what came out, since only that says where the connection goes."""
        named = {(known.host, known.port) for known in map(place, self.named_urls)}
        if goal.port != _PORTS["https"] and (goal.host, goal.port) not in named:
            raise FetchFailed(f"{goal.host}: port {goal.port} is not one that was configured")
        try:
            addresses = await self.resolver(goal.host, goal.port)
        except (OSError, UnicodeError):
            raise FetchFailed(f"{goal.host}: the name is not known") from None
        if not addresses:
            raise FetchFailed(f"{goal.host}: the name is not known")
        if goal.host not in {host for host, _ in named} and not all(map(is_public, addresses)):
            raise FetchFailed(f"{goal.host}: not a public address, and not a host that was configured")
        if goal.scheme == "http" and not all(map(is_loopback, addresses)):
            raise FetchFailed(f"{goal.host}: plain http is for loopback only")
        return addresses[:_ADDRESSES]

    async def _get(self, goal: Place, addresses: Sequence[str]) -> Fetched:
        trust = self.trust or _system_trust()
        timeout = httpx2.Timeout(self.deadline, connect=CONNECT_DEADLINE)
        async with httpx2.AsyncClient(verify=trust, timeout=timeout, trust_env=False) as client:
            for address in addresses:
                try:
                    return await _get_from(client, goal, address)
                except (httpx2.ConnectError, httpx2.ConnectTimeout):
                    continue  # the next address
                except httpx2.HTTPError as error:
                    raise FetchFailed(f"{goal.host}: {type(error).__name__}") from None
        raise FetchFailed(f"{goal.host}: no connection")


async def _get_from(client: httpx2.AsyncClient, goal: Place, address: str) -> Fetched:
    """Connect to the address that was checked.

    The name is said in Host and in TLS only, so that no second look-up can lead elsewhere.
    """
    literal = f"[{address}]" if ":" in address else address
    name = f"[{goal.host}]" if ":" in goal.host else goal.host
    own_port = goal.port == _PORTS[goal.scheme]
    headers = {
        "Host": name if own_port else f"{name}:{goal.port}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "portvakt",
    }
    url = f"{goal.scheme}://{literal}:{goal.port}{goal.target}"
    extensions = {"sni_hostname": goal.host}  # what the certificate is checked against
    async with client.stream("GET", url, headers=headers, extensions=extensions) as response:
        _check_head(goal, response)
        body = bytearray()
        async for part in response.aiter_raw():
            body += part
            if len(body) > BODY_OCTETS:
                raise FetchFailed(f"{goal.host}: more than {BODY_OCTETS} octets")
        return Fetched(bytes(body), _max_age(response))


def _check_head(goal: Place, response: httpx2.Response) -> None:
    if len(response.headers.raw) > HEADER_FIELDS:
        raise FetchFailed(f"{goal.host}: more than {HEADER_FIELDS} header fields")
    if response.status_code != _OK:
        raise FetchFailed(f"{goal.host}: status {response.status_code}")
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not _JSON.fullmatch(media_type):
        raise FetchFailed(f"{goal.host}: not JSON")
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise FetchFailed(f"{goal.host}: compressed, though that was not asked for")


def _max_age(response: httpx2.Response) -> Seconds | None:
    found = _MAX_AGE.search(response.headers.get("cache-control", ""))
    return Seconds(int(found[1])) if found else None

"""What the values of settings must be: each reader returns the value as it is used, or raises `Wrong`.

Texts of `Wrong` say what would do and never repeat what was given.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from portvakt.model.values import Seconds, Secret
from portvakt.providers.toml_values import Unfit, parse_quota
from portvakt.server.settings_sources import Found, Wrong, plain_text
from portvakt.wire.issuer_url import check_issuer_url

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from portvakt.model.provider import Quota

Network = IPv4Network | IPv6Network

LOG_LEVELS = ("debug", "info", "warning", "error")
SHORTEST_SECRET = 43  # 32 random octets as base64url
LEAST_ENTROPY = 128  # bits, by the frequency of its characters
LONGEST_LIFETIME = 86_400
HIGHEST_PORT = 65_535

_PLACEHOLDERS = re.compile(
    r"change.?me|replace.?me|your.?secret|secret|example|default|password|placeholder|insecure|portvakt", re.IGNORECASE
)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_URL_OCTETS = re.compile(r"(?:[^%\s]|%[0-9A-Fa-f]{2})*")


def port(found: Found) -> int:
    """A TCP port. Tells the variable that Kubernetes makes up for a service named portvakt."""
    if found.is_text and isinstance(found.value, str) and found.value.startswith("tcp://"):
        raise Wrong(
            "was set by Kubernetes for a service named portvakt; "
            "say `enableServiceLinks: false` in the pod, or rename the service"
        )
    return _whole(found, 1, HIGHEST_PORT)


def lifetime(found: Found) -> Seconds:
    """How long an access token lives."""
    return Seconds(_whole(found, 1, LONGEST_LIFETIME, " (seconds)"))


def _whole(found: Found, least: int, most: int, unit: str = "") -> int:
    """A whole number. As text only where everything is text: in TOML, "8040" is of the wrong type."""
    value = found.value
    if found.is_text and isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value):
        value = int(value)
    if type(value) is not int or not least <= value <= most:
        raise Wrong(f"must be a whole number from {least} to {most}{unit}")
    return value


def host(found: Found) -> str:
    """The address or name to listen on."""
    text = plain_text(found.value)
    try:
        return str(ip_address(text))
    except ValueError:
        if _HOST.fullmatch(text) is None or re.fullmatch(r"[0-9.]+", text):
            raise Wrong("must be an IP address or a host's name, without port") from None
        return text


def installation_url(found: Found) -> str:
    """Where the installation is reached: scheme and host, since its console and checks stand at the root."""
    text = plain_text(found.value)
    if wrong := check_issuer_url(text):
        raise Wrong(wrong)
    if text.count("/") > len("//"):
        raise Wrong("has a path; /admin, /livez and /readyz stand at the root of the host")
    return text


def log_level(found: Found) -> str:
    """How much is logged."""
    if plain_text(found.value) not in LOG_LEVELS:
        raise Wrong(f"must be one of {', '.join(LOG_LEVELS)}")
    return str(found.value)


def trusted_proxies(found: Found) -> tuple[Network, ...]:
    """The networks whose word on the caller's address counts (RFC 9700 §4.13)."""
    value = found.value
    if found.is_text:
        value = [] if value == "" else plain_text(value).replace(" ", "").split(",")
    if not isinstance(value, list):
        raise Wrong('must be a list of addresses or networks, as ["10.0.0.0/8"]')
    return tuple(_network(entry) for entry in value)


def _network(entry: object) -> Network:
    try:
        network = ip_network(plain_text(entry))
    except ValueError:
        raise Wrong("holds what is no address or network; write 10.0.0.7 or 10.0.0.0/8") from None
    if network.prefixlen == 0:
        raise Wrong("holds a network of all addresses, so anybody could say where a request came from")
    return network


def root_secret(found: Found) -> Secret:
    """The installation's secret: at least 32 random octets as base64url, so that it cannot be guessed."""
    text = plain_text(found.value)
    if not text.isascii() or " " in text:
        raise Wrong(f"must be ASCII without spaces; {_HOW_TO_MAKE}")
    if _PLACEHOLDERS.search(text):
        raise Wrong(f"is a placeholder or a known default; {_HOW_TO_MAKE}")
    if len(text) < SHORTEST_SECRET:
        raise Wrong(f"is too short: at least {SHORTEST_SECRET} characters (32 random bytes); {_HOW_TO_MAKE}")
    if _bits(text) < LEAST_ENTROPY or text in (text + text)[1:-1] or _is_a_run(text):
        raise Wrong(f"is not random enough; {_HOW_TO_MAKE}")
    return Secret(text)


_HOW_TO_MAKE = 'make one with: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'


def _bits(text: str) -> float:
    """Shannon's entropy by the frequency of the characters: high for random texts, low for few characters."""
    return -sum(count * math.log2(count / len(text)) for count in Counter(text).values())


def _is_a_run(text: str) -> bool:
    """Whether most characters follow their neighbour, as in abcdef… or 0123…."""
    steps = [abs(ord(after) - ord(before)) for before, after in pairwise(text)]
    return sum(step <= 1 for step in steps) > len(steps) // 2


def database(folder: Path) -> Callable[[Found], str]:
    """Make a reader of database URLs that resolves SQLite's paths against `folder`."""

    def read(found: Found) -> str:
        text = plain_text(found.value)
        scheme, separator, rest = text.partition("://")
        if separator and scheme == "sqlite":
            return _sqlite(rest, folder)
        if separator and scheme == "postgresql":
            return _postgresql(text, found)
        hint = "; write postgresql:// for postgres://" if scheme == "postgres" else ""
        raise Wrong(f"must be sqlite:///FILE or postgresql://USER@HOST/NAME{hint}")

    return read


def _sqlite(rest: str, folder: Path) -> str:
    if not rest.startswith("/") or len(rest) == 1 or rest.endswith("/") or set(rest) & set("?#"):
        raise Wrong("must be sqlite:///FILE (or sqlite:////FILE for an absolute path), without parameters")
    path = folder.absolute() / unquote(rest[1:])
    if not str(path).isprintable():
        raise Wrong("names a file with control characters")
    return "sqlite:///" + quote(str(path))


def _postgresql(text: str, found: Found) -> str:
    try:
        parts = urlsplit(text)
        named = parts.port != 0 and len(parts.path) > 1 and not parts.fragment and bool(_URL_OCTETS.fullmatch(text))
        parameters = parse_qsl(parts.query)
    except ValueError:
        named = False
    # A / or ? in a password ends the authority, and what is left of the password passes for the path.
    if not named or "@" in parts.path + parts.query:
        raise Wrong("must be postgresql://USER@HOST:PORT/NAME, with what is special in a password percent-encoded")
    if not _libpq_takes(text):
        raise Wrong("has a parameter after ? that PostgreSQL does not know, or one that is not percent-encoded")
    if found.open_to_others and (parts.password or any("password" in name for name, _ in parameters)):
        name = found.source.rpartition(":")[0] or found.source
        raise Wrong(f"holds a password, and others can read the file; run: chmod 600 {name}, or use database_file")
    return text


def _libpq_takes(text: str) -> bool:
    """Whether PostgreSQL's own library can read a URL; yes where it is not installed, as nothing connects then."""
    try:
        from psycopg import Error  # noqa: PLC0415  a tenth of a second that SQLite's users need not wait
        from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415
    except ImportError:
        return True
    try:
        conninfo_to_dict(text)
    except Error:
        return False
    return True


def without_password(url: str) -> str:
    """Return a database's URL as it may be shown."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    user, at, place = authority.rpartition("@")
    user = user.partition(":")[0] + (":***" if ":" in user else "")
    return f"{scheme}://{user}{at}{place}{slash}{path.partition('?')[0]}"


def quota(found: Found) -> Quota | None:
    """A quota as `100/hour`, `5/30s` or `off`."""
    try:
        return parse_quota(found.value)
    except Unfit as error:
        raise Wrong(str(error)) from None

"""What a caller says to `connect`, checked: each message says what is wrong, and none repeats a secret."""

from __future__ import annotations

import math
import re
from enum import Enum
from typing import TYPE_CHECKING

from portvakt.protocol.ask.endpoint import check_issuer, documented_endpoint
from portvakt.providers import PROVIDERS
from portvakt.wire.issuer_url import check_issuer_url

if TYPE_CHECKING:
    from portvakt.model.provider import Provider
    from portvakt.model.values import Secret
    from portvakt.protocol.ask.endpoint import TokenEndpoint

_VSCHARS = re.compile(r"[\x20-\x7e]{1,4096}")  # RFC 6749 App. A.1, A.2
_SCOPE_TOKEN = r"[\x21\x23-\x5b\x5d-\x7e]+"  # RFC 6749 §3.3
_SCOPE = re.compile(f"(?:{_SCOPE_TOKEN}(?: {_SCOPE_TOKEN})*)?")
_RESOURCE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!$-;=?-Z\[\]_a-z~]+")  # RFC 3986 §4.3: absolute, so no fragment
CLIENT_CREDENTIALS = "client_credentials"


class Public(Enum):
    """A client that has no secret, being a program on its user's own machine (RFC 6749 §2.1)."""

    CLIENT = "public client"


def located(
    name: str, environment: str | None, base_url: str | None, api_url: str | None
) -> tuple[Provider, str, str | None, TokenEndpoint | None]:
    """Return the contract, the issuer, the API's URL and the token endpoint; None: not known without metadata."""
    if "://" in name:
        if environment is not None or base_url is not None:
            raise ValueError("an issuer's URL says all: leave environment and base_url out")
        _require(check_issuer(name), "the issuer's URL")
        return PROVIDERS["standard"], name, None if api_url is None else _checked("api_url", api_url), None
    if name not in PROVIDERS:
        raise ValueError(f"no provider of that name; there are {', '.join(PROVIDERS)}, or an issuer's https:// URL")
    contract = PROVIDERS[name]
    if api_url is not None:
        raise ValueError(f"{contract.title}'s API is known: leave api_url out, or say base_url")
    if base_url is not None:
        if environment is not None:
            raise ValueError("environment and base_url name two places; give one of them")
        base = _checked("base_url", base_url)
        issuer, api = base + contract.auth_path, base + contract.api_path
    else:
        issuer, api = _environment(contract, environment)
    return contract, issuer, api, documented_endpoint(contract, issuer)


def _environment(contract: Provider, wanted: str | None) -> tuple[str, str]:
    known = {one.name: one for one in contract.environments}
    if not known:
        raise ValueError(f"{contract.title} has no address of its own: say base_url, or give the issuer's URL instead")
    if wanted is None and len(known) > 1:
        raise ValueError(f"which environment of {contract.title}? There are {', '.join(known)}; or say base_url")
    found = known.get(next(iter(known)) if wanted is None else wanted)
    if found is None:
        raise ValueError(f"{contract.title} has no such environment; there are {', '.join(known)}; or say base_url")
    return found.issuer_url, found.api_url


def _checked(name: str, url: str) -> str:
    url = url.rstrip("/")
    _require(check_issuer_url(url), name)
    return url


def _require(problem: str | None, name: str) -> None:
    if problem is not None:
        raise ValueError(f"{name} {problem}")


def check_credential(name: str, value: Secret) -> None:
    """Raise a ValueError or a TypeError that says what is wrong and does not repeat the value."""
    if not isinstance(value.reveal(), str):
        raise TypeError(f"{name} is a text")
    if not value:
        raise ValueError(f"{name} is empty: is the variable set that it comes from?")
    if value.reveal() != value.reveal().strip():
        raise ValueError(f"{name} begins or ends with white space: strip the line that it was read from")
    if not _VSCHARS.fullmatch(value.reveal()):
        raise ValueError(f"{name} holds characters that no credential has, or is too long")


def check_texts(**texts: object) -> None:
    """Raise a TypeError that names what is no text."""
    for name, text in texts.items():
        if not isinstance(text, str):
            raise TypeError(f"{name} is a text")


def check_wish(scope: str, resource: str | None) -> None:
    """Raise a ValueError that says which of them is malformed."""
    if not _SCOPE.fullmatch(scope):
        raise ValueError("scope is names of scopes, separated by one space each (RFC 6749 §3.3)")
    if resource is not None and not _RESOURCE.fullmatch(resource):
        raise ValueError("resource is not an absolute URI without fragment (RFC 8707 §2)")


def checked_wait(seconds: float) -> float:
    """Return `max_wait`. Raises: ValueError, TypeError."""
    if type(seconds) not in (int, float):
        raise TypeError("max_wait is a number of seconds")
    if not (seconds >= 0 and math.isfinite(seconds)):
        raise ValueError("max_wait is 0 or more seconds")
    return float(seconds)

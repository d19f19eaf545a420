"""What a caller says to `connect`, checked: each message says what is wrong, and none repeats a secret."""

from __future__ import annotations

import re
import sys
from enum import Enum
from typing import TYPE_CHECKING

from portvakt.protocol.ask.endpoint import check_issuer, documented_endpoint
from portvakt.providers import PROVIDERS
from portvakt.wire.issuer_url import check_issuer_url

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    name: str, environment: str | None, base_url: str | None, api_url: str | None = None
) -> tuple[Provider, str, str | None, TokenEndpoint | None]:
    """Return the contract, the issuer, the API's URL and the token endpoint; None: not known without metadata.

    Raises: ValueError, as `connect`.
    """
    if "://" in name:
        if environment is not None or base_url is not None:
            raise ValueError("an issuer's URL says all: leave environment and base_url out")
        _require(check_issuer(name), "the issuer's URL")
        return PROVIDERS["standard"], name, None if api_url is None else _checked("api_url", api_url), None
    if name not in PROVIDERS:
        there = f"there are {', '.join(PROVIDERS)}, or an issuer's https:// URL"
        raise ValueError(f"no provider of that name; {_meant(name, PROVIDERS)}{there}")
    contract = PROVIDERS[name]
    if api_url is not None:
        raise ValueError(f"{contract.title}'s API is known: leave api_url out, or say base_url")
    if base_url is not None:
        if environment is not None:
            raise ValueError("environment and base_url name two places; give one of them")
        base = _checked("base_url", base_url)
        _require_base(contract, base)
        issuer, api = base + contract.auth_path, base + contract.api_path
    else:
        issuer, api = _environment(contract, environment)
    return contract, issuer, api, documented_endpoint(contract, issuer)


def _environment(contract: Provider, wanted: str | None) -> tuple[str, str]:
    known = {one.name: one for one in contract.environments}
    if not known:
        raise ValueError(f"{contract.title} has no address of its own: say base_url, or give the issuer's URL instead")
    if wanted is None and len(known) > 1:
        raise ValueError(f"which environment of {contract.title}: {' or '.join(known)}? Or say base_url")
    found = known.get(next(iter(known)) if wanted is None else wanted)
    if found is None:
        there = f"there {'are' if len(known) > 1 else 'is'} {' and '.join(known)}, or say base_url"
        raise ValueError(f"{contract.title} has no such environment; {_meant(wanted, known)}{there}")
    return found.issuer_url, found.api_url


def _meant(wanted: str | None, known: Iterable[str]) -> str:
    """Return a question for the name that was perhaps meant, "" if none is near."""
    from difflib import get_close_matches  # noqa: PLC0415  only where something is wrong

    near = get_close_matches((wanted or "").lower(), known, 1)
    return f"did you mean {near[0]}? Else " if near else ""


def _require_base(contract: Provider, base: str) -> None:
    """Raise a ValueError for the URL of a token endpoint or of an API: what base_url is, both stand under."""
    ends = [*contract.token_paths, contract.api_path + contract.api.path]
    if contract.auth_path:  # else the base URL is an issuer's, which may end as it likes
        ends = [*(contract.auth_path + path for path in contract.token_paths), *ends, contract.auth_path]
        ends.append(contract.api_path)
    for end in ends:
        if base.endswith(end):
            raise ValueError(f"base_url ends with {end}, which is added to it: leave that off")


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
        if value.reveal() is None:
            raise TypeError(f"{name} is None: is the variable set that it comes from?")
        raise TypeError(f"{name} must be a text (str), not {type(value.reveal()).__name__}")
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
            raise TypeError(f"{name} must be a text (str), not {type(text).__name__}")


def check_wish(scope: str, resource: str | None) -> None:
    """Raise a ValueError that says which of them is malformed."""
    if not _SCOPE.fullmatch(scope):
        raise ValueError("scope must be names of scopes, separated by one space each (RFC 6749 §3.3)")
    if resource is not None and not _RESOURCE.fullmatch(resource):
        raise ValueError("resource must be an absolute URI without fragment (RFC 8707 §2)")


def checked_wait(seconds: float) -> float:
    """Return `max_wait`. Raises: ValueError, TypeError."""
    if type(seconds) not in (int, float):
        raise TypeError(f"max_wait must be a number of seconds, not {type(seconds).__name__}")
    if not 0 <= seconds <= sys.float_info.max:
        raise ValueError("max_wait must be 0 or more seconds")
    return float(seconds)

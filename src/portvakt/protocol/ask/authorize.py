"""Asking a user (RFC 6749 §4.1): the URL that a browser is sent to, and what comes back with it.

What must come back is drawn up before the browser leaves, as one value: state, verifier and issuer belong together.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from portvakt.model.decision import INVALID_REQUEST, Refused
from portvakt.model.values import Secret
from portvakt.wire.errors import WireError
from portvakt.wire.form import parse_form

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.protocol.ask.endpoint import AuthorizationEndpoint
    from portvakt.protocol.ask.wish import Wish

RANDOM_OCTETS = 64
CALLBACK_LIMIT = 16_384
"""Characters of a URL that comes back; what is longer is refused unread."""

OURS = frozenset(
    {
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "redirect_uri",
        "request",
        "request_uri",
        "resource",
        "response_mode",
        "response_type",
        "scope",
        "state",
    }
)
"""Parameters of a request that no caller adds by themselves."""

_STATE_OCTETS = 32
_CODE = re.compile(r"[\x21-\x7e]{1,4096}")  # RFC 6749 App. A.11, and no space: it goes where it came from
_ERROR = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]{1,100}")  # RFC 6749 App. A.7
_DESCRIPTION_LIMIT = 500
_MADE_HERE = object()


class CallbackRefused(Exception):
    """What came back is not the answer to what was asked. The text says why and quotes nothing of it.

    `foreign`: it does not even know the state, so somebody else may have sent it, and the answer may yet come.
    """

    def __init__(self, text: str, *, foreign: bool = False) -> None:
        super().__init__(text)
        self.foreign = foreign


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the answer to one request must be like, and what its code is exchanged with."""

    issuer: str
    client_id: str
    redirect_uri: str
    requires_iss: bool
    scope: str
    resource: str | None
    state: Secret
    verifier: Secret


@dataclass(frozen=True, slots=True)
class CheckedCallback:
    """A code that came back from where it was asked, to whoever asked. Only `check_callback` makes one."""

    expected: Expected
    code: Secret
    _made: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self._made is not _MADE_HERE:
            raise TypeError("only check_callback makes a CheckedCallback")


def expect(endpoint: AuthorizationEndpoint, wish: Wish, redirect_uri: str, random: bytes) -> Expected:
    """Return what will have to come back. `random`: `RANDOM_OCTETS` bytes, new ones for each browser that leaves."""
    return Expected(
        issuer=endpoint.issuer,
        client_id=wish.client_id,
        redirect_uri=redirect_uri,
        requires_iss=endpoint.sends_iss,
        scope=wish.scope,
        resource=wish.resource,
        state=Secret(_base64url(random[:_STATE_OCTETS])),
        verifier=Secret(_base64url(random[_STATE_OCTETS:RANDOM_OCTETS])),  # RFC 7636 §4.1: 43 characters
    )


def authorize_url(endpoint: AuthorizationEndpoint, expected: Expected, more: Mapping[str, str]) -> str:
    """Return where to send the browser. PKCE is S256, always (RFC 9700 §2.1.1).

    `more` are parameters of the provider's own, such as `organisation_number` and `locale`.

    Raises:
        ValueError: one of them is a parameter that is written here.
    """
    if not OURS.isdisjoint(more):
        raise ValueError(f"{min(OURS & more.keys())} is written by portvakt itself")
    parameters = {
        "response_type": "code",
        "client_id": expected.client_id,
        "redirect_uri": expected.redirect_uri,
        "state": expected.state.reveal(),
        "code_challenge": _base64url(hashlib.sha256(expected.verifier.reveal().encode()).digest()),
        "code_challenge_method": "S256",
    }
    if expected.scope:
        parameters["scope"] = expected.scope
    if expected.resource is not None:
        parameters["resource"] = expected.resource
    separator = "&" if "?" in endpoint.url else "?"  # RFC 6749 §3.1: a query that is there is kept
    return f"{endpoint.url}{separator}{urlencode(parameters | dict(more))}"


def check_callback(expected: Expected, url: str) -> CheckedCallback | Refused:
    """Return the code that came back, or the refusal of the authorization server, from the URL that was called.

    Only its query counts: behind a proxy an application does not see the rest as the browser did.

    Raises:
        CallbackRefused: it is not the answer to this request of this issuer: state or `iss` is missing, wrong or
            there twice, as any other parameter must not be (RFC 6749 §3.1); it holds neither code nor error, or both.
    """
    parameters = _parameters(url)
    state = parameters.get("state", "")
    if Secret(state) != expected.state:
        raise CallbackRefused("its state is not the one that was sent", foreign=True)
    issuer = parameters.get("iss")
    if issuer is None and expected.requires_iss:
        raise CallbackRefused("it does not say by iss which issuer sent it")
    if issuer is not None and issuer != expected.issuer:  # RFC 9207 §2.4: "simple string comparison"
        raise CallbackRefused("its iss is not the issuer that was asked")
    code, error = parameters.get("code"), parameters.get("error")
    if (code is None) == (error is None):
        raise CallbackRefused(
            "it holds neither a code nor an error" if code is None else "it holds a code and an error"
        )
    if error is not None:
        return Refused(error if _ERROR.fullmatch(error) else INVALID_REQUEST, _description(parameters))
    if code is None or not _CODE.fullmatch(code):
        raise CallbackRefused("its code is none")
    return CheckedCallback(expected, Secret(code), _MADE_HERE)


def _parameters(url: str) -> dict[str, str]:
    if len(url) > CALLBACK_LIMIT:
        raise CallbackRefused(f"it is longer than {CALLBACK_LIMIT} characters", foreign=True)
    query = url.partition("?")[2].partition("#")[0]
    try:
        return parse_form(query.encode())
    except (WireError, UnicodeEncodeError):
        problem = "its query is not a list of parameters, each there once"
    raise CallbackRefused(problem, foreign=True)  # outside of the `except`, whose error knows what was read


def _description(parameters: Mapping[str, str]) -> str:
    return parameters.get("error_description", "")[:_DESCRIPTION_LIMIT]


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()

"""`connect`: from a provider's name, or an issuer's URL, to tokens and calls."""

from __future__ import annotations

import re
import ssl
import sys
from functools import cached_property
from typing import TYPE_CHECKING

from portvakt.client.address import place
from portvakt.client.asking import Asker
from portvakt.client.auth import auth_of
from portvakt.client.calling import Calls
from portvakt.client.clock import counting, wall
from portvakt.client.library import http_library
from portvakt.client.source import TokenSource
from portvakt.client.token import Token
from portvakt.model.values import Instant, Secret
from portvakt.protocol.ask.endpoint import check_issuer, documented_endpoint
from portvakt.protocol.ask.token import Wish
from portvakt.providers import PROVIDERS
from portvakt.wire.issuer_url import check_issuer_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portvakt.client.auth import Auth
    from portvakt.model.provider import Provider
    from portvakt.protocol.ask.endpoint import TokenEndpoint

MAX_WAIT = 30.0
_VSCHARS = re.compile(r"[\x20-\x7e]{1,4096}")  # RFC 6749 App. A.1, A.2
_SCOPE_TOKEN = r"[\x21\x23-\x5b\x5d-\x7e]+"  # RFC 6749 §3.3
_SCOPE = re.compile(f"(?:{_SCOPE_TOKEN}(?: {_SCOPE_TOKEN})*)?")
_RESOURCE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!$-;=?-Z\[\]_a-z~]+")  # RFC 3986 §4.3: absolute, so no fragment
_GRANT = "client_credentials"


class Connection:
    """Calls one API as one client. It may be shared by all threads and event loops of a process.

    Made by `connect`. The token lives in memory only.
    """

    def __init__(self, who: str, source: TokenSource, calls: Calls, api_url: str | None) -> None:
        self._who = who
        self._source = source
        self._calls = calls
        self._api_url = api_url

    def get_token(self) -> Token:
        """Return an access token that is good now, asking for one only if there is none, or the old one nears its end.

        Within five minutes of its end (a fifth of its life, if that is less) the old one is returned and a new one is
        asked for beside its use. Where there is none, all who ask wait for one request.

        Raises:
            TokenRefused: the authorization server said no (RFC 6749 §5.2).
            RateLimited: a 429 asks for a longer wait than `max_wait`.
            Unreachable: no answer, or a fault of the server, three times within 10 seconds.
            BadReply: an answer that is none.
        """
        held = self._source.held
        if counting() < held.renew_at:
            return held.token
        return self._source.get()

    async def aget_token(self) -> Token:
        """Do as `get_token`, in asyncio. Whoever is cancelled stops waiting; the request goes on for the others."""
        held = self._source.held
        if counting() < held.renew_at:
            return held.token
        return await self._source.aget()

    def refused(self, token: Token) -> bool:
        """Let go of a token that the API refused: for callers without `auth`, by its rules.

        Returns whether another is worth a try: yes once; then, until 5 minutes went by without a refusal, only after
        pauses of 1 s at first and 5 minutes at most, for a call that can never succeed would cost a token each time.
        Whether the call may be repeated is for you to know.

        Raises: TypeError if it is not what `get_token` returned.
        """
        if not isinstance(token, Token):
            raise TypeError(f"refused takes the Token that get_token returned, not {type(token).__name__}")
        return self._source.refused(token)

    @cached_property
    def auth(self) -> Auth:
        """An auth object for httpx2 and httpx, sync and async: `httpx2.Client(auth=connection.auth)`.

        It puts the token on each request. A 401, or a GraphQL `UNAUTHENTICATED` under any status, drops that token; the
        call is repeated once with a new one, unless it changes something and the provider may have begun to carry it
        out. A 429 is waited out, up to `max_wait` seconds a call. The last reply is returned as it came.

        Raises, from the call: what `get_token` raises, and WrongTarget for a request to another host than the API's.
        """
        return auth_of(self._calls)

    @property
    def api_url(self) -> str:
        """Where the API lives, without trailing slash. Breeze and Luca have GraphQL at `api_url + "/graphql"`.

        Raises: ValueError if `connect` was given an issuer's URL and no `api_url`.
        """
        if self._api_url is None:
            raise ValueError("an issuer's metadata does not name its API: say connect(..., api_url=...)")
        return self._api_url

    def __repr__(self) -> str:
        return f"<portvakt connection to {self._who}>"


def connect(  # noqa: PLR0913  each is a choice of the caller's, by name
    provider: str,
    *,
    client_id: str,
    client_secret: str,
    environment: str | None = None,
    base_url: str | None = None,
    api_url: str | None = None,
    scope: str = "",
    resource: str | None = None,
    max_wait: float = MAX_WAIT,
    tls: ssl.SSLContext | None = None,
) -> Connection:
    """Return a connection to a provider's API, with the client's own credentials (RFC 6749 §4.4). Nothing is sent yet.

    Args:
        provider: `breeze`, `prisjakt` or `standard`; or an issuer's URL, whose metadata is then read (RFC 8414, else
            OpenID Connect discovery; https, or http on loopback). Its `issuer` must be that very text.
        client_id: as the provider gave it.
        client_secret: from the environment or a secret manager, never from code.
        environment: which of the provider's, such as `test`; may be left out if it has only one.
        base_url: a sandbox or another deployment, instead of `environment`.
        api_url: where the API lives, if an issuer's URL is given: tokens then go there only.
        scope: what to ask for, separated by spaces (RFC 6749 §3.3); "" leaves it to the client's registration.
        resource: the API to ask a token for (RFC 8707 §2), an absolute URI.
        max_wait: seconds that a 429 may keep a call waiting, at the token endpoint and at the API each; more than
            that raises `RateLimited` at once.
        tls: whom to trust, for authorities that the system does not know. None: the system's, or `SSL_CERT_FILE`.

    Raises:
        ValueError: an argument is missing, unknown or malformed. No message repeats the secret.
        TypeError: an argument is of another type.
        ModuleNotFoundError: neither httpx2 nor httpx is installed.
    """
    secret, client_secret = Secret(client_secret), ""  # from here on no traceback shows it
    _check_credential("client_secret", secret)
    _check_credential("client_id", Secret(client_id))
    _check_texts(provider=provider, scope=scope)
    choices = {"environment": environment, "base_url": base_url, "api_url": api_url, "resource": resource}
    _check_texts(**{name: chosen for name, chosen in choices.items() if chosen is not None})
    _check_wish(scope, resource)
    wish = Wish(client_id=client_id, client_secret=secret, scope=scope, resource=resource)
    max_wait = _wait(max_wait)
    if tls is not None and not isinstance(tls, ssl.SSLContext):
        raise TypeError(f"tls must be an ssl.SSLContext, or None; not {type(tls).__name__}")
    http_library()  # it is missed here rather than at the first call
    contract, issuer, api, endpoint = located(provider, environment, base_url, api_url)
    who = contract.title if endpoint else "the issuer"
    who = f"{who} at {issuer}"
    asker = Asker(issuer, contract, wish, endpoint, tls, lambda: Instant(int(wall())))
    source = TokenSource(asker.ask, who, max_wait)
    home = None if api is None else place(api)
    return Connection(who, source, Calls(source, contract.api, home, max_wait), api)


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
        known = [one for one, contract in PROVIDERS.items() if _GRANT in contract.grants]
        there = f"there are {', '.join(known)}, or an issuer's https:// URL"
        raise ValueError(f"no provider of that name; {_meant(name, known)}{there}")
    contract = PROVIDERS[name]
    if _GRANT not in contract.grants:
        raise ValueError(f"{contract.title} gives tokens on a user's behalf only, which connect cannot ask for yet")
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


def _check_credential(name: str, value: Secret) -> None:
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


def _check_texts(**texts: object) -> None:
    for name, text in texts.items():
        if not isinstance(text, str):
            raise TypeError(f"{name} must be a text (str), not {type(text).__name__}")


def _check_wish(scope: str, resource: str | None) -> None:
    if not _SCOPE.fullmatch(scope):
        raise ValueError("scope must be names of scopes, separated by one space each (RFC 6749 §3.3)")
    if resource is not None and not _RESOURCE.fullmatch(resource):
        raise ValueError("resource must be an absolute URI without fragment (RFC 8707 §2)")


def _wait(seconds: float) -> float:
    if type(seconds) not in (int, float):
        raise TypeError(f"max_wait must be a number of seconds, not {type(seconds).__name__}")
    if not 0 <= seconds <= sys.float_info.max:
        raise ValueError("max_wait must be 0 or more seconds")
    return float(seconds)

"""One call of an API, step by step: show a token, and do what the reply asks for. Written once, for every library.

`Calls.steps` is a generator. It yields what is to be done and is sent the result; who drives it does the waiting,
blocking a thread or not.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portvakt.client import clock
from portvakt.client.address import PORTS, is_loopback
from portvakt.client.errors import WrongTarget
from portvakt.client.failing import moment, too_long
from portvakt.model.values import Instant
from portvakt.protocol.ask.timing import pause_after, pause_for_quota, stated_wait
from portvakt.protocol.ask.verdict import (
    READ_AT_MOST,
    TOO_MANY,
    UNAUTHORIZED,
    is_graphql,
    may_repeat,
    says_unauthenticated,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import httpx2

    from portvakt.client.address import Place
    from portvakt.client.source import TokenSource
    from portvakt.client.token import Token
    from portvakt.model.provider import Api


_log = logging.getLogger("portvakt.client")

# Not x-ndjson and the like: what is sent line by line may have no end.
_JSON = re.compile(r"application/(?:(?!stream\+)[a-z0-9.-]+\+)?json", re.ASCII)


@dataclass(frozen=True, slots=True)
class GetToken:
    """Get a token. Answered by the token."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send the request. Answered by the response, whose body need not be read."""

    request: httpx2.Request


@dataclass(frozen=True, slots=True)
class Read:
    """Read the response's body."""

    response: httpx2.Response


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class _Sent:
    """What was shown, what came back, and the seconds that 429s have cost this call so far."""

    token: Token
    response: httpx2.Response
    waited: float


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What an API's reply says of the token, and whether the request may be sent again with another."""

    refused: bool
    repeatable: bool


class Calls:
    """The calls of one API with the tokens of one source.

    `home` is where the API lives: tokens go to that scheme, host and port alone; None: to any https one. What a reply
    says of limits is remembered for all calls.
    """

    def __init__(
        self,
        source: TokenSource,
        api: Api,
        home: Place | None,
        max_wait: float,
        *,
        now: Callable[[], float] = clock.counting,
        wall: Callable[[], float] = clock.wall,
        draw: Callable[[], float] = clock.draw,
    ) -> None:
        self.source = source
        self._api = api
        self._home = home
        self._max_wait = max_wait
        self._now = now
        self._wall = wall
        self._draw = draw
        self._quiet_until = float("-inf")
        self._pace = 0.0

    def steps(self, request: httpx2.Request) -> Generator[GetToken | Send | Read | Wait, Any, None]:
        """Make one call.

        Raises:
            WrongTarget: the request goes elsewhere than to the API.
            RateLimited: a 429 asks for more than `max_wait`.
        """
        self._require_home(request)
        body = _content(request)
        sent = yield from self._send(request, body, 0.0)
        verdict = yield from self._verdict(request, body, sent.response)
        if not verdict.refused or not self.source.refused(sent.token) or not verdict.repeatable:
            return
        sent = yield from self._send(request, body, sent.waited)
        verdict = yield from self._verdict(request, body, sent.response)
        if not verdict.refused:
            self.source.accepted_again()

    def _send(
        self, request: httpx2.Request, body: bytes | None, waited: float
    ) -> Generator[GetToken | Send | Wait, Any, _Sent]:
        """Send the request with a token, and again after each 429 that can be waited out."""
        limited = 0
        pause = self._pause_before()
        while True:
            waited += pause
            if waited > self._max_wait:
                raise too_long("the API takes no more requests", int(self._wall() + pause) + 1, self._max_wait)
            if pause:
                yield Wait(pause)
            token: Token = yield GetToken()
            request.headers["Authorization"] = token.authorization
            response: httpx2.Response = yield Send(request)
            if not _is_ours(request, response):
                return _Sent(token, response, waited)
            self._keep_pace(response)
            if response.status_code != TOO_MANY:
                return _Sent(token, response, waited)
            limited += 1
            pause = self._pause_asked(response, limited)
            if body is None:  # a stream is gone once it was sent
                return _Sent(token, response, waited)

    def _verdict(
        self, request: httpx2.Request, body: bytes | None, response: httpx2.Response
    ) -> Generator[Read, None, _Verdict]:
        """Say whether the reply refuses the token, and whether the call may be repeated."""
        if not _is_ours(request, response):
            return _Verdict(refused=False, repeatable=False)
        sent = body or b""
        graphql = is_graphql(self._api, request.method, request.headers.get("content-type", ""), sent)
        said: bytes | None = None
        if graphql and _is_short_json(response):
            yield Read(response)
            said = response.content
        if response.status_code != UNAUTHORIZED and not (said and says_unauthenticated(said)):
            return _Verdict(refused=False, repeatable=False)
        # A redirect that made a GET of it says that it was carried out (RFC 9110 §15.4.4); what followed was refused.
        is_whole = body is not None and response.request.method == request.method
        repeatable = is_whole and may_repeat(self._api, request.method, sent, graphql=graphql, reply_body=said)
        return _Verdict(refused=True, repeatable=repeatable)

    def _require_home(self, request: httpx2.Request) -> None:
        scheme, host, port = place = _place(request)
        if not host:
            raise WrongTarget('the request\'s URL is relative: begin it with api_url, as api_url + "/graphql"')
        if self._home is not None and place != (self._home.scheme, self._home.host, self._home.port):
            home = f"{self._home.scheme}://{self._home.host}:{self._home.port}"
            raise WrongTarget(f"these tokens are for {home}; the request goes to {scheme}://{host}:{port}")
        if scheme != "https" and not _is_here(host):
            raise WrongTarget(f"a token goes over https only (plain http on loopback); not to {scheme}://{host}")

    def _pause_before(self) -> float:
        """Return how long to hold back a call, for what earlier replies said of the API's limit."""
        return max(0.0, self._quiet_until - self._now(), min(self._pace, self._max_wait))

    def _keep_pace(self, response: httpx2.Response) -> None:
        """Remember how long to hold back each call for what is left of the quota; say so when that begins."""
        pace = pause_for_quota(self._api, response.headers, Instant(int(self._wall())))
        if pace and not self._pace and self._max_wait and self._api.quota_headers:
            left, resets = (response.headers[name].strip() for name in self._api.quota_headers[1:])  # digits, both
            _log.info("the API takes %s more requests until %s: calls are held back", left, moment(int(resets)))
        self._pace = pace

    def _pause_asked(self, response: httpx2.Response, limited: int) -> float:
        """Return how long a 429 asks to wait, and remember it for other calls."""
        reset = self._api.quota_headers[2] if self._api.quota_headers else None
        stated = stated_wait(response.headers, reset, Instant(int(self._wall())))
        pause = stated or pause_after(limited, self._draw())
        self._quiet_until = max(self._quiet_until, self._now() + pause)
        return pause


def _content(request: httpx2.Request) -> bytes | None:
    """Return the body of a request; None if it is a stream, which is gone once it was sent."""
    try:
        content: bytes = request.content
    except RuntimeError:  # RequestNotRead, of whichever library
        return None
    return content


def _place(request: httpx2.Request) -> tuple[str, str, int]:
    url = request.url
    # Not `url.host`, which writes an internationalized name out: a base URL has it as the wire does.
    return url.scheme, url.raw_host.decode("ascii").lower(), url.port or PORTS.get(url.scheme, 0)


def _is_ours(request: httpx2.Request, response: httpx2.Response) -> bool:
    """Whether a reply is the API's, to the token that was shown.

    A redirect elsewhere takes no token with it, not even when the next one leads back.
    """
    last = response.request
    shown = last.headers.get("authorization") == request.headers["authorization"]
    return shown and _place(last) == _place(request)


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or is_loopback(host)
    except ValueError:
        return False


def _is_short_json(response: httpx2.Response) -> bool:
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    length = response.headers.get("content-length", "")
    return _JSON.fullmatch(media_type) is not None and (not length.isdigit() or int(length) <= READ_AT_MOST)

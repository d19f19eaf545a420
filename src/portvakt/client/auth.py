"""`Connection.auth`: one object that httpx2 and httpx take as their own kind of auth, sync and async."""

from __future__ import annotations

import asyncio
import time
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from portvakt.client.calling import GetToken, Read, Send, Wait
from portvakt.client.library import installed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    import httpx
    import httpx2

    from portvakt.client.calling import Calls

    class Auth(httpx2.Auth, httpx.Auth):  # type: ignore[misc]  # they differ in whose Request they name
        """Puts a token on each request and does what the reply asks for. Pass it as `auth=` to either library."""


class Drivers:
    """The two ways of driving a call: blocking, and in asyncio."""

    requires_request_body = False
    requires_response_body = False

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def __call__(self, _request: object) -> NoReturn:
        """Tell whoever gave it to another library, as requests."""
        raise TypeError("connection.auth is for httpx2 and httpx; for others there are get_token() and refused(token)")

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Drive one call; httpx sends what is yielded."""
        steps = self._calls.steps(request)
        answer: Any = None
        while (step := _next(steps, answer)) is not None:
            answer = None
            if isinstance(step, GetToken):
                answer = self._calls.source.get()
            elif isinstance(step, Send):
                answer = yield step.request
            elif isinstance(step, Read):
                step.response.read()
            else:
                time.sleep(step.seconds)

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Drive one call; httpx sends what is yielded."""
        steps = self._calls.steps(request)
        answer: Any = None
        while (step := _next(steps, answer)) is not None:
            answer = None
            if isinstance(step, GetToken):
                answer = await self._calls.source.aget()
            elif isinstance(step, Send):
                answer = yield step.request
            elif isinstance(step, Read):
                await step.response.aread()
            else:
                await asyncio.sleep(step.seconds)

    def __repr__(self) -> str:
        return "<the auth of a portvakt connection>"


def _next(steps: Generator[Any, Any, None], answer: Any) -> GetToken | Send | Read | Wait | None:
    try:
        step: GetToken | Send | Read | Wait = steps.send(answer)
    except StopIteration:
        return None
    return step


@cache
def _auth_class() -> type:
    """Return the class, with the `Auth` of each library that is installed among its bases.

    Each refuses the other's, and both take one that is both.
    """
    return type("Auth", (Drivers, *(library.Auth for library in installed())), {})


def auth_of(calls: Calls) -> Auth:
    """Return the auth object for these calls."""
    auth: Auth = _auth_class()(calls)
    return auth

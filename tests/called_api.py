"""An API without a wire, for both HTTP libraries, and one way to call it by any of the four kinds of client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType


@dataclass(frozen=True, slots=True)
class Said:
    """A reply. `body` may be an iterator, to see whether it is read."""

    status: int = 200
    body: bytes | Iterable[bytes] = b"{}"
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What came at the API."""

    method: str
    url: str
    token: str | None
    body: bytes


class CalledApi:
    """Gives its replies one after the other, then 200; a reply may be made of the request.

    `asked` is what came, in order.
    """

    def __init__(self, *replies: Said | Callable[[Asked], Said]) -> None:
        self.replies = list(replies)
        self.always: Said | Callable[[Asked], Said] = Said()
        self.asked: list[Asked] = []

    @property
    def tokens(self) -> list[str | None]:
        return [asked.token for asked in self.asked]

    def reply(self, request: Any) -> Said:
        authorization = request.headers.get("authorization")
        token = authorization.removeprefix("Bearer ") if authorization is not None else None
        asked = Asked(request.method, str(request.url), token, request.content)
        self.asked.append(asked)
        said = self.replies.pop(0) if self.replies else self.always
        return said if isinstance(said, Said) else said(asked)


class Caller:
    """Calls an API with one of the libraries, blocking or in asyncio; each call by a client of its own."""

    def __init__(self, library: ModuleType, api: CalledApi, auth: Any, *, blocking: bool) -> None:
        self.library = library
        self.blocking = blocking
        self._api = api
        self._auth = auth

    def client(self, **more: Any) -> Any:
        """Return a client whose transport is the API."""
        make = self.library.Client if self.blocking else self.library.AsyncClient
        return make(transport=self.library.MockTransport(self._handle()), auth=self._auth, **more)

    async def __call__(self, method: str, url: str, *, follow_redirects: bool = False, **more: Any) -> Any:
        """Send one request and return its response, read."""
        client = self.client(follow_redirects=follow_redirects)
        if self.blocking:
            with client:
                return client.request(method, url, **more)
        async with client:
            return await client.request(method, url, **more)

    def _handle(self) -> Callable[[Any], Any]:
        def respond(request: Any) -> Any:
            said = self._api.reply(request)
            return self.library.Response(said.status, headers=said.headers, content=said.body)

        def handle(request: Any) -> Any:
            request.read()
            return respond(request)

        async def handle_async(request: Any) -> Any:
            await request.aread()
            return respond(request)

        return handle if self.blocking else handle_async

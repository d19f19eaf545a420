"""What every stand-in does with ASGI: read a bounded body, send a reply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol

from portvakt.server.call import encoded
from portvakt.server.call import read_body as read_pieces
from portvakt.wire.errors import WireError
from portvakt.wire.media import refuse_encoding

if TYPE_CHECKING:
    from portvakt.model.message import Reply

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guarded(Protocol):
    """How an application is put behind a guard: `Guard.asgi`."""

    def __call__(self, app: App, *, scopes: frozenset[str]) -> App:
        """Return `app`, reached only with a token that has all of `scopes`; it finds it in `scope["portvakt"]`."""


def header(scope: Scope, name: bytes) -> bytes | None:
    """Return the first header of that name (lower case), or None."""
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Return the body, of at most `limit` bytes; one that announces more is not read at all.

    Raises:
        WireError: 413 for a longer one, 415 for one that is compressed.
        portvakt.server.call.Disconnected: the caller hung up before it was whole.
    """
    refuse_encoding(header(scope, b"content-encoding"))
    announced = header(scope, b"content-length")
    if announced is None or _fits(announced, limit):
        body = await read_pieces(receive, limit)
        if body is not None:
            return body
    raise WireError(None, f"The body is longer than {limit} bytes.", 413)


async def answer(send: Send, reply: Reply) -> None:
    """Send the reply, with its length."""
    headers = [*encoded(reply.headers), (b"content-length", b"%d" % len(reply.body))]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _fits(announced: bytes, limit: int) -> bool:
    digits = announced.lstrip(b"0") or b"0"  # what is no number is left to the server; here it is too long
    return digits.isdigit() and len(digits) <= len(str(limit)) and int(digits) <= limit

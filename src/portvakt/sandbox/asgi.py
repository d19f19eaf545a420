"""What every stand-in does with ASGI: read a bounded body, send a reply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from portvakt.wire.errors import WireError
from portvakt.wire.media import refuse_encoding

if TYPE_CHECKING:
    from portvakt.model.message import Reply

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class GoneError(Exception):
    """The caller hung up before the whole request was there: nobody waits for an answer."""


def header(scope: Scope, name: bytes) -> bytes | None:
    """Return the first header of that name (lower case), or None."""
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Return the body, of at most `limit` bytes; one that announces more is not read.

    Raises: WireError: 413 for a longer one, 415 for one that is compressed. GoneError.
    """
    refuse_encoding(header(scope, b"content-encoding"))
    announced = header(scope, b"content-length")
    if announced is not None and not (len(announced) <= len(str(limit)) and int(announced) <= limit):
        raise _too_long(limit)
    message = await receive()
    if not message.get("more_body") and message["type"] == "http.request":  # nearly always: it came in one piece
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise _too_long(limit)
        return body
    return await _read_pieces(message, receive, limit)


async def _read_pieces(message: Message, receive: Receive, limit: int) -> bytes:
    pieces = bytearray()
    while True:
        if message["type"] == "http.disconnect":
            raise GoneError
        pieces += message.get("body", b"")
        if len(pieces) > limit:
            raise _too_long(limit)
        if not message.get("more_body"):
            return bytes(pieces)
        message = await receive()


async def answer(send: Send, reply: Reply) -> None:
    """Send the reply, with its length."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    headers.append((b"content-length", b"%d" % len(reply.body)))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _too_long(limit: int) -> WireError:
    return WireError(None, f"The body is longer than {limit} bytes.", 413)

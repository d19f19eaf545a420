"""One request and its answer, as an ASGI application meets them."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from portvakt.server.log import described
from portvakt.server.redaction import plain_path

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message

    from portvakt.server.connection import Connection

HELD_BODY = 65_536
"""Bytes of a body that are held for an application that does not read; past it the socket is not read either."""

CHUNKED, UNTIL_THE_END, NO_BODY = -1, -2, -3
"""How a body is framed that has no length stated (RFC 9112 §6)."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


STATUS_LINES = {status: f"HTTP/1.1 {status} {_phrase(status)}\r\n".encode() for status in range(100, 600)}

_dated = (0, b"")


def status_and_date(status: int) -> bytes:
    """Return the first two lines of an answer. RFC 9110 §6.6.1: a server with a clock MUST send Date."""
    global _dated  # noqa: PLW0603  made once a second
    second = int(time.time())
    if second != _dated[0]:
        _dated = (second, f"date: {formatdate(second, usegmt=True)}\r\n".encode())
    return STATUS_LINES[status] + _dated[1]


JSON_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
)


def error_body(code: str, description: str) -> bytes:
    """Return RFC 6749 §5.2's error object. Both texts are ours and need no escaping."""
    return f'{{"error":"{code}","error_description":"{description}"}}'.encode()


FAULT_HEADERS = (*JSON_HEADERS, (b"retry-after", b"1"))
FAULT_BODY = error_body("server_error", "The server could not answer. Try again in a moment.")


def last_answer(status: int, description: str) -> bytes:
    """Return the whole answer to what is refused before the application sees it, or all of it."""
    body, headers = error_body("invalid_request", description), JSON_HEADERS
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        body, headers = error_body("server_error", description), FAULT_HEADERS
    lines = [status_and_date(status), *(b"%b: %b\r\n" % header for header in headers)]
    lines.append(b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body))
    return b"".join([*lines, body])


class Exchange:
    """What is known of one request, and how far its answer is.

    The connection fills in the body (`take`, `complete`), the application calls `receive` and `send`.
    """

    __slots__ = (
        "awaits_continue",
        "changed",
        "chunks",
        "complete",
        "connection",
        "delivered",
        "ended",
        "gone",
        "head",
        "held",
        "keep_alive",
        "left",
        "scope",
        "started",
        "task",
        "written",
    )

    def __init__(
        self, connection: Connection, scope: dict[str, Any], *, keep_alive: bool, awaits_continue: bool
    ) -> None:
        self.connection = connection
        self.scope = scope
        self.keep_alive = keep_alive
        self.awaits_continue = awaits_continue
        self.task: asyncio.Task[None] | None = None
        # The request's body.
        self.chunks: list[bytes] = []
        self.held = 0
        self.complete = False
        self.delivered = False
        self.changed: asyncio.Event | None = None
        # The answer. `left`: bytes of body that its content-length still promises, or CHUNKED and so on.
        self.head: tuple[int, list[tuple[bytes, bytes]]] | None = None
        self.left = 0
        self.started = False
        self.written = False
        self.ended = False
        self.gone = False

    def take(self, chunk: bytes) -> None:
        """Hold a piece of the body until the application reads it."""
        self.chunks.append(chunk)
        self.held += len(chunk)
        if self.held > HELD_BODY:
            self.connection.pause_reading()
        self.notify()

    def notify(self) -> None:
        """Wake the application, if it waits for something to happen to this request."""
        if self.changed is not None:
            self.changed.set()

    def leave(self) -> None:
        """Tell the application that nobody waits for its answer any more."""
        self.gone = True
        self.notify()

    async def run(self, app: ASGIApp) -> None:
        """Let the application answer. Whatever it does, the peer gets one whole answer or a closed connection."""
        connections = self.connection.connections
        try:
            await app(self.scope, self.receive, self.send)
        except Exception as error:  # noqa: BLE001  a fault of ours is a 503, whatever it is
            if self.gone:  # most likely the application's word for that
                connections.log.event(
                    "info", "request_abandoned", path=plain_path(self.scope["path"]), **described(error)
                )
            else:
                connections.log.failure(
                    "request_failed", error, method=self.scope["method"], path=plain_path(self.scope["path"])
                )
                self._fail()
        except BaseException:
            self.connection.abort()
            raise
        else:
            if not self.ended and not self.gone:
                connections.log.event("error", "request_unanswered", path=plain_path(self.scope["path"]))
                self._fail()
        finally:
            connections.tasks.discard(self.task)

    def _fail(self) -> None:
        if self.ended:
            return
        if self.written:
            self.connection.abort()
            return
        self.head = (503, [*FAULT_HEADERS])
        self._write(FAULT_BODY, more=False)

    async def receive(self) -> Message:
        """Return the next piece of the body, or `http.disconnect` (ASGI's HTTP specification)."""
        while not (self.chunks or self.gone or self.ended or (self.complete and not self.delivered)):
            if self.awaits_continue and not self.complete:
                # RFC 9110 §10.1.1: only now is it known that the body is wanted.
                self.connection.transport.write(CONTINUE)
            self.awaits_continue = False
            self.connection.resume_reading()
            if self.changed is None:
                self.changed = asyncio.Event()
            self.changed.clear()
            await self.changed.wait()
        if self.gone or self.ended:
            return {"type": "http.disconnect"}
        body = b"".join(self.chunks)
        self.chunks.clear()
        self.held = 0
        self.delivered = self.complete
        return {"type": "http.request", "body": body, "more_body": not self.complete}

    async def send(self, message: Message) -> None:
        """Take the head or a piece of the body. The head leaves together with the first piece.

        Raises: ConnectionAbortedError: the peer is gone, and this piece was not to be the last.
        """
        if self.connection.writable is not None and not self.gone:
            await self.connection.writable.wait()
        more = message.get("more_body", False)
        if more and self.connection.transport.is_closing():
            self.gone = True  # `connection_lost` says so as well, but not to an application that never waits
        if self.gone:
            if more:
                raise ConnectionAbortedError("nobody reads this answer any more")  # so that who streams it may stop
            return
        kind = message["type"]
        if not self.started:
            if kind != "http.response.start":
                raise RuntimeError(f"expected http.response.start, not {kind}")
            self.started = True
            self.head = (message["status"], list(message.get("headers", ())))
        elif self.ended or kind != "http.response.body":
            raise RuntimeError(f"unexpected {kind}")
        else:
            self._write(message.get("body", b""), more=more)

    def _write(self, body: bytes, *, more: bool) -> None:
        parts = []
        if self.head is not None:
            parts = self._head_parts(*self.head, len(body), more=more)
        if self.left == CHUNKED:
            if body:
                parts += (b"%x\r\n" % len(body), body, b"\r\n")
            if not more:
                parts.append(b"0\r\n\r\n")
        elif self.left == UNTIL_THE_END:
            parts.append(body)
        elif self.left != NO_BODY:
            self.left -= len(body)
            if self.left < 0 or (self.left and not more):
                raise RuntimeError("the body is not as long as its content-length says")
            parts.append(body)
        self.head = None
        self.written = True
        self.connection.transport.write(b"".join(parts))
        if not more:
            self.ended = True
            self.notify()
            self.connection.answered(self)

    def _head_parts(self, status: int, headers: list[tuple[bytes, bytes]], size: int, *, more: bool) -> list[bytes]:
        """Return the head's bytes, and set how the body is framed (RFC 9112 §6): that is never the application's."""
        length = None
        parts = [status_and_date(status)]
        for name, value in headers:
            lower = name.lower()
            if lower == b"connection":
                self.keep_alive = self.keep_alive and b"close" not in value.lower()
            elif lower != b"transfer-encoding":
                if lower == b"content-length":
                    length = int(value)
                parts += (lower, b": ", value, b"\r\n")
        lines = len(parts) // 4 + 2
        if not more and not self.complete:
            self.keep_alive = False  # the rest of the request's body will not be read
        framing = self._framing(status, length, size, more=more)
        if framing:
            parts.append(framing)
            lines += 1
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
            lines += 1
        parts.append(b"\r\n")
        lines += 1
        head = b"".join(parts)
        # One look at the whole instead of one at each value: a line break or NUL in a value is an injection.
        if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
            raise ValueError("a header of the answer holds a control character")
        return [head]

    def _framing(self, status: int, length: int | None, size: int, *, more: bool) -> bytes:
        if status in (204, 304) or self.scope["method"] == "HEAD":
            self.left = NO_BODY
        elif length is not None:
            self.left = length
        elif not more:
            self.left = size
            return b"content-length: %d\r\n" % size
        elif self.scope["http_version"] == "1.1":
            self.left = CHUNKED
            return b"transfer-encoding: chunked\r\n"
        else:
            self.left = UNTIL_THE_END
            self.keep_alive = False
        return b""

"""One HTTP/1.1 connection on httptools' parser: what may be sent to us, how much of it, and how slowly.

httptools finds the parts of a message; this module refuses what RFC 9112 forbids or leaves doubtful, since every doubt
about where a message ends is a way to smuggle one (docs/decisions/0006-http-connections.md). Deadlines cost nothing
while they are kept: each connection notes when it is due, and one sweep over all of them looks.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import unquote

import httptools

from portvakt.server.exchange import JSON_HEADERS, STATUS_LINES, Exchange, error_body

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from portvakt.server.log import Log

NEVER = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one connection, and all together, may take. Times are seconds, measured to within `sweep`."""

    head: float = 5.0  # from its first byte, or from the connection's beginning, to the end of the head
    body: float = 10.0  # from the head's end to the body's
    idle: float = 30.0  # between an answer and the next request
    write: float = 10.0  # without the peer taking any of an answer
    linger: float = 2.0  # reading on after a refusal, so that the peer gets to read it
    sweep: float = 1.0
    drain: float = 10.0  # for requests in flight when the server stops
    drain_delay: float | None = None  # between "not ready" and the end of accepting; None: 0 on loopback, else 3
    headers: int = 100
    head_bytes: int = 32_768
    target_bytes: int = 8_192
    pipelined: int = 8  # requests sent ahead of their answers
    connections: int = 4_000


class MalformedError(Exception):
    """What was sent is no request that is answered here: `status` and `description` say why."""

    def __init__(self, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.description = description
        self.status = status


NOTHING, HEAD, BODY, CLOSED = range(4)
"""What a connection is in the middle of reading."""

WATCHED = frozenset((b"host", b"content-length", b"transfer-encoding", b"expect"))
HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]+").fullmatch  # RFC 9110 §7.2, RFC 3986 §3.2
ASGI = {"version": "3.0", "spec_version": "2.3"}


class Connections(Protocol):
    """What the connections of one server share."""

    app: ASGIApp
    limits: Limits
    log: Log
    loop: asyncio.AbstractEventLoop
    open: set[Connection]
    tasks: set[asyncio.Task[None] | None]
    draining: bool

    def room(self) -> bool:
        """Whether one more connection may be served."""
        ...


class Connection(asyncio.Protocol):
    """Reads requests, has them answered in order, and closes whatever takes too long."""

    __slots__ = (
        "awaits_continue",
        "client",
        "coded",
        "connections",
        "deadline",
        "excess",
        "exchange",
        "fresh",
        "head_bytes",
        "headers",
        "host",
        "length",
        "parser",
        "paused",
        "queue",
        "reading",
        "refusal",
        "scheme",
        "server",
        "target",
        "transport",
        "unread",
        "writable",
        "write_deadline",
    )

    transport: asyncio.Transport
    headers: list[tuple[bytes, bytes]]

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        self.parser = httptools.HttpRequestParser(self)
        self.client: tuple[str, int] | None = None
        self.server: tuple[str, int] | None = None
        self.scheme = "http"
        # Reading. `unread` is the request whose body is arriving; `refusal` waits for the answers before it.
        self.reading = NOTHING
        self.deadline = NEVER
        self.fresh = True
        self.paused = False
        self.unread: Exchange | None = None
        self.refusal: MalformedError | None = None
        self.head_bytes = 0
        self.excess = 0
        # Answering: `exchange` is being answered, `queue` waits.
        self.exchange: Exchange | None = None
        self.queue: deque[Exchange] | None = None
        self.writable: asyncio.Event | None = None
        self.write_deadline = NEVER

    # --- asyncio's side ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request, or close at once where there are too many connections."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one without inheriting from it
        shared = self.connections
        if not shared.room():
            self.abort()
            return
        shared.open.add(self)
        peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        self.client = (peer[0], peer[1]) if peer else None
        self.server = (own[0], own[1]) if own else None
        if transport.get_extra_info("sslcontext") is not None:
            self.scheme = "https"
        self.deadline = shared.loop.time() + shared.limits.head

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """Tell every application that still answers here."""
        self.connections.open.discard(self)
        self.reading = CLOSED
        self._leave_all()
        self.resume_writing()

    def eof_received(self) -> bool:
        """Answer what was asked before the peer closed its half; whoever closed in the middle of a request is gone."""
        if self.exchange is None or self.reading != NOTHING or self.scheme == "https":
            return False
        self.reading = CLOSED
        return True

    def pause_writing(self) -> None:
        """The peer reads more slowly than we write."""
        self.write_deadline = self.connections.loop.time() + self.connections.limits.write
        self.writable = asyncio.Event()

    def resume_writing(self) -> None:
        """The peer reads again, or is gone."""
        self.write_deadline = NEVER
        if self.writable is not None:
            self.writable.set()
            self.writable = None

    def data_received(self, data: bytes) -> None:
        """Read what came. Every fault ends in one refusal, after the answers that are owed."""
        if self.reading == CLOSED:
            return
        limits = self.connections.limits
        if self.reading != BODY:
            self.head_bytes += len(data)
        elif self.coded:
            self.excess += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._without_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            self._refuse(self._why(error))
            return
        if self.reading == HEAD and self.head_bytes > limits.head_bytes:
            self._refuse(MalformedError("The request's head is too long.", 431))
        elif self.reading == BODY and self.excess > limits.head_bytes:
            self._refuse(MalformedError("The body's chunks hold too much that is not body."))

    def _why(self, error: httptools.HttpParserError) -> MalformedError:
        seen = error.__context__
        if isinstance(seen, MalformedError):
            return seen
        if isinstance(error, httptools.HttpParserCallbackError) and seen is not None:
            self.connections.log.failure("reading_failed", seen)  # ours, and it would be hidden here
        return MalformedError("The request is not valid HTTP.")

    def _without_upgrade(self, rest: bytes) -> None:
        """Read the request again as one that asks for no upgrade (RFC 9110 §7.8: a server may ignore it).

        httptools ends a message at its head where an upgrade is asked for, also if a body follows: what Java's HTTP
        client sends to a plain http address.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        kept = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.target, version, b"".join(kept))
        self.parser = httptools.HttpRequestParser(self)
        self.head_bytes = 0
        self.reading = NOTHING
        self.data_received(head + rest)

    # --- the parser's side ---

    def on_message_begin(self) -> None:
        """A request's first byte."""
        self.reading = HEAD
        self.fresh = False
        self.deadline = self.connections.loop.time() + self.connections.limits.head
        self.target = b""
        self.headers = []
        self.host: bytes | None = None
        self.length = False
        self.coded = False
        self.awaits_continue = False

    def on_url(self, piece: bytes) -> None:
        """A piece of the request's target."""
        self.target += piece
        if len(self.target) > self.connections.limits.target_bytes:
            raise MalformedError("The request's target is too long.", 414)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One whole header."""
        if self.reading != HEAD:
            raise MalformedError("Trailers are not accepted.")
        headers = self.headers
        if len(headers) >= self.connections.limits.headers:
            raise MalformedError("The request has too many headers.", 431)
        name = name.lower()
        if name in WATCHED:
            self._watch(name, value)
        headers.append((name, value))

    def _watch(self, name: bytes, value: bytes) -> None:
        """Check what decides where a message ends and whom it is for."""
        if name == b"host":
            # RFC 9112 §3.2: more than one, or one that is no host, is 400.
            if self.host is not None or not HOST(value):
                raise MalformedError("The Host header is not one host.")
            self.host = value
        elif name == b"content-length":
            # RFC 9112 §6.3 lets equal ones pass; whoever sends two has a proxy in doubt behind it.
            if self.length or self.coded or not value.isdigit():
                raise MalformedError("The length of the body is not stated once, as a number.")
            self.length = True
        elif name == b"transfer-encoding":
            if self.length or self.coded or value.lower() != b"chunked":
                raise MalformedError("The only Transfer-Encoding is chunked, once and without a Content-Length.")
            self.coded = True
        elif value.lower() == b"100-continue":
            self.awaits_continue = True

    def on_headers_complete(self) -> None:
        """The head is whole: begin to answer, or stand in line."""
        shared, parser, target = self.connections, self.parser, self.target
        limits = shared.limits
        if self.head_bytes > limits.head_bytes and self._head_size() > limits.head_bytes:
            raise MalformedError("The request's head is too long.", 431)
        # RFC 9112 §3.2: neither absolute-form nor the forms of CONNECT and OPTIONS *; `//` reads as a host elsewhere.
        if target[:1] != b"/" or target[:2] == b"//" or b"#" in target or not target.isascii():
            raise MalformedError("The request's target is not a path.")
        version = parser.get_http_version()
        if version != "1.1" and version != "1.0":  # noqa: PLR1714  the fastest way to say it
            raise MalformedError("The version of HTTP is neither 1.1 nor 1.0.")
        if version == "1.1":
            if self.host is None:
                raise MalformedError("The Host header is missing.")
        elif self.coded:
            raise MalformedError("HTTP/1.0 has no Transfer-Encoding.")
        else:
            self.awaits_continue = False
        if parser.should_upgrade():
            if parser.get_method() == b"CONNECT":
                raise MalformedError("CONNECT is not answered here.")
            return  # the parser stops behind this head: see _without_upgrade
        self._begin(version, keep_alive=version == "1.1" and not shared.draining and parser.should_keep_alive())

    def _head_size(self) -> int:
        return len(self.target) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _begin(self, version: str, *, keep_alive: bool) -> None:
        shared = self.connections
        raw_path, _, query = self.target.partition(b"?")
        path = raw_path.decode("ascii")
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": ASGI,
            "http_version": version,
            "method": self.parser.get_method().decode("ascii"),
            "scheme": self.scheme,
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": self.headers,
            "client": self.client,
            "server": self.server,
        }
        exchange = Exchange(self, scope, keep_alive=keep_alive, awaits_continue=self.awaits_continue)
        self.reading = BODY
        self.deadline = shared.loop.time() + shared.limits.body
        self.excess = 0
        self.unread = exchange
        if self.exchange is None:
            self._start(exchange)
            return
        if self.queue is None:
            self.queue = deque()
        if len(self.queue) >= shared.limits.pipelined:
            self.unread = None
            self.reading = HEAD
            raise MalformedError("Too many requests were sent ahead of their answers.")
        self.queue.append(exchange)
        self.pause_reading()

    def _start(self, exchange: Exchange) -> None:
        self.exchange = exchange
        shared = self.connections
        exchange.task = task = shared.loop.create_task(exchange.run(shared.app))
        shared.tasks.add(task)

    def on_body(self, chunk: bytes) -> None:
        """A piece of the body."""
        if self.unread is not None:
            self.excess = max(0, self.excess - 8 * len(chunk))  # a chunk of one byte is six bytes on the wire
            self.unread.take(chunk)

    def on_message_complete(self) -> None:
        """The request is whole."""
        exchange = self.unread
        if exchange is None:
            return
        self.unread = None
        self.reading = NOTHING
        self.head_bytes = 0
        self.deadline = NEVER
        exchange.complete = True
        exchange.notify()

    # --- the answers' side ---

    def answered(self, exchange: Exchange) -> None:
        """An answer was written whole: go on with the next request, or close."""
        self.exchange = None
        if exchange is self.unread:
            # Its body is still arriving and nobody wants it.
            self.unread = None
            self._close(linger=True)
        elif not exchange.keep_alive:
            self.queue = None
            self._close(linger=self.reading != NOTHING)
        elif self.queue:
            self._start(self.queue.popleft())
        elif self.refusal is not None:
            self._write_refusal(self.refusal)
        elif self.reading == CLOSED:
            self._close(linger=False)
        else:
            self.resume_reading()
            if self.reading == NOTHING:
                limits = self.connections.limits
                unsent = self.transport.get_write_buffer_size()
                self.deadline = self.connections.loop.time() + (limits.write if unsent else limits.idle)

    def pause_reading(self) -> None:
        """Leave what comes in the kernel's buffers."""
        if not self.paused and not self.transport.is_closing():
            self.paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again. The time for which nothing was read is not the peer's."""
        if self.paused and not self.transport.is_closing():
            self.paused = False
            limits = self.connections.limits
            if self.reading in (HEAD, BODY):
                self.deadline = self.connections.loop.time() + (limits.head if self.reading == HEAD else limits.body)
            self.transport.resume_reading()

    def _refuse(self, refusal: MalformedError) -> None:
        """Read no further, and say why once everything before is answered."""
        unread, self.unread = self.unread, None
        self.reading = CLOSED
        self.deadline = NEVER
        if unread is not None and unread is self.exchange:
            unread.leave()
            self.exchange = None
            if unread.written:
                self.abort()
                return
        elif unread is not None and self.queue:
            self.queue.remove(unread)
        if self.exchange is None:
            self._write_refusal(refusal)
        else:
            self.refusal = refusal

    def _write_refusal(self, refusal: MalformedError) -> None:
        body = error_body("invalid_request", refusal.description)
        lines = [STATUS_LINES[refusal.status], *(b"%b: %b\r\n" % header for header in JSON_HEADERS)]
        lines.append(b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body))
        self.transport.write(b"".join([*lines, body]))
        self.connections.log.event(
            "info", "refused", status=refusal.status, reason=refusal.description, address=self.client and self.client[0]
        )
        self._close(linger=True)

    def _close(self, *, linger: bool) -> None:
        """Close once everything is written.

        A socket that is closed with input unread takes the answer with it (RFC 9112 §9.6): `linger` reads on for a
        while and throws away.
        """
        self.reading = CLOSED
        limits = self.connections.limits
        if linger and not self.transport.is_closing() and self.transport.can_write_eof():
            self.transport.write_eof()
            self.resume_reading()
            self.deadline = self.connections.loop.time() + limits.linger
        else:
            self.transport.close()
            self.deadline = self.connections.loop.time() + limits.write

    def abort(self) -> None:
        """Close at once, whatever is still unsent."""
        self.reading = CLOSED
        self.transport.abort()

    def _leave_all(self) -> None:
        for exchange in (self.exchange, *(self.queue or ())):
            if exchange is not None:
                exchange.leave()
        self.exchange = self.unread = self.queue = None

    # --- time and the end ---

    def expire(self, now: float) -> None:
        """Called when a deadline has passed."""
        if self.write_deadline <= now or self.reading == CLOSED or self.transport.get_write_buffer_size():
            self.abort()
        elif self.paused:
            self.deadline = now + self.connections.limits.body
        elif self.reading == NOTHING:
            self._close(linger=False)
        else:
            self._refuse(MalformedError("The request did not arrive in time.", 408))

    def idle(self) -> bool:
        """Whether nothing is asked here at the moment."""
        return self.exchange is None and self.reading == NOTHING

    def drain(self, now: float) -> None:
        """Finish what was begun and take no more: the server stops."""
        last = self.queue[-1] if self.queue else self.exchange
        if last is not None:
            last.keep_alive = False
        if self.exchange is None and self.reading == NOTHING:
            if self.fresh:
                # Its first request may be on the way.
                self.deadline = min(self.deadline, now + 0.5)
            else:
                self._close(linger=False)

"""One HTTP/1.1 connection on httptools' parser: what may be sent to us, how much of it, and how slowly.

Every doubt about where a message ends is a way to smuggle one, so whoever raises it is refused and cut off
(docs/decisions/0008-http-connections.md). Deadlines cost nothing while they are kept: each connection notes when it is
due, and one sweep over all of them looks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import unquote

import httptools

from portvakt.server.exchange import Exchange, last_answer
from portvakt.server.request_head import BODY, CLOSED, HEAD, NOTHING, Limits, MalformedError, RequestHead

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from portvakt.server.log import Log

NEVER = float("inf")

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
    held: int

    def room(self) -> bool:
        """Whether one more connection may be served."""
        ...

    def relieve(self) -> None:
        """Refuse unfinished requests until what they hold is bearable."""
        ...


class Connection(RequestHead):
    """Reads requests, has them answered in order, and closes whatever takes too long."""

    __slots__ = (
        "client",
        "connections",
        "counted",
        "deadline",
        "excess",
        "exchange",
        "parser",
        "paused",
        "queue",
        "refusal",
        "scheme",
        "server",
        "since",
        "transport",
        "unread",
        "writable",
        "write_deadline",
    )

    transport: asyncio.Transport

    def __init__(self, connections: Connections) -> None:
        super().__init__(connections.limits)
        self.connections = connections
        self.parser = httptools.HttpRequestParser(self)
        self.client: tuple[str, int] | None = None
        self.server: tuple[str, int] | None = None
        self.scheme = "http"
        # Reading. `unread` is the request whose body is arriving; `refusal` waits for the answers before it; `since`:
        # when the wait for the peer began that ends at `deadline`; `counted`: what an unfinished request has sent.
        self.deadline = NEVER
        self.since = 0.0
        self.counted = 0
        self.paused = False
        self.unread: Exchange | None = None
        self.refusal: MalformedError | None = None
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
        self._wait(self.limits.head)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """Tell every application that still answers here."""
        self.connections.open.discard(self)
        self.reading = CLOSED
        self._uncount()
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
        self.write_deadline = self.connections.loop.time() + self.limits.write
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
        begun = self.reading, self.headers
        if self.reading != BODY:
            self.head_bytes += len(data)
        elif self.coded:
            self.excess += len(data)
        upgrade = None
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as seen:
            upgrade = seen  # read on outside: an error there has nothing to do with this one
        except httptools.HttpParserError as error:
            self.refuse(self._why(error))
            return
        if upgrade is not None:
            self._without_upgrade(data[upgrade.args[0] :])
        elif self.reading in (HEAD, BODY):
            self._unfinished(begun, len(data))

    def _unfinished(self, begun: tuple[int, list[tuple[bytes, bytes]]], size: int) -> None:
        """Count what came, and note when the rest of a head or body is due, if it is another than before."""
        limits, shared = self.limits, self.connections
        self.counted += size
        shared.held += size
        if self.reading == HEAD and self.head_bytes > limits.head_bytes:
            self.refuse(MalformedError("The request's head is too long.", 431))
        elif self.reading == BODY and self.excess > limits.head_bytes:
            self.refuse(MalformedError("The body's chunks hold too much that is not body."))
        elif begun[0] != self.reading or begun[1] is not self.headers:
            self._wait(limits.head if self.reading == HEAD else limits.body)
        if shared.held > limits.held_bytes:
            shared.relieve()

    def _uncount(self) -> None:
        self.connections.held -= self.counted
        self.counted = 0

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

    def on_headers_complete(self) -> None:
        """The head is whole: begin to answer, or stand in line."""
        shared, parser = self.connections, self.parser
        limits = self.limits
        if self.head_bytes > limits.head_bytes and self.head_size() > limits.head_bytes:
            raise MalformedError("The request's head is too long.", 431)
        self.check_target()
        version = parser.get_http_version()
        self.check_version(version)
        if parser.should_upgrade():
            if parser.get_method() == b"CONNECT":
                raise MalformedError("CONNECT is not answered here.")
            return  # the parser stops behind this head: see _without_upgrade
        self._begin(version, keep_alive=version == "1.1" and not shared.draining and parser.should_keep_alive())

    def _begin(self, version: str, *, keep_alive: bool) -> None:
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
        self.excess = 0
        self.unread = exchange
        if self.exchange is None:
            self._start(exchange)
            return
        if self.queue is None:
            self.queue = deque()
        if len(self.queue) >= self.limits.pipelined:
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
        if self.coded:
            self.excess = max(0, self.excess - 8 * len(chunk))  # a chunk of one byte is six bytes on the wire
        if self.unread is not None:
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
        if self.counted:
            self._uncount()
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
                limits = self.limits
                unsent = self.transport.get_write_buffer_size()
                self._wait(limits.write if unsent else limits.idle)

    def pause_reading(self) -> None:
        """Leave what comes in the kernel's buffers."""
        if not self.paused and not self.transport.is_closing():
            self.paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again. The time for which nothing was read is not the peer's."""
        if self.paused and not self.transport.is_closing():
            self.paused = False
            limits = self.limits
            if self.reading in (HEAD, BODY):
                self._wait(limits.head if self.reading == HEAD else limits.body)
            self.transport.resume_reading()

    def refuse(self, refusal: MalformedError) -> None:
        """Read no further, and say why once everything before is answered."""
        unread, self.unread = self.unread, None
        self.reading = CLOSED
        self._uncount()
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
        self.transport.write(last_answer(refusal.status, refusal.description))
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
        self._uncount()
        limits = self.limits
        if linger and not self.transport.is_closing() and self.transport.can_write_eof():
            self.transport.write_eof()
            self.resume_reading()
            self._wait(limits.linger)
        else:
            self.transport.close()
            self._wait(limits.write)

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
            self.deadline = now + self.limits.body
        elif self.reading == NOTHING:
            self._close(linger=False)
        else:
            self.refuse(MalformedError("The request did not arrive in time.", 408))

    def _wait(self, seconds: float) -> None:
        """Wait so long for the peer, from now on."""
        self.since = now = self.connections.loop.time()
        self.deadline = now + seconds

    def waits(self) -> bool:
        """Whether it is the peer's turn: nothing is asked, or not all of it has come."""
        return self.exchange is self.unread and not self.paused

    def drain(self, now: float) -> None:
        """Finish what was begun and take no more: the server stops."""
        last = self.queue[-1] if self.queue else self.exchange
        if last is not None:
            last.keep_alive = False
        if self.exchange is None and self.reading not in (HEAD, BODY):
            # A request may be on the way, and its answer will say that the connection closes; or a refusal.
            self.deadline = min(self.deadline, now + self.limits.last_request)

"""A server on a thread of its own, and a client that sends exactly the bytes it is given."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from canary import leaks_in
from portvakt.server.http import serve
from portvakt.server.log import Log
from portvakt.server.request_head import Limits

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp, Receive, Scope, Send

PATIENCE = 5.0
"""Seconds after which a test gives up: far above what anything here takes."""

BRIEF = Limits(head=0.3, body=0.3, idle=0.3, write=0.3, linger=0.3, sweep=0.05, drain=1.0)
LENIENT = Limits(sweep=0.05, linger=0.3)


class Echo:
    """Answers what it received; `/unread` does not look at the body, `/boom` fails, `/wait` waits to be let go."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.gone = threading.Event()
        self.arrived = threading.Event()
        self.go = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        self.arrived.set()
        path = scope["path"]
        body = b""
        if path == "/boom":
            raise ValueError("client_secret=pvk_cs_canary")
        if path == "/silent":
            return
        if path == "/wait":
            await self._until_let_go()
        if path != "/unread":
            message = await receive()
            body = message.get("body", b"")
            while message.get("more_body"):
                message = await receive()
                body += message.get("body", b"")
            if message["type"] == "http.disconnect":
                self.gone.set()
                return
        said = json.dumps(
            {"path": path, "query": scope["query_string"].decode(), "body": body.decode("latin-1")}
        ).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]})
        await send({"type": "http.response.body", "body": said})

    async def _until_let_go(self) -> None:
        until = time.monotonic() + PATIENCE
        while not self.go.is_set() and time.monotonic() < until:  # noqa: ASYNC110  set by another thread
            await asyncio.sleep(0.005)


@dataclass
class Served:
    """A running server: its port, its log as text, and the way to stop it."""

    port: int
    log_path: str
    stop: Callable[[], None]
    draining: list[bool] = field(default_factory=list)
    thread: threading.Thread | None = None

    def logged(self) -> list[dict[str, Any]]:
        """What was logged by now."""
        with open(self.log_path, encoding="ascii") as lines:  # noqa: PTH123
            return [json.loads(line) for line in lines]


@contextlib.contextmanager
def served(app: ASGIApp, limits: Limits = LENIENT, *, tls: ssl.SSLContext | None = None) -> Iterator[Served]:
    """Serve `app` on a free port of 127.0.0.1, on uvloop, until the block ends."""
    descriptor, log_path = tempfile.mkstemp(suffix=".log")
    log = Log(descriptor)
    ready = threading.Event()
    found: list[Served] = []
    draining: list[bool] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()

        def stop_soon() -> None:
            loop.call_soon_threadsafe(stop.set)

        def on_ready(url: str) -> None:
            port = int(url.rpartition(":")[2])
            found.append(Served(port, log_path, stop_soon, draining))
            ready.set()

        def on_draining() -> None:
            draining.append(True)

        await serve(
            app,
            host="127.0.0.1",
            port=0,
            log=log,
            limits=limits,
            on_ready=on_ready,
            on_draining=on_draining,
            ssl=tls,
            stop=stop,
        )

    def body() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())

    thread = threading.Thread(target=body)
    thread.start()
    assert ready.wait(PATIENCE)
    found[0].thread = thread
    try:
        yield found[0]
    finally:
        with contextlib.suppress(RuntimeError):  # the test stopped it, and the loop is closed
            found[0].stop()
        thread.join(2 * PATIENCE)
        log.close()
        os.close(descriptor)
        leaked = leaks_in(Path(log_path))
        os.unlink(log_path)  # noqa: PTH108
        assert not thread.is_alive()
        assert leaked == []


def connect(port: int) -> socket.socket:
    """Return a connected socket."""
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def read_all(peer: socket.socket) -> bytes:
    """Return everything up to the end of the connection; a reset is an end too."""
    pieces = []
    with contextlib.suppress(ConnectionError):
        while piece := peer.recv(65_536):
            pieces.append(piece)
    return b"".join(pieces)


def read_reply(peer: socket.socket) -> bytes:
    """Return one reply with a content-length, and leave the connection open."""
    reply = b""
    while b"\r\n\r\n" not in reply:
        piece = peer.recv(1)
        assert piece, reply
        reply += piece
    length = int(reply.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while length:
        piece = peer.recv(length)
        assert piece, reply
        length -= len(piece)
        reply += piece
    return reply


def talk(port: int, *sent: bytes) -> bytes:
    """Send the pieces one after the other, and return all that comes back until the server closes."""
    with connect(port) as peer:
        with contextlib.suppress(ConnectionError):
            for piece in sent:
                peer.sendall(piece)
                if len(sent) > 1:
                    time.sleep(0.01)  # so that they are read one by one
        return read_all(peer)


def status(reply: bytes) -> int:
    """Return the status of the first reply."""
    return int(reply.split(b" ", 2)[1])


def refused(reply: bytes, code: int = 400) -> bool:
    """Whether the reply is one refusal of the shell: its status, a JSON body, and a closed connection."""
    head, _, body = reply.partition(b"\r\n\r\n")
    assert reply.count(b"HTTP/1.1") == 1, reply
    assert status(reply) == code, reply
    assert b"connection: close" in head, reply
    assert b"cache-control: no-store" in head, reply
    assert json.loads(body)["error"] == "invalid_request", reply
    return True


def until(true: Callable[[], bool]) -> bool:
    """Wait for something to become true."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)
    return True

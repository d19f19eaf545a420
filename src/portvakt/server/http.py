"""Serving an ASGI application over HTTP: from the bound port to the last answer."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import ipaddress
import signal
import socket
from collections import Counter
from typing import TYPE_CHECKING

from portvakt.server.connection import Connection
from portvakt.server.log import Log, library_logs_to
from portvakt.server.request_head import HEAD, NOTHING, Limits, MalformedError
from portvakt.wire.address import bucket_address

if TYPE_CHECKING:
    import ssl as tls
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator

    from starlette.types import ASGIApp

BACKLOG = 2_048
YOUNG_OBJECTS = 20_000
"""After so many new objects the collector looks at them; nearly all are gone by then, so it looks at less in all."""

RESERVED_FILES = 100
"""File descriptors that are kept for databases, key files and the log."""


class CannotListen(Exception):
    """The address cannot be listened on; the text names it."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens. `port` 0: a free one.

    Raises:
        CannotListen: the port is taken, not ours to take, or the host is no address of this machine.
    """
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        listener = socket.socket(family, kind)
    except OSError as error:
        raise CannotListen(f"{shown}: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        why = "another program listens there" if error.errno == errno.EADDRINUSE else error.strerror
        raise CannotListen(f"{shown}: {why}") from error
    return listener


def base_url(listener: socket.socket, *, secure: bool) -> str:
    """Return the URL under which a listening socket is reached, without a trailing slash."""
    host, port = listener.getsockname()[:2]
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def allowed_connections(limits: Limits) -> int:
    """Return how many connections may be open: `limits.connections`, or what the limit on files leaves.

    The soft limit is raised as far as it is needed and may be.
    """
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415  not on Windows

        files, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = limits.connections + BACKLOG + RESERVED_FILES  # a whole backlog is accepted before any of it is known
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        if files != resource.RLIM_INFINITY and files < wanted:
            with contextlib.suppress(OSError, ValueError):  # some systems allow less than they say
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
                files = wanted
        if files != resource.RLIM_INFINITY:
            return min(limits.connections, max(files - RESERVED_FILES, files // 2))
    return limits.connections


def _crowd(one: Connection) -> tuple[str, int]:
    """Return with whom a connection is counted: its address, and what it is reading.

    Who never asked for anything counts as reading a head.
    """
    reading = HEAD if one.reading == NOTHING and one.host is None else one.reading
    return bucket_address(one.client[0]) if one.client else "", reading


def first_to_leave(connections: Iterable[Connection]) -> list[Connection]:
    """Return those that keep us waiting, in the order in which they should go.

    Each is as close to the front as its crowd (`_crowd`) has newer ones: the largest crowd shrinks first,
    from its oldest on, so many slow peers at one address cost those at another nothing.
    """
    newer: Counter[tuple[str, int]] = Counter()
    ranked: list[tuple[int, float, Connection]] = []
    for one in sorted((one for one in connections if one.waits()), key=lambda one: -one.since):
        crowd = _crowd(one)
        newer[crowd] += 1
        ranked.append((-newer[crowd], one.since, one))
    ranked.sort(key=lambda entry: entry[:2])
    return [one for _, _, one in ranked]


class Listening:
    """What the connections of one server share: see `portvakt.server.connection.Connections`."""

    def __init__(self, app: ASGIApp, limits: Limits, log: Log, loop: asyncio.AbstractEventLoop) -> None:
        self.app = app
        self.limits = limits
        self.log = log
        self.loop = loop
        self.open: set[Connection] = set()
        self.tasks: set[asyncio.Task[None] | None] = set()
        self.draining = False
        self.held = 0
        self.most = allowed_connections(limits)
        self.pushed_out = 0
        self.turned_away = 0
        self._next: asyncio.TimerHandle | None = None

    def room(self) -> bool:
        """Whether one more connection may be served. Who keeps us waiting makes room for it.

        A tenth of all at once, so that the look at every connection is shared by many that come.
        """
        if len(self.open) < self.most:
            return True
        leaving = first_to_leave(self.open)[: self.most // 10 + 1]
        for connection in leaving:
            connection.abort()
        self.open.difference_update(leaving)
        self.pushed_out += len(leaving)
        self.turned_away += not leaving
        return bool(leaving)

    def relieve(self) -> None:
        """Refuse unfinished requests until a quarter of what they may hold is free."""
        enough = self.limits.held_bytes * 3 // 4
        for connection in first_to_leave(one for one in self.open if one.counted):
            if self.held <= enough:
                break
            connection.refuse(MalformedError("Too much is being sent. Try again in a moment.", 503))

    def sweep(self) -> None:
        """Close what is overdue, and come again."""
        self._next = self.loop.call_later(self.limits.sweep, self.sweep)
        self.expire()
        if self.turned_away or self.pushed_out:
            counts = {"turned_away": self.turned_away, "pushed_out": self.pushed_out, "open": len(self.open)}
            self.log.event("warning", "too_many_connections", **counts)
            self.turned_away = self.pushed_out = 0

    def expire(self) -> None:
        """Close what is overdue."""
        now = self.loop.time()
        for connection in [one for one in self.open if one.deadline <= now or one.write_deadline <= now]:
            connection.expire(now)

    async def end(self) -> None:
        """Stop sweeping, and end what is still open."""
        if self._next is not None:
            self._next.cancel()
        left = [task for task in self.tasks if task is not None]
        for task in left:
            task.cancel()
        for connection in list(self.open):
            connection.abort()
        if left:
            await asyncio.wait(left, timeout=1)  # they may hold what `end` closes


async def serve(  # noqa: PLR0913
    app: ASGIApp,
    *,
    host: str,
    port: int,
    log: Log,
    limits: Limits | None = None,
    start: Callable[[], Awaitable[None]] | None = None,
    end: Callable[[], Awaitable[None]] | None = None,
    on_ready: Callable[[str], None] | None = None,
    on_draining: Callable[[], None] | None = None,
    on_hangup: Callable[[], None] | None = None,
    ssl: tls.SSLContext | None = None,
    stop: asyncio.Event | None = None,
) -> bool:
    """Serve `app` until `stop` is set, or without `stop` until a signal asks for it. True: all ended in order.

    The port is bound before `start` runs, so that a taken port opens no database. `on_ready` gets the base URL once
    requests are answered. A stop that is asked for while `start` runs cancels it, and `end` is not called.

    Then, on SIGTERM or SIGINT: `on_draining` (readiness says no), the drain delay, no more connections, at most
    `limits.drain` seconds for requests in flight, `end`. A second signal ends at once. On SIGHUP: `on_hangup`, also
    while `start` runs; where there is none, as on SIGTERM.

    Raises:
        CannotListen: see `listen`.
    """
    limits = limits or Limits()
    loop = asyncio.get_running_loop()
    listener = listen(host, port)
    url = base_url(listener, secure=ssl is not None)
    hurry = asyncio.Event()
    with contextlib.closing(listener), listener.dup() as queue, contextlib.ExitStack() as undo:
        owns_process = stop is None
        if stop is None:
            stop = asyncio.Event()
            undo.enter_context(_signals(loop, stop, hurry, on_hangup))
        if start is not None and not await _unless_stopped(start(), stop):
            return True
        listening = Listening(app, limits, log, loop)
        server = await loop.create_server(
            lambda: Connection(listening),
            sock=listener,
            ssl=ssl,
            ssl_handshake_timeout=limits.head if ssl else None,
            ssl_shutdown_timeout=limits.farewell if ssl else None,
            backlog=BACKLOG,
        )
        try:
            listening.sweep()
            log.event("info", "listening", url=url)
            if owns_process:
                settle()
            if on_ready is not None:
                on_ready(url)
            await stop.wait()
            await _tell(listening, _delay(limits, listener), on_draining, hurry)
            await _stop_listening(server, queue, listening, ssl)
            return await _drain(listening, hurry)
        finally:
            server.close()
            await listening.end()
            if end is not None:
                await end()


def settle() -> None:
    """Tell the collector that what was made by now stays. Only where the process is the server's own."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


async def _unless_stopped(starting: Awaitable[None], stop: asyncio.Event) -> bool:
    """Wait for the start. False: a stop was asked for first, and the start was cancelled."""
    task = asyncio.ensure_future(starting)
    waiting = asyncio.ensure_future(stop.wait())
    await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not task.done():
        task.cancel()
        await asyncio.wait((task,))
        return False
    task.result()
    return True


def _delay(limits: Limits, listener: socket.socket) -> float:
    if limits.drain_delay is not None:
        return limits.drain_delay
    return 0.0 if ipaddress.ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback else 3.0


@contextlib.contextmanager
def _signals(
    loop: asyncio.AbstractEventLoop, stop: asyncio.Event, hurry: asyncio.Event, on_hangup: Callable[[], None] | None
) -> Iterator[None]:
    """Set `stop` at the first signal and `hurry` at the second."""

    def asked() -> None:
        (hurry if stop.is_set() else stop).set()

    wanted = {signal.SIGTERM: asked, signal.SIGINT: asked}
    if hasattr(signal, "SIGHUP"):  # not on Windows
        wanted[signal.SIGHUP] = on_hangup or asked
    for number, heard in wanted.items():
        loop.add_signal_handler(number, heard)
    try:
        yield
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)


async def _tell(
    listening: Listening, delay: float, on_draining: Callable[[], None] | None, hurry: asyncio.Event
) -> None:
    """Say that this server stops, and give whoever sends it work the delay to see it."""
    listening.log.event("info", "draining", delay=delay, connections=len(listening.open), requests=len(listening.tasks))
    if on_draining is not None:
        on_draining()
    listening.draining = True
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(hurry.wait(), delay)


async def _stop_listening(
    server: asyncio.Server, queue: socket.socket, listening: Listening, ssl: tls.SSLContext | None
) -> None:
    """Close the port, and take in who connected before: a socket that is closed resets those in its queue.

    `queue` is another descriptor of the listening socket, so nobody comes between the last who is taken in and the end.
    """
    server.close()
    peers: list[socket.socket] = []
    with queue, contextlib.suppress(OSError):
        while len(peers) < BACKLOG:
            peers.append(queue.accept()[0])
    taken_in = (
        listening.loop.connect_accepted_socket(
            lambda: Connection(listening),
            peer,
            ssl=ssl,
            ssl_handshake_timeout=listening.limits.head if ssl else None,
            ssl_shutdown_timeout=listening.limits.farewell if ssl else None,
        )
        for peer in peers
    )
    await asyncio.gather(*taken_in, return_exceptions=True)
    await asyncio.sleep(0)  # also those that the loop itself has just accepted are known from here on


async def _drain(listening: Listening, hurry: asyncio.Event) -> bool:
    """Finish what was begun. True: nothing was cut."""
    loop = listening.loop
    until = loop.time() + listening.limits.drain
    for connection in list(listening.open):
        connection.drain(loop.time())
    while (listening.open or listening.tasks) and not hurry.is_set() and loop.time() < until:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(hurry.wait(), 0.02)
        listening.expire()
    cut = len(listening.tasks)
    listening.log.event("warning" if cut else "info", "stopped", unanswered=cut)
    return not cut


def run(serving: Callable[[], Coroutine[None, None, bool]], log: Log) -> int:
    """Run what calls `serve` on uvloop, with libraries' logs in `log`.

    Returns the exit code: 0, or 1 if a request was cut.
    """
    try:
        with library_logs_to(log), asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return 0 if runner.run(serving()) else 1
    finally:
        log.close()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's, or None (asyncio's own) where there is no uvloop: on Windows."""
    try:
        import uvloop  # noqa: PLC0415  not on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop

"""A server as a process: signals, the limit on open files, and a log that nobody reads."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from portvakt.server.http import CannotListen, allowed_connections, base_url, listen, serve
from portvakt.server.log import Log
from portvakt.server.request_head import Limits
from raw_http import PATIENCE, Echo, connect, read_all, read_reply, status, talk, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAM = Path(__file__).parents[2] / "http_process.py"
GET = b"GET /%b HTTP/1.1\r\nHost: id.example\r\n\r\n"
CLOSE = b"GET / HTTP/1.1\r\nHost: id.example\r\nConnection: close\r\n\r\n"


@contextlib.contextmanager
def a_process(
    *,
    delay: float = 0,
    drain: float = 5,
    stderr: int | IO[bytes] = subprocess.PIPE,
    before: Callable[[], None] | None = None,
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a server; yields it and its port."""
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), str(delay), str(drain)],
        stdout=subprocess.PIPE,
        stderr=stderr,
        preexec_fn=before,  # noqa: PLW1509  no thread of ours runs then
    ) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline().rpartition(b":")[2])
        finally:
            process.kill()


def ended(process: subprocess.Popen[bytes]) -> tuple[int, bytes, list[dict[str, object]]]:
    """Wait for the end: exit code, output, log."""
    output, log = process.communicate(timeout=PATIENCE)
    return process.returncode, output, [json.loads(line) for line in (log or b"").splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_FT26_a_signal_lets_requests_in_flight_finish(number: signal.Signals) -> None:
    with a_process() as (process, port), connect(port) as idle, connect(port) as busy:
        idle.sendall(GET % b"")
        assert b"connection" not in read_reply(idle)
        busy.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na")
        assert status(talk(port, CLOSE)) == 200  # so that the request before it has been read

        process.send_signal(number)

        assert process.stdout is not None
        assert process.stdout.readline() == b"draining\n"
        assert read_all(idle) == b""
        until(lambda: refused_connection(port))
        busy.sendall(b"b")
        reply = read_all(busy)
        code, output, log = ended(process)

    assert status(reply) == 200
    assert b"connection: close" in reply
    assert b'"ab"' in reply
    assert (code, output) == (0, b"ended\n")
    assert [line["event"] for line in log] == ["listening", "draining", "stopped"]


def refused_connection(port: int) -> bool:
    try:
        connect(port).close()
    except ConnectionRefusedError:
        return True
    return False


def test_FT26_until_the_drain_delay_ends_requests_are_answered_and_connections_closed() -> None:
    with a_process(delay=0.4) as (process, port), connect(port) as kept:
        kept.sendall(GET % b"")
        read_reply(kept)

        process.terminate()

        assert process.stdout is not None
        assert process.stdout.readline() == b"draining\n"
        kept.sendall(GET % b"")
        assert b"connection: close" in read_all(kept)
        late = talk(port, GET % b"")
        assert status(late) == 200
        assert b"connection: close" in late
        assert ended(process)[0] == 0


def test_FT26_a_second_signal_ends_at_once() -> None:
    with a_process(drain=60) as (process, port), connect(port) as busy:
        busy.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na")
        assert status(talk(port, CLOSE)) == 200
        process.terminate()
        assert process.stdout is not None
        assert process.stdout.readline() == b"draining\n"

        process.terminate()

        code, output, _ = ended(process)
        assert read_all(busy) == b""
        assert (code, output) == (1, b"ended\n")


def test_FT26_requests_that_do_not_finish_are_cut_after_the_drain() -> None:
    with a_process(drain=0.2) as (process, port), connect(port) as busy:
        busy.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na")
        assert status(talk(port, CLOSE)) == 200

        process.terminate()

        code, _, log = ended(process)
        assert read_all(busy) == b""
        assert code == 1
        assert log[-1]["event"] == "stopped"
        assert log[-1]["unanswered"] == 1


def test_FT26_no_request_is_lost_to_a_client_that_obeys_connection_close() -> None:
    with a_process(delay=0.2) as (process, port):
        answered = 0
        end = time.monotonic() + 0.1
        peer = connect(port)
        while True:
            peer.sendall(GET % b"")
            reply = read_reply(peer)
            answered += status(reply) == 200
            if b"connection: close" in reply:
                break
            if time.monotonic() > end:
                process.terminate()
                end = time.monotonic() + PATIENCE
        peer.close()

        assert answered > 1
        assert ended(process)[0] == 0


@pytest.mark.parametrize("known", [True, False], ids=["limit known at the start", "limit set later"])
def test_FT36_a_process_out_of_files_goes_on_and_recovers(*, known: bool) -> None:
    few = (64, 64)
    before = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, few)) if known else None

    with a_process(before=before) as (process, port), contextlib.ExitStack() as crowd:
        if not known:
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, few)
        kept = crowd.enter_context(connect(port))
        kept.sendall(GET % b"")
        read_reply(kept)
        peers = [crowd.enter_context(connect(port)) for _ in range(150)]

        for _ in range(10):
            kept.sendall(GET % b"")
            assert status(read_reply(kept)) == 200
        for peer in peers:
            peer.close()
        until(lambda: talk(port, CLOSE).startswith(b"HTTP/1.1 200"))

        kept.close()
        process.terminate()
        assert ended(process)[0] == 0


def test_E6_slow_heads_lock_nobody_out_of_a_process_with_few_files() -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 128))

    with a_process(before=few) as (process, port), contextlib.ExitStack() as crowd:
        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (128, 128)
        for _ in range(20):
            for _ in range(15):
                crowd.enter_context(connect(port)).sendall(b"G")
            began = time.monotonic()
            assert status(talk(port, CLOSE)) == 200
            assert time.monotonic() - began < PATIENCE / 5


def test_FT39_a_log_that_nobody_reads_blocks_nobody() -> None:
    reader, writer = os.pipe()
    with a_process(stderr=writer) as (process, port):
        os.close(writer)
        noise = b"GET /boom HTTP/1.1\r\nHost: a\r\n\r\n"
        with connect(port) as peer:
            for _ in range(600):  # some 250 bytes each: twice what a pipe holds
                peer.sendall(noise)
                assert status(read_reply(peer)) == 503

        process.terminate()
        began = time.monotonic()
        assert process.wait(PATIENCE) == 0
        assert time.monotonic() - began < PATIENCE
    os.close(reader)


def test_a_taken_port_is_named() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=rf"^127\.0\.0\.1:{port}: another program listens there$"):
            listen("127.0.0.1", port)


def test_a_host_that_is_not_here_is_named() -> None:
    with pytest.raises(CannotListen, match=r"^192\.0\.2\.1:8040: "):
        listen("192.0.2.1", 8040)
    with pytest.raises(CannotListen, match=r"^\[nonsense::x\]:8040: "):
        listen("nonsense::x", 8040)


async def test_a_taken_port_starts_nothing() -> None:
    started = []

    async def start() -> None:
        started.append(True)

    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen):
            await serve(Echo(), host="127.0.0.1", port=port, log=Log(), start=start)

    assert not started


async def test_what_was_started_is_ended_on_any_loop() -> None:
    order: list[str] = []
    stop = asyncio.Event()

    async def start() -> None:
        order.append("start")

    async def end() -> None:
        order.append("end")

    def on_ready(url: str) -> None:
        order.append(url.rpartition(":")[0])
        stop.set()

    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123, ASYNC230
        log = Log(nowhere.fileno())
        assert await serve(
            Echo(), host="127.0.0.1", port=0, log=log, start=start, end=end, on_ready=on_ready, stop=stop
        )
        log.close()

    assert order == ["start", "http://127.0.0.1", "end"]


async def test_a_stop_cancels_a_start_that_hangs() -> None:
    stop = asyncio.Event()
    cancelled = []

    async def start() -> None:
        stop.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    assert await serve(Echo(), host="127.0.0.1", port=0, log=Log(), start=start, stop=stop)
    assert cancelled


async def test_a_start_that_fails_is_told() -> None:
    async def start() -> None:
        raise LookupError("no key")

    with pytest.raises(LookupError):
        await serve(Echo(), host="127.0.0.1", port=0, log=Log(), start=start, stop=asyncio.Event())


def test_FT26_who_has_just_connected_is_still_answered() -> None:
    with a_process() as (process, port), connect(port) as fresh:
        assert status(talk(port, CLOSE)) == 200
        process.terminate()
        assert process.stdout is not None
        assert process.stdout.readline() == b"draining\n"

        fresh.sendall(GET % b"")

        assert status(read_all(fresh)) == 200
        assert ended(process)[0] == 0


def test_FT26_who_has_just_connected_and_says_nothing_is_not_waited_for() -> None:
    with a_process() as (process, port), connect(port) as fresh:
        assert status(talk(port, CLOSE)) == 200
        process.terminate()

        assert read_all(fresh) == b""
        assert ended(process)[0] == 0


def test_a_base_url_has_brackets_where_they_belong() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        listener = listen("::1", 0)
    except CannotListen:
        pytest.skip("no IPv6 loopback here")
    with listener:
        assert base_url(listener, secure=True) == f"https://[::1]:{listener.getsockname()[1]}"


def test_connections_leave_room_for_other_files(monkeypatch: pytest.MonkeyPatch) -> None:
    raised = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits))

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, 4_096))
    assert allowed_connections(Limits()) == 3_996
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, resource.RLIM_INFINITY))
    assert allowed_connections(Limits()) == 4_000
    assert raised == [(4_096, 4_096), (6_148, resource.RLIM_INFINITY)]

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, 1_024))
    assert allowed_connections(Limits()) == 924
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, 4_096))
    assert allowed_connections(Limits(connections=7)) == 7
    assert len(raised) == 2


def test_a_limit_on_files_that_cannot_be_raised_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("not that many")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, resource.RLIM_INFINITY))

    assert allowed_connections(Limits()) == 924

"""Nobody may keep a connection by being slow, and being slow harms nobody else."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import sys
import time
from typing import TYPE_CHECKING

import pytest

from raw_http import BRIEF, LENIENT, PATIENCE, Echo, connect, read_all, read_reply, refused, served, status, talk, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Receive, Scope, Send

    from raw_http import Served

GET = b"GET / HTTP/1.1\r\nHost: id.example\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: id.example\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served(Echo(), BRIEF) as running:
        yield running


def dripping(port: int, first: bytes, drop: bytes) -> bytes:
    """Send `first`, then a drop every 20 ms until the server has had enough."""
    with connect(port) as peer:
        peer.sendall(first)
        end = time.monotonic() + 3
        peer.settimeout(0.02)
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                return peer.recv(65_536)
            peer.sendall(drop)
    raise AssertionError("still open")


def test_E6_a_head_that_drips_is_refused_in_time(server: Served) -> None:
    assert refused(dripping(server.port, b"GET / HTTP/1.1\r\n", b"x"), 408)


def test_E6_a_body_that_drips_is_refused_in_time(server: Served) -> None:
    assert refused(dripping(server.port, POST + b"Content-Length: 1000\r\n\r\n", b"x"), 408)


def test_E6_chunks_that_drip_are_refused_in_time(server: Served) -> None:
    assert refused(dripping(server.port, POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"), 408)


def test_E6_a_head_on_a_kept_connection_has_its_own_deadline() -> None:
    with served(Echo(), dataclasses.replace(BRIEF, idle=60)) as server, connect(server.port) as peer:
        peer.sendall(GET)
        read_reply(peer)
        peer.sendall(b"GET / HTTP/1.1\r\n")

        assert refused(read_all(peer), 408)


def test_E6_a_body_has_its_own_deadline() -> None:
    with served(Echo(), dataclasses.replace(BRIEF, head=60)) as server:
        assert refused(talk(server.port, POST + b"Content-Length: 9\r\n\r\n"), 408)

    with served(Echo(), dataclasses.replace(BRIEF, body=60)) as server, connect(server.port) as peer:
        peer.sendall(POST + b"Content-Length: 2\r\n\r\n")
        time.sleep(0.45)
        peer.sendall(b"ab")
        assert status(read_reply(peer)) == 200


def test_T9_a_promised_body_that_does_not_come_is_refused_in_time(server: Served) -> None:
    assert refused(talk(server.port, POST + b"Content-Length: 50000000\r\n\r\n0123456789"), 408)


def test_E6_who_connects_and_says_nothing_is_closed_without_a_word(server: Served) -> None:
    assert talk(server.port, b"") == b""


def test_E6_line_breaks_ahead_of_a_request_buy_no_time(server: Served) -> None:
    assert dripping(server.port, b"", b"\r\n") == b""


def test_E6_a_kept_connection_is_closed_when_idle(server: Served) -> None:
    with connect(server.port) as peer:
        peer.sendall(GET)
        read_reply(peer)
        assert read_all(peer) == b""


def test_a_request_in_the_making_is_not_idle(server: Served) -> None:
    with connect(server.port) as peer:
        for _ in range(3):
            time.sleep(0.15)
            peer.sendall(GET)
            assert status(read_reply(peer)) == 200


def test_the_time_of_the_application_is_not_the_peers() -> None:
    echo = Echo()
    with served(echo, BRIEF) as server, connect(server.port) as peer:
        peer.sendall(GET.replace(b"/ ", b"/wait ") + POST + b"Content-Length: 2\r\n\r\n")
        time.sleep(0.5)
        echo.go.set()
        assert status(read_reply(peer)) == 200
        peer.sendall(b"ab")
        assert b'"ab"' in read_reply(peer)


def test_a_body_that_the_application_does_not_take_is_not_late() -> None:
    echo = Echo()
    with served(echo, BRIEF) as server, connect(server.port) as peer:
        peer.sendall(b"POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 80_000)
        time.sleep(0.5)
        echo.go.set()
        peer.sendall(b"x" * 20_000)
        assert status(read_reply(peer)) == 200


class Large:
    """Answers 16 MiB, in one piece or in many."""

    def __init__(self, *, pieces: int) -> None:
        self.pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = 16 << 20
        headers = [(b"content-length", b"%d" % size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number in range(self.pieces):
            piece = b"x" * (size // self.pieces)
            await send({"type": "http.response.body", "body": piece, "more_body": number < self.pieces - 1})


@pytest.mark.parametrize(("pieces", "connection"), [(1, b"close"), (256, b"close"), (1, b"keep-alive")])
def test_E6_an_answer_that_is_not_read_ends_the_connection(pieces: int, connection: bytes) -> None:
    with served(Large(pieces=pieces), BRIEF) as server, connect(server.port) as peer:
        peer.sendall(POST + b"Connection: " + connection + b"\r\n\r\n")
        time.sleep(0.7)

        assert len(read_all(peer)) < 16 << 20


def test_a_large_answer_that_is_read_arrives_whole() -> None:
    with served(Large(pieces=256), BRIEF) as server:
        reply = talk(server.port, POST + b"Connection: close\r\n\r\n")

    assert len(reply.partition(b"\r\n\r\n")[2]) == 16 << 20


def test_E6_slow_peers_do_not_slow_the_others() -> None:
    with served(Echo(), dataclasses.replace(BRIEF, head=5, idle=5)) as server, contextlib.ExitStack() as all_of_them:
        for _ in range(200):
            all_of_them.enter_context(connect(server.port)).sendall(b"GET / HTTP/1.1\r\nX")
        began = time.monotonic()
        assert status(talk(server.port, POST + b"Connection: close\r\n\r\n")) == 200
        assert time.monotonic() - began < 5


def test_FT36_who_comes_when_the_house_is_full_is_turned_away_and_the_others_are_served() -> None:
    echo = Echo()
    with served(echo, dataclasses.replace(LENIENT, connections=5)) as server, contextlib.ExitStack() as all_of_them:
        kept = [all_of_them.enter_context(connect(server.port)) for _ in range(5)]
        for peer in kept:
            peer.sendall(GET.replace(b"/ ", b"/wait "))
        until(lambda: len(echo.scopes) == 5)
        assert talk(server.port, GET) == b""
        echo.go.set()
        for peer in kept:
            assert status(read_reply(peer)) == 200
        until(lambda: any(line["event"] == "too_many_connections" for line in server.logged()))


def test_FT36_idle_connections_make_room() -> None:
    with served(Echo(), dataclasses.replace(LENIENT, connections=5)) as server, contextlib.ExitStack() as all_of_them:
        for _ in range(5):
            peer = all_of_them.enter_context(connect(server.port))
            peer.sendall(GET)
            read_reply(peer)

        until(lambda: talk(server.port, POST + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 200"))


APART = 0.003
"""Seconds between what the server shall know to be one after the other: its clock counts milliseconds."""

UNFINISHED = [b"", b"G", GET[:-2], GET, POST + b"Content-Length: 9\r\n\r\nx"]


@pytest.mark.parametrize("sent", UNFINISHED, ids=["nothing", "a byte", "half a head", "idle", "half a body"])
def test_E6_who_keeps_us_waiting_longest_makes_room(sent: bytes) -> None:
    limits = dataclasses.replace(LENIENT, connections=10)
    with served(Echo(), limits) as server, contextlib.ExitStack() as all_of_them:
        peers = []
        for _ in range(10):
            peers.append(peer := all_of_them.enter_context(connect(server.port)))
            time.sleep(APART)
            peer.sendall(sent)
            if sent.endswith(b"\r\n\r\n"):
                read_reply(peer)

        assert status(talk(server.port, POST + b"Connection: close\r\n\r\n")) == 200

        assert read_all(peers[0]) == b""
        assert read_all(peers[1]) == b""
        peers[2].setblocking(False)
        with pytest.raises(BlockingIOError):
            peers[2].recv(1)
        until(lambda: any(line.get("pushed_out") == 2 for line in server.logged()))


def test_E6_honest_peers_get_through_a_crowd_that_comes_back() -> None:
    limits = dataclasses.replace(LENIENT, connections=50)
    with served(Echo(), limits) as server, contextlib.ExitStack() as all_of_them:
        for _ in range(20):
            for _ in range(20):
                all_of_them.enter_context(connect(server.port)).sendall(b"G")
            assert status(talk(server.port, POST + b"Connection: close\r\n\r\n")) == 200


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers at all of 127.0.0.0/8")
def test_E6_a_crowd_at_one_address_costs_the_slow_at_another_nothing() -> None:
    limits = dataclasses.replace(LENIENT, connections=10)
    with served(Echo(), limits) as server, contextlib.ExitStack() as all_of_them:
        other = socket.create_connection(("127.0.0.1", server.port), PATIENCE, source_address=("127.0.0.2", 0))
        all_of_them.enter_context(other).sendall(GET[:9])
        for _ in range(40):
            all_of_them.enter_context(connect(server.port)).sendall(b"G")
        assert status(talk(server.port, POST + b"Connection: close\r\n\r\n")) == 200

        other.sendall(GET[9:])

        assert status(read_reply(other)) == 200


@pytest.mark.parametrize(
    "sent", [POST + b"Content-Length: 65000\r\n\r\n" + b"x" * 20_000, b"GET /" + b"x" * 8_000], ids=["body", "head"]
)
def test_E6_unfinished_requests_hold_no_more_than_their_share(sent: bytes) -> None:
    limits = dataclasses.replace(LENIENT, held_bytes=5 * len(sent))
    with served(Echo(), limits) as server:
        for _ in range(3):  # what is given up is counted no more
            with contextlib.ExitStack() as all_of_them:
                peers = [all_of_them.enter_context(connect(server.port)) for _ in range(6)]
                for peer in peers:
                    time.sleep(APART)
                    peer.sendall(sent)

                for peer in peers[:2]:
                    reply = read_all(peer)
                    assert status(reply) == 503
                    assert b"retry-after: 1\r\n" in reply
                    assert b'"server_error"' in reply
                whole = POST + b"Connection: close\r\nContent-Length: 2\r\n\r\n"
                assert b'"ab"' in talk(server.port, whole, b"ab")
                peers[5].setblocking(False)
                with pytest.raises(BlockingIOError):
                    peers[5].recv(1)


def test_E6_bodies_that_become_whole_are_counted_no_more() -> None:
    body = b"x" * 2_000
    with served(Echo(), dataclasses.replace(LENIENT, held_bytes=5_000)) as server, connect(server.port) as peer:
        for _ in range(10):
            peer.sendall(POST + b"Content-Length: 2000\r\n\r\n" + body[:1_000])
            time.sleep(APART)
            peer.sendall(body[1_000:])
            assert status(read_reply(peer)) == 200


def test_a_refused_peer_may_finish_its_sentence_before_it_reads_the_refusal(server: Served) -> None:
    with connect(server.port) as peer:
        peer.sendall(b"nonsense\r\n\r\n")
        for _ in range(4):
            time.sleep(0.02)
            peer.sendall(b"x" * 1_000)

        assert refused(read_all(peer))


def test_a_linger_ends_also_for_those_who_go_on_sending(server: Served) -> None:
    with connect(server.port) as peer:
        peer.sendall(b"nonsense\r\n\r\n")
        peer.settimeout(0.02)
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - began < 5:
                with contextlib.suppress(TimeoutError, socket.timeout):
                    peer.sendall(b"x" * 1_000)
                time.sleep(0.02)
        assert time.monotonic() - began < 5

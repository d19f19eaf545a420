"""How one connection's answers go out: in order, framed by the server, and whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import threading
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest

from raw_http import BRIEF, LENIENT, Echo, connect, read_all, read_reply, refused, served, status, talk, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Message, Receive, Scope, Send

    from raw_http import Served

GET = b"GET /%b HTTP/1.1\r\nHost: id.example\r\n\r\n"
POST = b"POST /%b HTTP/1.1\r\nHost: id.example\r\n"


@pytest.fixture(scope="module")
def echo() -> Echo:
    return Echo()


@pytest.fixture(scope="module")
def server(echo: Echo) -> Iterator[Served]:
    with served(echo) as running:
        yield running


class Says:
    """Sends the messages it was made of."""

    def __init__(self, *messages: Message) -> None:
        self.messages = messages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for message in self.messages:
            await send(message)


def a_start(*headers: tuple[bytes, bytes], code: int = 200) -> Message:
    return {"type": "http.response.start", "status": code, "headers": headers}


def a_body(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


def test_a_connection_is_kept_for_the_next_request(server: Served) -> None:
    with connect(server.port) as peer:
        for number in range(3):
            peer.sendall(GET % b"%d" % number)
            reply = read_reply(peer)
            assert status(reply) == 200
            assert b"connection" not in reply


def test_connection_close_is_obeyed_and_what_follows_is_not_read(server: Served, echo: Echo) -> None:
    before = len(echo.scopes)

    reply = talk(server.port, POST % b"" + b"Connection: close\r\n\r\n" + GET % b"after")

    assert reply.count(b"HTTP/1.1 200") == 1
    assert b"connection: close" in reply
    assert [scope["path"] for scope in echo.scopes[before:]] == ["/"]


def test_T23_pipelined_requests_are_answered_in_order(server: Served) -> None:
    with connect(server.port) as peer:
        peer.sendall(GET % b"1" + POST % b"2" + b"Content-Length: 3\r\n\r\nabc" + GET % b"3")
        replies = [json.loads(read_reply(peer).partition(b"\r\n\r\n")[2]) for _ in range(3)]

    assert [(reply["path"], reply["body"]) for reply in replies] == [("/1", ""), ("/2", "abc"), ("/3", "")]


def test_T23_a_malformed_request_is_refused_after_the_answers_before_it(server: Served) -> None:
    reply = talk(server.port, GET % b"1" + GET % b"2" + b"GET evil HTTP/1.1\r\nHost: a\r\n\r\n")

    first, second, third = reply.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200")
    assert b'"/1"' in first
    assert second.startswith(b"200")
    assert b'"/2"' in second
    assert third.startswith(b"400")


def test_T23_a_pipelined_body_that_is_malformed_is_refused_in_its_turn(server: Served) -> None:
    reply = talk(server.port, GET % b"1" + POST % b"2" + b"Transfer-Encoding: chunked\r\n\r\nx\r\n")

    assert [part[:3] for part in reply.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]


def test_T23_a_flood_of_pipelined_requests_is_cut(echo: Echo) -> None:
    with served(echo) as server:
        before = len(echo.scopes)

        reply = talk(server.port, GET % b"x" * 1_000)

        assert [part[:3] for part in reply.split(b"HTTP/1.1 ")[1:]] == [b"200"] * 9 + [b"400"]
        assert len(echo.scopes) - before == 9


def test_T23_continue_is_said_once_the_application_reads(server: Served) -> None:
    with connect(server.port) as peer:
        peer.sendall(POST % b"" + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert peer.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(b"ab")
        assert b'"ab"' in read_reply(peer)


def test_T23_a_request_refused_before_its_body_is_not_told_to_continue(server: Served) -> None:
    reply = talk(server.port, POST % b"unread" + b"Expect: 100-continue\r\nContent-Length: 50000000\r\n\r\n")

    assert b"100 Continue" not in reply
    assert status(reply) == 200
    assert b"connection: close" in reply


def test_continue_is_not_said_where_the_body_is_there_already(server: Served) -> None:
    reply = talk(server.port, POST % b"" + b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab")

    assert status(reply) == 200


def test_T9_a_body_that_nobody_reads_is_not_held_and_ends_the_connection(server: Served) -> None:
    with connect(server.port) as peer:
        peer.sendall(POST % b"unread" + b"Content-Length: 50000000\r\n\r\n" + b"x" * 300_000)
        reply = read_all(peer)

    assert status(reply) == 200
    assert b"connection: close" in reply


def test_T9_a_body_is_held_only_up_to_a_bound_while_the_application_is_busy(echo: Echo) -> None:
    echo.go.clear()
    with served(echo) as server, connect(server.port) as peer:
        peer.sendall(POST % b"wait" + b"Connection: close\r\nContent-Length: 50000000\r\n\r\n")
        peer.settimeout(0.3)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 50_000_000:
                sent += peer.send(b"x" * 1_000_000)
        echo.go.set()

        assert sent < 50_000_000  # what the kernel holds, and 64 KiB


def test_a_peer_that_leaves_is_noticed(server: Served, echo: Echo) -> None:
    echo.gone.clear()
    before = len(echo.scopes)
    with connect(server.port) as peer:
        peer.sendall(POST % b"" + b"Content-Length: 10\r\n\r\nabc")
        until(lambda: len(echo.scopes) > before)

    assert echo.gone.wait(5)


class Streams:
    """Sends 100 MB a little at a time, and says how far it came and how it ended."""

    def __init__(self) -> None:
        self.size = 0
        self.told = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(a_start())
        try:
            while self.size < 100_000_000:
                await send(a_body(b"x" * 1_000, more=True))
                self.size += 1_000
        except ConnectionAbortedError:
            self.told.set()
            raise


@pytest.mark.parametrize("leaves", [True, False])
def test_T9_whoever_takes_nothing_of_an_answer_holds_it_up_until_they_leave_or_their_time_is_over(
    leaves: bool,
) -> None:
    app = Streams()
    with served(app, LENIENT if leaves else BRIEF) as server, connect(server.port) as peer:
        peer.sendall(GET % b"")
        assert until(lambda: app.size > 0)
        if leaves:
            peer.close()

        assert app.told.wait(5)

    assert app.size < 50_000_000  # what the kernel holds, and 64 KiB


def test_a_peer_that_closes_its_half_gets_its_answer(server: Served, echo: Echo) -> None:
    import socket

    echo.go.clear()
    with connect(server.port) as peer:
        peer.sendall(GET % b"wait")
        peer.shutdown(socket.SHUT_WR)
        echo.go.set()
        assert status(read_all(peer)) == 200


def test_a_fault_of_ours_is_503_and_its_cause_is_in_the_log(server: Served) -> None:
    with connect(server.port) as peer:
        peer.sendall(GET % b"boom")
        reply = read_reply(peer)
        peer.sendall(GET % b"after")
        assert status(read_reply(peer)) == 200

    assert status(reply) == 503
    assert b"retry-after: 1\r\n" in reply
    assert b"cache-control: no-store\r\n" in reply
    assert json.loads(reply.partition(b"\r\n\r\n")[2])["error"] == "server_error"
    assert b"Error" not in reply
    assert b"canary" not in reply
    until(lambda: any(line["event"] == "request_failed" for line in server.logged()))
    line = next(line for line in server.logged() if line["event"] == "request_failed")
    assert line["error"] == "ValueError"
    assert line["at"][-1].startswith("raw_http.py:")
    assert "canary" not in json.dumps(line)


def test_an_application_that_says_nothing_is_a_fault_of_ours(server: Served) -> None:
    with connect(server.port) as peer:
        peer.sendall(GET % b"silent")
        assert status(read_reply(peer)) == 503


def test_a_peer_that_left_before_a_fault_is_no_fault_of_ours() -> None:
    class Fails:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            raise ConnectionError("client left")

    with served(Fails()) as server:
        with connect(server.port) as peer:
            peer.sendall(POST % b"" + b"Content-Length: 2\r\n\r\na")
        until(lambda: any(line["event"] == "request_abandoned" for line in server.logged()))
        assert all(line["level"] == "info" for line in server.logged())


DATE = re.compile(rb"\r\ndate: ([^\r]+)")


def dated_reply(*messages: Message, request: bytes = GET % b"") -> bytes:
    with served(Says(*messages), dataclasses.replace(BRIEF, idle=0.05, sweep=0.02)) as server:
        return talk(server.port, request)


def one_reply(*messages: Message, request: bytes = GET % b"") -> bytes:
    """Return the reply without its date."""
    return DATE.sub(b"", dated_reply(*messages, request=request))


def test_a_reply_without_a_length_gets_one() -> None:
    assert b"content-length: 2\r\n\r\nab" in one_reply(a_start(), a_body(b"ab"))


def test_a_reply_in_pieces_is_chunked_and_the_application_does_not_frame() -> None:
    reply = one_reply(
        a_start((b"Transfer-Encoding", b"gzip"), (b"Connection", b"keep-alive")),
        a_body(b"ab", more=True),
        a_body(b"", more=True),
        a_body(b"c"),
    )

    head, _, body = reply.partition(b"\r\n\r\n")
    assert head == b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked"
    assert body == b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"


def test_a_reply_in_pieces_to_http_1_0_ends_with_the_connection() -> None:
    reply = one_reply(a_start(), a_body(b"ab", more=True), a_body(b"c"), request=b"GET / HTTP/1.0\r\n\r\n")

    assert reply == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc"


def test_an_answer_says_when_it_was_made() -> None:
    reply = dated_reply(a_start(), a_body(b"a"))

    (date,) = DATE.findall(reply)
    assert abs(parsedate_to_datetime(date.decode()).timestamp() - time.time()) <= 10


def test_a_reply_in_pieces_may_state_its_length() -> None:
    reply = one_reply(a_start((b"Content-Length", b"3")), a_body(b"ab", more=True), a_body(b"c"))

    assert reply == b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"


@pytest.mark.parametrize("code", [204, 304])
def test_a_status_without_a_body_has_none(code: int) -> None:
    assert one_reply(a_start(code=code), a_body(b"ab")).endswith(b"\r\n\r\n")


def test_head_has_no_body() -> None:
    reply = one_reply(a_start((b"content-length", b"2")), a_body(b"ab"), request=b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")

    assert reply == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


def test_an_application_may_close() -> None:
    reply = one_reply(a_start((b"connection", b"Close")), a_body(b"ab"))

    assert b"connection: close" in reply


def test_an_unknown_status_has_no_phrase() -> None:
    assert one_reply(a_start(code=299), a_body(b"")).startswith(b"HTTP/1.1 299 \r\n")


@pytest.mark.parametrize(
    "messages",
    [
        (a_start((b"location", b"/x\r\nSet-Cookie: a=b")), a_body(b"")),
        (a_start((b"location", b"/x\nSet-Cookie: a=b")), a_body(b"")),
        (a_start((b"location", b"/x\rSet-Cookie: a=b")), a_body(b"")),
        (a_start((b"location", b"/x\0")), a_body(b"")),
        (a_start((b"content-length", b"1")), a_body(b"ab")),
        (a_start((b"content-length", b"3")), a_body(b"ab")),
        (a_body(b"ab"),),
        (a_start(), a_start()),
        (a_start(),),
    ],
)
def test_an_answer_that_cannot_be_sent_is_a_fault_of_ours(messages: tuple[Message, ...]) -> None:
    reply = one_reply(*messages)

    assert status(reply) == 503
    assert b"Set-Cookie" not in reply


@pytest.mark.parametrize(
    "rest", [(a_body(b"xyz"),), (a_body(b"x"),), (), (a_start(),)], ids=["longer", "shorter", "missing", "start"]
)
def test_an_answer_that_breaks_off_is_a_closed_connection(rest: tuple[Message, ...]) -> None:
    reply = one_reply(a_start((b"content-length", b"4")), a_body(b"ab", more=True), *rest)

    assert reply.endswith(b"\r\n\r\nab")


def test_a_fault_after_the_answer_is_logged_and_harms_nobody() -> None:
    with served(Says(a_start(), a_body(b"ab"), a_body(b"again"))) as server, connect(server.port) as peer:
        for _ in range(2):
            peer.sendall(GET % b"")
            assert read_reply(peer).endswith(b"ab")
        until(lambda: any(line["event"] == "request_failed" for line in server.logged()))


def test_a_refusal_while_an_answer_has_begun_closes_the_connection() -> None:
    class Slow:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await send(a_start())
            await send(a_body(b"ab", more=True))
            while (await receive())["type"] != "http.disconnect":
                pass

    with served(Slow()) as server, connect(server.port) as peer:
        peer.sendall(POST % b"" + b"Transfer-Encoding: chunked\r\n\r\n")
        until(lambda: b"ab" in peer.recv(1_000))
        peer.sendall(b"x\r\n")

        assert read_all(peer) == b""


def test_a_refusal_of_a_body_reaches_the_peer_and_the_application_is_told(server: Served, echo: Echo) -> None:
    echo.gone.clear()

    reply = talk(server.port, POST % b"" + b"Transfer-Encoding: chunked\r\n\r\n", b"x\r\n")

    assert refused(reply)
    assert echo.gone.wait(5)

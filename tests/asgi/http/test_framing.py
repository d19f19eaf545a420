"""What is no doubt-free HTTP/1.1 request is refused, and the connection with it (RFC 9112)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raw_http import Echo, connect, read_reply, refused, served, status, talk, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raw_http import Served

HEAD = b"POST /token HTTP/1.1\r\nHost: id.example\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: id.example\r\n\r\n"


@pytest.fixture(scope="module")
def echo() -> Echo:
    return Echo()


@pytest.fixture(scope="module")
def server(echo: Echo) -> Iterator[Served]:
    with served(echo) as running:
        yield running


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: identity, chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunkedx\r\n",
        b"Transfer-Encoding: chunked;q=1\r\n",
        b'Transfer-Encoding: "chunked"\r\n',
        b"Transfer-Encoding: \x0bchunked\r\n",
        b"Transfer-Encoding:\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b" Transfer-Encoding: chunked\r\n",
        b"X: y\r\n Transfer-Encoding: chunked\r\n",
        b"Content-Length : 5\r\n",
    ],
)
def test_Y1_a_doubtful_transfer_encoding_is_refused_and_nothing_behind_it_is_read(
    server: Served, echo: Echo, headers: bytes
) -> None:
    before = len(echo.scopes)

    reply = talk(server.port, HEAD + headers + b"\r\n0\r\n\r\n" + SMUGGLED)

    assert refused(reply)
    assert len(echo.scopes) == before


@pytest.mark.parametrize("value", [b"chunked", b"Chunked", b"CHUNKED"])
def test_a_chunked_body_arrives_whole(server: Served, value: bytes) -> None:
    reply = talk(
        server.port,
        HEAD + b"Connection: close\r\nTransfer-Encoding: " + value + b"\r\n\r\n4;x=y\r\nwiki\r\n",
        b"5\r\npedia\r\n0\r\n\r\n",
    )

    assert status(reply) == 200
    assert b'"wikipedia"' in reply


@pytest.mark.parametrize(
    "chunks",
    [
        b"4\r\nwikiX\r\n0\r\n\r\n",
        b"4\nwiki\n0\n\n",
        b"-1\r\n\r\n0\r\n\r\n",
        b"0x4\r\nwiki\r\n0\r\n\r\n",
        b"+4\r\nwiki\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\nwiki\r\n0\r\n\r\n",
        b"4 \r\nwiki\r\n0\r\n\r\n",
        b"4\r\nwiki\r\n0\r\nTrailer: x\r\n\r\n",
        b"4\r\nwiki\r\n0\r\nContent-Length: 40\r\n\r\n",
    ],
)
def test_Y1_a_doubtful_chunk_is_refused(server: Served, chunks: bytes) -> None:
    assert refused(talk(server.port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks))


def test_Y1_chunks_that_are_nearly_all_extension_are_refused(server: Served) -> None:
    chunk = b"1;" + b"x" * 4_000 + b"\r\na\r\n"

    reply = talk(server.port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk * 8] * 4)

    assert refused(reply)


def test_Y1_a_trailer_that_never_ends_is_refused(server: Served) -> None:
    reply = talk(server.port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", *[b"x" * 20_000] * 4)

    assert refused(reply)


@pytest.mark.parametrize(
    "length",
    [
        b"-1",
        b"+5",
        b"5x",
        b"0x5",
        b"5, 5",
        b"5,6",
        b"5 5",
        b"",
        b" ",
        b"1e1",
        b"5.0",
        b"\xb2",
        b"99999999999999999999999",
        b"5\r\nContent-Length: 5",
        b"5\r\nContent-Length: 6",
    ],
)
def test_T9_a_length_that_is_not_one_number_is_refused(server: Served, length: bytes) -> None:
    assert refused(talk(server.port, HEAD + b"Content-Length: " + length + b"\r\n\r\nhello"))


@pytest.mark.parametrize(
    "line",
    [
        b"X: a\rb",
        b"X: a\r b",
        b"X: a\x00b",
        b"X\x00: a",
        b"X: a\nb",
        b"X: a\x01b",
        b"X: a\x7fb",
        b"X: a\r\n b",
        b"X: a\r\n\tb",
        b"X : a",
        b"X\t: a",
        b" X: a",
        b"\xc3\xa6: a",
        b"X\xe6: a",
        b"X(: a",
        b": a",
        b"no colon",
        b"X: a\r\nY: b\n",
    ],
)
def test_Y3_a_header_that_is_no_header_is_refused(server: Served, line: bytes) -> None:
    assert refused(talk(server.port, HEAD + line + b"\r\n\r\n"))


@pytest.mark.parametrize(
    ("size", "expected"),
    [(97, 200), (98, 431), (1_000, 431)],
    ids=["100 headers", "101 headers", "1003 headers"],
)
def test_Y3_a_hundred_headers_are_enough(server: Served, size: int, expected: int) -> None:
    headers = b"".join(b"X-%d: y\r\n" % number for number in range(size))

    reply = talk(server.port, HEAD + b"Connection: close\r\nX: y\r\n" + headers + b"\r\n")

    assert status(reply) == expected
    assert expected == 200 or refused(reply, expected)


@pytest.mark.parametrize("pieces", [1, 5])
def test_Y3_a_head_of_more_than_32_kib_is_refused(server: Served, pieces: int) -> None:
    reply = talk(server.port, HEAD + b"X: ", *[b"x" * (65_536 // pieces)] * pieces, b"\r\n\r\n")

    assert refused(reply, 431)


def test_Y3_a_long_head_that_comes_whole_and_with_a_body_is_refused(server: Served) -> None:
    headers = b"".join(b"X-%d: %b\r\n" % (number, b"y" * 1_000) for number in range(40))

    assert refused(talk(server.port, HEAD + headers + b"Content-Length: 3\r\n\r\nabc"), 431)


def test_a_small_head_with_a_large_body_in_one_piece_is_not_too_long(server: Served) -> None:
    reply = talk(server.port, HEAD + b"Connection: close\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000)

    assert status(reply) == 200


@pytest.mark.parametrize("pieces", [1, 4])
def test_Y3_a_request_line_of_64_kib_is_refused(server: Served, pieces: int) -> None:
    reply = talk(server.port, b"GET /", *[b"x" * (65_536 // pieces)] * pieces, b" HTTP/1.1\r\nHost: a\r\n\r\n")

    assert refused(reply, 414)


def test_Y3_a_method_that_never_ends_is_refused(server: Served) -> None:
    assert refused(talk(server.port, b"G" * 65_536))


@pytest.mark.parametrize(
    "target",
    [
        b"@evil.example",
        b"http://evil.example/token",
        b"https://id.example/token",
        b"*",
        b"token",
        b"?x",
        b"//evil.example/x",
        b"evil.example:443",
        b"/token#fragment",
        b"/\xc3\xa6",
        b"/a\x00b",
        b"/a\x7fb",
        b"/a\tb",
        b"/a b",
        b"\\token",
        b"",
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"POST", b"OPTIONS"])
def test_M5_a_target_that_is_no_path_is_refused(server: Served, method: bytes, target: bytes) -> None:
    assert refused(talk(server.port, method + b" " + target + b" HTTP/1.1\r\nHost: id.example\r\n\r\n"))


def test_M5_connect_is_refused(server: Served) -> None:
    assert refused(talk(server.port, b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n"))
    assert refused(talk(server.port, b"CONNECT /token HTTP/1.1\r\nHost: evil.example:443\r\n\r\n"))


def test_a_path_is_decoded_once_and_its_raw_form_kept(server: Served, echo: Echo) -> None:
    talk(server.port, b"GET /a%2fb%2520?c=%20 HTTP/1.1\r\nHost: id.example:8040\r\nX-Y: Z\r\nConnection: close\r\n\r\n")

    scope = echo.scopes[-1]
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/a/b%20", b"/a%2fb%2520", b"c=%20")
    assert scope["headers"] == [(b"host", b"id.example:8040"), (b"x-y", b"Z"), (b"connection", b"close")]
    assert scope["client"][0] == scope["server"][0] == "127.0.0.1"
    assert scope["server"][1] == server.port
    assert (scope["method"], scope["scheme"], scope["http_version"], scope["root_path"]) == ("GET", "http", "1.1", "")


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"Host: a\r\nHost: a\r\n",
        b"Host: a\r\nHost: b\r\n",
        b"Host: a b\r\n",
        b"Host: u@evil\r\n",
        b"Host: a/b\r\n",
        b"Host:\r\n",
    ],
)
def test_a_host_that_is_not_one_host_is_refused(server: Served, host: bytes) -> None:
    assert refused(talk(server.port, b"GET / HTTP/1.1\r\n" + host + b"\r\n"))


@pytest.mark.parametrize("host", [b"127.0.0.1:8040", b"[::1]:8040", b"id.example", b"xn--bl-lia.example"])
def test_a_host_may_be_any_host(server: Served, host: bytes) -> None:
    assert status(talk(server.port, b"GET / HTTP/1.1\r\nConnection: close\r\nHost: " + host + b"\r\n\r\n")) == 200


@pytest.mark.parametrize("version", [b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2", b"HTTP/11", b"http/1.1", b"ICE/1.0", b""])
def test_a_version_that_is_not_spoken_is_refused(server: Served, version: bytes) -> None:
    assert refused(talk(server.port, b"GET / " + version + b"\r\nHost: a\r\n\r\n"))


def test_Y5_http_2_is_not_spoken(server: Served) -> None:
    assert refused(talk(server.port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))


def test_http_1_0_is_answered_and_closed_without_a_host(server: Served) -> None:
    reply = talk(server.port, b"POST /x HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n", b"ab")

    assert status(reply) == 200
    assert b"connection: close" in reply
    assert b'"ab"' in reply


def test_http_1_0_has_no_chunks(server: Served) -> None:
    assert refused(talk(server.port, b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))


@pytest.mark.parametrize("upgrade", [b"websocket", b"h2c", b"TLS/1.0"])
@pytest.mark.parametrize("pieces", [1, 2])
def test_an_upgrade_is_ignored_and_the_body_read_all_the_same(server: Served, upgrade: bytes, pieces: int) -> None:
    head = (
        HEAD
        + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: "
        + upgrade
        + b"\r\nHTTP2-Settings: AAEAAEAA\r\nContent-Length: 44\r\n\r\n"
    )
    body = b"GET /smuggled HTTP/1.1\r\nHost: id.example\r\n\r\n"[:44]

    with connect(server.port) as peer:
        for piece in [head + body] if pieces == 1 else [head, body]:
            peer.sendall(piece)
        first = read_reply(peer)
        peer.sendall(HEAD + b"\r\n")
        second = read_reply(peer)

    assert status(first) == 200
    assert b'"body": "GET /smuggled' in first
    assert b'"path": "/token"' in second


def test_a_crowd_of_upgrades_is_refused_for_what_it_is() -> None:
    upgrade = HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    with served(Echo()) as server:
        reply = talk(server.port, upgrade * 300)
        until(lambda: len(server.logged()) > 1)
        events = [line["event"] for line in server.logged()]

    assert b"Too many requests were sent ahead of their answers." in reply
    assert events == ["listening", "refused"]


def test_text_that_is_not_http_is_refused(server: Served) -> None:
    assert refused(talk(server.port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"))
    assert refused(talk(server.port, b"hello\r\n\r\n"))


def test_a_refusal_is_logged_with_its_reason_and_nothing_of_what_was_sent(server: Served) -> None:
    talk(server.port, HEAD + b"Authorization: Basic Y2FuYXJ5\r\nTransfer-Encoding: canary\r\n\r\n")

    until(lambda: any(line["event"] == "refused" for line in server.logged()))
    lines = [line for line in server.logged() if line["event"] == "refused"]
    assert all(line["reason"] and line["address"] == "127.0.0.1" for line in lines)
    assert "anary" not in repr(lines)

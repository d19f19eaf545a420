"""`Fetcher.send`: one request with a body that holds a secret, and a reply of whatever status within narrow bounds."""

from __future__ import annotations

import asyncio
import gzip
import time
from typing import TYPE_CHECKING

import pytest

from portvakt.client.fetch import HEADER_FIELDS, REPLY_OCTETS, Fetcher, FetchFailed
from portvakt.model.message import Request
from raw_server import RawServer, raw_server, response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

HANG = 5.0
BODY = b'{"client_secret": "made-up"}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def a_request(url: str, *, body: bytes = BODY) -> Request:
    headers = (
        ("Accept", "application/json"),
        ("Content-Type", "application/json"),
        ("Authorization", "Basic bWU6cw=="),
    )
    return Request(method="POST", url=url, headers=headers, body=body)


def resolving(*addresses: str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


async def failure(fetcher: Fetcher, url: str) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        async with asyncio.timeout(HANG):
            await fetcher.send(a_request(url))
    assert "made-up" not in str(caught.value)
    return caught.value


def to(server: RawServer, *, deadline: float = 3.0) -> Fetcher:
    return Fetcher(named_urls=(server.url,), deadline=deadline)


async def test_a_request_arrives_once_with_its_headers_and_its_body() -> None:
    async with raw_server(response(b'{"a":1}')) as server:
        reply = await to(server).send(a_request(f"{server.url}/token?tenant=1"))

    assert (reply.status, reply.body) == (200, b'{"a":1}')
    assert server.connections == 1
    assert server.bodies == [BODY]
    line, *fields = server.heads[0].decode().removesuffix("\r\n\r\n").split("\r\n")
    assert line == "POST /token?tenant=1 HTTP/1.1"
    assert {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)} == {
        "host": f"127.0.0.1:{server.port}",
        "accept": "application/json",
        "accept-encoding": "identity",
        "authorization": "Basic bWU6cw==",
        "connection": "keep-alive",
        "content-length": str(len(BODY)),
        "content-type": "application/json",
        "user-agent": "portvakt",
    }


async def test_the_headers_of_a_reply_are_lower_case_and_each_stands_once() -> None:
    async with raw_server(response(extra="Retry-After: 7\r\nX-Twice: a\r\nx-twice: b\r\n")) as server:
        reply = await to(server).send(a_request(server.url))

    headers = dict(reply.headers)
    assert len(headers) == len(reply.headers)
    assert (headers["retry-after"], headers["x-twice"], headers["content-type"]) == ("7", "a, b", "application/json")


@pytest.mark.parametrize(
    "status", ["201 Created", "302 Found", "307 Temporary Redirect", "400 Bad Request", "429 Slow Down", "503 Later"]
)
async def test_S1_a_reply_of_any_status_is_returned_and_no_redirect_followed(status: str) -> None:
    async with raw_server(response()) as target:
        moved = response(b"<html>", status=status, content_type="text/html", extra=f"Location: {target.url}/\r\n")
        async with raw_server(moved) as server:
            fetcher = Fetcher(named_urls=(server.url, target.url))

            reply = await fetcher.send(a_request(server.url))

        assert (reply.status, reply.body) == (int(status[:3]), b"<html>")
        assert len(server.heads) == 1
        assert target.connections == 0


async def test_S7_a_mebibyte_is_read_and_one_octet_more_is_refused() -> None:
    async with raw_server(response(b" " * REPLY_OCTETS)) as server:
        assert len((await to(server).send(a_request(server.url))).body) == REPLY_OCTETS

    async with raw_server(response(b" " * (REPLY_OCTETS + 1))) as server:
        error = await failure(to(server), server.url)

    assert str(REPLY_OCTETS) in str(error)
    assert error.answered


async def test_S7_what_comes_after_the_mebibyte_is_not_read() -> None:
    written = 0

    async def endless(head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(HEAD + b"\r\n")
        while True:
            writer.write(b" " * 65_536)
            await writer.drain()
            written += 65_536

    async with raw_server(endless) as server:
        assert (await failure(to(server), server.url)).answered

    assert written < 32 * REPLY_OCTETS  # what the sockets on both sides hold


@pytest.mark.parametrize("where", ["nowhere", "head", "body"])
async def test_FT32_an_answer_that_does_not_end_is_given_up_at_the_deadline(where: str) -> None:
    async def drip(head: bytes, writer: asyncio.StreamWriter) -> None:
        begun = {"nowhere": b"", "head": b"HTTP/1.1 200 OK\r\n", "body": HEAD + b"\r\n"}
        writer.write(begun[where])
        while True:
            writer.write(b"" if where == "nowhere" else b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with raw_server(drip) as server:
        began = time.monotonic()
        error = await failure(to(server, deadline=0.5), server.url)

    assert str(error) == "127.0.0.1: no complete answer within 0.5 s"
    assert not error.answered
    assert time.monotonic() - began < HANG
    assert len(server.heads) == 1


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200",
        HEAD,
        HEAD + b"Content-Length: 100\r\n\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=["nothing", "half a line", "half a head", "half a body", "half a chunk", "no chunk", "ssh", "two lengths"],
)
async def test_FT32_half_an_answer_is_none_and_the_request_is_not_sent_again(said: bytes) -> None:
    async with raw_server(said) as server:
        # the second address is as good as the first, and is not asked: the first has the request
        fetcher = Fetcher(named_urls=(server.url,), resolver=resolving("127.0.0.1", "127.0.0.1"))

        error = await failure(fetcher, server.url)

    assert not error.answered
    assert server.bodies == [BODY]


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "identity, gzip", "GZIP"])
async def test_S7_a_compressed_reply_is_not_unpacked(encoding: str) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    async with raw_server(response(bomb, extra=f"Content-Encoding: {encoding}\r\n")) as server:
        error = await failure(to(server), server.url)

    assert "compressed" in str(error)
    assert error.answered


@pytest.mark.parametrize("encoding", ["identity", "Identity "])
async def test_a_reply_that_says_it_is_not_compressed_is_taken(encoding: str) -> None:
    async with raw_server(response(extra=f"Content-Encoding: {encoding}\r\n")) as server:
        assert (await to(server).send(a_request(server.url))).body == b"{}"


async def test_S7_a_reply_has_at_most_sixty_four_header_fields() -> None:
    own = 3  # of `response`
    async with raw_server(response(extra="X-More: 1\r\n" * (HEADER_FIELDS - own))) as server:
        assert (await to(server).send(a_request(server.url))).status == 200

    async with raw_server(response(extra="X-More: 1\r\n" * (HEADER_FIELDS - own + 1))) as server:
        assert (await failure(to(server), server.url)).answered


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.1",),
        ("10.0.0.1",),
        ("169.254.169.254",),
        ("93.184.215.14", "127.0.0.1"),
        ("::1",),
        ("::ffff:127.0.0.1",),
        ("fe80::1%eth0",),
        ("0.0.0.0",),
    ],
)
async def test_S2_a_secret_goes_to_no_private_address_that_the_operator_did_not_name(
    addresses: tuple[str, ...],
) -> None:
    async with raw_server(response()) as server:
        fetcher = Fetcher(named_urls=(server.url,), resolver=resolving(*addresses), deadline=0.5)

        error = await failure(fetcher, "https://login.example/token")

        assert "not a public address" in str(error)
        assert server.connections == 0


async def test_S3_the_name_of_a_token_endpoint_is_resolved_once() -> None:
    asked: list[tuple[str, int]] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    async with raw_server(response()) as server:
        url = f"http://id.example:{server.port}/token"

        await Fetcher(named_urls=(url,), resolver=resolve).send(a_request(url))

        assert asked == [("id.example", server.port)]
        assert server.bodies == [BODY]


async def test_a_dead_address_costs_the_request_nothing() -> None:
    async with raw_server(response()) as server:
        url = f"http://id.example:{server.port}/token"
        fetcher = Fetcher(named_urls=(url,), resolver=resolving("127.0.0.9", "127.0.0.8", "127.0.0.1"))

        assert (await fetcher.send(a_request(url))).status == 200
        assert server.bodies == [BODY]


async def test_of_many_dead_addresses_four_are_tried() -> None:
    async with raw_server(response()) as server:
        url = f"http://id.example:{server.port}/token"
        dead = ("127.0.0.6", "127.0.0.7", "127.0.0.8", "127.0.0.9")

        error = await failure(Fetcher(named_urls=(url,), resolver=resolving(*dead, "127.0.0.1")), url)

    assert str(error) == "id.example: no connection"
    assert not error.answered
    assert server.connections == 0


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        (response(b"", status="404 Not Found"), True),
        (response(b"", status="302 Found", extra="Location: /elsewhere\r\n"), True),
        (response(b"", status="401 Unauthorized"), True),
        (response(b"<html>", content_type="text/html"), True),
        (response(b" " * 70_000), True),
        (response(extra="Content-Encoding: gzip\r\n"), True),
        (response(b"", status="500 Internal Server Error"), False),
        (response(b"", status="503 Service Unavailable"), False),
        (HEAD + b"Content-Length: 100\r\n\r\n{", False),
        (b"", False),
    ],
    ids=["404", "302", "401", "html", "long", "gzip", "500", "503", "half", "nothing"],
)
async def test_a_bad_document_is_told_from_one_that_did_not_come(said: bytes, answered: bool) -> None:
    async with raw_server(said) as server:
        with pytest.raises(FetchFailed) as caught:
            await to(server).fetch(server.url)

    assert caught.value.answered is answered


@pytest.mark.parametrize("url", ["https://id.example:22/", "http://id.example/", "https://name.invalid/", "ftp://a.b/"])
async def test_what_was_never_asked_did_not_answer(url: str) -> None:
    named = ("http://id.example/",)
    error = await failure(
        Fetcher(named_urls=named, resolver=resolving() if "invalid" in url else resolving("1.1.1.1")), url
    )

    assert not error.answered
    assert error.forbidden is ("invalid" not in url)

"""FT32: what a token endpoint may do instead of answering: one clear error each, nothing kept, no secret told."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
import time
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from canary import Canaries
from certificates import named_certificate
from portvakt.client import (
    BadReply,
    ClientError,
    Connection,
    RateLimited,
    TokenRefused,
    Unreachable,
    connect,
)
from portvakt.client.source import NO_TOKEN
from raw_server import raw_server, response
from times import Times

if TYPE_CHECKING:
    from pathlib import Path

    from raw_server import Speak

SECRET = "q3V9x0-ZrT_b1Lk7uMw8Yc2NhPfJdGaE5sXoKiQeRtU"
TOKEN = "wYp2nX8-kV4tJz6RmQb0HcLd9SfGa3EuI7oTx5CvBnM"
CANARIES = Canaries([("client secret", SECRET), ("token", TOKEN)])
HANG = 8.0
MIB = 1024 * 1024


def connected(url: str, provider: str = "standard") -> Connection:
    """Return a connection that pauses between its attempts for no time."""
    connection = connect(provider, base_url=url, client_id="oauth_1", client_secret=SECRET)
    connection._source._sleep = Times().sleep
    return connection


async def error_from(url: str, provider: str = "standard") -> ClientError:
    """Return the error that a caller gets, having looked for the secret in it and for anything that was kept."""
    connection = connected(url, provider)
    with pytest.raises(ClientError) as caught:
        async with asyncio.timeout(HANG):
            await connection.aget_token()

    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert CANARIES.find_in(("the traceback", "".join(told.format()).encode())) == []
    assert connection._source.held is NO_TOKEN
    return caught.value


async def abort(_head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def hang_up(_head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def say_nothing(_head: bytes, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(HANG)


async def drip(_head: bytes, writer: asyncio.StreamWriter) -> None:
    for octet in granted():
        writer.write(bytes([octet]))
        await writer.drain()
        await asyncio.sleep(0.1)


async def never_end(_head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()


def granted(**members: object) -> bytes:
    """Return a good reply, with other members."""
    said = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600, **members}
    return response(json.dumps({name: value for name, value in said.items() if value is not ...}).encode())


GRANTED = granted().partition(b"\r\n\r\n")[2]


async def test_a_good_answer_is_taken() -> None:
    async with raw_server(granted()) as server:
        token = await connected(server.url).aget_token()

    assert token.value == TOKEN
    assert server.heads[0].startswith(b"POST /token HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "speak",
    [
        abort,
        hang_up,
        b"",
        b"220 smtp.example ESMTP\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n" + GRANTED,
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
        response(b"<html>Bad Gateway</html>", status="502 Bad Gateway", content_type="text/html"),
        response(b"", status="503 Service Unavailable"),
        response(b'{"error":"invalid_client"}', status="500 Internal Server Error"),
        response(GRANTED, status="500 Internal Server Error"),
    ],
    ids=[
        "reset", "hung up", "empty", "smtp", "half a body", "half a chunk", "half a head", "endless head", "502 HTML",
        "503", "500 with an error", "500 with a token",
    ],
)  # fmt: skip
async def test_FT32_no_answer_is_tried_three_times_and_told_as_unreachable(speak: Speak | bytes) -> None:
    async with raw_server(speak) as server:
        error = await error_from(server.url)

    assert isinstance(error, Unreachable)
    assert server.connections == 3
    assert error.retry_at >= time.time() - HANG
    assert "127.0.0.1" in str(error)


@pytest.mark.parametrize("speak", [drip, say_nothing], ids=["a byte now and then", "nothing"])
async def test_FT32_an_answer_that_takes_for_ever_is_given_up(speak: Speak, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portvakt.client.source.DEADLINE", 0.5)
    began = time.monotonic()

    async with raw_server(speak) as server:
        error = await error_from(server.url)

    assert isinstance(error, Unreachable)
    assert "no complete answer within" in str(error)
    assert time.monotonic() - began < 3


async def test_FT32_nobody_at_the_door_is_unreachable() -> None:
    async with raw_server(b"") as server:
        pass

    error = await error_from(server.url)

    assert isinstance(error, Unreachable)
    assert "127.0.0.1: no connection" in str(error)


@pytest.mark.parametrize("trusting", [False, True])
async def test_a_certificate_that_is_not_trusted_is_told_with_what_to_do(tmp_path: Path, trusting: bool) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    serving, _ = named_certificate(tmp_path / "here", "id.example")
    _, other = named_certificate(tmp_path / "there", "id.example")
    async with raw_server(granted(), tls=serving) as server:
        url = server.url.replace("http:", "https:")
        tls = other if trusting else None
        connection = connect("standard", base_url=url, client_id="oauth_1", client_secret=SECRET, tls=tls)

        with pytest.raises(Unreachable) as caught:
            await connection.aget_token()

    way_out = "it is of none of the authorities in tls=" if trusting else "say tls=, or set SSL_CERT_FILE"
    assert "its certificate is not trusted (" in str(caught.value)
    assert str(caught.value).endswith(way_out)
    assert caught.value.lasting


@pytest.mark.parametrize("provider", ["standard", "breeze", "prisjakt"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_FT32_a_redirect_is_not_followed_with_the_secret(status: int, provider: str) -> None:
    async with raw_server(granted()) as elsewhere:
        moved = response(GRANTED, status=f"{status} Moved", extra=f"Location: {elsewhere.url}/token\r\n")
        async with raw_server(moved) as server:
            error = await error_from(server.url, provider)

    assert isinstance(error, BadReply)
    assert server.connections == 1
    assert elsewhere.connections == 0


BAD: dict[str, bytes] = {
    "HTML": response(b"<html>Sign in</html>", content_type="text/html"),
    "JSON as HTML": response(GRANTED, content_type="text/html"),
    "JSON without a type": response(GRANTED, content_type=""),
    "a form": response(f"access_token={TOKEN}".encode(), content_type="application/x-www-form-urlencoded"),
    "401 HTML": response(b"<html>", status="401 Unauthorized", content_type="text/html"),
    "404 HTML": response(b"<html>", status="404 Not Found", content_type="text/html"),
    "204": b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    "201": response(GRANTED, status="201 Created"),
    "over 1 MiB": response(GRANTED + b" " * MIB),
    "gzip": response(gzip.compress(GRANTED), extra="Content-Encoding: gzip\r\n"),
    "said to be gzip": response(GRANTED, extra="Content-Encoding: gzip\r\n"),
    "many headers": response(GRANTED, extra="X-More: 1\r\n" * 80),
    "nothing": response(b""),
    "null": response(b"null"),
    "a list": response(b"[" + GRANTED + b"]"),
    "a text": response(b'"token"'),
    "half JSON": response(GRANTED[:-5]),
    "two objects": response(GRANTED + GRANTED),
    "not UTF-8": response(GRANTED.replace(b"Bearer", b"Bear\xff")),
    "a byte order mark": response(b"\xef\xbb\xbf" + GRANTED),
    "deep": response(b"[" * 100_000),
    "no members": response(b"{}"),
    "no token": granted(access_token=...),
    "token null": granted(access_token=None),
    "token a number": granted(access_token=5),
    "token a list": granted(access_token=[TOKEN]),
    "token empty": granted(access_token=""),
    "token with a space": granted(access_token=f"{TOKEN} x"),
    "token with a line break": granted(access_token=f"{TOKEN}\r\nX-Admin: 1"),
    "token beyond ASCII": granted(access_token=f"{TOKEN}\N{SNOWMAN}"),
    "type mac": granted(token_type="mac"),
    "type DPoP": granted(token_type="DPoP"),
    "type a number": granted(token_type=1),
    "type null": granted(token_type=None),
    "ended": granted(expires_in=0),
    "ended long ago": granted(expires_in=-1),
    "in a thousand years": granted(expires_in=10**11),
    "beyond all numbers": granted(expires_in=10**400),
    "in a while": granted(expires_in="soon"),
    "half a second": granted(expires_in=1.5),
    "true": granted(expires_in=True),
    "infinite": granted(expires_in=float("inf")),
    "scope a list": granted(scope=["read"]),
    "scope a number": granted(scope=7),
    "scope with a line break": granted(scope="read\nwrite"),
    "scope that steers a terminal": granted(scope="read \x9b2J"),
    "scope that cannot be written": granted(scope="read \ud800"),
}  # fmt: skip


@pytest.mark.parametrize("reply", BAD.values(), ids=BAD)
async def test_FT32_what_is_no_answer_is_a_bad_reply_asked_for_once(reply: bytes) -> None:
    async with raw_server(reply) as server:
        error = await error_from(server.url)

    assert isinstance(error, BadReply)
    assert server.connections == 1


async def test_FT32_an_answer_without_end_is_given_up_at_1_MiB() -> None:
    async with raw_server(never_end) as server:
        error = await error_from(server.url)

    assert isinstance(error, BadReply)
    assert "more than 1048576 octets" in str(error)


@pytest.mark.parametrize("lifetime", [1, "3600", 3600, None, ...])
async def test_a_lifetime_is_a_number_or_its_digits_or_left_to_the_provider(lifetime: object) -> None:
    async with raw_server(granted(expires_in=lifetime)) as server:
        token = await connected(server.url).aget_token()

    expected = 600 if lifetime in (None, ...) else int(str(lifetime))
    assert expected - HANG < token.expires_at - time.time() <= expected


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "403 Forbidden", "200 OK"])
async def test_a_refusal_is_told_as_one_under_whatever_status(status: str) -> None:
    said = b'{"error":"invalid_client","error_description":"Invalid client credentials"}'
    async with raw_server(response(said, status=status)) as server:
        error = await error_from(server.url)

    assert isinstance(error, TokenRefused)
    assert (error.code, error.status) == ("invalid_client", int(status[:3]))
    assert server.connections == 1


async def test_a_429_needs_no_json() -> None:
    reply = response(b"<html>", status="429 Too Many", content_type="text/html", extra="Retry-After: 1847\r\n")
    async with raw_server(reply) as server:
        error = await error_from(server.url)

    assert isinstance(error, RateLimited)
    assert 1847 - HANG < error.retry_at - time.time() <= 1848
    assert server.connections == 1


async def test_breezes_429_says_how_long_in_words() -> None:
    text = (
        "Rate limit exceeded for OAuth token requests. Maximum 100 requests per hour allowed. "
        "Try again in 1847 seconds."
    )
    said = json.dumps({"error": "too_many_requests", "error_description": text}).encode()
    async with raw_server(response(said, status="429 Too Many Requests")) as server:
        error = await error_from(server.url, "breeze")

    assert isinstance(error, RateLimited)
    assert 1847 - HANG < error.retry_at - time.time() <= 1848


@pytest.mark.parametrize(
    "members",
    [
        {"error": SECRET},
        {"error": "invalid_client", "error_description": f"no such secret: {SECRET}"},
        {"error": f"wrong {SECRET}", "error_description": SECRET},
        {"error": "invalid_client", "error_description": "x" * 470 + SECRET},
    ],
)
async def test_K2_a_server_that_repeats_the_secret_does_not_bring_it_into_the_error(members: dict[str, str]) -> None:
    async with raw_server(response(json.dumps(members).encode(), status="401 Unauthorized")) as server:
        error = await error_from(server.url)

    assert isinstance(error, TokenRefused)
    assert SECRET[:4] not in f"{error} {error.code} {error.description} {vars(error)}"


@pytest.mark.parametrize(
    ("provider", "spelled"),
    [
        ("breeze", r"q3V9\"x0+ZrT/b1 Lk7&uMw"),
        ("prisjakt", "q3V9%22x0%2BZrT%2Fb1+Lk7%26uMw"),
        ("standard", base64.b64encode(b"oauth_1:q3V9%22x0%2BZrT%2Fb1+Lk7%26uMw").decode()),
    ],
)
@pytest.mark.parametrize("room", [500, 25])
async def test_K1_a_server_that_repeats_the_request_does_not_bring_the_secret_into_the_error(
    provider: str, spelled: str, room: int
) -> None:
    """The secret as the request spells it: in JSON, in a form, in Basic; whole, or cut where a description is."""

    async def repeat(head: bytes, writer: asyncio.StreamWriter) -> None:
        asked = head.decode() + server.bodies[-1].decode()
        assert spelled in asked
        said = {"error": "invalid_request", "error_description": "." * (500 - room) + asked[asked.index(spelled) :]}
        writer.write(response(json.dumps(said).encode(), status="400 Bad Request"))

    async with raw_server(repeat) as server:
        connection = connect(provider, base_url=server.url, client_id="oauth_1", client_secret='q3V9"x0+ZrT/b1 Lk7&uMw')
        with pytest.raises(TokenRefused) as caught:
            await connection.aget_token()

    assert spelled[:4] not in f"{caught.value} {vars(caught.value)}"


async def test_K2_what_a_server_says_cannot_write_lines_of_a_log() -> None:
    said = json.dumps({"error": "invalid_client", "error_description": "no\r\nERROR all is lost\x1b[2J\u202e"})
    async with raw_server(response(said.encode(), status="401 Unauthorized")) as server:
        error = await error_from(server.url)

    assert isinstance(error, TokenRefused)
    assert error.description == "no  ERROR all is lost [2J "
    assert str(error).isprintable()


async def test_K2_the_log_holds_neither_secret_nor_token(caplog: pytest.LogCaptureFixture) -> None:
    replies: list[bytes] = [granted(), BAD["HTML"], response(b"", status="502 Bad Gateway"), BAD["gzip"]]

    async def in_turn(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(replies.pop(0) if len(replies) > 1 else replies[0])

    with caplog.at_level(logging.DEBUG):
        async with raw_server(in_turn) as server:
            for _ in range(4):
                try:
                    await connected(server.url).aget_token()
                except ClientError as error:
                    logging.getLogger("caller").exception("no token", exc_info=error)

    assert CANARIES.find_in(("the log", caplog.text.encode())) == []
    assert "gave a token for 3600 s" in caplog.text


async def test_where_the_secret_goes_is_what_the_provider_documents() -> None:
    seen: dict[str, Any] = {}
    for provider in ("standard", "breeze", "prisjakt"):
        async with raw_server(granted()) as server:
            await connected(server.url, provider).aget_token()
        head = server.heads[0].decode().lower()
        seen[provider] = ("authorization: basic" in head, head.split("\r\n")[0].split(" ")[1])

    assert seen == {
        "standard": (True, "/token"),
        "breeze": (False, "/oauth/token"),
        "prisjakt": (False, "/auth/oauth2/token"),
    }

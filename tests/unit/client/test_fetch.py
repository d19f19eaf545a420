import asyncio
import gzip
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from certificates import named_certificate
from portvakt.client.fetch import DOCUMENT_OCTETS, HEADER_FIELDS, Fetched, Fetcher, FetchFailed, Untrusted
from portvakt.model.values import Seconds
from raw_server import raw_server, response

HANG = 5.0


class Resolver:
    """Answers with the addresses it was given, one list a call, and counts the calls."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.calls = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.calls += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def refusal(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(FetchFailed) as caught:
        async with asyncio.timeout(HANG):
            await fetcher.fetch(url)
    return str(caught.value)


async def test_a_document_is_fetched_with_its_max_age() -> None:
    async with raw_server(response(b'{"a":1}', extra="Cache-Control: public, max-age=120\r\n")) as server:
        fetched = await Fetcher(named_urls=(server.url,)).fetch(f"{server.url}/keys?v=1")

    assert fetched == Fetched(b'{"a":1}', Seconds(120))
    assert server.heads[0].startswith(b"GET /keys?v=1 HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{server.port}\r\n".encode() in server.heads[0]
    assert b"Accept-Encoding: identity\r\n" in server.heads[0]


@pytest.mark.parametrize(
    ("header", "max_age"),
    [
        ("", None),
        ("Cache-Control: no-store\r\n", None),
        ("Cache-Control: max-age=abc\r\n", None),
        ("Cache-Control: max-age=99999999999999\r\n", None),
        ("Cache-Control: s-maxage=5\r\n", None),
        ('Cache-Control: Max-Age="60", public\r\n', 60),
    ],
)
async def test_a_cache_control_that_says_nothing_clear_says_nothing(header: str, max_age: int | None) -> None:
    async with raw_server(response(extra=header)) as server:
        assert (await Fetcher(named_urls=(server.url,)).fetch(server.url)).max_age == max_age


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "application/jwk-set+json", "Application/JSON"]
)
async def test_media_types_of_json_are_taken(content_type: str) -> None:
    async with raw_server(response(content_type=content_type)) as server:
        assert (await Fetcher(named_urls=(server.url,)).fetch(server.url)).body == b"{}"


async def test_S2_a_name_that_resolves_to_loopback_is_refused() -> None:
    async with raw_server(response()) as server:
        for host in ("rebound.example", "127.0.0.1.nip.example", "2130706433", "0x7f.1", "0177.0.0.1", "localhost."):
            url = f"http://{host}:{server.port}/"
            named = f"https://id.example:{server.port}/"  # a host of the operator's, but not this one
            fetcher = Fetcher(named_urls=(named, url.replace(host, "other.example")), resolver=Resolver(["127.0.0.1"]))
            await refusal(fetcher, url)
            await refusal(fetcher, f"https://{host}/")

        assert server.connections == 0


async def test_S2_one_private_address_among_public_ones_is_refused() -> None:
    fetcher = Fetcher(resolver=Resolver(["93.184.215.14", "10.0.0.1"]))

    assert "not a public address" in await refusal(fetcher, "https://id.example/keys")


async def test_S2_the_systems_own_resolver_is_asked_for_numbers_too() -> None:
    async with raw_server(response()) as server:
        assert "public address" in await refusal(Fetcher(), "https://127.0.0.1/")
        await refusal(Fetcher(), "https://2130706433/")
        await refusal(Fetcher(), "https://name.invalid/")

        assert server.connections == 0


async def test_S3_a_name_is_resolved_once_and_the_checked_address_is_used() -> None:
    async with raw_server(response()) as server:
        url = f"http://id.example:{server.port}"
        resolver = Resolver(["127.0.0.1"], ["10.0.0.1"])

        await Fetcher(named_urls=(url,), resolver=resolver).fetch(url)

        assert resolver.calls == 1
        assert f"Host: id.example:{server.port}\r\n".encode() in server.heads[0]


async def test_S3_public_first_and_loopback_second_never_reaches_loopback() -> None:
    async with raw_server(response()) as server:
        url = f"https://id.example:{server.port}"
        resolver = Resolver(["192.0.2.1"], ["127.0.0.1"])  # named, so taken: and nobody answers there

        await refusal(Fetcher(named_urls=(url,), resolver=resolver, deadline=Seconds(1)), url)

        assert resolver.calls == 1
        assert server.connections == 0


async def test_a_dead_address_leaves_time_for_the_next() -> None:
    async with raw_server(response()) as server:
        url = f"http://id.example:{server.port}"

        fetcher = Fetcher(named_urls=(url,), resolver=Resolver(["127.0.0.9", "127.0.0.1"]))

        assert (await fetcher.fetch(url)).body == b"{}"


async def test_a_name_without_an_address_is_not_known() -> None:
    assert "not known" in await refusal(Fetcher(resolver=Resolver([])), "https://id.example/")


@pytest.mark.parametrize("port", [22, 25, 80, 6379, 8443])
async def test_S5_only_443_and_the_ports_that_the_operator_wrote(port: int) -> None:
    resolver = Resolver(["93.184.215.14"])

    text = await refusal(
        Fetcher(named_urls=("https://id.example/acme",), resolver=resolver), f"https://id.example:{port}/"
    )

    assert "port" in text
    assert resolver.calls == 0


async def test_plain_http_is_for_loopback_even_if_the_operator_wrote_it() -> None:
    url = "http://id.example:8080"

    assert "loopback" in await refusal(Fetcher(named_urls=(url,), resolver=Resolver(["10.0.0.1"])), url)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/keys", "data:application/json,{}"])
async def test_S6_other_schemes_are_refused(url: str) -> None:
    assert "http" in await refusal(Fetcher(), url)


async def test_S1_a_redirect_is_not_followed() -> None:
    async with raw_server(response()) as target:
        moved = response(status="302 Found", extra=f"Location: {target.url}/\r\n")
        async with raw_server(moved) as server:
            assert "302" in await refusal(Fetcher(named_urls=(server.url, target.url)), server.url)

        assert target.connections == 0


async def test_a_proxy_in_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with raw_server(response()) as proxy, raw_server(response()) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)

        await Fetcher(named_urls=(server.url,)).fetch(server.url)

        assert proxy.connections == 0


@pytest.mark.parametrize("status", ["201 Created", "204 No Content", "401 Unauthorized", "500 Internal Server Error"])
async def test_only_200_is_an_answer(status: str) -> None:
    async with raw_server(response(b"", status=status)) as server:
        assert status[:3] in await refusal(Fetcher(named_urls=(server.url,)), server.url)


@pytest.mark.parametrize("content_type", ["text/html", "application/jsonp", "application/octet-stream", ""])
async def test_S7_another_type_than_json_is_refused(content_type: str) -> None:
    async with raw_server(response(content_type=content_type)) as server:
        assert "not JSON" in await refusal(Fetcher(named_urls=(server.url,)), server.url)


async def test_S7_ten_megabytes_are_not_read() -> None:
    async def endless(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        for _ in range(10 * 1024):
            writer.write(b" " * 1024)
            await writer.drain()

    async with raw_server(endless) as server:
        assert str(DOCUMENT_OCTETS) in await refusal(Fetcher(named_urls=(server.url,)), server.url)


@pytest.mark.parametrize("where", ["head", "body"])
async def test_S7_a_byte_now_and_then_ends_at_the_deadline(where: str) -> None:
    async def drip(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        if where == "body":
            writer.write(b"Content-Type: application/json\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with raw_server(drip) as server:
        began = time.monotonic()
        text = await refusal(Fetcher(named_urls=(server.url,), deadline=Seconds(1)), server.url)

    assert "within 1 s" in text
    assert time.monotonic() - began < HANG


async def test_S7_a_head_that_never_ends_is_cut_off() -> None:
    async def endless(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-More: " + b"x" * 1000 + b"\r\n")
            await writer.drain()

    async with raw_server(endless) as server:
        assert "RemoteProtocolError" in await refusal(Fetcher(named_urls=(server.url,)), server.url)


async def test_a_certificate_of_an_unknown_authority_is_told_from_one_of_another_name(tmp_path: Path) -> None:
    serving, trust = named_certificate(tmp_path, "id.example")
    async with raw_server(response(), tls=serving) as server:
        url = f"https://127.0.0.1:{server.port}"
        with pytest.raises(Untrusted, match=r"^127\.0\.0\.1: its certificate is not trusted \(self.signed") as unknown:
            await Fetcher((url,)).fetch(url)
        with pytest.raises(FetchFailed, match=r"not trusted \(IP address mismatch.*'127\.0\.0\.1'\)$") as other:
            await Fetcher((url,), trust).fetch(url)

    assert not isinstance(other.value, Untrusted)
    for caught in (unknown, other):
        assert caught.value.lasting
        assert caught.value.__context__ is None


async def test_a_certificate_is_told_whichever_address_of_a_name_has_it(tmp_path: Path) -> None:
    serving, _ = named_certificate(tmp_path, "id.example")

    async def two(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1", "127.0.0.3"]

    async with raw_server(response(), tls=serving) as server:
        url = f"https://id.example:{server.port}"
        with pytest.raises(Untrusted):
            await Fetcher((url,), resolver=two).fetch(url)


async def test_https_where_plain_http_is_spoken_is_told() -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        url = f"https://127.0.0.1:{port}"
        with pytest.raises(FetchFailed, match=rf": what answers at port {port} does not speak TLS") as caught:
            await Fetcher((url,)).fetch(url)

    assert caught.value.lasting


async def test_plain_http_where_TLS_is_spoken_is_told(tmp_path: Path) -> None:
    serving, _ = named_certificate(tmp_path, "id.example")
    async with raw_server(response(), tls=serving) as server:
        told = await refusal(Fetcher(named_urls=(server.url,)), server.url)

    assert told.endswith("; if it speaks TLS, its URL begins with https")


async def test_S7_too_many_header_fields_are_refused() -> None:
    async with raw_server(response(extra="X-More: 1\r\n" * HEADER_FIELDS)) as server:
        assert "header fields" in await refusal(Fetcher(named_urls=(server.url,)), server.url)


async def test_S7_a_compressed_body_is_not_unpacked() -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    async with raw_server(response(bomb, extra="Content-Encoding: gzip\r\n")) as server:
        assert "compressed" in await refusal(Fetcher(named_urls=(server.url,)), server.url)


async def test_a_refusal_names_no_query_and_nothing_that_was_received() -> None:
    async with raw_server(response(b"canary-body", status="500 canary-reason")) as server:
        text = await refusal(Fetcher(named_urls=(server.url,)), f"{server.url}/?key=canary-query")

    assert "canary" not in text


async def test_S3_the_certificate_is_checked_against_the_name_not_the_address(tmp_path: Path) -> None:
    serving, trust = named_certificate(tmp_path, "id.example")
    resolver = Resolver(["127.0.0.1"])

    async with raw_server(response(), tls=serving) as server:
        good, other = f"https://id.example:{server.port}/", f"https://other.example:{server.port}/"
        fetcher = Fetcher(named_urls=(good, other), trust=trust, resolver=resolver)

        assert (await fetcher.fetch(good)).body == b"{}"
        await refusal(fetcher, other)
        await refusal(Fetcher(named_urls=(good,), resolver=resolver), good)  # nobody vouches for the certificate

        assert len(server.heads) == 1

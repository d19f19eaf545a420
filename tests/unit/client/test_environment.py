"""What the environment says of the way out: `HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE`; for hosts that were named."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from certificates import named_certificate
from portvakt.client.fetch import Fetcher, FetchFailed, Untrusted, _trust
from portvakt.model.message import Request
from raw_server import RawServer, raw_server, response

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

NAMED = "https://id.example/token"
SENT = b"client_secret=made-up"


@dataclass
class Proxy:
    """What a proxy was asked: the heads in clear, before anything inside a tunnel."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def proxy_to(server: RawServer, *, says: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> AsyncIterator[Proxy]:
    """Serve CONNECT on loopback; every tunnel leads to `server`, whatever was asked for."""
    proxy = Proxy()
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        writers.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            proxy.heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(says)
            if b" 200 " in says:
                upstream, downstream = await asyncio.open_connection("127.0.0.1", server.port)
                writers.append(downstream)
                async with asyncio.TaskGroup() as both:
                    both.create_task(pump(reader, downstream))
                    both.create_task(pump(upstream, writer))
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = listening.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in os.environ:
        if name.lower().endswith("_proxy") or name in {"SSL_CERT_FILE", "SSL_CERT_DIR"}:
            monkeypatch.delenv(name)
    _trust.cache_clear()
    yield
    _trust.cache_clear()


async def nowhere(host: str, port: int) -> Sequence[str]:
    """Resolve: but a name that goes through a proxy is the proxy's to resolve."""
    raise AssertionError(f"{host} was looked up")


async def here(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def a_request(url: str = NAMED) -> Request:
    return Request(method="POST", url=url, headers=(), body=SENT)


@contextlib.asynccontextmanager
async def behind_a_proxy(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    spelled: str = "http://127.0.0.1:{port}",
    name: str = "HTTPS_PROXY",
) -> AsyncIterator[tuple[RawServer, Proxy, ssl.SSLContext]]:
    """An https server by the name id.example, which only a proxy can reach."""
    serving, trust = named_certificate(folder, "id.example")
    async with raw_server(response(), tls=serving) as server, proxy_to(server) as proxy:
        monkeypatch.setenv(name, spelled.format(port=proxy.port))
        yield server, proxy, trust


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
@pytest.mark.parametrize("spelled", ["http://127.0.0.1:{port}", "127.0.0.1:{port}", "http://127.0.0.1:{port}/"])
async def test_a_named_https_host_is_asked_through_the_proxy_which_learns_its_name_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, spelled: str
) -> None:
    async with behind_a_proxy(tmp_path, monkeypatch, name=name, spelled=spelled) as (server, proxy, trust):
        fetcher = Fetcher(named_urls=(NAMED,), trust=trust, resolver=nowhere, from_environment=True)

        assert (await fetcher.send(a_request())).status == 200

    assert [head.split(b"\r\n")[0] for head in proxy.heads] == [b"CONNECT id.example:443 HTTP/1.1"]
    assert b"made-up" not in proxy.heads[0]
    assert server.bodies == [SENT]
    assert server.heads[0].startswith(b"POST /token HTTP/1.1\r\n")
    assert b"\r\nHost: id.example\r\n" in server.heads[0]


async def test_a_proxy_may_ask_for_a_password_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spelled = "http://user:pass@127.0.0.1:{port}"
    async with behind_a_proxy(tmp_path, monkeypatch, spelled=spelled) as (server, proxy, trust):
        await Fetcher(named_urls=(NAMED,), trust=trust, resolver=nowhere, from_environment=True).send(a_request())

    assert b"\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n" in proxy.heads[0]
    assert b"Proxy-Authorization" not in server.heads[0]


async def test_behind_a_proxy_the_certificate_is_checked_against_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "https://other.example/token"
    async with behind_a_proxy(tmp_path, monkeypatch) as (server, proxy, trust):
        fetcher = Fetcher(named_urls=(other,), trust=trust, resolver=nowhere, from_environment=True)

        with pytest.raises(FetchFailed, match=r"^other\.example: its certificate is not trusted \(Hostname"):
            await fetcher.send(a_request(other))

    assert len(proxy.heads) == 1
    assert server.bodies == []


@pytest.mark.parametrize("no_proxy", ["id.example", "example", ".example", "*", "a.b, id.example", "id.example:{port}"])
async def test_a_host_in_NO_PROXY_is_asked_directly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_proxy: str
) -> None:
    async with behind_a_proxy(tmp_path, monkeypatch) as (server, proxy, trust):
        monkeypatch.setenv("NO_PROXY", no_proxy.format(port=server.port))
        url = f"https://id.example:{server.port}/token"

        reply = await Fetcher((url,), trust, here, from_environment=True).send(a_request(url))

    assert reply.status == 200
    assert proxy.heads == []


@pytest.mark.parametrize("no_proxy", ["", "other.example", "d.example", "id.example.org", "id.example:8443"])
async def test_a_host_that_NO_PROXY_does_not_name_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_proxy: str
) -> None:
    async with behind_a_proxy(tmp_path, monkeypatch) as (_, proxy, trust):
        monkeypatch.setenv("NO_PROXY", no_proxy)

        await Fetcher((NAMED,), trust, nowhere, from_environment=True).send(a_request())

    assert len(proxy.heads) == 1


@pytest.mark.parametrize(
    "url",
    ["https://login.example/token", "https://id.example:8443/token", "https://id.example.evil.example/token"],
)
async def test_S2_a_host_that_the_operator_did_not_name_never_goes_through_the_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    # the proxy would resolve the name itself, perhaps to a machine behind the firewall
    async with behind_a_proxy(tmp_path, monkeypatch) as (server, proxy, trust):
        with pytest.raises(FetchFailed):
            await Fetcher((NAMED,), trust, here, from_environment=True).send(a_request(url))

    assert proxy.heads == []
    assert server.connections == 0


async def test_plain_http_on_loopback_never_goes_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with raw_server(response()) as server, proxy_to(server) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)

        await Fetcher(named_urls=(server.url,), from_environment=True).send(a_request(server.url))

    assert proxy.heads == []
    assert server.bodies == [SENT]


async def test_a_fetcher_that_was_not_told_to_does_not_look_at_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with behind_a_proxy(tmp_path, monkeypatch) as (server, proxy, trust):
        url = f"https://id.example:{server.port}/token"

        await Fetcher((url,), trust, here).send(a_request(url))

        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        with pytest.raises(FetchFailed):
            await Fetcher((url,), None, here).send(a_request(url))

    assert proxy.heads == []
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "says",
    [
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 407 Who Are You\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        b"",
        b"nonsense\r\n\r\n",
    ],
)
async def test_a_proxy_that_says_no_is_no_answer_of_the_host(monkeypatch: pytest.MonkeyPatch, says: bytes) -> None:
    async with raw_server(response()) as server, proxy_to(server, says=says) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)

        with pytest.raises(FetchFailed, match=r"^id\.example: ") as caught:
            await Fetcher((NAMED,), None, nowhere, from_environment=True).send(a_request())

    assert not caught.value.answered
    assert len(proxy.heads) == 1
    assert server.connections == 0


@pytest.mark.parametrize(
    "spelled",
    [
        "ftp://user:canary@127.0.0.1:1",
        "socks5://user:canary@127.0.0.1:1",
        "http://user:canary@\u00e9 x/",
        "http://user:canary@127.0.0.1:65536",
    ],
)
async def test_K1_a_proxy_that_cannot_be_used_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch, spelled: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", spelled)

    with pytest.raises(FetchFailed) as caught:
        await Fetcher((NAMED,), None, nowhere, from_environment=True).send(a_request())

    assert str(caught.value) == "the proxy that HTTPS_PROXY names cannot be used"
    assert caught.value.__suppress_context__
    assert not caught.value.answered


async def test_SSL_CERT_FILE_says_whom_to_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serving, _ = named_certificate(tmp_path, "id.example")
    async with raw_server(response(), tls=serving) as server:
        url = f"https://id.example:{server.port}/token"
        fetcher = Fetcher((url,), None, here, from_environment=True)
        with pytest.raises(Untrusted, match="its certificate is not trusted"):
            await fetcher.send(a_request(url))

        _trust.cache_clear()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))

        assert (await fetcher.send(a_request(url))).status == 200


async def test_an_SSL_CERT_FILE_that_cannot_be_read_is_told_and_may_be_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving, _ = named_certificate(tmp_path, "id.example")
    (tmp_path / "empty.pem").touch()
    async with raw_server(response(), tls=serving) as server:
        url = f"https://id.example:{server.port}/token"
        fetcher = Fetcher((url,), None, here, from_environment=True)
        for name in ("missing.pem", "empty.pem"):
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))

            with pytest.raises(FetchFailed) as caught:
                await fetcher.send(a_request(url))

            assert str(caught.value).startswith("the certificates that SSL_CERT_FILE names cannot be read")
            assert caught.value.lasting
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))

        assert (await fetcher.send(a_request(url))).status == 200


async def test_an_SSL_CERT_FILE_that_cannot_be_read_is_nothing_to_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "missing.pem")
    async with raw_server(response()) as server:
        fetcher = Fetcher((server.url,), from_environment=True)

        assert (await fetcher.send(a_request(server.url))).status == 200

"""An issuer's metadata: where it is looked for, and what is refused before a secret is sent."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from portvakt.client import BadReply, ClientError, Connection, TokenRefused, Unreachable, connect
from portvakt.client.source import NO_TOKEN
from raw_server import RawServer, raw_server, response
from times import Times

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECRET = "q3V9x0-ZrT_b1Lk7uMw8Yc2NhPfJdGaE5sXoKiQeRtU"
OAUTH = "/.well-known/oauth-authorization-server"
OIDC = "/.well-known/openid-configuration"
GRANTED = response(b'{"access_token":"t-1","token_type":"Bearer","expires_in":3600}')
NOT_FOUND = response(b"<html>", status="404 Not Found", content_type="text/html")
HANG = 8.0


@dataclass
class Site:
    """A server whose pages are `pages`, by path; any other is a 404."""

    server: RawServer
    pages: dict[str, bytes] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def asked(self) -> list[str]:
        return [head.split(b" ")[1].decode() for head in self.server.heads]

    def metadata(self, issuer: str | None = None, **members: Any) -> bytes:
        """Return metadata of the site's own, or of another issuer, with other members; `...` leaves one out."""
        said = {"issuer": issuer or self.url, "token_endpoint": f"{self.url}/token", **members}
        return response(json.dumps({name: value for name, value in said.items() if value is not ...}).encode())


@asynccontextmanager
async def site(**pages: bytes) -> AsyncIterator[Site]:
    async def speak(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(found.pages.get(head.split(b" ")[1].decode(), NOT_FOUND))

    async with raw_server(speak) as server:
        found = Site(server, {"/token": GRANTED, **pages})
        yield found


def connected(issuer: str) -> Connection:
    connection = connect(issuer, client_id="c", client_secret=SECRET, api_url="https://api.example")
    connection._source._sleep = Times().sleep
    return connection


async def error_from(issuer: str) -> ClientError:
    """Return the error that a caller gets."""
    connection = connected(issuer)
    with pytest.raises(ClientError) as caught:
        async with asyncio.timeout(HANG):
            await connection.aget_token()
    assert connection._source.held is NO_TOKEN
    assert SECRET not in str(caught.value)
    return caught.value


async def test_metadata_is_looked_for_where_RFC_8414_puts_it() -> None:
    async with site() as issuer:
        issuer.pages[OAUTH] = issuer.metadata()
        token = await connected(issuer.url).aget_token()

    assert token.value == "t-1"
    assert issuer.asked == [OAUTH, "/token"]


async def test_before_an_issuers_path_and_behind_it_where_OpenID_Connect_does() -> None:
    async with site() as issuer:
        tenant = f"{issuer.url}/a/b"
        issuer.pages[f"/a/b{OIDC}"] = issuer.metadata(tenant)
        token = await connected(tenant).aget_token()

    assert token.value == "t-1"
    assert issuer.asked == [f"{OAUTH}/a/b", f"/a/b{OIDC}", "/token"]


async def test_an_issuer_may_write_itself_with_a_slash_at_its_end() -> None:
    async with site() as issuer:
        issuer.pages[OIDC] = issuer.metadata(f"{issuer.url}/")
        token = await connected(f"{issuer.url}/").aget_token()

    assert token.value == "t-1"


@pytest.mark.parametrize(
    ("methods", "basic"),
    [
        (..., True),
        (["client_secret_basic", "client_secret_post"], True),
        (["private_key_jwt", "client_secret_post"], False),
        (["client_secret_post"], False),
    ],
)
async def test_the_client_proves_itself_as_the_metadata_takes_it(methods: object, basic: bool) -> None:
    async with site() as issuer:
        issuer.pages[OAUTH] = issuer.metadata(token_endpoint_auth_methods_supported=methods)
        await connected(issuer.url).aget_token()

    pair = b"authorization: basic " + base64.b64encode(f"c:{SECRET}".encode()).lower()
    assert (pair in issuer.server.heads[1].lower()) is basic


async def test_metadata_is_read_once_while_all_goes_well_and_again_after_a_failure() -> None:
    async with site() as issuer:
        issuer.pages[OAUTH] = issuer.metadata()
        connection = connected(issuer.url)
        for _ in range(2):
            connection._source.refused(await connection.aget_token())
            connection._source.accepted_again()
        assert issuer.asked == [OAUTH, "/token", "/token"]

        issuer.pages |= {"/token": NOT_FOUND}
        with pytest.raises(BadReply):
            await connection.aget_token()
        issuer.pages |= {"/new": GRANTED, OAUTH: issuer.metadata(token_endpoint=f"{issuer.url}/new")}
        connection._source._failure = None
        await connection.aget_token()

    assert issuer.asked[3:] == ["/token", OAUTH, "/new"]


async def test_a_refusal_is_no_reason_to_read_metadata_again() -> None:
    async with site() as issuer:
        issuer.pages |= {
            OAUTH: issuer.metadata(),
            "/token": response(b'{"error":"invalid_client"}', status="401 Unauthorized"),
        }
        connection = connected(issuer.url)
        for _ in range(2):
            with pytest.raises(TokenRefused):
                await connection.aget_token()
            connection._source._failure = None

    assert issuer.asked == [OAUTH, "/token", "/token"]


@pytest.mark.parametrize("where", [OAUTH, OIDC])
@pytest.mark.parametrize("other", ["https://other.example", "{url}/", "{url}/tenant", "{URL}", "", 5, None, ...])
async def test_X1_metadata_of_another_issuer_is_refused_and_no_secret_is_sent(where: str, other: object) -> None:
    async with site() as issuer:
        if isinstance(other, str):
            other = other.replace("{url}", issuer.url).replace("{URL}", issuer.url.upper())
        metadata = {"issuer": other, "token_endpoint": f"{issuer.url}/token"}
        said = {name: value for name, value in metadata.items() if value is not ...}
        issuer.pages[where] = response(json.dumps(said).encode())
        error = await error_from(issuer.url)

    assert isinstance(error, BadReply)
    assert "its issuer is not the one that was asked" in str(error)
    assert "/token" not in issuer.asked


@pytest.mark.parametrize(
    "endpoint",
    [
        ...,
        None,
        5,
        "",
        "/token",
        "token",
        "ftp://id.example/token",
        "http://id.example/token",
        "http://10.0.0.1/token",
        "http://127.0.0.1@evil.example/token",
        "https://user@id.example/token",
        "https://id.example/token#x",
        "https://id.example/to ken",
        "https://id.example/token\r\nX: y",
        "https://id.example\\@evil.example/token",
        "https://[::1/token",
        "https://id.example:99999/token",
        "https://\N{SNOWMAN}.example/token",
        "https://id.example/" + "t" * 3000,
        "javascript:alert(1)",
    ],
)
async def test_X5_metadata_that_names_no_plain_https_endpoint_is_refused(endpoint: object) -> None:
    async with site() as issuer:
        issuer.pages[OAUTH] = issuer.metadata(token_endpoint=endpoint)
        error = await error_from(issuer.url)

    assert isinstance(error, BadReply)
    assert "the metadata of" in str(error)
    assert set(issuer.asked) == {OAUTH}


async def test_X5_an_endpoint_elsewhere_on_this_machine_is_not_asked() -> None:
    async with raw_server(GRANTED) as elsewhere, site() as issuer:
        issuer.pages[OAUTH] = issuer.metadata(token_endpoint=f"{elsewhere.url}/token")
        error = await error_from(issuer.url)

    assert isinstance(error, BadReply)
    assert f"127.0.0.1: port {elsewhere.port} is not one that was configured" in str(error)
    assert elsewhere.connections == 0
    assert issuer.asked == [OAUTH]


@pytest.mark.parametrize("host", ["127.0.0.2", "10.0.0.1", "169.254.169.254", "[::1]", "[fd00::1]", "100.64.0.1"])
async def test_X5_an_endpoint_in_a_private_network_is_not_asked(host: str) -> None:
    async with site() as issuer:
        issuer.pages[OAUTH] = issuer.metadata(token_endpoint=f"https://{host}/token")
        error = await error_from(issuer.url)

    assert isinstance(error, BadReply)
    assert "not a public address, and not a host that was configured" in str(error)
    assert issuer.asked == [OAUTH]


@pytest.mark.parametrize("methods", [[], ["private_key_jwt"], ["none"], "client_secret_basic", {}, None, 5, [5]])
async def test_an_endpoint_that_takes_no_secret_is_sent_none(methods: object) -> None:
    async with site() as issuer:
        issuer.pages[OAUTH] = issuer.metadata(token_endpoint_auth_methods_supported=methods)
        error = await error_from(issuer.url)

    assert isinstance(error, BadReply)
    assert "/token" not in issuer.asked


@pytest.mark.parametrize(
    "page",
    [
        NOT_FOUND,
        response(b"<html>Sign in</html>", content_type="text/html"),
        response(b"{}", content_type="text/html"),
        response(b"{" + b" " * 10_000_000 + b"}"),
        response(gzip.compress(b"{}"), extra="Content-Encoding: gzip\r\n"),
        response(b"{}", status="301 Moved", extra="Location: https://id.example/metadata\r\n"),
        response(b"{}", status="401 Unauthorized"),
    ],
    ids=["404", "HTML", "JSON as HTML", "10 MB", "gzip", "a redirect", "401"],
)
async def test_X5_what_is_no_document_is_looked_for_at_the_other_place_and_then_told(page: bytes) -> None:
    async with site() as issuer:
        issuer.pages |= {OAUTH: page, OIDC: page}
        error = await error_from(issuer.url)
        assert isinstance(error, BadReply)
        assert issuer.asked == [OAUTH, OIDC]

        issuer.pages[OIDC] = issuer.metadata()
        assert (await connected(issuer.url).aget_token()).value == "t-1"


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'"x"', b"{", b"\xff{}", b"[" * 50_000, b'{"issuer":1,"issuer":2}', b"{}{}"],
    ids=["empty", "a list", "null", "a text", "half", "not UTF-8", "deep", "a member twice", "two objects"],
)
async def test_X5_a_document_that_is_no_metadata_is_refused(body: bytes) -> None:
    async with site() as issuer:
        issuer.pages[OAUTH] = response(body)
        error = await error_from(issuer.url)

    assert isinstance(error, BadReply)
    assert issuer.asked == [OAUTH]


async def test_FT32_metadata_that_cannot_be_had_now_is_not_looked_for_elsewhere() -> None:
    async with site() as issuer:
        issuer.pages[OAUTH] = response(b"", status="503 Service Unavailable")
        error = await error_from(issuer.url)

    assert isinstance(error, Unreachable)
    assert issuer.asked == [OAUTH] * 3


async def test_FT32_metadata_that_takes_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portvakt.client.source.DEADLINE", 0.5)

    async def drip(_head: bytes, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(0.05)

    began = time.monotonic()
    async with raw_server(drip) as server:
        error = await error_from(server.url)

    assert isinstance(error, Unreachable)
    assert time.monotonic() - began < 3

"""An issuer known by its URL alone: its metadata is read, believed only as far as it must be, and read again."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from portvakt.client.asking import Asker, Later, No, Nonsense, Nothing
from portvakt.client.clock import wall
from portvakt.model.decision import Tokens
from portvakt.model.values import Instant, Secret
from portvakt.protocol.ask.endpoint import TokenEndpoint
from portvakt.protocol.ask.wish import Wish
from portvakt.providers import PROVIDERS
from raw_server import RawServer, raw_server, response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from portvakt.client.asking import Outcome

FIRST, SECOND = "/.well-known/oauth-authorization-server/acme", "/acme/.well-known/openid-configuration"
TOKENS = b'{"access_token":"a.b.c","token_type":"Bearer","expires_in":600}'
NOT_FOUND = response(b"", status="404 Not Found")


@dataclass
class Issuer:
    """What an issuer says at each path; `{url}` is its own URL. What it does not say is 404."""

    server: RawServer
    says: dict[str, bytes] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"{self.server.url}/acme"

    def metadata(self, **members: object) -> bytes:
        return response(json.dumps({"issuer": self.url, "token_endpoint": f"{self.url}/token"} | members).encode())

    def asker(self, *, secret: str = "s") -> Asker:
        wish = Wish(client_id="me", client_secret=Secret(secret))
        return Asker(self.url, PROVIDERS["standard"], wish, None, None, lambda: Instant(int(wall())))

    @property
    def asked(self) -> list[str]:
        return [head.split(b" ")[1].decode() for head in self.server.heads]


@contextlib.asynccontextmanager
async def an_issuer() -> AsyncIterator[Issuer]:
    async def speak(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(issuer.says.get(head.split(b" ")[1].decode(), NOT_FOUND))

    async with raw_server(speak) as server:
        issuer = Issuer(server)
        issuer.says = {FIRST: issuer.metadata(), "/acme/token": response(TOKENS)}
        yield issuer


async def ask(issuer: Issuer) -> Outcome:
    async with asyncio.timeout(5):
        return await issuer.asker().ask()


async def test_metadata_is_read_once_for_many_tokens() -> None:
    async with an_issuer() as issuer:
        asker = issuer.asker()

        outcomes = [await asker.ask() for _ in range(3)]

    assert all(isinstance(outcome, Tokens) for outcome in outcomes)
    assert issuer.asked == [FIRST, *["/acme/token"] * 3]


@pytest.mark.parametrize("first", [NOT_FOUND, response(b"<html>", content_type="text/html")])
async def test_metadata_may_lie_where_openid_puts_it(first: bytes) -> None:
    async with an_issuer() as issuer:
        issuer.says |= {FIRST: first, SECOND: issuer.metadata()}

        assert isinstance(await ask(issuer), Tokens)
        assert issuer.asked == [FIRST, SECOND, "/acme/token"]


async def test_an_issuer_that_is_down_is_not_asked_at_its_other_address() -> None:
    async with an_issuer() as issuer:
        issuer.says |= {FIRST: response(b"", status="503 Later"), SECOND: issuer.metadata()}

        assert await ask(issuer) == Nothing("127.0.0.1: status 503")
        assert issuer.asked == [FIRST]


async def test_an_issuer_without_metadata_is_told() -> None:
    async with an_issuer() as issuer:
        issuer.says = {}

        first, second = issuer.server.url + FIRST, issuer.server.url + SECOND
        text = f"no metadata at {first} (127.0.0.1: status 404), nor at {second} (127.0.0.1: status 404)"
        assert await ask(issuer) == Nonsense(text)
        assert issuer.asked == [FIRST, SECOND]


async def test_an_issuer_that_is_gone_between_its_two_addresses_is_asked_again() -> None:
    async with an_issuer() as issuer:
        issuer.says = {SECOND: response(b"", status="503 Later")}

        assert await ask(issuer) == Nothing("127.0.0.1: status 503")


async def test_an_issuer_under_another_name_is_told_with_the_name_to_use() -> None:
    async with an_issuer() as issuer:
        own = issuer.url + "/"
        issuer.says[FIRST] = issuer.metadata(issuer=own)

        outcome = await ask(issuer)

        assert isinstance(outcome, Nonsense)
        assert outcome.cause.endswith(f"its issuer is not the one that was asked, but {own}: use that text exactly")


@pytest.mark.parametrize("status", ["404 Not Found", "405 Method Not Allowed"])
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error":"invalid_client"}'])
async def test_a_token_endpoint_that_is_not_there_is_told_with_its_whole_url(status: str, body: bytes) -> None:
    async with an_issuer() as issuer:
        issuer.says["/acme/token"] = response(body, status=status)
        found = await ask(issuer)
        url = f"{issuer.url}/token"
        known = issuer.asker()
        known.endpoint = TokenEndpoint(url, PROVIDERS["standard"])
        documented = await known.ask()

    there = f"there is no token endpoint at {url} (HTTP {status[:3]}): "
    assert found == Nonsense(there + "its metadata names that")
    assert documented == Nonsense(there + "check base_url, or is this the provider's address?")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (response(b" " * 10_000_000), "127.0.0.1: more than 65536 octets"),
        (response(gzip.compress(b" " * 10_000_000), extra="Content-Encoding: gzip\r\n"), "127.0.0.1: compressed"),
        (response(b"{}", extra="X-More: 1\r\n" * 64), "127.0.0.1: more than 64 header fields"),
        (response(b"<html>", content_type="text/html"), "127.0.0.1: not JSON"),
    ],
    ids=["10 MB", "gzip bomb", "headers", "a page"],
)
async def test_X5_metadata_that_is_too_large_or_no_json_is_not_read(said: bytes, why: str) -> None:
    async with an_issuer() as issuer:
        issuer.says |= {FIRST: said, SECOND: said}

        outcome = await ask(issuer)

        assert isinstance(outcome, Nonsense)
        assert outcome.cause.count(f"({why}") == 2
        assert issuer.asked == [FIRST, SECOND]  # and no secret went anywhere


async def test_X5_metadata_that_lies_elsewhere_is_not_fetched_there() -> None:
    async with raw_server(response()) as elsewhere, an_issuer() as issuer:
        moved = response(b"", status="302 Found", extra=f"Location: {elsewhere.url}/\r\n")
        issuer.says |= {FIRST: moved, SECOND: moved}

        outcome = await ask(issuer)

        assert isinstance(outcome, Nonsense)
        assert outcome.cause.endswith(f"nor at {issuer.server.url}{SECOND} (127.0.0.1: status 302)")
        assert elsewhere.connections == 0


@pytest.mark.parametrize(
    "members",
    [
        {"issuer": "http://127.0.0.1:1/acme"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": "http://10.0.0.1/token"},
        {"token_endpoint": "https://[::1/token"},
        {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
    ],
    ids=repr,
)
async def test_X1_X5_an_issuer_whose_metadata_is_wrong_gets_no_secret(members: dict[str, object]) -> None:
    async with an_issuer() as issuer:
        issuer.says |= {FIRST: issuer.metadata(**members), SECOND: issuer.metadata()}

        outcome = await ask(issuer)

        assert isinstance(outcome, Nonsense)
        assert outcome.cause.startswith(f"the metadata of {issuer.url} is not usable: ")
        assert issuer.asked == [FIRST]  # whoever answers there is who was asked: the second place proves nothing


async def test_S2_metadata_does_not_lead_a_secret_to_another_port_of_this_machine() -> None:
    async with raw_server(response(TOKENS)) as elsewhere, an_issuer() as issuer:
        for endpoint in (f"{elsewhere.url}/token", f"https://127.0.0.1:{elsewhere.port}/token", "https://127.0.0.2/"):
            issuer.says[FIRST] = issuer.metadata(token_endpoint=endpoint)

            assert isinstance(await ask(issuer), Nonsense)

        assert elsewhere.connections == 0


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (response(b"", status="503 Later"), Nothing("the token endpoint answers 503")),
        (response(b"", status="503 Later", extra="Retry-After: 7\r\n"), Nothing("the token endpoint answers 503", 7.0)),
        (response(b"{", status="200 OK"), None),
        (response(b"", status="307 Moved", extra="Location: /elsewhere\r\n"), None),
    ],
    ids=["503", "503 that says when", "half", "moved"],
)
async def test_after_a_failure_metadata_is_read_again(said: bytes, outcome: Outcome | None) -> None:
    async with an_issuer() as issuer:
        asker = issuer.asker()
        issuer.says["/acme/token"] = said

        failed = await asker.ask()
        issuer.says |= {FIRST: issuer.metadata(token_endpoint=f"{issuer.url}/new"), "/acme/new": response(TOKENS)}

        assert failed == outcome if outcome else isinstance(failed, Nonsense)
        assert isinstance(await asker.ask(), Tokens)
        assert issuer.asked == [FIRST, "/acme/token", FIRST, "/acme/new"]


async def test_a_refusal_is_an_answer_and_metadata_stands() -> None:
    async with an_issuer() as issuer:
        asker = issuer.asker(secret="made-up-secret")
        said = {"error": "invalid_client", "error_description": "no\r\nsuch made-up-secret"}
        issuer.says["/acme/token"] = response(json.dumps(said).encode(), status="401 Unauthorized")

        refused = await asker.ask()
        await asker.ask()

        assert isinstance(refused, No)
        assert (refused.cause, refused.refused.description) == ("invalid_client", "no  such ***")
        assert issuer.asked == [FIRST, "/acme/token", "/acme/token"]


@pytest.mark.parametrize(
    ("extra", "seconds"), [("", None), ("Retry-After: 31\r\n", 31.0), ("Retry-After: soon\r\n", None)]
)
async def test_a_429_says_how_long_or_not(extra: str, seconds: float | None) -> None:
    async with an_issuer() as issuer:
        issuer.says["/acme/token"] = response(
            b"Too many", status="429 Slow Down", content_type="text/plain", extra=extra
        )

        assert await ask(issuer) == Later(seconds)


async def test_a_429_may_name_a_moment() -> None:
    async with an_issuer() as issuer:
        dates = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n"
        issuer.says["/acme/token"] = response(b"", status="429 Slow Down", extra=dates)

        assert await ask(issuer) == Later(60.0)


async def test_FT32_metadata_and_token_have_one_deadline() -> None:
    async def silent(head: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async with raw_server(silent) as server:
        outcome = await Issuer(server).asker().ask(0.6)

    assert outcome == Nothing("no complete answer within 1 s")

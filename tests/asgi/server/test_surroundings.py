"""What stands around a token request: headers both ways, the query in the log, bodies beyond all bounds."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from issuing import BREEZE, CANARY, EVERY, FORM, JSON, STANDARD, basic, body, error, known, serving
from portvakt.model.provider import Body

if TYPE_CHECKING:
    from pathlib import Path

    from asgi_driver import Message
    from issuing import Serving
    from portvakt.model.nouns import Issuer

pytestmark = pytest.mark.asyncio(loop_scope="module")

every_issuer = pytest.mark.parametrize("issuer", EVERY, ids=lambda issuer: issuer.name)


async def test_H1_no_answer_of_a_token_endpoint_is_kept_by_a_cache(everyone: Serving) -> None:
    good = await everyone.ask(BREEZE, body(BREEZE), JSON)
    bad = await everyone.ask(BREEZE, body(BREEZE, client_secret=CANARY), JSON)
    malformed = await everyone.ask(BREEZE, b"{", JSON)
    got = await everyone.ask(BREEZE, b"", None, method="GET")

    assert [answer.status for answer in (good, bad, malformed, got)] == [200, 401, 400, 405]
    for answer in (good, bad, malformed, got):
        assert answer.header("cache-control") == "no-store"
        assert answer.header("pragma") == "no-cache"
        assert answer.header("vary") == "Cookie, Authorization"


@pytest.mark.parametrize(
    "origin",
    ["null", "https://evil.example", "https://id.example.evil", "https://id.example", "https://id.example:444", "*"],
)
async def test_H6_H7_no_origin_may_read_a_token(everyone: Serving, origin: str) -> None:
    asking = [("origin", origin), ("access-control-request-method", "POST")]

    answers = [
        await everyone.ask(STANDARD, headers=asking),
        await everyone.ask(STANDARD, b"", None, method="OPTIONS", headers=asking),
        await everyone.ask(STANDARD, body(STANDARD, client_secret=CANARY), headers=asking),
    ]

    assert [answer.status for answer in answers] == [200, 405, 401]
    for answer in answers:
        assert not [name for name, _ in answer.headers if name.startswith("access-control-")]


async def test_H6_what_anybody_may_read_is_read_without_credentials(everyone: Serving) -> None:
    answer = await everyone.get(f"{STANDARD.url}/.well-known/jwks.json", headers=[("origin", "null")])

    assert answer.header("access-control-allow-origin") in {None, "*"}
    assert answer.header("access-control-allow-credentials") is None


@pytest.mark.parametrize("name", ["x_forwarded_for", "x-forwarded_for", "forwarded", "x-real-ip", "x-client-ip", "via"])
async def test_L2_only_the_one_header_says_who_asks(database: Path, name: str) -> None:
    async with serving(database, [STANDARD], trusted_proxies=[ip_network("10.0.0.0/8")]) as served:
        await served.ask(STANDARD, address="10.0.0.1", headers=[(name, "203.0.113.9")])

        assert served.lines()[0]["address"] == "10.0.0.1"


@pytest.mark.parametrize(
    "name", ["authorization_", "x-authorization", "proxy-authorization", "x-ssl-client-cert", "cookie"]
)
async def test_L2_no_other_header_authenticates(everyone: Serving, name: str) -> None:
    client = known(STANDARD)
    grant = {"grant_type": "client_credentials"}

    answer = await everyone.ask(STANDARD, grant, headers=[(name, basic(client.client_id, client.secret))])

    assert answer.status in {400, 401}


@pytest.mark.parametrize(
    "path",
    [
        "/other/../acme/token",
        "/acme/%2e%2e/acme/token",
        "/acme/./token",
        "/acme/token/..;/token",
        "/acme;x/token",
        "/acme/token%00",
        "/%61cme/token",
        "/acme%2ftoken",
        "\\acme\\token",
    ],
)
async def test_L4_a_path_is_neither_resolved_nor_decoded(everyone: Serving, path: str) -> None:
    answer = await everyone.ask(STANDARD, path=path, host="id.example")

    assert error(answer) == (404, "not_found")


@pytest.mark.parametrize("piece", [b"a&", b"a=b&", b"x", b"%61", b"&", b"a;"])
@every_issuer
async def test_T8_a_form_that_never_ends_is_refused_after_64_kib(
    everyone: Serving, issuer: Issuer, piece: bytes
) -> None:
    chunk = piece * (16_384 // len(piece))
    taken = 0
    sent: list[Message] = []

    async def receive() -> Message:
        nonlocal taken
        taken += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    target = urlsplit(issuer.url + issuer.provider.token_paths[0])
    kind = JSON if Body.JSON in issuer.provider.token_bodies else FORM
    scope = {
        "type": "http",
        "method": "POST",
        "path": target.path,
        "raw_path": target.path.encode(),
        "query_string": b"",
        "headers": [(b"host", target.netloc.encode()), (b"content-type", kind.encode())],
        "client": ("192.0.2.1", 50000),
    }

    await everyone.application(scope, receive, send)

    assert sent[0]["status"] == 413
    assert taken <= 64 * 1024 + 2 * len(chunk)


@every_issuer
async def test_T8_a_form_of_many_fields_is_refused(everyone: Serving, issuer: Issuer) -> None:
    answer = await everyone.ask(issuer, b"a&" * 30_000, FORM)

    assert (answer.status, answer.json()["error"]) == (400, "invalid_request")


async def test_K3_the_log_has_the_path_without_its_query(database: Path) -> None:
    async with serving(database, [STANDARD]) as served:
        for query in (f"code={CANARY}&state={CANARY}", f"client_secret={CANARY}", CANARY, f"x={CANARY}"):
            await served.ask(STANDARD, query=query)
            await served.get(f"{STANDARD.url}/.well-known/jwks.json?{query}")
            await served.get(f"{STANDARD.url}/nothing?{query}")

        lines = served.lines()

    assert len(lines) == 12
    assert {line["path"] for line in lines} == {"/acme/token", "/acme/.well-known/jwks.json", "/acme/nothing"}
    assert CANARY not in str(lines)

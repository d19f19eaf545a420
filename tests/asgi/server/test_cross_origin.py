"""Which pages of other origins may read what an issuer answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acting import a_code, an_application, post
from asgi_driver import call
from behalf_store import VERIFIER
from failing_store import FailingStore
from issuing import BREEZE, LUCA, STANDARD, as_form, body, error, serving
from portvakt.model.nouns import ClientAuthentication
from portvakt.protocol.credentials import Kind, mint
from portvakt.server.cross_origin import HELD, LOOK_AGAIN, Origins, origin_of
from portvakt.store import StoreUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from asgi_driver import Answer
    from issuing import Serving
    from portvakt.model.values import IssuerName

PAGE = "https://app.example"
ELSEWHERE = (
    "null",
    "https://app.example.evil",
    "https://evil-app.example",
    "https://sub.app.example",
    "https://app.example:8443",
    "http://app.example",
    "https://APP.example",
    "https://app.example/",
    "https://secret.example",  # a confidential client's
    "*",
    "",
)


async def a_page(served: Serving) -> None:
    """Register a program that runs in a browser, and one that does not."""
    await an_application(served, STANDARD, "spa", authentication=ClientAuthentication.NONE)
    await an_application(served, STANDARD, "server", redirect_uris=("https://secret.example/cb",))


def cors(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name.startswith("access-control-")}


async def preflight(served: Serving, path: str, origin: str) -> Answer:
    headers = {
        "host": "id.example",
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    return await call(served.application, "OPTIONS", f"/acme{path}", headers=headers)


@pytest.mark.parametrize("path", ["/token", "/revoke"])
async def test_H5_a_page_that_a_public_client_comes_back_to_may_read_the_answer(standard: Serving, path: str) -> None:
    await a_page(standard)

    asked = await preflight(standard, path, PAGE)
    answer = await post(standard, STANDARD, path, "spa", client_secret="", token="x", headers=[("origin", PAGE)])

    assert (asked.status, asked.body) == (204, b"")
    assert cors(asked) == {
        "access-control-allow-origin": PAGE,
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "Content-Type",
        "access-control-max-age": "600",
    }
    assert asked.header("vary") == "Origin"
    assert asked.header("content-length") is None
    assert cors(answer) == {
        "access-control-allow-origin": PAGE,
        "access-control-expose-headers": "Portvakt-Reference, Retry-After",
    }
    assert answer.header("vary") == "Cookie, Authorization, Origin"


async def test_H5_a_page_reads_its_tokens_and_its_refusals(standard: Serving) -> None:
    await a_page(standard)
    code = await a_code(standard, STANDARD, "spa")
    sent = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, "client_secret": ""}

    answers = [await post(standard, STANDARD, "/token", "spa", headers=[("origin", PAGE)], **sent) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 400]
    assert [answer.header("access-control-allow-origin") for answer in answers] == [PAGE, PAGE]
    standard.secrets |= {answers[0].json()[name] for name in ("access_token", "refresh_token")}


@pytest.mark.parametrize(("path", "method"), [("/token", "code_facts"), ("/revoke", "refresh_facts")])
async def test_H5_a_page_reads_that_a_fault_is_ours_and_when_to_try_again(
    database: Path, path: str, method: str
) -> None:
    store = FailingStore(database)
    async with serving(database, [STANDARD], store=store) as served:
        await a_page(served)
        code, token = await a_code(served, STANDARD, "spa"), mint(Kind.REFRESH_TOKEN, b"?" * 32).reveal()
        sent = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, "token": token}

        async def asked(origin: str) -> Answer:
            return await post(served, STANDARD, path, "spa", client_secret="", headers=[("origin", origin)], **sent)

        store.failing[method] = StoreUnavailable("the database is gone")
        known, unknown = await asked(PAGE), await asked("https://evil.example")
        store.failing["public_redirect_uris"] = store.failing[method]
        looking = await asked("https://unknown.example")

        assert [error(answer) for answer in (known, unknown, looking)] == [(503, "server_error")] * 3
        assert known.header("retry-after") == "1"
        assert cors(known) == {
            "access-control-allow-origin": PAGE,
            "access-control-expose-headers": "Portvakt-Reference, Retry-After",
        }
        assert (cors(unknown), cors(looking)) == ({}, {})
    await store.close()


@pytest.mark.parametrize("origin", ELSEWHERE)
async def test_H6_no_other_page_may(standard: Serving, origin: str) -> None:
    await a_page(standard)

    answers = [
        await preflight(standard, "/token", origin),
        await preflight(standard, "/revoke", origin),
        await standard.ask(STANDARD, headers=[("origin", origin)]),
    ]

    assert [answer.status for answer in answers] == [405, 405, 200]
    assert [cors(answer) for answer in answers] == [{}, {}, {}]


@pytest.mark.parametrize(
    "path", ["/authorize", "/login", "/logout", "/consent", "/connected", "/account", "/introspect"]
)
async def test_H7_nothing_is_read_across_origins_where_people_or_secrets_are(standard: Serving, path: str) -> None:
    await a_page(standard)

    asked = await preflight(standard, path, PAGE)
    answer = await standard.get(f"{STANDARD.url}{path}", headers=[("origin", PAGE)])

    assert asked.status == 405
    assert [cors(asked), cors(answer)] == [{}, {}]


async def test_H6_where_there_are_no_public_clients_nobody_may(database: Path) -> None:
    async with serving(database, [BREEZE, LUCA]) as served:
        await an_application(served, LUCA)
        headers = [("origin", PAGE), ("content-type", "application/x-www-form-urlencoded")]

        for issuer in (BREEZE, LUCA):
            host = ("host", issuer.url.split("/")[2])
            path = issuer.url.partition(host[1])[2] + issuer.provider.token_paths[0]
            answer = await call(served.application, "POST", path, headers=[host, *headers], body=as_form(body(issuer)))
            assert cors(answer) == {}


async def test_an_options_request_that_is_no_preflight_is_as_any_other_method(standard: Serving) -> None:
    await a_page(standard)

    answer = await call(standard.application, "OPTIONS", "/acme/token", headers={"host": "id.example", "origin": PAGE})

    assert (answer.status, answer.header("allow")) == (405, "POST")


def test_origins_are_spelled_as_browsers_do() -> None:
    spelled = {
        "https://a.example/cb": b"https://a.example",
        "https://a.example": b"https://a.example",
        "https://a.example?x=1": b"https://a.example",
        "https://a.example:443/cb": b"https://a.example",
        "https://a.example:8443/cb": b"https://a.example:8443",
        "http://localhost:80/cb": b"http://localhost",
        "http://localhost:5173/cb": b"http://localhost:5173",
        "http://[::1]:5173/cb": b"http://[::1]:5173",
        "com.example.app:/cb": b"",
    }

    assert {uri: origin_of(uri) for uri in spelled} == spelled


class Known:
    """A store that knows some redirect URIs, and counts how often it was asked."""

    def __init__(self, *uris: str) -> None:
        self.uris = frozenset(uris)
        self.asked = 0

    async def public_redirect_uris(self, issuer: IssuerName) -> frozenset[str]:
        self.asked += 1
        return self.uris


async def test_strangers_make_the_store_be_asked_once_a_second_at_most() -> None:
    known_uris, now = Known("https://a.example/cb"), [0.0]
    origins = Origins(STANDARD.name, known_uris, lambda: now[0])

    for _ in range(10):
        assert await origins.allows(b"https://a.example")
        assert not await origins.allows(b"https://b.example")
    assert known_uris.asked == 1
    known_uris.uris = frozenset({"https://b.example/cb"})
    now[0] = LOOK_AGAIN
    assert await origins.allows(b"https://b.example")
    assert not await origins.allows(b"https://a.example")
    now[0] += HELD
    known_uris.uris = frozenset()

    assert not await origins.allows(b"https://b.example")
    assert known_uris.asked == 3

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from asgi_driver import Answer, call
from portvakt.model.values import ClientId, Instant
from portvakt.protocol.admit.verified import Verified
from portvakt.sandbox.asgi import answer
from portvakt.sandbox.echo_api import echo_api
from portvakt.server.call import plain_reply

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from portvakt.sandbox.asgi import App, Receive, Scope, Send

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
BEARER = {"accept": "*/*", "authorization": f"Bearer {TOKEN}"}
PRISJAKT: dict[str, Collection[str]] = {"GET": ()}
STANDARD: dict[str, Collection[str]] = {"GET": ["read"], "POST": ["write"]}
LIMIT = 65_536


def let_in(app: App, *, scopes: frozenset[str]) -> App:
    """Stand for a guard: the header `x-scopes` says what the token is good for."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        has = frozenset(dict(scope["headers"]).get(b"x-scopes", b"").decode().split())
        if not scopes <= has:
            await answer(send, plain_reply(403, "The token lacks a scope."))
            return
        scope["portvakt"] = Verified(
            client_id=ClientId("client_1"),
            subject="client_1",
            scopes=has,
            organisation_number=None,
            roles=frozenset(),
            issued_at=Instant(0),
            expires_at=Instant(0),
            token_id="1",
            grant_id=None,
            key_id="k",
        )
        await app(scope, receive, send)

    return guarded


async def get(headers: Mapping[str, str] = BEARER, query: str | bytes = b"") -> Answer:
    return await call(echo_api(PRISJAKT, let_in), "GET", "/prisjakt/api/echo", headers=headers, query=query)


async def post(body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
    sent = {**BEARER, "x-scopes": "write", **(headers or {})}
    return await call(echo_api(STANDARD, let_in), "POST", "/echo", headers=sent, body=body)


async def test_the_seeds_request_comes_back_without_its_token() -> None:
    reply = await get()

    assert reply.status == 200
    assert reply.body == (
        b'{"method":"GET","path":"/prisjakt/api/echo","query":"",'
        b'"headers":{"accept":"*/*","authorization":"Bearer ***"},'
        b'"caller":{"client_id":"client_1","scopes":[]}}'
    )
    assert reply.header("content-type") == "application/json"
    assert reply.header("cache-control") == "no-store"
    assert reply.header("x-content-type-options") == "nosniff"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (f"bearer {TOKEN}", "bearer ***"),
        (f"Bearer  {TOKEN}", "Bearer ***"),
        (f"Bearer {TOKEN} more", "Bearer ***"),
        ("Basic Y2xpZW50OnNlY3JldA==", "Basic ***"),
        (TOKEN, "***"),
        (f"{TOKEN} x", "***"),
    ],
)
async def test_of_an_authorization_header_no_more_than_the_scheme_is_shown(sent: str, shown: str) -> None:
    assert (await get({"authorization": sent})).json()["headers"] == {"authorization": shown}


@pytest.mark.parametrize("name", ["Cookie", "Proxy-Authorization", "X-Api-Key"])
async def test_other_headers_that_carry_secrets_are_blanked(name: str) -> None:
    assert (await get({name: "s3cr3t"})).json()["headers"] == {name.lower(): "***"}


@pytest.mark.parametrize(
    "name",
    [
        "access_token",
        "ACCESS_TOKEN",
        "Access_Token",
        "%61ccess_token",
        "+access_token",
        "access_token[]",
        "access_token%5B0%5D",
        "x;access_token",
        "x=y;access_token",
        "client_secret",
        "code",
        "token",
        "password",
    ],
)
async def test_B3_secrets_in_the_query_are_blanked(name: str) -> None:
    said = (await get(query=f"a=1&{name}=s3cr3t&b=2&{name}=s3cr3t")).json()

    assert said["query"] == f"a=1&{name}=***&b=2&{name}=***"


async def test_B3_a_secret_ends_where_the_most_generous_reader_ends_it() -> None:
    said = (await get(query="token=s3c;r3t&a=1;b;token=s3cr3t;code=s3cr3t;c")).json()

    assert said["query"] == "token=***&a=1;b;token=***;code=***;c"


async def test_B3_the_callers_token_is_blanked_wherever_it_stands() -> None:
    reply = await get({**BEARER, "x-copy": f"token:{TOKEN}"}, query=f"q={TOKEN}")

    assert TOKEN.encode() not in reply.body
    assert TOKEN.encode() not in (await post(f"a {TOKEN} b".encode())).body


@pytest.mark.parametrize(
    "query", [b"a=1&a=2&b", b"&&=&", b"access_token", b"q=bl\xc3\xa5", b"q=%00%ff", b"q=\xff", b";a=1;;b&;"]
)
async def test_any_other_query_comes_back_as_it_was(query: bytes) -> None:
    assert (await get(query=query)).json()["query"] == query.decode("latin-1")


async def test_headers_that_came_twice_are_one() -> None:
    headers = [("X-A", "1"), ("Cookie", "a=1"), ("x-a", "2"), ("Cookie", "b=2"), ("X-Name", "bl\xe5")]
    reply = await call(echo_api(PRISJAKT, let_in), "GET", "/echo", headers=headers)

    assert reply.json()["headers"] == {"x-a": "1, 2", "cookie": "***, ***", "x-name": "bl\xe5"}


@pytest.mark.parametrize(
    ("method", "has", "status"),
    [
        ("GET", "read", 200),
        ("GET", "write", 403),
        ("GET", "", 403),
        ("POST", "write", 200),
        ("POST", "read", 403),
        ("POST", "read write", 200),
    ],
)
async def test_each_method_needs_its_own_scope(method: str, has: str, status: int) -> None:
    reply = await call(echo_api(STANDARD, let_in), method, "/echo", headers={"x-scopes": has})

    assert reply.status == status
    if status == 200:
        assert reply.json()["caller"]["scopes"] == sorted(has.split())


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "get"])
@pytest.mark.parametrize(("needs", "allow"), [(PRISJAKT, "GET"), (STANDARD, "GET, POST")])
async def test_any_other_method_is_refused(method: str, needs: Mapping[str, Collection[str]], allow: str) -> None:
    reply = await call(echo_api(needs, let_in), method, "/echo")

    assert (reply.status, reply.header("allow")) == (405, allow)


async def test_prisjakt_answers_no_post() -> None:
    assert (await call(echo_api(PRISJAKT, let_in), "POST", "/echo", headers=BEARER)).status == 405


@pytest.mark.parametrize("body", [b"", b'{"a": 1}', "blåbær".encode(), b"\x00<script>"])
async def test_a_posted_text_comes_back(body: bytes) -> None:
    assert (await post(body, {"content-type": "application/json"})).json()["body"] == body.decode()


async def test_a_posted_text_needs_no_content_type() -> None:
    assert (await post(b"text")).json()["body"] == "text"


async def test_a_posted_body_is_bounded() -> None:
    assert (await post(b"a" * LIMIT)).status == 200
    assert (await post(b"a" * (LIMIT + 1))).status == 413
    assert (await post(b"a", {"content-length": str(LIMIT + 1)})).status == 413


@pytest.mark.parametrize("body", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80"])
async def test_T14_a_posted_body_that_is_no_unicode_is_refused(body: bytes) -> None:
    reply = await post(body)

    assert (reply.status, json.loads(reply.body)["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("headers", [{"content-type": "multipart/form-data; boundary=x"}, {"content-encoding": "gzip"}])
async def test_T7_T18_multipart_and_compressed_bodies_are_refused(headers: dict[str, str]) -> None:
    reply = await post(b"x", headers)

    assert (reply.status, reply.json()["error"]) == (415, "invalid_request")

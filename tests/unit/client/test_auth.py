"""`Connection.auth`: what becomes of a call, by httpx2 and httpx, blocking and in asyncio."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from called_api import Asked, CalledApi, Caller, Said
from polling import until
from portvakt.client.address import place
from portvakt.client.asking import No
from portvakt.client.auth import auth_of
from portvakt.client.calling import Calls
from portvakt.client.errors import RateLimited, TokenRefused, WrongTarget
from portvakt.model.decision import Refused
from portvakt.model.provider import Api, TokenCheck
from portvakt.providers import PROVIDERS
from times import BEGAN, Times
from token_issuer import PATIENCE, Issuer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

HOME = "https://api.example"
BREEZE = PROVIDERS["breeze"].api
PRISJAKT = PROVIDERS["prisjakt"].api
STANDARD = PROVIDERS["standard"].api
QUERY = {"query": "{ Me { email } }"}
MUTATION = {"query": "mutation { pay(amount: 5) { id } }"}
UNAUTHENTICATED = b'{"errors":[{"message":"Token validation failed","extensions":{"code":"UNAUTHENTICATED"}}]}'
CHANGING = ["POST", "PUT", "PATCH", "DELETE"]
SAFE = ["GET", "HEAD", "OPTIONS"]

REFUSED = Said(401, b'{"error":"invalid_token"}')


class World:
    """An API, the issuer of its tokens, and a caller. `waits` are the lengths of time that calls were held back."""

    def __init__(self, library: str, *, blocking: bool) -> None:
        self.library = import_module(library)
        self.blocking = blocking
        self.times = Times()
        self.issuer = Issuer(self.times)
        self.source = self.issuer.source()
        self.api = CalledApi()
        self.home: str | None = HOME
        self.max_wait = 30.0

    def caller(self, contract: Api = STANDARD) -> Caller:
        times = self.times
        home = None if self.home is None else place(self.home)
        calls = Calls(self.source, contract, home, self.max_wait, now=times.counting, wall=times.wall, draw=times.draw)
        return Caller(self.library, self.api, auth_of(calls), blocking=self.blocking)

    @property
    def waits(self) -> list[float]:
        return self.times.slept


@pytest.fixture(params=["httpx2", "httpx"])
def library(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=["blocking", "asyncio"])
def world(library: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(library, blocking=request.param == "blocking")
    monkeypatch.setattr("portvakt.client.auth.time", SimpleNamespace(sleep=world.times.rest))
    monkeypatch.setattr("portvakt.client.auth.asyncio", SimpleNamespace(sleep=world.times.sleep))
    return world


async def test_each_call_shows_the_token(world: World) -> None:
    call = world.caller()

    replies = [await call("GET", f"{HOME}/things") for _ in range(3)]

    assert [reply.status_code for reply in replies] == [200] * 3
    assert world.api.tokens == ["token-1"] * 3
    assert len(world.issuer.asked) == 1


@pytest.mark.parametrize("method", SAFE)
async def test_a_refused_token_is_replaced_and_a_safe_call_repeated_once(world: World, method: str) -> None:
    world.api.replies = [REFUSED]

    reply = await world.caller()(method, f"{HOME}/things")

    assert reply.status_code == 200
    assert world.api.tokens == ["token-1", "token-2"]


async def test_a_second_refusal_is_returned_as_it_came(world: World) -> None:
    world.api.replies = [REFUSED, Said(401, b'{"error":"insufficient"}', {"www-authenticate": "Bearer"})]

    reply = await world.caller()("GET", f"{HOME}/things")

    assert (reply.status_code, reply.content) == (401, b'{"error":"insufficient"}')
    assert reply.headers["www-authenticate"] == "Bearer"
    assert world.api.tokens == ["token-1", "token-2"]


@pytest.mark.parametrize(("contract", "method"), [(STANDARD, "GET"), (STANDARD, "POST"), (PRISJAKT, "POST")])
async def test_a_call_that_can_never_succeed_does_not_cost_a_token_each_time(
    world: World, contract: Api, method: str
) -> None:
    world.api.always = REFUSED
    call = world.caller(contract)

    for _ in range(60):
        assert (await call(method, f"{HOME}/forbidden")).status_code == 401
        world.times.pass_by(1)

    assert len(world.issuer.asked) < 10


async def test_many_calls_that_fail_together_count_as_one_token_in_vain(world: World) -> None:
    world.api.always = REFUSED
    call = world.caller()
    if world.blocking:
        with ThreadPoolExecutor(20) as pool:
            list(pool.map(lambda _: asyncio.run(call("GET", f"{HOME}/things")), range(20)))
    else:
        await asyncio.gather(*(call("GET", f"{HOME}/things") for _ in range(20)))
    asked = len(world.issuer.asked)
    world.api.always = Said()
    world.api.replies = [REFUSED]
    world.times.pass_by(4)

    assert (await call("GET", f"{HOME}/things")).status_code == 200
    assert len(world.issuer.asked) == asked + 1


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
async def test_UNAUTHENTICATED_is_a_refusal_under_any_status(world: World, status: int) -> None:
    world.api.replies = [Said(status, UNAUTHENTICATED)]

    reply = await world.caller(BREEZE)("POST", f"{HOME}/graphql", json=QUERY)

    assert reply.status_code == 200
    assert world.api.tokens == ["token-1", "token-2"]
    assert [json.loads(asked.body) for asked in world.api.asked] == [QUERY, QUERY]


@pytest.mark.parametrize(
    "said",
    [
        Said(200, b'{"data":{"Me":{"email":"UNAUTHENTICATED"}}}'),
        Said(200, b'{"errors":[{"extensions":{"code":"FORBIDDEN"}}]}'),
        Said(200, b'{"errors":"UNAUTHENTICATED"}'),
        Said(200, b'{"errors":[{"extensions":"UNAUTHENTICATED"},null]}'),
        Said(200, b'[{"errors":[{"extensions":{"code":"UNAUTHENTICATED"}}]}]'),
        Said(200, b'{"errors":[{"extensions":{"code":"UNAUTHENTICATED"}}'),
        Said(200, UNAUTHENTICATED, {"content-type": "text/html"}),
        Said(200, b'{"errors":' + b"[" * 30_000 + b"]" * 30_000 + b"}"),
        Said(200, UNAUTHENTICATED + b" " * 65_536),
        Said(500, b"", {}),
        Said(403, b"{}"),
    ],
)
async def test_what_says_nothing_of_the_token_is_returned_as_it_came(world: World, said: Said) -> None:
    world.api.replies = [said]

    reply = await world.caller(BREEZE)("POST", f"{HOME}/graphql", json=QUERY)

    assert (reply.status_code, reply.content) == (said.status, said.body)
    assert world.api.tokens == ["token-1"]


@pytest.mark.parametrize("method", CHANGING)
async def test_a_call_that_changes_something_is_not_repeated_where_it_may_have_begun(world: World, method: str) -> None:
    world.api.replies = [REFUSED]
    call = world.caller(STANDARD)

    reply = await call(method, f"{HOME}/things", json={"amount": 5})

    assert (reply.status_code, reply.content) == (401, REFUSED.body)
    assert world.api.tokens == ["token-1"]
    await call(method, f"{HOME}/things", json={"amount": 5})
    assert world.api.tokens == ["token-1", "token-2"]


@pytest.mark.parametrize("method", CHANGING)
async def test_it_is_repeated_where_the_provider_looks_at_the_token_first(world: World, method: str) -> None:
    world.api.replies = [REFUSED]

    reply = await world.caller(PRISJAKT)(method, f"{HOME}/things", content=b"five")

    assert reply.status_code == 200
    assert [(asked.method, asked.token, asked.body) for asked in world.api.asked] == [
        (method, "token-1", b"five"),
        (method, "token-2", b"five"),
    ]


@pytest.mark.parametrize(
    ("contract", "sent", "said", "times"),
    [
        (BREEZE, MUTATION, Said(200, UNAUTHENTICATED), 2),
        (BREEZE, MUTATION, REFUSED, 2),
        (BREEZE, MUTATION, Said(200, UNAUTHENTICATED[:-1] + b',"data":{"pay":{"id":1}}}'), 1),
        (BREEZE, QUERY, Said(200, UNAUTHENTICATED[:-1] + b',"data":{"Me":null}}'), 2),
        (STANDARD, QUERY, Said(200, UNAUTHENTICATED), 2),
        (STANDARD, QUERY, REFUSED, 2),
        (STANDARD, MUTATION, Said(200, UNAUTHENTICATED), 1),
        (STANDARD, MUTATION, REFUSED, 1),
        (STANDARD, {"query": "subscription { ticks }"}, REFUSED, 1),
        (STANDARD, {"query": "query Q { a } mutation M { b }", "operationName": "M"}, REFUSED, 1),
        (STANDARD, {"query": "fragment F on T { a } query { b { ...F } }"}, REFUSED, 2),
        (STANDARD, {"query": "# who am I\nquery Me { Me { email } }"}, REFUSED, 2),
        (STANDARD, {"query": "shoes", "buy": True}, REFUSED, 1),
        (STANDARD, {"query": "", "buy": True}, REFUSED, 1),
        (STANDARD, {"query": 5}, REFUSED, 1),
        (STANDARD, [QUERY], REFUSED, 1),
    ],
)
async def test_a_query_is_repeated_and_a_mutation_only_where_it_cannot_have_begun(
    world: World, contract: Api, sent: object, said: Said, times: int
) -> None:
    world.api.replies = [said]

    await world.caller(contract)("POST", f"{HOME}/graphql", json=sent)

    assert world.api.tokens == ["token-1", "token-2"][:times]


async def test_a_body_that_is_streamed_is_not_sent_again(world: World) -> None:
    world.api.replies = [REFUSED]
    call = world.caller(PRISJAKT)

    reply = await call("PUT", f"{HOME}/things", content=parts(blocking=world.blocking))

    assert reply.status_code == 401
    assert [asked.body for asked in world.api.asked] == [b"onetwo"]
    await call("GET", f"{HOME}/things")
    assert world.api.tokens == ["token-1", "token-2"]


def parts(*, blocking: bool) -> Iterator[bytes] | AsyncIterator[bytes]:
    def pieces() -> Iterator[bytes]:
        yield from (b"one", b"two")

    async def pieces_async() -> AsyncIterator[bytes]:
        for piece in pieces():
            yield piece

    return pieces() if blocking else pieces_async()


async def test_a_streamed_body_is_not_sent_again_after_a_429_either(world: World) -> None:
    world.api.replies = [Said(429, b"", {"retry-after": "2"})]
    call = world.caller(PRISJAKT)

    reply = await call("PUT", f"{HOME}/things", content=parts(blocking=world.blocking))

    assert reply.status_code == 429
    assert world.waits == []
    await call("GET", f"{HOME}/things")
    assert world.waits == [2.0]


class Body:
    """A response's body that remembers how many pieces of it were read."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.taken = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.taken += 1
            yield piece


class AsyncBody(Body):
    __iter__ = None  # type: ignore[assignment]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.taken += 1
            yield piece


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("contract", "method", "status", "headers", "read"),
    [
        (STANDARD, "GET", 200, JSON, 0),
        (STANDARD, "GET", 404, JSON, 0),
        (STANDARD, "POST", 401, JSON, 0),
        (BREEZE, "POST", 200, {"content-type": "application/octet-stream"}, 0),
        (BREEZE, "POST", 200, {"content-type": "application/x-ndjson"}, 0),
        (BREEZE, "POST", 200, {"content-type": "application/stream+json"}, 0),
        (BREEZE, "POST", 200, {**JSON, "content-length": "70000"}, 0),
        (BREEZE, "POST", 200, {"content-type": "application/graphql-response+json"}, 2),
        (BREEZE, "POST", 200, JSON, 2),
    ],
)
async def test_what_a_caller_streams_is_left_to_the_caller(
    world: World, contract: Api, method: str, status: int, headers: dict[str, str], read: int
) -> None:
    body = (Body if world.blocking else AsyncBody)(b"[1,", b"2]")
    world.api.replies = [Said(status, body, headers)]
    client = world.caller(contract).client()

    if world.blocking:
        with client, client.stream(method, f"{HOME}/things") as reply:
            assert body.taken == read
            assert reply.read() == b"[1,2]"
    else:
        async with client, client.stream(method, f"{HOME}/things") as reply:
            assert body.taken == read
            assert await reply.aread() == b"[1,2]"
    assert body.taken == 2


def redirect(to: str, status: int = 302) -> Said:
    return Said(status, b"", {"location": to})


async def test_a_redirect_within_the_api_keeps_the_token_and_a_refusal_there_counts(world: World) -> None:
    world.api.replies = [redirect("/new"), REFUSED, redirect("/new")]

    reply = await world.caller()("GET", f"{HOME}/old", follow_redirects=True)

    assert reply.status_code == 200
    assert [(asked.url, asked.token) for asked in world.api.asked] == [
        (f"{HOME}/old", "token-1"),
        (f"{HOME}/new", "token-1"),
        (f"{HOME}/old", "token-2"),
        (f"{HOME}/new", "token-2"),
    ]


@pytest.mark.parametrize("status", [401, 429])
@pytest.mark.parametrize("elsewhere", ["https://other.example/", "https://api.example:8443/", "http://api.example/"])
async def test_a_redirect_elsewhere_takes_no_token_and_what_is_said_there_is_not_about_ours(
    world: World, elsewhere: str, status: int
) -> None:
    world.api.replies = [redirect(elsewhere), Said(status, b"", {"retry-after": "5"})]
    call = world.caller()

    reply = await call("GET", f"{HOME}/file", follow_redirects=True)

    assert reply.status_code == status
    assert world.api.tokens == ["token-1", None]
    await call("GET", f"{HOME}/file")
    assert world.api.tokens[2:] == ["token-1"]
    assert world.waits == []


async def test_a_token_that_was_lost_on_the_way_round_another_host_was_not_refused(world: World) -> None:
    world.api.replies = [redirect("https://login.example/"), redirect(f"{HOME}/home"), REFUSED]
    call = world.caller()

    reply = await call("GET", f"{HOME}/file", follow_redirects=True)

    assert reply.status_code == 401
    assert world.api.tokens == ["token-1", None, None]
    await call("GET", f"{HOME}/file")
    assert world.api.tokens[3:] == ["token-1"]


async def test_what_was_carried_out_before_a_redirect_is_not_sent_again(world: World) -> None:
    world.api.replies = [redirect("/things/5", 303), REFUSED]

    reply = await world.caller(PRISJAKT)("POST", f"{HOME}/things", json={"amount": 5}, follow_redirects=True)

    assert reply.status_code == 401
    assert [asked.method for asked in world.api.asked] == ["POST", "GET"]


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example/things",
        "https://api.example.other.example/things",
        "https://api.example:8443/things",
        "https://api.example@other.example/things",
        "https://api.example%2f@other.example/things",
        "https://other.example/https://api.example/things",
        "http://api.example/things",
        "http://api.example:443/things",
        "https://127.0.0.1/things",
    ],
)
async def test_a_token_goes_to_the_api_and_nowhere_else(world: World, url: str) -> None:
    with pytest.raises(WrongTarget, match=r"these tokens are for https://api\.example:443; the request goes to http"):
        await world.caller()("GET", url)

    assert world.api.asked == []
    assert world.issuer.asked == []


async def test_a_relative_url_is_told_as_such(world: World) -> None:
    with pytest.raises(WrongTarget, match=r"^the request's URL is relative: begin it with api_url"):
        await world.caller()("GET", "/graphql")

    assert world.api.asked == []


@pytest.mark.parametrize("url", [f"{HOME}:443/things", "https://API.example/things", f"{HOME}/../things"])
async def test_other_spellings_of_the_apis_place_are_the_api(world: World, url: str) -> None:
    assert (await world.caller()("GET", url)).status_code == 200
    assert world.api.tokens == ["token-1"]


@pytest.mark.parametrize("url", ["https://xn--bcher-kva.example/", "https://b\u00fccher.example/"])
async def test_an_internationalized_name_is_the_api_in_either_spelling(world: World, url: str) -> None:
    world.home = "https://xn--bcher-kva.example"

    assert (await world.caller()("GET", url)).status_code == 200
    with pytest.raises(WrongTarget):
        await world.caller()("GET", "https://bucher.example/")


async def test_a_user_in_the_url_is_not_sent_in_the_tokens_place(world: World) -> None:
    await world.caller()("GET", "https://user:password@api.example/things")

    assert world.api.tokens == ["token-1"]


@pytest.mark.parametrize("url", ["http://other.example/", "http://10.0.0.1/", "http://127.0.0.1.other.example/"])
async def test_without_a_known_api_a_token_goes_over_https_only(world: World, url: str) -> None:
    world.home = None

    with pytest.raises(WrongTarget, match="a token goes over https only"):
        await world.caller()("GET", url)

    assert world.api.asked == []


@pytest.mark.parametrize(
    "url", ["https://other.example/", "http://127.0.0.1:8000/", "http://[::1]/", "http://localhost/"]
)
async def test_without_a_known_api_a_token_goes_over_https_and_to_this_machine(world: World, url: str) -> None:
    world.home = None

    await world.caller()("GET", url)

    assert world.api.tokens == ["token-1"]


async def test_the_apis_429_is_waited_out(world: World) -> None:
    world.api.replies = [Said(429, b"", {"retry-after": "7"})]

    reply = await world.caller()("POST", f"{HOME}/things", content=b"five")

    assert reply.status_code == 200
    assert world.waits == [7.0]
    assert [asked.body for asked in world.api.asked] == [b"five", b"five"]


async def test_a_429_beyond_max_wait_is_an_error_that_says_when(world: World) -> None:
    world.api.replies = [Said(429, b"", {"retry-after": "90"})]
    call = world.caller()

    with pytest.raises(RateLimited) as caught:
        await call("GET", f"{HOME}/things")

    assert world.waits == []
    assert BEGAN + 90 <= caught.value.retry_at <= BEGAN + 91
    with pytest.raises(RateLimited) as again:
        await call("GET", f"{HOME}/things")
    assert again.value.retry_at == caught.value.retry_at
    assert len(world.api.asked) == 1


async def test_a_429_of_another_host_says_nothing_of_the_apis_limit(world: World) -> None:
    other = "https://other.example/"
    limited = {"retry-after": "1000000"}
    world.api.replies = [Said(429, b""), Said(307, b"", {"location": other}), Said(429, b"", limited)]
    caller = world.caller()

    assert (await caller("GET", f"{HOME}/things", follow_redirects=True)).status_code == 429
    assert world.api.tokens == ["token-1", "token-1", None]
    assert (await caller("GET", f"{HOME}/things")).status_code == 200
    assert world.waits == [1.0]


async def test_a_429_and_then_a_401_and_then_a_429_are_each_dealt_with(world: World) -> None:
    limited = Said(429, b"", {"retry-after": "2"})
    world.api.replies = [limited, REFUSED, limited]

    reply = await world.caller()("GET", f"{HOME}/things")

    assert reply.status_code == 200
    assert world.api.tokens == ["token-1", "token-1", "token-2", "token-2"]
    assert world.waits == [2.0, 2.0]


async def test_the_waits_before_and_after_a_refusal_add_up(world: World) -> None:
    limited = Said(429, b"", {"retry-after": "20"})
    world.api.replies = [limited, REFUSED, limited]

    with pytest.raises(RateLimited):
        await world.caller()("GET", f"{HOME}/things")

    assert world.waits == [20.0]


async def test_a_refusal_soon_after_one_that_was_made_good_is_made_good_too(world: World) -> None:
    world.api.replies = [REFUSED, Said(), REFUSED, Said()]
    call = world.caller()

    replies = [await call("GET", f"{HOME}/things") for _ in range(2)]

    assert [reply.status_code for reply in replies] == [200, 200]
    assert world.api.tokens == ["token-1", "token-2", "token-2", "token-3"]


async def test_calls_that_are_refused_together_renew_once(world: World) -> None:
    def refuse_the_first(asked: Asked) -> Said:
        return REFUSED if asked.token == "token-1" else Said()

    world.api.always = refuse_the_first
    call = world.caller()

    if world.blocking:
        with ThreadPoolExecutor(20) as pool:
            replies = list(pool.map(lambda _: asyncio.run(call("GET", f"{HOME}/things")), range(100)))
    else:
        replies = await asyncio.gather(*(call("GET", f"{HOME}/things") for _ in range(100)))

    assert {reply.status_code for reply in replies} == {200}
    assert len(world.issuer.asked) == 2


async def test_no_token_is_the_calls_error_and_nothing_is_sent(world: World) -> None:
    world.issuer.outcomes = [No(Refused("invalid_client", "", 401))]

    with pytest.raises(TokenRefused) as caught:
        await world.caller()("GET", f"{HOME}/things")

    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert world.api.asked == []


async def test_a_call_that_is_cancelled_leaves_nothing_behind(library: str) -> None:
    world = World(library, blocking=False)
    world.issuer.open.clear()
    call = world.caller()
    waiting = asyncio.ensure_future(call("GET", f"{HOME}/things"))
    other = asyncio.ensure_future(call("GET", f"{HOME}/things"))
    await until(lambda: bool(world.issuer.asked), PATIENCE)

    waiting.cancel()
    world.issuer.open.set()

    assert (await other).status_code == 200
    assert waiting.cancelled()
    assert len(world.issuer.asked) == 1


def test_either_library_takes_the_auth_as_its_own_kind() -> None:
    world = World("httpx2", blocking=True)
    auth: Any = world.caller()._auth

    assert isinstance(auth, import_module("httpx").Auth)
    assert isinstance(auth, import_module("httpx2").Auth)
    assert repr(auth) == "<the auth of a portvakt connection>"


def test_nothing_is_repeated_that_the_provider_may_have_begun_by_default() -> None:
    assert Api().token_check is TokenCheck.UNKNOWN

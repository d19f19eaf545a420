"""The guard before an application that knows no framework."""

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

import pytest

import portvakt.guard.asgi
from access_tokens import AUDIENCE, a_token
from asgi_driver import call
from guard_builders import Clock, a_guard, bearing

HANG = 5.0


async def never(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("not to be reached")


async def test_lifespan_is_passed_through() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["type"], await receive()))

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    await a_guard().asgi(app)({"type": "lifespan"}, receive, None)  # type: ignore[arg-type]

    assert seen == [("lifespan", {"type": "lifespan.startup"})]


async def test_what_the_guard_does_not_know_is_not_let_through() -> None:
    with pytest.raises(ValueError, match="does not know"):
        await a_guard().asgi(never)({"type": "webtransport", "headers": []}, None, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD", "TRACE", "BREW"])
async def test_B5_every_method_and_path_is_guarded(method: str) -> None:
    for path in ("/", "/livez", "//", "/.well-known/", "/.well-known/oauth-protected-resource/x", "/docs"):
        assert (await call(a_guard().asgi(never), method, path)).status == 401


async def test_the_protected_resource_metadata_is_served_to_everybody() -> None:
    guard = a_guard(audience=f"{AUDIENCE}/v1/")
    app = guard.asgi(never, scopes={"write", "read"})

    answer = await call(app, "GET", "/.well-known/oauth-protected-resource/v1")

    assert answer.status == 200
    assert answer.json() == {
        "resource": f"{AUDIENCE}/v1/",
        "authorization_servers": ["https://id.example/acme"],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["read", "write"],
    }
    assert answer.json() == guard.metadata()
    assert answer.header("content-type") == "application/json"
    assert answer.header("access-control-allow-origin") == "*"


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "DELETE", "TRACE", "get"])
async def test_B5_at_the_path_of_the_metadata_there_is_nothing_but_the_metadata(method: str) -> None:
    guard = a_guard()
    for app in (guard.asgi(never), guard.metadata_app()):
        for headers in ({}, {"authorization": "Bearer x"}, {"authorization": "Bearer " + a_token()}):
            answer = await call(app, method, guard.metadata_path, headers=headers)

            assert (answer.status, answer.header("allow"), answer.body) == (405, "GET, HEAD", b"")


async def test_the_metadata_alone_is_what_the_guard_answers() -> None:
    guard = a_guard()

    alone, guarded = [await call(app, "GET", guard.metadata_path) for app in (guard.metadata_app(), guard.asgi(never))]

    assert (alone.status, alone.headers, alone.body) == (guarded.status, guarded.headers, guarded.body)
    assert alone.json() == guard.metadata()


async def test_the_metadata_names_no_scopes_where_none_are_known() -> None:
    assert "scopes_supported" not in a_guard().metadata()


class Socket:
    """The server's side of a web socket: `incoming` are messages, None waits for ever."""

    def __init__(self, *incoming: Mapping[str, Any] | None, extensions: Any = None) -> None:
        self.incoming = itertools.chain(({"type": "websocket.connect"},), incoming, itertools.repeat(None))
        self.sent: list[Any] = []
        self.scope: dict[str, Any] = {"type": "websocket", "path": "/", "headers": [], "query_string": b""}
        if extensions is not None:
            self.scope["extensions"] = extensions

    async def receive(self) -> Any:
        message = next(self.incoming)
        if message is None:
            await asyncio.Event().wait()
        return message

    async def send(self, message: Any) -> None:
        self.sent.append(message)


async def test_a_web_socket_without_a_token_is_closed() -> None:
    socket = Socket()

    await a_guard().asgi(never)(socket.scope, socket.receive, socket.send)

    assert socket.sent == [{"type": "websocket.close", "code": 1008}]


async def test_a_web_socket_without_a_token_is_answered_where_the_server_can() -> None:
    socket = Socket(extensions={"websocket.http.response": {}})

    await a_guard().asgi(never)(socket.scope, socket.receive, socket.send)

    assert [message["type"] for message in socket.sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert socket.sent[0]["status"] == 401
    assert dict(socket.sent[0]["headers"])[b"www-authenticate"].startswith(b"Bearer ")


async def test_B3_a_web_socket_with_a_token_in_its_query_is_closed() -> None:
    socket = Socket()
    socket.scope |= {"query_string": b"access_token=x", "headers": bearing(a_token())}

    await a_guard().asgi(never)(socket.scope, socket.receive, socket.send)

    assert socket.sent == [{"type": "websocket.close", "code": 1008}]


async def test_a_web_socket_with_a_token_is_the_applications() -> None:
    got = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        got.append(scope["portvakt"].client_id)
        got.append((await receive())["type"])
        await send({"type": "websocket.accept"})
        got.append((await receive())["text"])
        await send({"type": "websocket.close", "code": 1000})

    socket = Socket({"type": "websocket.receive", "text": "hello"})
    socket.scope["headers"] = bearing(a_token())

    await a_guard().asgi(app)(socket.scope, socket.receive, socket.send)

    assert got == ["client_1", "websocket.connect", "hello"]
    assert [message["type"] for message in socket.sent] == ["websocket.accept", "websocket.close"]


async def test_B4_a_web_socket_ends_with_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portvakt.guard.asgi, "_LOOK", 0.01)
    clock = Clock()
    got = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        asyncio.get_running_loop().call_later(0.03, clock.advance, 600)
        got.append(await receive())
        await send({"type": "websocket.send", "text": "too late"})
        got.append(await receive())

    socket = Socket()
    socket.scope["headers"] = bearing(a_token())

    async with asyncio.timeout(HANG):
        await a_guard(clock=clock).asgi(app)(socket.scope, socket.receive, socket.send)

    assert got == [{"type": "websocket.disconnect", "code": 1008}] * 2
    assert [message["type"] for message in socket.sent] == ["websocket.accept", "websocket.close"]
    assert socket.sent[1]["code"] == 1008


async def test_B4_a_web_socket_that_only_sends_ends_too() -> None:
    clock = Clock()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        clock.advance(600)
        await send({"type": "websocket.send", "text": "too late"})

    socket = Socket()
    socket.scope["headers"] = bearing(a_token())

    await a_guard(clock=clock).asgi(app)(socket.scope, socket.receive, socket.send)

    assert [message["type"] for message in socket.sent] == ["websocket.accept", "websocket.close"]


async def test_an_application_that_returns_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portvakt.guard.asgi, "_LOOK", 0.01)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.03):
                await receive()

    before = asyncio.all_tasks()
    socket = Socket()
    socket.scope["headers"] = bearing(a_token())

    await a_guard().asgi(app)(socket.scope, socket.receive, socket.send)
    await asyncio.sleep(0)

    assert asyncio.all_tasks() == before

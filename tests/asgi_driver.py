"""A request to an ASGI application in this process: no server, no socket."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
App = Callable[[Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]
Headers = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """What came back. It unpacks into status, headers and body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def __iter__(self) -> Any:
        return iter((self.status, self.headers, self.body))

    def header(self, name: str) -> str | None:
        """Return the one header of that name, in lower case; None if there is none."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, f"{name} stands {len(values)} times"
        return values[0] if values else None

    def json(self) -> Any:
        return json.loads(self.body)


async def call(
    app: App,
    method: str,
    path: str,
    *,
    headers: Headers = (),
    body: bytes | Iterable[bytes] = b"",
    query: str | bytes = b"",
    client: tuple[str, int] | None = ("127.0.0.1", 50000),
    scope_extra: Mapping[str, Any] | None = None,
) -> Answer:
    """Send one request and return the answer.

    `body` as several pieces arrives in several messages. Nothing is added that was not said: no
    `content-length`, no `host`. Fails if the application answers twice, or not to the end.
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode() if isinstance(query, str) else query,
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs],
        "client": client,
        "server": ("127.0.0.1", 8040),
        "state": {},
        **(scope_extra or {}),
    }
    pieces = [body] if isinstance(body, bytes) else list(body)
    incoming: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    incoming[-1]["more_body"] = False
    sent: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return _answer(sent)


def _answer(sent: list[Message]) -> Answer:
    assert [message["type"] for message in sent[:1]] == ["http.response.start"], sent
    assert all(message["type"] == "http.response.body" for message in sent[1:]), sent
    assert [message.get("more_body", False) for message in sent[1:]] == [True] * (len(sent) - 2) + [False], sent
    start = sent[0]
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
    assert all(name == name.lower() for name, _ in headers), headers
    return Answer(start["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))

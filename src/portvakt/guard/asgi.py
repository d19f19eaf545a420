"""A guard before an ASGI application, without any framework."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from portvakt.guard.tongue import Denied
from portvakt.model.message import Reply

if TYPE_CHECKING:
    from portvakt.guard.gate import Guard
    from portvakt.protocol.admit.verified import Verified

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY_VIOLATION = 1008
"""RFC 6455 §7.4.1."""

_LOOK = 15.0
"""Seconds between two looks at the clock while a web socket says nothing."""

_NOT_ALLOWED = Reply(405, (("allow", "GET, HEAD"), ("content-length", "0")), b"")


class GuardedApp:
    """An ASGI application that answers only requests with a good token."""

    def __init__(self, app: App, guard: Guard, scopes: frozenset[str]) -> None:
        self._app = app
        self._guard = guard
        self._scopes = scopes
        self._metadata = MetadataApp(guard)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Verify, then call the application; anything but lifespan, http and websocket is refused."""
        kind = scope["type"]
        if kind == "lifespan":
            await self._app(scope, receive, send)
        elif kind == "http":
            await self._http(scope, receive, send)
        elif kind == "websocket":
            await self._websocket(scope, receive, send)
        else:
            raise ValueError("a kind of connection that this guard does not know")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == self._guard.metadata_path:
            await self._metadata(scope, receive, send)
            return
        try:
            scope["portvakt"] = await self._verified(scope)
        except Denied as denied:
            await _send_reply(denied.reply, send, "http")
            return
        await self._app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            verified = await self._verified(scope)
            self._guard.require_an_end(verified)
        except Denied as denied:
            await receive()  # websocket.connect
            if "websocket.http.response" in scope.get("extensions", {}):
                await _send_reply(denied.reply, send, "websocket.http")
            else:
                await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        scope["portvakt"] = verified
        wire = _ExpiringSocket(receive, send, lambda: self._guard.still_good(verified))
        try:
            await self._app(scope, wire.receive, wire.send)
        finally:
            wire.done()

    async def _verified(self, scope: Scope) -> Verified:
        return await self._guard.verify(scope["headers"], scopes=self._scopes, query=scope.get("query_string", b""))


class MetadataApp:
    """The protected resource metadata of a guard (RFC 9728) as an ASGI application for http: GET and HEAD, else 405."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer anybody."""
        if scope["method"] in {"GET", "HEAD"}:
            await _send_metadata(self._guard.metadata(), send)
        else:
            await _send_reply(_NOT_ALLOWED, send, "http")


class _ExpiringSocket:
    """A web socket that closes when its token ends, at most `_LOOK` seconds later."""

    def __init__(self, receive: Receive, send: Send, is_good: Callable[[], bool]) -> None:
        self._receive = receive
        self._send = send
        self._is_good = is_good
        self._pending: asyncio.Future[Message] | None = None
        self._closed = False

    async def receive(self) -> Message:
        """Wait for a message; after the token's end it is a disconnect."""
        while await self._open():
            if self._pending is None:
                self._pending = asyncio.ensure_future(self._receive())
            # Waited for without being cancelled: a server's receive may lose a message when it is.
            done, _ = await asyncio.wait({self._pending}, timeout=_LOOK)
            if done:
                pending, self._pending = self._pending, None
                return pending.result()
        return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}

    async def send(self, message: Message) -> None:
        """Send a message; after the token's end nothing goes out any more."""
        if message["type"] == "websocket.close":
            self._closed = True
            await self._send(message)
        elif await self._open():
            await self._send(message)

    def done(self) -> None:
        """The application has returned: nobody waits for a message any more."""
        if self._pending is not None:
            self._pending.cancel()

    async def _open(self) -> bool:
        if not self._closed and not self._is_good():
            self._closed = True
            await self._send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": "token expired"})
        return not self._closed


async def _send_reply(reply: Reply, send: Send, prefix: str) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    await send({"type": f"{prefix}.response.start", "status": reply.status, "headers": headers})
    await send({"type": f"{prefix}.response.body", "body": reply.body})


async def _send_metadata(metadata: dict[str, object], send: Send) -> None:
    body = json.dumps(metadata, separators=(",", ":")).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"public, max-age=300"),
        (b"access-control-allow-origin", b"*"),  # public, and read by programs in browsers
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

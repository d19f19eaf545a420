"""One call as the routes see it: who asks, under which reference, the way back, and its line in the log."""

from __future__ import annotations

import contextlib
import os
import time
from functools import lru_cache
from typing import TYPE_CHECKING

from portvakt.model.message import Reply
from portvakt.wire.address import client_address

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping, Sequence
    from ipaddress import IPv4Network, IPv6Network
    from typing import Any

    from portvakt.model.decision import Refused
    from portvakt.server.log import Log

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Handler = Callable[["Call", Receive, Send], Awaitable[None]]

_NOT_OURS = frozenset({404, 421})
_WITHOUT_LENGTH = frozenset({204, 304})

_CONSTANT = frozenset({"content-type", "cache-control", "pragma", "vary", "allow", "www-authenticate"})
"""Headers whose few values we wrote ourselves. Others may hold a cookie or a code, which nothing here remembers."""


class Disconnected(Exception):
    """The client went away before its request was whole. Nobody is left to answer."""


class Call:
    """A request and what the log will say of it. `reference` names both, on the wire and in the log."""

    __slots__ = ("address", "body", "client_id", "issuer", "reference", "refused", "scope", "size", "started", "status")

    def __init__(self, scope: Scope, trusted: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self.scope = scope
        self.started = time.perf_counter()
        drawn = os.urandom(8).hex()  # a number that counts up would tell strangers how much is asked here
        self.reference = f"{drawn[:8]}-{drawn[8:]}"
        self.status = 0
        self.size = 0
        self.issuer: str | None = None
        self.client_id: str | None = None
        self.refused: Refused | None = None
        self.body = b""  # as far as it was read, for who explains a refusal
        client = scope.get("client")
        self.address: str = client[0] if client else ""
        if trusted:
            forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
            self.address = client_address(self.address, forwarded, trusted)

    async def reply(self, reply: Reply, send: Send) -> None:
        """Send the whole reply. A refusal carries its reference."""
        self.status = reply.status
        self.size = len(reply.body)
        headers = [*encoded(reply.headers)]
        if reply.status not in _WITHOUT_LENGTH:  # RFC 9110 §8.6: it could only be the length of the 200, or of nothing
            headers.append((b"content-length", str(self.size).encode()))
        if self.refused is not None:
            headers.append((b"portvakt-reference", self.reference.encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        body = b"" if self.scope["method"] == "HEAD" else reply.body
        await send({"type": "http.response.body", "body": body})

    async def stream(self, headers: Sequence[tuple[str, str]], lines: AsyncGenerator[str], send: Send) -> None:
        """Send lines as they are made: `send` waits for a slow reader, so none is made before its turn.

        Raises: Disconnected: the reader went away.
        """
        self.status = 200
        await send({"type": "http.response.start", "status": 200, "headers": list(encoded(tuple(headers)))})
        if self.scope["method"] != "HEAD":
            async with contextlib.aclosing(lines):
                async for line in lines:
                    body = line.encode()
                    self.size += len(body)
                    try:
                        await send({"type": "http.response.body", "body": body, "more_body": True})
                    except ConnectionAbortedError:
                        raise Disconnected from None
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def note(self, log: Log) -> None:
        """Write the call's line in the log."""
        refused = self.refused
        scope = self.scope
        log.request(
            request_id=self.reference,
            method=scope["method"],
            path=scope["path"],
            status=self.status,
            address=self.address,
            duration=(time.perf_counter() - self.started) * 1000,
            size=self.size,
            issuer=self.issuer,
            client_id=self.client_id,
            code=refused.code if refused else None,
            reason=(refused.reason or refused.description) if refused else None,
        )


def encoded(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers as ASGI wants them."""
    for name, _ in headers:
        if name not in _CONSTANT:
            return _encode(headers)
    return _encode_once(headers)


def _encode(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.encode("ascii"), value.encode("ascii")) for name, value in headers)


_encode_once = lru_cache(maxsize=256)(_encode)


async def read_body(
    receive: Receive, limit: int, *, before_waiting: Callable[[], object] | None = None
) -> bytes | None:
    """Return the body, or None if it is longer than `limit` bytes; it is then not read to its end.

    `before_waiting` is called once if more of it than the first piece must be waited for; it may raise.

    Raises:
        Disconnected: the client went away.
    """
    parts: list[bytes] = []
    length = 0
    more = True
    while more and length <= limit:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        body: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        if not parts and not more:  # nearly always: the whole body came with its head
            return body if len(body) <= limit else None
        if not parts and before_waiting is not None:
            before_waiting()
        parts.append(body)
        length += len(body)
    return b"".join(parts) if length <= limit else None


def plain_reply(status: int, text: str, *headers: tuple[str, str]) -> Reply:
    """Return a short JSON error that belongs to no issuer. `text` is ASCII without quotes."""
    error = "not_found" if status in _NOT_OURS else "invalid_request"
    body = f'{{"error":"{error}","error_description":"{text}"}}'.encode("ascii")
    return Reply(status, (("content-type", "application/json"), ("cache-control", "no-store"), *headers), body)

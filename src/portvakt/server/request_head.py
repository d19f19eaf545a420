"""The head of one request: what RFC 9112 forbids or leaves doubtful is refused while it arrives.

httptools has refused already what is no header at all: bare CR and LF, NUL, folded lines, space before a colon, names
that are no tokens, chunk sizes that are no numbers.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one connection, and all together, may take. Times are seconds, measured to within `sweep`."""

    head: float = 5.0  # from its first byte, or from the connection's beginning, to the end of the head
    body: float = 10.0  # from the head's end to the body's
    idle: float = 30.0  # between an answer and the next request
    write: float = 10.0  # without the peer taking any of an answer
    linger: float = 2.0  # reading on after a refusal, so that the peer gets to read it
    farewell: float = 1.0  # over TLS, for the peer's own goodbye after ours
    sweep: float = 1.0
    drain: float = 10.0  # for requests in flight when the server stops
    drain_delay: float | None = None  # between "not ready" and the end of accepting; None: 0 on loopback, else 3
    last_request: float = 0.5  # for one more on a connection that waits for nothing, once nobody may connect
    headers: int = 100
    head_bytes: int = 32_768
    target_bytes: int = 8_192
    pipelined: int = 8  # requests sent ahead of their answers
    connections: int = 4_000
    held_bytes: int = 16 << 20  # sent by now of requests that are not whole, all together


class MalformedError(Exception):
    """What was sent is no request that is answered here: `status` and `description` say why."""

    def __init__(self, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.description = description
        self.status = status


NOTHING, HEAD, BODY, CLOSED = range(4)
"""What a connection is in the middle of reading."""

WATCHED = frozenset((b"host", b"content-length", b"transfer-encoding", b"expect"))
HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]+").fullmatch  # RFC 9110 §7.2, RFC 3986 §3.2


class RequestHead(asyncio.Protocol):
    """Holds the head that is being read. The parser calls `on_…`; each may raise `MalformedError`."""

    __slots__ = (
        "awaits_continue",
        "coded",
        "head_bytes",
        "headers",
        "host",
        "length",
        "limits",
        "named",
        "reading",
        "target",
    )

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.reading = NOTHING
        self.head_bytes = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.target = b""
        # `named`: this head has a Host; `host`: the last one that was good, which need not be looked at again.
        self.host: bytes | None = None
        self.named = self.length = self.coded = self.awaits_continue = False

    def on_message_begin(self) -> None:
        """A request's first byte."""
        self.reading = HEAD
        self.target = b""
        self.headers = []
        self.named = self.length = self.coded = self.awaits_continue = False

    def on_url(self, piece: bytes) -> None:
        """A piece of the request's target."""
        self.target += piece
        if len(self.target) > self.limits.target_bytes:
            raise MalformedError("The request's target is too long.", 414)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One whole header."""
        if self.reading != HEAD:
            raise MalformedError("Trailers are not accepted.")
        headers = self.headers
        if len(headers) >= self.limits.headers:
            raise MalformedError("The request has too many headers.", 431)
        name = name.lower()
        if name in WATCHED:
            self._watch(name, value)
        headers.append((name, value))

    def _watch(self, name: bytes, value: bytes) -> None:
        """Check what decides where a message ends and whom it is for."""
        if name == b"host":
            # RFC 9112 §3.2: more than one, or one that is no host, is 400.
            if self.named or (value != self.host and not HOST(value)):
                raise MalformedError("The Host header is not one host.")
            self.named = True
            self.host = value
        elif name == b"content-length":
            # RFC 9112 §6.3 lets equal ones pass; whoever sends two has a proxy in doubt behind it.
            if self.length or self.coded or not value.isdigit():
                raise MalformedError("The length of the body is not stated once, as a number.")
            self.length = True
        elif name == b"transfer-encoding":
            if self.length or self.coded or value.lower() != b"chunked":
                raise MalformedError("The only Transfer-Encoding is chunked, once and without a Content-Length.")
            self.coded = True
        elif value.lower() == b"100-continue":
            self.awaits_continue = True

    def check_target(self) -> None:
        """Refuse all but a path (RFC 9112 §3.2.1): no absolute-form, no `*`; `//` reads as a host elsewhere."""
        target = self.target
        if target[:1] != b"/" or target[:2] == b"//" or b"#" in target or not target.isascii():
            raise MalformedError("The request's target is not a path.")

    def check_version(self, version: str) -> None:
        """Refuse what `version` does not allow."""
        if version == "1.1":
            # RFC 9112 §3.2
            if not self.named:
                raise MalformedError("The Host header is missing.")
        elif version != "1.0":
            raise MalformedError("The version of HTTP is neither 1.1 nor 1.0.")
        elif self.coded:
            # RFC 9112 §6.1: its framing is to be treated as faulty
            raise MalformedError("HTTP/1.0 has no Transfer-Encoding.")
        else:
            self.awaits_continue = False  # RFC 9110 §10.1.1

    def head_size(self) -> int:
        """Return the bytes of this head."""
        return len(self.target) + sum(len(name) + len(value) + 4 for name, value in self.headers)

"""Which web pages may read an endpoint's answers in a browser (the Fetch standard's CORS protocol).

Where codes and refresh tokens are exchanged: those of the origins that public clients of the issuer come back to, and
no others. Never with the browser's credentials, of which such an endpoint takes none.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from portvakt.model.message import Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from portvakt.model.values import IssuerName
    from portvakt.server.call import Call, Handler, Message, Receive, Send

    class Reading(Protocol):
        """What `Origins` asks of a store."""

        async def public_redirect_uris(self, issuer: IssuerName) -> frozenset[str]:
            """Read the redirect URIs of clients without a secret."""
            ...


HELD = 60.0
"""Seconds for which an origin stays allowed that no client has any more: a page there has no client to speak for."""

LOOK_AGAIN = 1.0
"""Seconds between two looks for an origin that is not known."""

PREFLIGHT_AGE = 600
_WEB = re.compile(r"https://([^/?#]+?)(?::443)?(?=[/?#]|$)|http://([^/?#]+?)(?::80)?(?=[/?#]|$)")
"""Scheme and authority, without the port that a browser leaves out."""


class Origins:
    """The origins of an issuer's public clients, compared as texts: no `null`, no other port, no ending."""

    def __init__(self, issuer: IssuerName, store: Reading, now: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._store = store
        self._now = now
        self._known: frozenset[bytes] = frozenset()
        self._read_at = float("-inf")

    async def allows(self, origin: bytes) -> bool:
        """Whether pages of that origin may read answers. Raises: portvakt.store.StoreUnavailable."""
        age = self._now() - self._read_at
        if age >= HELD or (age >= LOOK_AGAIN and origin not in self._known):
            uris = await self._store.public_redirect_uris(self._issuer)
            self._known = frozenset(origin_of(uri) for uri in uris) - {b""}
            self._read_at = self._now()
        return self.knows(origin)

    def knows(self, origin: bytes) -> bool:
        """Whether pages of that origin might read answers when the store was last asked."""
        return origin in self._known


def origin_of(uri: str) -> bytes:
    """Return the origin of a registered redirect URI as a browser spells it; nothing where it is not on the web."""
    match = _WEB.match(uri)
    if match is None:
        return b""
    return f"{uri.partition(':')[0]}://{match[1] or match[2]}".encode("ascii")


class CrossOrigin:
    """An endpoint whose answers pages of `origins` may read. Without an Origin it is as if this were not there."""

    def __init__(self, inside: Handler, origins: Origins) -> None:
        self.inside = inside
        self._origins = origins

    async def __call__(self, call: Call, receive: Receive, send: Send) -> None:
        """Answer one request, or a browser's question before it."""
        origin = _origin(call)
        if origin is None or not await self._origins.allows(origin):
            await self.inside(call, receive, send)
            return
        asked = any(name == b"access-control-request-method" for name, _ in call.scope["headers"])
        if call.scope["method"] == "OPTIONS" and asked:
            await call.reply(_preflight(origin.decode("ascii")), send)
            return
        await self.inside(call, receive, _readable_by(origin, send))

    def way_back(self, call: Call, send: Send) -> Send:
        """Return how a fault of ours is answered: readable to the page that asked, without asking the store again."""
        origin = _origin(call)
        return send if origin is None or not self._origins.knows(origin) else _readable_by(origin, send)


def _origin(call: Call) -> bytes | None:
    for name, value in call.scope["headers"]:
        if name == b"origin":
            found: bytes = value
            return found
    return None


def _readable_by(origin: bytes, send: Send) -> Send:
    async def readable(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*map(_varying, message["headers"]), *_readable(origin)]
        await send(message)

    return readable


def _preflight(origin: str) -> Reply:
    """Return the answer to a preflight: POST with a form, and nothing that says who the browser's user is."""
    headers = (
        ("access-control-allow-origin", origin),
        ("access-control-allow-methods", "POST"),
        ("access-control-allow-headers", "Content-Type"),
        ("access-control-max-age", str(PREFLIGHT_AGE)),
        ("vary", "Origin"),
    )
    return Reply(204, headers, b"")


def _readable(origin: bytes) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"Portvakt-Reference, Retry-After"),
    )


def _varying(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    return (header[0], header[1] + b", Origin") if header[0] == b"vary" else header

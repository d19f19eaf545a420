"""Guards for tests: with keys of their own, with a clock that stands still, or before a fake issuer."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from access_tokens import AUDIENCE, ISSUER, NOW, a_key
from portvakt.guard import Guard
from portvakt.model.values import Instant
from raw_server import RawServer, raw_server, response

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

    from portvakt.jose.keys import KeyPair, PublicKey


class Clock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> Instant:
        return self.now

    def advance(self, seconds: int) -> None:
        self.now = Instant(self.now + seconds)


class OwnKeys:
    """The keys of an issuer in the same process; the test sets them."""

    def __init__(self, *pairs: KeyPair) -> None:
        self.current: tuple[PublicKey, ...] = ()
        self.publish(*pairs)

    def publish(self, *pairs: KeyPair) -> None:
        self.current = tuple(pair.public for pair in pairs)

    async def keys(self) -> tuple[PublicKey, ...]:
        return self.current


def a_guard(**settings: Any) -> Guard:
    """Return a guard that knows `a_key()` and a clock that stands at `NOW`."""
    usual: dict[str, Any] = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "clock": Clock(),
        "keys": OwnKeys(a_key()),
        "leeway": 0,
    }
    return Guard(**(usual | settings))


def bearing(token: str, scheme: str = "Bearer") -> list[tuple[bytes, bytes]]:
    """Return the headers of a request with a token."""
    return [(b"host", b"api.example"), (b"authorization", f"{scheme} {token}".encode())]


class FakeIssuer:
    """Serves metadata and a key set; the test says which keys, and which fault."""

    def __init__(self) -> None:
        self.server = RawServer()
        self.pairs: tuple[KeyPair, ...] = (a_key(),)
        self.metadata: dict[str, object] = {}
        self.fault: bytes | None = None  # sent instead of the key set
        self.cache_control = ""

    @property
    def url(self) -> str:
        return f"{self.server.url}/acme"

    @property
    def fetches(self) -> int:
        """How often the key set was asked for."""
        return self.server.asked("/acme/keys")

    async def speak(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        path = head.split(b" ")[1]
        if path == b"/.well-known/oauth-authorization-server/acme":
            metadata = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | self.metadata
            writer.write(response(json.dumps(metadata).encode()))
        elif path != b"/acme/keys":
            writer.write(response(status="404 Not Found"))
        elif self.fault is not None:
            writer.write(self.fault)
        else:
            keys = ",".join(pair.public_jwk for pair in self.pairs)
            writer.write(response(f'{{"keys":[{keys}]}}'.encode(), extra=self.cache_control))


@contextlib.asynccontextmanager
async def fake_issuer() -> AsyncIterator[FakeIssuer]:
    """Serve a fake issuer on loopback."""
    issuer = FakeIssuer()
    async with raw_server(issuer.speak) as server:
        issuer.server = server
        yield issuer

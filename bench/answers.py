"""A server on loopback for the bench of clients: it echoes at once, gives tokens after 300 ms, and counts those.

`POST /NAME/token` is a token request of the client of that name, `GET /counts` says how many each has made, a path that
ends with `openid-configuration` is metadata, and all else is the API. Plain http and https, each on a port of its own.
`python answers.py FOLDER` writes the certificate authority of its https to the folder, and says in a line where it is.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from portvakt.sandbox.certificates import CA_FILE, authority_in, server_context

if TYPE_CHECKING:
    from collections.abc import Mapping

DELAY = 0.3
END_OF_HEAD = b"\r\n\r\n"
_COUNTS: Counter[str] = Counter()


class Answering(asyncio.Protocol):
    """One connection, kept open; one request at a time."""

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme
        self.transport: asyncio.Transport | None = None
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request."""
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Answer a whole request."""
        self.buffer += data
        head, found, body = self.buffer.partition(END_OF_HEAD)
        fields = head.lower()
        at = fields.find(b"content-length:")
        length = int(fields[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if not found or len(body) < length:
            return
        self.buffer = b""
        path = head.split(b" ", 2)[1].decode()
        if path.endswith("/token"):
            _COUNTS[path.split("/")[1]] += 1
            token = {"access_token": secrets.token_urlsafe(32), "token_type": "Bearer", "expires_in": 3600}
            asyncio.get_running_loop().call_later(DELAY, self.say, token)
        elif path == "/counts":
            self.say(_COUNTS)
        elif path.endswith("openid-configuration"):
            self.say(self.metadata(path, fields))
        else:
            self.say({"ok": True})

    def metadata(self, path: str, fields: bytes) -> dict[str, str]:
        """Return what MSAL reads before it asks."""
        host = fields.partition(b"host:")[2].split(b"\r\n", 1)[0].strip().decode()
        issuer = f"{self.scheme}://{host}/{path.split('/')[1]}"
        return {"issuer": issuer, "authorization_endpoint": f"{issuer}/authorize", "token_endpoint": f"{issuer}/token"}

    def say(self, members: Mapping[str, object]) -> None:
        """Answer 200."""
        assert self.transport is not None
        body = json.dumps(members).encode()
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        self.transport.write(head + body)


async def main(folder: Path) -> None:
    """Serve until a signal."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    now = datetime.now(UTC)
    context = server_context(authority_in(folder, now), folder, now)
    plain = await loop.create_server(lambda: Answering("http"), "127.0.0.1", 0, backlog=1024)
    secure = await loop.create_server(lambda: Answering("https"), "127.0.0.1", 0, backlog=1024, ssl=context)
    http, https = (server.sockets[0].getsockname()[1] for server in (plain, secure))
    told = {"http": f"http://127.0.0.1:{http}", "https": f"https://127.0.0.1:{https}", "ca": str(folder / CA_FILE)}
    print(json.dumps(told), flush=True)
    await stop.wait()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))

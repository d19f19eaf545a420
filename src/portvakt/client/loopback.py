"""Where a browser on this machine comes back to (RFC 8252 §7.3): one page on 127.0.0.1, for the time of one log-in.

Anybody on this machine, and any page in its browsers, may call it. So what does not know the state is answered and
forgotten, and the page says nothing that came with the request.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from portvakt.client.errors import ClientError, LoginRefused
from portvakt.client.logging_in import NotTheAnswer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from portvakt.client.login import Login

BACK_WITHIN = 300.0
"""Seconds that a user has, from the moment that the URL is shown."""

PATH: Final = "/callback"

_HEAD_LIMIT = 16 * 1024
_HEAD_WITHIN = 5.0
_MOST = 100
"""So many callers are answered at once; a log-in needs one."""

_ASKED = re.compile(rb"GET (/[!-~]*) HTTP/1\.[01]\r\n")
_HOST = re.compile(rb"\r\nhost:[ \t]*([^\r\n]*?)[ \t]*\r\n", re.IGNORECASE)
_HEADERS = (
    "Content-Type: text/html; charset=utf-8\r\n"
    "Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n"  # the address holds the code
    "Cache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Connection: close\r\n"
)


class NobodyCameBack(LoginRefused):
    """No browser brought an answer in time."""


class NotFinished(LoginRefused):
    """The answer came, and a fault of ours or of this machine's kept it from being taken."""


@dataclass(frozen=True, slots=True)
class _Page:
    status: str
    title: str
    text: str

    def octets(self) -> bytes:
        body = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
            f"<title>{self.title}</title></head><body><main><h1>{self.title}</h1><p>{self.text}</p></main></body></html>"
        ).encode()
        return f"HTTP/1.1 {self.status}\r\n{_HEADERS}Content-Length: {len(body)}\r\n\r\n".encode() + body


_LOGGED_IN = _Page("200 OK", "You are logged in", "You may close this page and go back to where you came from.")
_FAILED = _Page("400 Bad Request", "You are not logged in", "Where you came from it says why. You may close this page.")
_FOREIGN = _Page("400 Bad Request", "This is not what was asked for", "The log-in still waits for its answer.")
_NOT_FOUND = _Page("404 Not Found", "Nothing is here", "You may close this page.")


class Loopback:
    """Waits for one browser. Made by `listening`."""

    def __init__(self) -> None:
        self.redirect_uri: str = ""
        self._host = b""
        self._callers = 0
        self._finish: Callable[[str], Awaitable[Login]] | None = None
        self._result: asyncio.Future[Login] = asyncio.get_running_loop().create_future()

    def listens_at(self, port: int) -> None:
        """Take calls for this port."""
        self._host = f"127.0.0.1:{port}".encode()
        self.redirect_uri = f"http://127.0.0.1:{port}{PATH}"

    async def login(self, finish: Callable[[str], Awaitable[Login]], seconds: float = BACK_WITHIN) -> Login:
        """Return what `finish` makes of the URL that a browser brings.

        Raises:
            NobodyCameBack: not within `seconds`.
            ClientError: what `finish` raises, but for what somebody else may have sent: that is not waited for.
            NotFinished: `finish` raised anything else.
        """
        self._finish = finish
        try:
            async with asyncio.timeout(seconds):
                return await self._result
        except TimeoutError:
            raise NobodyCameBack(f"no browser came back within {seconds / 60:g} min: begin again") from None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one caller."""
        self._callers += 1
        try:
            if self._callers <= _MOST:
                await self._serve(reader, writer)
        finally:
            self._callers -= 1
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_HEAD_WITHIN):
                head = await reader.readuntil(b"\r\n\r\n")
            page, result = await self._answer(head)
            with contextlib.suppress(OSError):  # the log-in holds, whether or not its page was seen
                writer.write(page.octets())
                await writer.drain()
            self._settle(result)

    async def _answer(self, head: bytes) -> tuple[_Page, Login | ClientError | None]:
        """Return the page, and how the log-in ended; None: it goes on waiting."""
        asked, host = _ASKED.match(head), _HOST.search(head)
        target = asked[1].decode("ascii") if asked is not None else ""
        is_ours = host is not None and host[1] == self._host  # else a name of somebody's leads here
        finish, self._finish = self._finish, None  # one at a time: a code is exchanged once
        try:
            if not is_ours or target.partition("?")[0] != PATH or finish is None:
                return _NOT_FOUND, None
            return _LOGGED_IN, await finish(target)
        except NotTheAnswer as error:
            return (_FOREIGN, None) if error.foreign else (_FAILED, error)
        except ClientError as error:
            return _FAILED, error
        except Exception as error:  # noqa: BLE001  whatever it was, nobody is left waiting
            return _FAILED, NotFinished(f"the log-in was not finished: {_named(error)}. Begin again.")
        finally:
            self._finish = finish

    def _settle(self, result: Login | ClientError | None) -> None:
        if self._result.done():
            return
        if isinstance(result, ClientError):
            self._result.set_exception(result)
        elif result is not None:
            self._result.set_result(result)


def _named(error: Exception) -> str:
    """Say what happened, without the texts of others: they may hold the code."""
    said = error.strerror if isinstance(error, OSError) else None
    return f"{type(error).__name__} within portvakt{f' ({said})' if said else ''}"


@contextlib.asynccontextmanager
async def listening(port: int = 0) -> AsyncIterator[Loopback]:
    """Listen on 127.0.0.1 until the end of the `with`. `port` 0: any that is free. Raises: OSError."""
    loopback = Loopback()
    server = await asyncio.start_server(loopback.serve, "127.0.0.1", port, limit=_HEAD_LIMIT)
    loopback.listens_at(server.sockets[0].getsockname()[1])
    try:
        yield loopback
    finally:
        server.close()
        loopback._result.cancel()  # noqa: SLF001  nobody waits for it any more

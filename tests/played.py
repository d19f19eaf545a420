"""A sandbox as its user has it: a process that is called, told things by commands, and turned on in time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import httpx2

from portvakt.client import connect
from shell import Shell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    from portvakt.client import Connection

    Call = Callable[[], int]

DATA = "data"
LIFE = {"breeze-test": 3600, "breeze-production": 3600, "prisjakt": 86400, "standard": 600}
"""Seconds that a token of each issuer lives."""

_WRITTEN_WITHIN = 5.0
_QUERY = {"query": "{ Me { email } }"}


@dataclass
class Seen:
    """The statuses with which token requests and calls of the API were answered, in their order."""

    tokens: list[int] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)


@dataclass
class Play:
    """A running sandbox with its folder `data` in `folder`; `told` is what its first line said."""

    folder: Path
    told: dict[str, Any]
    _marks: int = 0

    def issuer(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.told["issuers"][name]
        return found

    def command(self, *arguments: str) -> Any:
        """Run `portvakt` beside the sandbox, on its folder; return what it printed."""
        return Shell(self.folder).json(*arguments, "--data", DATA)

    def turn(self, seconds: float) -> None:
        """Turn the clock on by whole seconds."""
        self.command("clock", f"+{int(seconds)}s")

    def client(self, issuer: str) -> dict[str, Any]:
        """Make a client of the test's own."""
        scopes = ("--scope=read", "--default-scope=read") if issuer == "standard" else ()
        made = self.command(
            "client", "create", "--issuer", issuer, "--name", "Mine", "--owner", "me@example.com", *scopes
        )
        assert isinstance(made, dict)
        return made

    def administer(self, issuer: str, *arguments: str) -> Any:
        """Run a `portvakt` command on one issuer."""
        return self.command(*arguments, "--issuer", issuer)

    def connect(self, issuer: str, client: dict[str, Any] | None = None, **more: Any) -> Connection:
        """Return a new connection to an issuer, as the one who was sown or as `client`."""
        there = self.issuer(issuer)
        who = there if client is None else client
        secrets = {"client_id": who["client_id"], "client_secret": who["client_secret"]}
        return connect(there["provider"], base_url=there["base_url"], **secrets, **more)

    @contextlib.contextmanager
    def watched(self) -> Iterator[Seen]:
        """Give, after the end of the `with`, what was asked of the sandbox in it, by its log."""
        seen = Seen()
        first = self._mark()
        yield seen
        last = self._mark()
        for record in self._between(first, last):
            if record["path"].endswith("/token"):
                seen.tokens.append(record["status"])
            elif record["path"].endswith(("/graphql", "/echo")):
                seen.calls.append(record["status"])

    def _mark(self) -> int:
        """Ask for what nobody else does, so that it shows in the log; return how often that was done."""
        request = urllib.request.Request(self.told["base_url"] + "/sandbox/clock", method="DELETE")
        with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=10):
            pass
        self._marks += 1
        return self._marks

    def _between(self, first: int, last: int) -> list[dict[str, Any]]:
        """Read the log, once it was written: it holds requests in the order in which they were answered."""
        give_up_at = time.monotonic() + _WRITTEN_WITHIN
        while True:
            whole, _, _ = (self.folder / DATA / "log.jsonl").read_text(encoding="utf-8").rpartition("\n")
            records = [record for record in map(json.loads, whole.splitlines()) if record["event"] == "request"]
            marks = [at for at, record in enumerate(records) if record["method"] == "DELETE"]
            if len(marks) >= last:
                return records[marks[first - 1] : marks[last - 1]]
            assert time.monotonic() < give_up_at, "the sandbox writes no log"
            time.sleep(0.01)


@dataclass(frozen=True)
class Way:
    """A way of calling an API: with which library, blocking or in asyncio."""

    library: ModuleType
    asynchronous: bool

    def __str__(self) -> str:
        return f"{self.library.__name__}, {'async' if self.asynchronous else 'sync'}"

    @contextlib.contextmanager
    def calling(self, connection: Connection, **transport: Any) -> Iterator[Call]:
        """Give a function that calls the connection's API once, and returns the status that its caller sees.

        `transport` are arguments of the library's transport, such as `local_address`.
        """
        library, graphql = self.library, "breeze" in connection.api_url
        target = ("POST", f"{connection.api_url}/graphql") if graphql else ("GET", f"{connection.api_url}/echo")
        body = {"json": _QUERY} if graphql else {}
        if not self.asynchronous:
            with library.Client(auth=connection.auth, transport=library.HTTPTransport(**transport)) as http:
                yield lambda: _good(http.request(*target, **body))
            return
        with asyncio.Runner() as runner:
            http = library.AsyncClient(auth=connection.auth, transport=library.AsyncHTTPTransport(**transport))
            yield lambda: _good(runner.run(http.request(*target, **body)))
            runner.run(http.aclose())


BLOCKING = Way(httpx2, asynchronous=False)
ASYNCIO = Way(httpx2, asynchronous=True)
WAYS = (BLOCKING, ASYNCIO, Way(httpx, asynchronous=False), Way(httpx, asynchronous=True))


def _good(response: Any) -> int:
    """Return the status; a GraphQL reply that holds an error is not 200, whatever it says of itself."""
    status: int = response.status_code
    return 0 if "errors" in response.json() and status < 400 else status

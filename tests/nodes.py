"""Nodes of one installation as processes, and programs that ask them for tokens while something goes wrong."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shell import Shell

PATIENCE = 20.0
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SETTINGS = """\
database = "sqlite:///portvakt.db"
secret_file = "portvakt.secret"
{more}
[issuers.acme]
provider = "standard"
url = "http://127.0.0.1:8040/acme"
algorithm = "EdDSA"
"""
HEAD = "POST /acme/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
KEY_SET = "/acme/.well-known/jwks.json"
METADATA = "/acme/.well-known/oauth-authorization-server"

_names = itertools.count(1)


@dataclass(frozen=True)
class Installed:
    """A folder with portvakt.toml, a client of its issuer `acme`, and the port in that issuer's URL."""

    shell: Shell
    client: dict[str, Any]
    port: int

    def configure(self, more: str = "", **acme: str) -> None:
        """Write portvakt.toml anew: `more` stands above the issuer, `acme` among its keys. Values are TOML."""
        text = SETTINGS.format(more=more).replace(":8040", f":{self.port}")
        (self.shell.folder / "portvakt.toml").write_text(
            text + "".join(f"{name} = {value}\n" for name, value in acme.items())
        )

    def new_client(self) -> dict[str, Any]:
        made: dict[str, Any] = self.shell.json("client", "create", "--issuer", "acme", "--name", "new")
        return made

    def last_use(self, client: dict[str, Any]) -> Any:
        shown = self.shell.json("client", "show", client["client_id"], "--issuer", "acme")
        return shown["secrets"][0]["last_used"]


@dataclass(frozen=True)
class Answer:
    """What came back and when. Status 0: nothing came, and `error` is what the socket said."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    error: Exception | None = None
    fresh: bool = False  # it came, or not, on a new connection
    began: float = 0.0
    took: float = 0.0

    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """One program with one connection, kept as long as the server keeps it."""

    def __init__(self, port: int, client: dict[str, Any], *, source: str = "127.0.0.1") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE, source_address=(source, 0))
        self._client = client

    def token(self, client_id: str | None = None) -> Answer:
        parameters = {
            "grant_type": "client_credentials",
            "client_id": client_id or self._client["client_id"],
            "client_secret": self._client["client_secret"],
        }
        return self._ask("POST", "/acme/token", urlencode(parameters), FORM)

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, None, {})

    def close(self) -> None:
        self._connection.close()

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        fresh = self._connection.sock is None
        began = time.monotonic()
        try:
            self._connection.request(method, path, body, headers)
            reply = self._connection.getresponse()
            sent = reply.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return Answer(0, error=error, fresh=fresh, began=began, took=time.monotonic() - began)
        said = {name.lower(): value for name, value in reply.getheaders()}
        return Answer(reply.status, sent, said, fresh=fresh, began=began, took=time.monotonic() - began)


def asked(port: int, path: str) -> Answer:
    """Get a document on a connection of its own."""
    caller = Caller(port, {})
    try:
        return caller.get(path)
    finally:
        caller.close()


class Node:
    """A running `portvakt serve`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self._log = log

    def caller(self, client: dict[str, Any]) -> Caller:
        return Caller(self.port, client)

    def get(self, path: str) -> Answer:
        return asked(self.port, path)

    def token(self, client: dict[str, Any]) -> Answer:
        """Ask on a connection of its own."""
        caller = self.caller(client)
        try:
            return caller.token()
        finally:
            caller.close()

    def log(self) -> list[dict[str, Any]]:
        """The events that are logged by now."""
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.log() if line["event"] == name]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def half_a_request(node: Node, client: dict[str, str]) -> tuple[socket.socket, bytes]:
    """Return a connection on which half a token request was sent and read, and the other half."""
    named = {name: client[name] for name in ("client_id", "client_secret")}
    body = urlencode({"grant_type": "client_credentials", **named}).encode()
    peer = socket.create_connection(("127.0.0.1", node.port), timeout=PATIENCE)
    peer.sendall(f"{HEAD}Content-Length: {len(body)}\r\n\r\n".encode() + body[:20])
    assert node.get("/livez").status == 200  # which came after it
    return peer, body[20:]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def a_node(shell: Shell, *, port: int | None = None, errors: int | None = None) -> Iterator[Node]:
    """Start a node and wait until it is ready. It is killed at the end; whoever cares for its end calls `stop`.

    Its standard error is the file descriptor `errors`, else a file.
    """
    port = port or free_port()
    log = shell.folder / f"node-{next(_names)}.log"
    with contextlib.ExitStack() as open_files:
        process = subprocess.Popen(
            [sys.executable, "-m", "portvakt.cli", "serve", "--json", "--port", str(port)],
            cwd=shell.folder,
            env=shell.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=open_files.enter_context(log.open("wb")) if errors is None else errors,
        )
    try:
        assert process.stdout is not None
        assert process.stdout.readline(), log.read_text()
        yield Node(process, port, log)
    finally:
        process.kill()
        process.communicate()


class Load:
    """Programs that ask for tokens as fast as they get them.

    `answers` grows until `end`; `last` has each program's last one. `resets` counts the new connections that were
    reset: the kernel does that to one that comes just when the port closes, and nobody has accepted it.
    """

    def __init__(self, port: int, client: dict[str, Any], callers: int, pause: float) -> None:
        self.answers: list[Answer] = []
        self.last: dict[Caller, Answer] = {}
        self.resets = 0
        self._ended = threading.Event()
        self._pause = pause
        self._threads = [threading.Thread(target=self._ask, args=(Caller(port, client),)) for _ in range(callers)]
        for thread in self._threads:
            thread.start()

    def statuses(self) -> set[int]:
        return {answer.status for answer in self.answers}

    def since(self, moment: float) -> list[Answer]:
        return [answer for answer in self.answers if answer.began >= moment]

    def end(self) -> list[Answer]:
        self._ended.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        return self.answers

    def refused(self) -> bool:
        """Whether every caller has met a closed port: the server is gone, and so are they."""
        return not any(thread.is_alive() for thread in self._threads)

    def _ask(self, caller: Caller) -> None:
        while not self._ended.is_set():
            answer = caller.token()
            if isinstance(answer.error, ConnectionRefusedError):
                break
            if isinstance(answer.error, ConnectionResetError) and answer.fresh:
                self.resets += 1
                continue
            self.answers.append(answer)
            self.last[caller] = answer
            self._ended.wait(self._pause)
        caller.close()


@contextlib.contextmanager
def load_on(port: int, client: dict[str, Any], *, callers: int = 4, pause: float = 0.0) -> Iterator[Load]:
    """Ask from as many connections, with so many seconds between two requests of one; begun when it has an answer."""
    load = Load(port, client, callers, pause)
    try:
        until(lambda: bool(load.answers), "the first answer")
        yield load
    finally:
        load.end()


def until(holds: Callable[[], object], what: str, seconds: float = PATIENCE) -> float:
    """Return how long it took until something held."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.01)
    return time.monotonic() - began


def as_if_away(answer: Answer) -> bool:
    """Whether the answer is what one gets while the store is away: our fault, try again."""
    return (
        answer.status == 503
        and answer.json()["error"] == "server_error"
        and answer.headers["retry-after"] == "1"
        and answer.took < 1.5
    )

"""Servers of one database at which people let applications act for them, to be raced, killed and cut off."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

from builders import NOW, an_issuer
from issuing import HASHING, INSTALLATION, OWNER, known
from nodes import FORM, PATIENCE, Answer, free_port, until
from people_served import CALLBACK, CHALLENGE, KARI, VERIFIER, people_of
from portvakt.model.behalf import Code, Grant
from portvakt.model.behalf_change import AddCode, AddGrant
from portvakt.model.change import AddUser, Applied
from portvakt.model.nouns import User
from portvakt.model.values import GrantId, Instant
from portvakt.protocol.credentials import SECRET_OCTETS, Kind, keep_opaque, mint, mint_id
from portvakt.server.clock import system_clock
from portvakt.store import open_store, upgrade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from portvakt.model.change import Change
    from portvakt.model.nouns import Issuer

SETTINGS = """\
database_file = "database"
secret_file = "secret"
url = "http://127.0.0.1:{port}"
[issuers.acme]
provider = "standard"
url = "http://127.0.0.1:{port}/acme"
algorithm = "EdDSA"
"""
# `portvakt serve` with another window in which an answer is given again, as often as asked: each is a process forked
# from one that has loaded everything. Reads a port and a log's name a line; says each server's process id.
_PROGRAM = """\
import os, signal, sys
from portvakt.providers.standard import STANDARD
object.__setattr__(STANDARD, "reissue_window", int(sys.argv[1]))
import portvakt.server.serving
from portvakt.cli import main
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    port, log = line.split()
    process = os.fork()
    if not process:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT, 0o600), 2)
        os.close(0)
        sys.exit(main(["serve", "--json", "--port", port]))
    print(process, flush=True)
"""
TOO_BUSY = ("answer in 1 s", "connection was free in time")  # a log hides the word after "code:", be it a "no"
_names = itertools.count(1)


@dataclass(frozen=True)
class Place:
    """An installation whose issuer `acme` has people; its servers answer again for `window` seconds."""

    folder: Path
    database: str
    port: int
    window: int

    @property
    def issuer(self) -> Issuer:
        return an_issuer("standard", name="acme", url=f"http://127.0.0.1:{self.port}/acme")

    def settle(self) -> None:
        """Make the database, the settings, the people."""
        upgrade(self.database)
        private = {"database": self.database, "secret": INSTALLATION.reveal()}
        for name, text in private.items():
            (self.folder / name).write_text(text + "\n")
            (self.folder / name).chmod(0o600)
        (self.folder / "portvakt.toml").write_text(SETTINGS.format(port=self.port))
        owner = User(id=OWNER, issuer=self.issuer.name, email="owner@example.com", created_at=NOW)
        self.apply([AddUser(owner), *people_of(self.issuer)])

    def apply(self, *batches: Sequence[Change]) -> None:
        """Make changes, each batch in a transaction of its own."""

        async def write() -> None:
            store = await open_store(self.database)
            try:
                for changes in batches:
                    assert await store.apply(changes) == Applied()
            finally:
                await store.close()

        asyncio.run(write())

    def codes(self, count: int, label: str = "app") -> list[str]:
        """Have a user agree so many times; return the codes."""
        agreed = [self._agree(label) for _ in range(count)]
        self.apply(*([change for _, given in some for change in given] for some in _batches(agreed)))
        return [text for text, _ in agreed]

    def _agree(self, label: str) -> tuple[str, list[Change]]:
        issuer, now, client_id = self.issuer, system_clock(), known(self.issuer, label).client_id
        grant = Grant(
            issuer=issuer.name,
            id=GrantId(mint_id("grant_", os.urandom(32))),
            user_id=KARI.user_id,
            client_id=client_id,
            organisation=KARI.companies[0],
            scopes=("read", "write"),
            created_at=now,
        )
        text = mint(Kind.CODE, os.urandom(SECRET_OCTETS))
        code = Code(
            issuer=issuer.name,
            digest=keep_opaque(Kind.CODE, HASHING, text),
            grant_id=grant.id,
            client_id=client_id,
            redirect_uri=CALLBACK,
            redirect_sent=True,
            challenge=CHALLENGE,
            created_at=now,
            expires_at=Instant(now + 3600),  # so that a test may take its time
        )
        return text.reveal(), [AddGrant(grant), AddCode(code)]

    @contextlib.contextmanager
    def servers(self, count: int) -> Iterator[Servers]:
        """Start so many servers; all that run at the end are killed."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PORTVAKT_")}
        with (self.folder / "program.log").open("wb") as errors:
            program = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(self.window)],
                cwd=self.folder,
                env=kept,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        servers = Servers(self, program)
        try:
            for number in range(count):
                servers.start(self.port if number == 0 else free_port())
            yield servers
        finally:
            for server in servers.running:
                server.kill()
            program.kill()
            program.communicate()


@dataclass
class Servers:
    """The servers of a place, the newest last."""

    place: Place
    program: subprocess.Popen[str]
    running: list[Server] = field(default_factory=list)

    def start(self, port: int | None = None) -> Server:
        """Start one more; return once it answers."""
        port = port or free_port()
        log = self.place.folder / f"server-{next(_names)}.log"
        assert self.program.stdin is not None
        assert self.program.stdout is not None
        self.program.stdin.write(f"{port} {log}\n")
        self.program.stdin.flush()
        said = self.program.stdout.readline()
        assert said, (self.place.folder / "program.log").read_text()
        server = Server(int(said), port, log)
        self.running.append(server)
        until(lambda: server.ended() or _answers(port), "it answers")
        assert not server.ended(), log.read_text()
        assert self.program.stdout.readline().startswith('{"ready"')
        return server


@dataclass
class Server:
    """A running `portvakt serve`."""

    process: int
    port: int
    log: Path

    def ended(self) -> bool:
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        return False

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)
        until(self.ended, "it is gone")

    def faults(self) -> list[dict[str, Any]]:
        """Return what it logged of faults of its own, but for a store that was too busy to answer in its second."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        failed = [line for line in lines if line.get("level") in {"error", "critical"} and line["event"] != "request"]
        return [line for line in failed if not line.get("text", "").endswith(TOO_BUSY)]


def _batches(agreed: list[tuple[str, list[Change]]]) -> Iterator[list[tuple[str, list[Change]]]]:
    """Give them in parts that a store writes within its second."""
    for start in range(0, len(agreed), 200):
        yield agreed[start : start + 200]


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@dataclass(frozen=True)
class Client:
    """An application of the issuer's, asking at a port; a connection for each request."""

    issuer: Issuer
    label: str = "app"

    def exchange(self, port: int, code: str) -> Answer:
        return self.ask(port, grant_type="authorization_code", code=code, code_verifier=VERIFIER, redirect_uri=CALLBACK)

    def refresh(self, port: int, token: str) -> Answer:
        return self.ask(port, grant_type="refresh_token", refresh_token=token)

    def ask(self, port: int, **parameters: str) -> Answer:
        """Return the answer; status 0 if none came."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("POST", "/acme/token", urlencode({**self._who(), **parameters}), FORM)
            reply = connection.getresponse()
            return Answer(reply.status, reply.read(), {name.lower(): value for name, value in reply.getheaders()})
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, error=error)
        finally:
            connection.close()

    def _who(self) -> dict[str, str]:
        client = known(self.issuer, self.label)
        secret = {} if self.label == "spa" else {"client_secret": client.secret}
        return {"client_id": client.client_id, **secret}


def at_once(asks: Sequence[Callable[..., Answer]]) -> list[Answer]:
    """Ask all together, from as many threads; return the answers in their order. Who gets a 503 asks again."""
    gate = threading.Barrier(len(asks))
    answers: dict[int, Answer] = {}

    def ask(number: int) -> None:
        gate.wait(PATIENCE)
        for _ in range(20):
            answers[number] = asks[number]()
            if answers[number].status != 503:
                break

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(asks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE)
    return [answers[number] for number in range(len(asks))]


@dataclass
class Proxy:
    """A TCP proxy before whichever server `target` is; drops the answers that `drops` says, by their number."""

    target: int
    drops: Callable[[int], bool] = field(default=lambda _number: False)
    dropped: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._count = itertools.count(1)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                threading.Thread(target=self._pass, args=(peer, next(self._count)), daemon=True).start()

    def _pass(self, peer: socket.socket, number: int) -> None:
        with peer, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.target), 5) as server:
            peer.settimeout(PATIENCE)
            server.settimeout(PATIENCE)
            request = b""
            while not _is_whole(request):
                request += _more(peer)
            server.sendall(request)
            answer = b""
            while not _is_whole(answer):
                answer += _more(server)
            if self.drops(number):
                self.dropped += 1
                return
            peer.sendall(answer)


def _more(peer: socket.socket) -> bytes:
    piece = peer.recv(65536)
    if not piece:
        raise OSError("the peer is gone")
    return piece


def _is_whole(message: bytes) -> bool:
    head, separator, body = message.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(separator) and len(body) >= int(lengths[0].split(b":")[1])

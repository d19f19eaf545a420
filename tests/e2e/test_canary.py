"""A real installation, fed with its own secrets wherever a caller can put them: none of them is seen again (K1, K5).

Everything that a caller, an operator or a thief of the database gets to see is searched: replies, logs, both
streams of each process, the database's files and a dump of it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import sqlite3
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

from canary import Canaries, leaks_in
from hostile_requests import requests_with
from portvakt.jose.keys import from_private_bytes
from portvakt.jose.sealing import derive, place, unseal
from portvakt.model.nouns import Algorithm
from portvakt.model.values import IssuerName, KeyId, Secret
from portvakt.protocol.credentials import mint_secret
from portvakt.server.application import KEYS, PEPPER
from private_numbers import private_numbers
from programs import running
from shell import Shell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services import PostgresServer

OF_ONE_REPLY = re.compile(rb"(?:portvakt-reference|date): [-0-9A-Za-z:, ]*\r\n")
MEANT_TO_HOLD_IT = {"portvakt.secret"}


@dataclass
class Installation:
    """A folder with an installation, what was planted in it, and all that came out of it."""

    folder: Path
    database: str = field(repr=False)
    port: int
    seen: list[tuple[str, bytes]] = field(default_factory=list, repr=False)
    replies: dict[bytes, str] = field(default_factory=dict, repr=False)
    sent: dict[str, str] = field(default_factory=dict, repr=False)
    canaries: Canaries = field(default_factory=Canaries, repr=False)

    @property
    def environ(self) -> dict[str, str]:
        return {"PORTVAKT_DATABASE": self.database, "PORTVAKT_LOG_LEVEL": "debug", "PORTVAKT_PORT": str(self.port)}

    @property
    def shell(self) -> Shell:
        return Shell(self.folder, **self.environ)

    def run(self, *arguments: str) -> None:
        """Run a command whose output is meant to hold no secret."""
        done = self.shell.run(*arguments)
        self.seen.append((f"output of {arguments[:2]}", (done.stdout + done.stderr).encode()))

    def run_that_shows_a_secret(self, name: str, *arguments: str) -> tuple[str, str]:
        """Run a command that shows a new secret on its one line; give client and secret."""
        told = self.shell.json(*arguments)
        return told["client_id"], self.canaries.plant(name, told["client_secret"])

    def ask(self, sent: bytes) -> bytes:
        """Send octets, say that nothing more comes, and return all that is answered."""
        with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", self.port), 10) as peer:
            peer.sendall(sent)
            peer.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: peer.recv(65_536), b""))
        return b""

    def token(self, client_id: str, secret: str) -> tuple[int, dict[str, Any]]:
        """Ask for a token as Breeze documents it."""
        body = json.dumps({"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret})
        head = f"POST /breeze/oauth/token HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nConnection: close\r\n"
        framing = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        reply = self.ask((head + framing + body).encode())
        return int(reply.split(b" ", 2)[1]), json.loads(reply.partition(b"\r\n\r\n")[2])

    def attack(self, client_id: str, note: str, *names: str) -> None:
        """Send texts that callers may have everywhere. Replies that are equal are kept once."""
        for name in names:
            secret = self.sent[name]
            for what, request in requests_with(secret, client_id, f"127.0.0.1:{self.port}"):
                reply = OF_ONE_REPLY.sub(b"", self.ask(request))
                self.replies.setdefault(reply, f"reply to {name} in {what} {note}")


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        chosen: int = probe.getsockname()[1]
        return chosen


@pytest.fixture
def on_sqlite(tmp_path: Path, port: int) -> Installation:
    return Installation(tmp_path, "sqlite:///portvakt.db", port)


@pytest.fixture
def on_postgresql(tmp_path: Path, port: int, postgres_server: PostgresServer) -> Iterator[Installation]:
    with postgres_server.database(migrated=False) as url:
        installation = Installation(tmp_path, url, port)
        installation.canaries.plant("database password", unquote(urlsplit(url).password or ""))
        yield installation


def test_K1_K5_K6_no_secret_is_seen_again_on_sqlite(on_sqlite: Installation) -> None:
    path = on_sqlite.folder / "portvakt.db"
    aside = path.with_suffix(".aside")

    @contextlib.contextmanager
    def broken() -> Iterator[None]:
        path.rename(aside)
        yield
        aside.rename(path)

    lived_through(on_sqlite, broken, lambda: sealed_keys_of_sqlite(path))

    with contextlib.closing(sqlite3.connect(path)) as database:
        on_sqlite.seen.append(("dump", "\n".join(database.iterdump()).encode()))
    nothing_is_seen(on_sqlite)


@pytest.mark.services
def test_K1_K5_K6_no_secret_is_seen_again_on_postgresql(
    on_postgresql: Installation, postgres_server: PostgresServer
) -> None:
    url = on_postgresql.database
    name = urlsplit(url).path[1:]

    @contextlib.contextmanager
    def broken() -> Iterator[None]:
        with psycopg.connect(postgres_server.url, autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false'.encode())
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            yield
            connection.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true'.encode())

    lived_through(on_postgresql, broken, lambda: sealed_keys_of_postgresql(url))

    on_postgresql.seen.append(("dump", dump_of_postgresql(url)))
    nothing_is_seen(on_postgresql)


def lived_through(
    installation: Installation,
    broken: Callable[[], contextlib.AbstractContextManager[None]],
    sealed_keys: Callable[[], list[tuple[str, str, str, bytes]]],
) -> None:
    """Everything that happens to an installation, and to each secret in it."""
    installation.run("init", "--yes")
    client_id = planted(installation)
    with running("serve", "--json", cwd=installation.folder, env=installation.environ):
        with_keys(installation, sealed_keys())
        arguments = arguments_of_children()
        assert any(b"serve" in line for line in arguments)
        installation.seen += [("arguments of a process", line) for line in arguments]

        right = installation.canaries.planted["right secret"]
        status, reply = installation.token(client_id, right)
        assert status == 200
        installation.canaries.plant("token", reply["access_token"].rpartition(".")[2])
        planted_ones = installation.canaries.planted
        assert installation.token(client_id, planted_ones["expired secret"])[0] == 401
        assert installation.token(client_id, planted_ones["rotated secret"])[0] == 200
        current = {
            name: text for name, text in planted_ones.items() if name not in {"expired secret", "rotated secret"}
        }
        installation.sent = {**current, "token": reply["access_token"]}

        installation.attack(client_id, "", *installation.sent)
        with broken():
            stranger = mint_secret(secrets.token_bytes(32)).reveal()
            status, _ = installation.token("unknown_client", stranger)
            assert status == 503
            installation.attack("unknown_client", "while the database is broken", "right secret")
        of = ("--issuer", "breeze", "--json")
        for told in (("audit", "list"), ("explain", "--client", client_id), ("client", "show", client_id)):
            installation.run(*told, *of)


def arguments_of_children() -> list[bytes]:
    """What `ps` shows of the programs that this process runs."""
    children = [task.read_text().split() for task in Path("/proc/self/task").glob("*/children")]
    return [Path(f"/proc/{number}/cmdline").read_bytes() for numbers in children for number in numbers]


def planted(installation: Installation) -> str:
    """Make clients with every kind of secret; give the id of the one whose right secret is known."""
    root = (installation.folder / "portvakt.secret").read_text().strip()
    installation.canaries.plant("installation's secret", root)
    for name in (KEYS, PEPPER):
        installation.canaries.plant_octets(name.decode(), derive(Secret(root), name))
    client = ("client", "create", "--issuer", "breeze", "--name", "x")
    rotate = ("client", "rotate-secret", "--issuer", "breeze")
    client_id, _ = installation.run_that_shows_a_secret("expired secret", *client)
    installation.run_that_shows_a_secret("rotated secret", *rotate, client_id, "--grace", "0")
    installation.run_that_shows_a_secret("right secret", *rotate, client_id, "--grace", "1h")
    installation.canaries.plant("wrong secret", mint_secret(secrets.token_bytes(32)).reveal())
    for arguments in (("client", "list"), ("client", "show", client_id), ("keys", "list"), ("keys", "rotate")):
        installation.run(*arguments, "--issuer", "breeze")
        if "rotate" not in arguments:
            installation.run(*arguments, "--issuer", "breeze", "--json")
    installation.run("check-config")
    return client_id


def with_keys(installation: Installation, rows: list[tuple[str, str, str, bytes]]) -> None:
    """Plant the private numbers of every key in the database."""
    key = derive(Secret(installation.canaries.planted["installation's secret"]), KEYS)
    assert len(rows) >= 4
    for issuer, key_id, algorithm, sealed in rows:
        opened = unseal(key, bytes(sealed), place(IssuerName(issuer), KeyId(key_id)))
        for number, octets in private_numbers(from_private_bytes(Algorithm(algorithm), opened)).items():
            installation.canaries.plant_octets(f"{number} of {issuer}'s key {key_id}", octets)


SEALED = "SELECT issuer, id, algorithm, sealed FROM signing_keys"


def sealed_keys_of_sqlite(path: Path) -> list[tuple[str, str, str, bytes]]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute(SEALED).fetchall()


def sealed_keys_of_postgresql(url: str) -> list[tuple[str, str, str, bytes]]:
    with psycopg.connect(url) as connection:
        return connection.execute(SEALED).fetchall()


def dump_of_postgresql(url: str) -> bytes:
    """Every row of every table, and what pg_dump says where there is one that fits the server."""
    with psycopg.connect(url) as connection:
        named = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = [row for (table,) in named for row in connection.execute(f'SELECT t::text FROM "{table}" t'.encode())]
    assert len(rows) > 5
    dumped = b""
    if program := shutil.which("pg_dump"):
        dumped = subprocess.run([program, url], capture_output=True, check=False, env={**os.environ}).stdout
    return json.dumps(rows).encode() + dumped


def nothing_is_seen(installation: Installation) -> None:
    files = [path for path in installation.folder.rglob("*") if path.is_file() and path.name not in MEANT_TO_HOLD_IT]
    assert any(path.name == "stderr.txt" for path in files)
    log = (installation.folder / "stderr.txt").read_text()
    assert '"level":"debug"' in log or '"event":"request"' in log

    replies = [(where, reply) for reply, where in installation.replies.items()]
    found = installation.canaries.find_in(*files, *installation.seen, *replies)

    told = "\n".join(sorted({f"{one.name} in {one.where}, {one.form}" for one in (*found, *leaks_in(*files))}))
    assert not told, told


def test_the_search_would_find_a_secret_in_each_kind_of_place(on_sqlite: Installation) -> None:
    secret = on_sqlite.canaries.plant("secret", mint_secret(secrets.token_bytes(32)).reveal())
    (on_sqlite.folder / "stderr.txt").write_text('"event":"request"')
    pair = base64.b64encode(f"client:{secret}".encode())
    with contextlib.closing(sqlite3.connect(on_sqlite.folder / "portvakt.db", isolation_level=None)) as database:
        database.execute("CREATE TABLE t (x BLOB)")
        database.execute("INSERT INTO t VALUES (?)", [secret])
        on_sqlite.replies[b"HTTP/1.1 400 Bad Request\r\nX: " + pair] = "a reply"

        with pytest.raises(AssertionError) as failed:
            nothing_is_seen(on_sqlite)
        database.execute("DROP TABLE t")
        database.execute("VACUUM")

    assert "a reply" in str(failed.value)
    assert "portvakt.db" in str(failed.value)

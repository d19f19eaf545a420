"""`portvakt token`: where the secret comes from, what is printed, and what goes wrong."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from certificates import named_certificate
from portvakt.cli import main
from portvakt.cli.outcome import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "hunter2-of-ours"
CLIENT = "client_1"
TOKEN = "2YotnFZFEjr1zCsicMWpAA"
GRANTED: dict[str, object] = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 600, "scope": "read"}


class Endpoint(ThreadingHTTPServer):
    """A token endpoint that answers what the test says, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.status = 200
        self.body = json.dumps(GRANTED).encode()
        self.fields: dict[str, str] = {"Content-Type": "application/json"}
        self.asked: list[dict[str, list[str]]] = []
        self.credentials: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def refuse(self, status: int, **members: object) -> None:
        self.status, self.body = status, json.dumps(members).encode()


class Answering(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(parse_qs(body.decode()))
        self.server.credentials.append(self.headers["Authorization"])
        self.send_response(self.server.status)
        for name, value in self.server.fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Asked:
    """How `portvakt token` ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def complaint(self) -> str:
        assert self.out == ""
        (line,) = self.err.splitlines()
        return line


class Ask:
    """Runs the command with variables of its own and something on standard input."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str], logins: Path) -> None:
        self._patch = patch
        self._capture = capture
        for name in [name for name in os.environ if name.startswith("PORTVAKT_")]:
            patch.delenv(name)
        patch.setenv("PORTVAKT_CLIENT_LOGINS", str(logins))

    def __call__(self, *arguments: str, given: str = "", **variables: str) -> Asked:
        with self._patch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            patch.setattr("sys.stdin", io.StringIO(given))
            code = main(["token", *arguments])
        out, err = self._capture.readouterr()
        return Asked(code, out, err)

    def at(self, endpoint: Endpoint, *arguments: str, given: str = "", **variables: str) -> Asked:
        """Ask an endpoint as a client whose secret is in the environment, if the test says nothing else."""
        known = variables or {"PORTVAKT_CLIENT_SECRET": SECRET, "PORTVAKT_CLIENT_ID": CLIENT}
        return self("standard", "--base-url", endpoint.url, *arguments, given=given, **known)


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Ask:
    return Ask(monkeypatch, capsys, tmp_path / "logins")


# What is printed


def test_the_bare_token_is_printed_and_nothing_else(ask: Ask, endpoint: Endpoint) -> None:
    got = ask.at(endpoint)

    assert (got.code, got.out, got.err) == (Exit.OK, f"{TOKEN}\n", "")


def test_as_json_its_end_and_scope_are_told(ask: Ask, endpoint: Endpoint) -> None:
    before = int(time.time())
    got = ask.at(endpoint, "--json")

    told = json.loads(got.out)
    assert before + 600 <= told.pop("expires_at") <= time.time() + 600
    assert told == {"access_token": TOKEN, "token_type": "Bearer", "scope": "read"}


def test_scope_and_resource_are_asked_for(ask: Ask, endpoint: Endpoint) -> None:
    ask.at(endpoint, "--scope", "read write", "--resource", "https://api.example")

    (asked,) = endpoint.asked
    assert (asked["scope"], asked["resource"]) == (["read write"], ["https://api.example"])


WITHOUT_EXTRAS = """
import sys
for name in ("alembic", "ariadne", "graphql", "httptools", "joserfc", "psycopg", "sqlalchemy", "starlette", "uvloop"):
    sys.modules[name] = None
from portvakt.cli import main
code = main(sys.argv[1:])
upper = ("portvakt.server", "portvakt.store", "portvakt.sandbox")
print([name for name in sys.modules if name.startswith(upper)], file=sys.stderr)
sys.exit(code)
"""


def test_the_base_installation_asks(endpoint: Endpoint) -> None:
    line = [sys.executable, "-c", WITHOUT_EXTRAS, "token", "standard", "--base-url", endpoint.url]
    known = {"PORTVAKT_CLIENT_ID": CLIENT, "PORTVAKT_CLIENT_SECRET": SECRET}

    ended = subprocess.run(line, env=os.environ | known, capture_output=True, text=True, check=True)

    assert (ended.stdout, ended.stderr) == (f"{TOKEN}\n", "[]\n")


# Where the secret comes from


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o600)
    return path


def sent(endpoint: Endpoint) -> str:
    """Return what the endpoint was last shown for a secret."""
    shown = endpoint.credentials[-1]
    if shown is None:
        return endpoint.asked[-1]["client_secret"][0]
    return base64.b64decode(shown.removeprefix("Basic ")).decode().partition(":")[2]


def test_the_secret_comes_from_where_it_is_said_to_be(ask: Ask, endpoint: Endpoint, secret_file: Path) -> None:
    by_id = {"PORTVAKT_CLIENT_ID": CLIENT}
    other = {"PORTVAKT_CLIENT_SECRET": "another-one"}

    for arguments, given, variables in (
        ((), "", {"PORTVAKT_CLIENT_SECRET": SECRET}),
        (("--secret-file", str(secret_file)), "", {}),
        (("--secret-file", str(secret_file)), "", other),
        ((), "", {"PORTVAKT_CLIENT_SECRET_FILE": str(secret_file)}),
        (("--secret-stdin",), f"{SECRET}\n", {}),
        (("--secret-stdin",), f"{SECRET}\r\n", other),
        ((), "another-one", {"PORTVAKT_CLIENT_SECRET": SECRET, "PORTVAKT_CLIENT_SECRET_FILE": "/nowhere"}),
    ):
        got = ask.at(endpoint, *arguments, given=given, **by_id, **variables)

        assert got.code == Exit.OK, (arguments, variables, got.err)
        assert sent(endpoint) == SECRET


def test_the_client_is_named_by_an_option_before_a_variable(ask: Ask, endpoint: Endpoint) -> None:
    ask.at(endpoint, "--client-id", "client_2", PORTVAKT_CLIENT_ID=CLIENT, PORTVAKT_CLIENT_SECRET=SECRET)

    assert endpoint.credentials == ["Basic " + base64.b64encode(f"client_2:{SECRET}".encode()).decode()]


def test_K6_a_file_that_others_may_read_is_refused(ask: Ask, endpoint: Endpoint, secret_file: Path) -> None:
    secret_file.chmod(0o640)
    variables = {"PORTVAKT_CLIENT_ID": CLIENT}

    by_option = ask.at(endpoint, "--secret-file", str(secret_file), **variables)
    by_variable = ask.at(endpoint, **variables, PORTVAKT_CLIENT_SECRET_FILE=str(secret_file))

    assert by_option.code == by_variable.code == Exit.SETTINGS
    text = f"others can read the file that it names; run: chmod 600 {secret_file}"
    assert by_option.complaint == f"portvakt: --secret-file: {text}"
    assert by_variable.complaint == f"portvakt: PORTVAKT_CLIENT_SECRET_FILE: {text}"
    assert endpoint.asked == []


def test_K6_a_file_of_another_user_is_refused(
    ask: Ask, endpoint: Endpoint, secret_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 4_000_001)
    monkeypatch.setattr("portvakt.cli.reading._ROOT", 4_000_002)

    refused = ask.at(endpoint, "--secret-file", str(secret_file), PORTVAKT_CLIENT_ID=CLIENT)

    assert refused.code == Exit.SETTINGS
    assert "belongs to another user" in refused.complaint


WRONG_FILES: dict[str, tuple[bytes | None, str]] = {
    "none": (None, "cannot be read: No such file or directory"),
    "empty": (b"", "is empty"),
    "an empty line": (b"\n", "is empty"),
    "too large": (b"x" * (16 * 1024 + 1), "is larger than 16 KiB"),
    "no text": (b"hunter2-\xff\n", "is not UTF-8 text"),
    "two lines": (b"hunter2\nhunter2\n", "holds a line break or another control character"),
    "a control character": (b"hunter2\x00", "holds a line break or another control character"),
}


@pytest.mark.parametrize(("content", "text"), WRONG_FILES.values(), ids=WRONG_FILES.keys())
def test_a_file_that_holds_no_secret_is_a_wrong_setting(
    ask: Ask, endpoint: Endpoint, secret_file: Path, content: bytes | None, text: str
) -> None:
    if content is None:
        secret_file.unlink()
    else:
        secret_file.write_bytes(content)

    refused = ask.at(endpoint, "--secret-file", str(secret_file), PORTVAKT_CLIENT_ID=CLIENT)

    assert refused.code == Exit.SETTINGS
    assert text in refused.complaint
    assert "hunter2" not in refused.complaint
    assert endpoint.asked == []


@pytest.mark.parametrize("path", ["/dev/null", ".", "a\0b"])
def test_what_is_no_file_is_a_wrong_setting(ask: Ask, endpoint: Endpoint, path: str) -> None:
    refused = ask.at(endpoint, "--secret-file", path, PORTVAKT_CLIENT_ID=CLIENT)

    assert refused.code == Exit.SETTINGS
    assert "--secret-file: " in refused.complaint


def test_a_pipe_in_a_files_place_is_told_where_it_belongs(ask: Ask, endpoint: Endpoint) -> None:
    reading, writing = os.pipe()
    try:
        refused = ask.at(endpoint, "--secret-file", f"/dev/fd/{reading}", PORTVAKT_CLIENT_ID=CLIENT)
    finally:
        os.close(reading)
        os.close(writing)

    assert refused.code == Exit.SETTINGS
    assert refused.complaint.endswith("what it names is not a file; to pipe a secret, say --secret-stdin")


# The command line


@pytest.mark.parametrize(
    "arguments",
    [
        ("--client-secret", "hunter2"),
        ("--client-secret=hunter2",),
        ("--secret", "hunter2"),
        ("hunter2",),
        ("--client-secret", "hunter2", "--json"),
        ("--client-secret", ""),
    ],
)
def test_K6_a_secret_as_an_argument_is_refused_and_not_repeated(
    ask: Ask, endpoint: Endpoint, arguments: tuple[str, ...]
) -> None:
    refused = ask.at(endpoint, *arguments)

    assert refused.code == Exit.USAGE
    assert "a secret is never an argument" in refused.complaint
    assert "set PORTVAKT_CLIENT_SECRET, or name a file with --secret-file" in refused.complaint
    assert "hunter2" not in refused.complaint
    assert endpoint.asked == []


HERE = {"PORTVAKT_CLIENT_ID": CLIENT, "PORTVAKT_CLIENT_SECRET": SECRET}
WRONG_LINES: dict[str, tuple[list[str], dict[str, str], Exit, str]] = {
    "nobody": ([], HERE, Exit.USAGE, "missing argument"),
    "no secret": (
        ["breeze", "--environment=test"],
        {"PORTVAKT_CLIENT_ID": CLIENT},
        Exit.USAGE,
        "there is no client secret: set",
    ),
    "no client": (["prisjakt"], {"PORTVAKT_CLIENT_SECRET": SECRET}, Exit.USAGE, "which client? Say --client-id"),
    "an empty client": (["prisjakt"], HERE | {"PORTVAKT_CLIENT_ID": ""}, Exit.USAGE, "which client?"),
    "an empty secret": (
        ["prisjakt"],
        HERE | {"PORTVAKT_CLIENT_SECRET": ""},
        Exit.SETTINGS,
        "PORTVAKT_CLIENT_SECRET: is empty",
    ),
    "a secret with a space": (
        ["breeze", "--environment", "test"],
        HERE | {"PORTVAKT_CLIENT_SECRET": f"{SECRET} "},
        Exit.USAGE,
        "the client secret begins or ends with white space",
    ),
    "two secrets": (
        ["prisjakt", "--secret-file", "x", "--secret-stdin"],
        HERE,
        Exit.USAGE,
        "--secret-file and --secret-stdin name two secrets",
    ),
    "nothing on standard input": (
        ["prisjakt", "--secret-stdin"],
        HERE,
        Exit.REFUSED,
        "there is no client secret on standard input",
    ),
    "an unknown provider": (["acme"], HERE, Exit.USAGE, "no provider of that name; there are breeze"),
    "which environment": (["breeze"], HERE, Exit.USAGE, "of Breeze: test or production? Or say --base-url"),
    "two places": (
        ["breeze", "--environment", "test", "--base-url", "http://127.0.0.1:1"],
        HERE,
        Exit.USAGE,
        "portvakt: --environment and --base-url name two places",
    ),
    "plain http": (["http://id.example"], HERE, Exit.USAGE, "plain http"),
    "nobody is logged in": (
        ["luca"],
        HERE,
        Exit.REFUSED,
        "Run: portvakt login luca --client-id client_1 --secret-file FILE",
    ),
    "nobody can log in": (["breeze", "--environment=test", "--login"], HERE, Exit.USAGE, "Breeze knows no log-in"),
    "the place before the secret": (["breeze"], {}, Exit.USAGE, "which environment of Breeze"),
    "a provider in capitals": (["Breeze"], {}, Exit.USAGE, "did you mean breeze?"),
    "a base URL that goes too far": (
        ["breeze", "--base-url", "http://127.0.0.1:1/oauth/token"],
        HERE,
        Exit.USAGE,
        "--base-url ends with /oauth/token, which is added to it: leave that off",
    ),
    "a wait of less than nothing": (["breeze", "--max-wait", "-1"], HERE, Exit.USAGE, "--max-wait"),
    "no authorities": (["prisjakt", "--ca-file", "none.pem"], HERE, Exit.SETTINGS, "--ca-file: the file that it names"),
}


@pytest.mark.parametrize(("arguments", "variables", "code", "text"), WRONG_LINES.values(), ids=WRONG_LINES.keys())
def test_a_wrong_line_is_told_in_one(
    ask: Ask, arguments: list[str], variables: dict[str, str], code: Exit, text: str
) -> None:
    refused = ask(*arguments, **variables)

    assert refused.code == code
    assert text in refused.complaint
    assert SECRET not in refused.complaint


# What the other side says


def test_a_refusal_is_told_with_what_to_do(ask: Ask, endpoint: Endpoint) -> None:
    endpoint.refuse(401, error="invalid_client", error_description="Client authentication failed.")

    refused = ask.at(endpoint)

    assert refused.code == Exit.REFUSED
    assert "refused to give a token (invalid_client: Client authentication failed)" in refused.complaint
    assert "Check --client-id and the client secret" in refused.complaint
    assert refused.complaint.endswith("belong to this environment")
    assert len(endpoint.asked) == 1


def test_K1_a_server_that_repeats_the_secret_or_steers_the_terminal_is_blanked(ask: Ask, endpoint: Endpoint) -> None:
    endpoint.refuse(400, error="invalid_client", error_description=f"no \x1b[2J such \nsecret: {SECRET}")

    refused = ask.at(endpoint)

    assert refused.code == Exit.REFUSED
    assert refused.complaint.isprintable()
    assert SECRET not in refused.complaint


def test_too_many_requests_are_told_with_when_to_come_again(ask: Ask, endpoint: Endpoint) -> None:
    endpoint.refuse(429, error="temporarily_unavailable")
    endpoint.fields["Retry-After"] = "3300"

    refused = ask.at(endpoint, "--max-wait", "7")

    assert refused.code == Exit.UNAVAILABLE
    assert "longer than --max-wait, 7 s (in 5" in refused.complaint  # 55 min, or 54 if a second went by
    assert refused.complaint.endswith(" min)")
    assert len(endpoint.asked) == 1


def test_a_wait_within_the_bound_is_waited_out(ask: Ask, endpoint: Endpoint) -> None:
    endpoint.refuse(429, error="temporarily_unavailable")
    endpoint.fields["Retry-After"] = "1"
    recover = threading.Timer(0.3, lambda: endpoint.refuse(200, **GRANTED))
    recover.start()

    got = ask.at(endpoint)

    recover.join()
    assert (got.code, got.out) == (Exit.OK, f"{TOKEN}\n")


def test_nobody_there_is_unavailable(ask: Ask, endpoint: Endpoint) -> None:
    endpoint.server_close()

    refused = ask.at(endpoint)

    assert refused.code == Exit.UNAVAILABLE
    assert "no connection. Try again from 20" in refused.complaint


def test_a_certificate_that_is_not_trusted_is_told_as_a_command_does(ask: Ask, tmp_path: Path) -> None:
    serving, _ = named_certificate(tmp_path, "id.example")
    with Endpoint() as secured:
        secured.socket = serving.wrap_socket(secured.socket, server_side=True)
        thread = threading.Thread(target=secured.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        refused = ask("standard", "--base-url", secured.url.replace("http:", "https:"), **HERE)
        secured.shutdown()
        thread.join()

    assert refused.code == Exit.REFUSED
    assert refused.complaint.endswith("say --ca-file, or set SSL_CERT_FILE")
    assert "again" not in refused.complaint


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"access_token":"a b"}'])
def test_what_is_no_answer_is_refused_and_not_repeated(ask: Ask, endpoint: Endpoint, body: bytes) -> None:
    endpoint.body = body

    refused = ask.at(endpoint)

    assert refused.code == Exit.REFUSED
    assert "gave no token" in refused.complaint
    assert "html" not in refused.complaint

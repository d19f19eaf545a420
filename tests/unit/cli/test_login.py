"""`portvakt login`, `logout` and `connections`: what is refused before anything is sent, and what is shown."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from canary import Canaries
from logins import ACCESS, CLIENT, ISSUER, REFRESH, a_login
from portvakt.cli import main
from portvakt.cli.outcome import Exit
from portvakt.client.folder import OVERRIDE, LoginFile, unlock

if TYPE_CHECKING:
    from pathlib import Path

    from portvakt.client import Login

CANARIES = Canaries([("access token", ACCESS), ("refresh token", REFRESH)])


class Ran:
    """Runs a command with a folder of log-ins of its own."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str], folder: Path) -> None:
        self.folder = folder
        self._patch = patch
        self._capture = capture
        for name in ("PORTVAKT_CLIENT_ID", "PORTVAKT_CLIENT_SECRET", "PORTVAKT_CLIENT_SECRET_FILE"):
            patch.delenv(name, raising=False)
        patch.setenv(OVERRIDE, str(folder))

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = self._capture.readouterr()
        assert CANARIES.find_in(("what is said", f"{out}{err}".encode())) == []
        return code, out, err

    def put(self, login: Login) -> LoginFile:
        file = LoginFile(self.folder, login.issuer, login.client_id)
        lock = file.lock()
        assert lock is not None
        file.write(login)
        unlock(lock)
        return file


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Ran:
    return Ran(monkeypatch, capsys, tmp_path / "logins")


WRONG = [
    (["login"], Exit.USAGE, "missing argument"),
    (["login", "luca"], Exit.USAGE, "which client? Say --client-id ID, or set PORTVAKT_CLIENT_ID"),
    (["login", "luca", "--client-id", "c"], Exit.USAGE, "there is no client secret: set PORTVAKT_CLIENT_SECRET"),
    (["login", "breeze", "--client-id", "c", "--environment", "test"], Exit.USAGE, "there is no client secret"),
    (["login", "standard", "--client-id", "c"], Exit.USAGE, "say --base-url"),
    (["login", "standard", "--client-id", "c", "--secret", "hunter2"], Exit.USAGE, "a secret is never an argument"),
    (["login", "standard", "hunter2"], Exit.USAGE, "a secret is never an argument"),
    (["login", ISSUER, "--client-id", "c", "--port", "70000"], Exit.USAGE, "--port"),
    (
        ["logout", "standard", "--client-id", "c", "--base-url", ISSUER],
        Exit.NOT_FOUND,
        f"nobody is logged in at {ISSUER}",
    ),
    (["logout", "luca", "--client-id", "c"], Exit.USAGE, "the client secret is missing"),
    (["logout", "luca", "hunter2"], Exit.USAGE, "a secret is never an argument"),
    (["token", "standard", "--client-id", "c", "--base-url", ISSUER], Exit.USAGE, "portvakt login standard --base-url"),
]


@pytest.mark.parametrize(("arguments", "code", "says"), WRONG)
def test_a_wrong_line_is_told_in_one_and_no_secret_in_it(ran: Ran, arguments: list[str], code: Exit, says: str) -> None:
    ended, out, err = ran(*arguments)

    (line,) = err.splitlines()
    assert (ended, out) == (code, "")
    assert says in line
    assert "hunter2" not in line


def test_a_provider_where_nobody_logs_in_is_told_as_that(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTVAKT_CLIENT_SECRET", "made-up")

    code, _, err = ran("login", "breeze", "--environment", "test", "--client-id", "c")

    assert code == Exit.USAGE
    assert "nobody logs in at Breeze" in err


def test_a_port_that_somebody_has_is_told(ran: Ran) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, err = ran("login", "standard", "--base-url", ISSUER, "--client-id", "c", "--port", port)

    assert code == Exit.REFUSED
    assert "127.0.0.1 cannot be listened on" in err


def test_nothing_is_listed_where_nobody_logged_in(ran: Ran) -> None:
    assert ran("connections") == (0, "no log-in is kept here\n", "")
    assert ran("connections", "--json") == (0, "[]\n", "")


def test_K4_what_is_kept_is_listed_without_what_is_secret(ran: Ran) -> None:
    now = int(time.time())
    ran.put(a_login(since=now - 7200, expires_at=now + 1830))
    ran.put(a_login(issuer="https://a.example", refresh_token=None, scope="", since=now - 7200, expires_at=now - 7200))

    code, out, err = ran("connections")
    told = json.loads(ran("connections", "--json")[1])

    assert (code, err) == (0, "")
    heads, first, second = (line.split("  ") for line in out.splitlines())
    assert heads[0] == "ISSUER"
    assert [cell.strip() for cell in first if cell] == ["https://a.example", CLIENT, "-", "2 h ago", "2 h ago", "no"]
    assert [cell.strip() for cell in second if cell] == [ISSUER, CLIENT, "read", "2 h ago", "in 30 min", "yes"]
    assert [list(one) for one in told] == [
        ["issuer", "client_id", "scope", "since", "expires_at", "renewable"],
    ] * 2


def test_a_file_that_cannot_be_relied_on_is_named_and_the_others_listed(ran: Ran) -> None:
    ran.put(a_login())
    bad = ran.put(a_login(client_id="other")).path
    bad.chmod(0o644)

    code, out, err = ran("connections", "--json")

    assert code == 0
    assert [one["client_id"] for one in json.loads(out)] == [CLIENT]
    assert f"chmod 600 {bad.parent}" in err


def test_a_folder_that_others_may_enter_stops_all_three(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTVAKT_CLIENT_SECRET", "made-up")
    ran.put(a_login())
    ran.folder.chmod(0o755)

    for line in (["connections"], ["logout", "standard", "--base-url", ISSUER, "--client-id", CLIENT]):
        code, _, err = ran(*line)
        assert code == Exit.SETTINGS
        assert "run: chmod 700" in err
    code, _, err = ran("token", "standard", "--base-url", ISSUER, "--client-id", CLIENT, "--login")
    assert code == Exit.REFUSED
    assert "run: chmod 700" in err


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_log_in_is_forgotten_without_a_word_to_the_server(ran: Ran, more: list[str]) -> None:
    file = ran.put(a_login())

    code, out, err = ran("logout", "standard", "--base-url", ISSUER, "--client-id", CLIENT, "--forget", *more)

    assert (code, err) == (0, "")
    assert ('"revoked": false' if more else "nothing was ended at the server") in out
    assert file.read() is None


def test_a_server_that_cannot_be_asked_leaves_the_log_in(ran: Ran) -> None:
    there = "http://127.0.0.1:9"
    file = ran.put(a_login(issuer=there))

    code, out, err = ran("logout", "standard", "--base-url", there, "--client-id", CLIENT)

    assert (code, out) == (Exit.UNAVAILABLE, "")
    assert "Nothing was removed; --forget removes it here alone" in err
    assert file.read() is not None

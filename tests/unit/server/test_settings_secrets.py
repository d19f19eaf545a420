"""FT28, K2, K6: secrets in settings are strong, closed to others and never repeated."""

from __future__ import annotations

import pickle
import secrets
from typing import TYPE_CHECKING

import pytest

from owners import belong_to_another
from portvakt.server.settings import SettingsRefused, load
from settings_files import ENVIRON, SECRET, loaded, told, written

if TYPE_CHECKING:
    from pathlib import Path


WEAK = {
    "empty": ("", "is empty"),
    "short": ("abcDEF123", "is too short"),
    "just too short": (SECRET[:42], "is too short"),
    "one character": ("a" * 64, "is not random enough"),
    "repeated": ("Zx9-qLw3RtY7_kPm" * 4, "is not random enough"),
    "a run": ("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMN", "is not random enough"),
    "few characters": ("aX5Xa5a5XaX5a5XaXa5X5aXa5XaX5Xa5aX5aXaX5Xa5a5", "is not random enough"),
    "changeme": ("changeme-" + SECRET, "is a placeholder"),
    "CHANGE_ME": ("CHANGE_ME", "is a placeholder"),
    "an example": ("example" + SECRET, "is a placeholder"),
    "spaces": (SECRET + " " + SECRET, "must be ASCII without spaces"),
    "not ASCII": ("ø" + SECRET, "must be ASCII without spaces"),
    "a line break": (SECRET + "\n", "holds a line break"),
}


@pytest.mark.parametrize(("value", "text"), WEAK.values(), ids=WEAK.keys())
def test_FT28_a_weak_or_default_secret_is_refused_and_never_repeated(tmp_path: Path, value: str, text: str) -> None:
    (line,) = told(tmp_path, "", environ={"PORTVAKT_SECRET": value})

    assert line.startswith("PORTVAKT_SECRET: ")
    assert text in line
    assert len(value) < 9 or value.strip() not in line


@pytest.mark.parametrize("make", [secrets.token_urlsafe, secrets.token_hex])
def test_a_random_secret_is_taken(tmp_path: Path, make: object) -> None:
    assert callable(make)
    for _ in range(500):
        loaded(tmp_path, "", environ={"PORTVAKT_SECRET": make(32)})


def test_FT28_a_missing_secret_names_where_it_may_stand(tmp_path: Path) -> None:
    (line,) = told(tmp_path, "", environ={})

    assert line == (
        "PORTVAKT_SECRET_FILE: the installation's secret is missing; "
        "set this or secret_file in portvakt.toml to its file"
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_K6_a_secret_file_that_others_can_read_is_refused_with_what_to_run(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "the.secret"
    file.write_text(SECRET)
    file.chmod(mode)

    lines = told(tmp_path, 'secret_file = "the.secret"', environ={})

    assert lines == ["portvakt.toml:1: secret_file: others can read the file that it names; run: chmod 600 the.secret"]


@pytest.mark.parametrize("content", [b"\xff" * 50, b"x" * 20_000])
def test_FT28_a_secret_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "the.secret"
    file.write_bytes(content)
    file.chmod(0o600)

    (line,) = told(tmp_path, "", environ={"PORTVAKT_SECRET_FILE": str(file)})

    assert line.startswith("PORTVAKT_SECRET_FILE: the file that it names is ")


def test_FT28_a_password_in_a_document_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, 'database = "postgresql://u:hunter2@h/n"')
    path.chmod(0o644)

    with pytest.raises(SettingsRefused) as refused:
        load({}, ENVIRON, path)

    assert f"run: chmod 600 {path}" in str(refused.value)
    assert "hunter2" not in str(refused.value)
    path.chmod(0o600)
    assert load({}, ENVIRON, path).shown_database == "postgresql://u:***@h/n"


PASSWORDS = {
    "in a parameter": "postgresql://h/n?user=u&password=hunter2",
    "in a parameter that is spelt with escapes": "postgresql://h/n?p%61ssword=hunter2",
    "of the client's key": "postgresql://u@h/n?sslpassword=hunter2",
}


@pytest.mark.parametrize("url", PASSWORDS.values(), ids=PASSWORDS.keys())
def test_FT28_a_password_is_one_wherever_it_stands_in_the_url(tmp_path: Path, url: str) -> None:
    path = written(tmp_path, f'database = "{url}"')
    path.chmod(0o644)

    with pytest.raises(SettingsRefused, match="holds a password, and others can read the file") as refused:
        load({}, ENVIRON, path)

    assert "hunter2" not in str(refused.value)
    path.chmod(0o600)
    assert "hunter2" not in load({}, ENVIRON, path).shown_database


def test_a_parameter_that_is_no_password_may_stand_where_others_read(tmp_path: Path) -> None:
    path = written(tmp_path, 'database = "postgresql://u@h/n?sslmode=require"')
    path.chmod(0o644)

    assert load({}, ENVIRON, path).shown_database == "postgresql://u@h/n"


@pytest.mark.parametrize("password", ["1/hunter2", "1/x?hunter2", "1/hunter2/x", "1/x?a=hunter2"])
def test_FT28_a_password_that_is_not_encoded_is_refused_and_not_shown(tmp_path: Path, password: str) -> None:
    (line,) = told(tmp_path, f'database = "postgresql://u:{password}@h/db"')

    assert line.startswith("portvakt.toml:1: database: must be postgresql://USER@HOST:PORT/NAME, with what is special")
    assert "hunter2" not in line


def test_K6_a_secret_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "the.secret"
    file.write_text(SECRET)
    file.chmod(0o600)
    belong_to_another(file, monkeypatch)

    (line,) = told(tmp_path, 'secret_file = "the.secret"', environ={})

    assert line.startswith("portvakt.toml:1: secret_file: the file that it names belongs to another user")


def test_K2_settings_show_neither_the_secret_nor_the_databases_password(tmp_path: Path) -> None:
    settings = loaded(tmp_path, 'database = "postgresql://u:hunter2@h:1/n?password=hunter2"')

    for shown in (repr(settings), str(settings), f"{settings}", settings.shown_database):
        assert SECRET not in shown
        assert "hunter2" not in shown
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(settings)


CANARY = "canary-" + secrets.token_hex(8)


@pytest.mark.parametrize(
    "text",
    [
        f'port = "{CANARY}"',
        f'host = "{CANARY}\\n"',
        f'url = "{CANARY}"',
        f'database = "{CANARY}"',
        f'database = "postgresql://u:{CANARY}@h"',
        f'secret = "{CANARY}"',
        f'secret_file = "{CANARY}"',
        f'trusted_proxies = ["{CANARY}"]',
        f'issuers = "{CANARY}"',
        f'[issuers.a]\nprovider = "{CANARY}"\nurl = "{CANARY}"\nalgorithm = "{CANARY}"\nlifetime = "{CANARY}"',
        f'[issuers.a]\nprovider = "breeze"\nquotas = "{CANARY}"',
        f'host = "{CANARY}',
        f"host = {CANARY}",
    ],
    ids=lambda text: text.replace(CANARY, "canary"),
)
def test_FT28_no_message_repeats_a_value(tmp_path: Path, text: str) -> None:
    lines = told(tmp_path, text, environ={"PORTVAKT_SECRET": CANARY, "PORTVAKT_LOG_LEVEL": CANARY})

    assert CANARY not in "\n".join(lines)

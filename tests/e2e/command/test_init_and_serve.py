"""From an empty folder to a token: `init`, `serve`, `check-config`, `db upgrade`."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import socket
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from owners import belong_to_another
from shell import READY_WITHIN, Shell, asked

if TYPE_CHECKING:
    from services import PostgresServer

CANARY = "hunter2-4f9a7c"


# From an empty folder to a token


def init_create_serve_ask(shell: Shell, port: int) -> None:
    shell.environ["PORTVAKT_PORT"] = str(port)
    shell.run("init", "--yes", apart=True)
    client = shell.json("client", "create", "--issuer", "breeze", "--name", "x", apart=True)

    with shell.serving(port) as ready:
        status, reply = asked(f"http://127.0.0.1:{port}/breeze/oauth/token", client)

    assert ready["ready"] is True
    assert ready["base_url"] == f"http://127.0.0.1:{port}"
    assert ready["issuers"]["breeze"]["base_url"] == f"http://127.0.0.1:{port}/breeze"
    assert status == 200
    assert list(reply) == ["access_token", "token_type", "expires_in"]


def test_an_empty_folder_gives_tokens_after_three_commands(shell: Shell, port: int) -> None:
    init_create_serve_ask(shell, port)

    assert (shell.folder / "portvakt.db").exists()


@pytest.mark.services
def test_the_same_on_postgresql_by_variable(shell: Shell, port: int, postgres_server: PostgresServer) -> None:
    with postgres_server.database(migrated=False) as url:
        shell.environ["PORTVAKT_DATABASE"] = url
        init_create_serve_ask(shell, port)

    assert not (shell.folder / "portvakt.db").exists()
    assert "postgresql" not in (shell.folder / "portvakt.toml").read_text()


@pytest.mark.services
def test_the_same_on_postgresql_by_argument(shell: Shell, postgres_server: PostgresServer) -> None:
    with postgres_server.database(migrated=False) as url:
        shell.run("init", "--yes", "--database", url)

        listed = shell.json("client", "list", "--issuer", "breeze")

    assert listed == {"clients": [], "next": None}
    assert not (shell.folder / "portvakt.db").exists()


def test_a_parameter_that_postgresql_does_not_know_is_said_by_every_command(shell: Shell) -> None:
    shell.run("init", "--yes")
    shell.environ["PORTVAKT_DATABASE"] = f"postgresql://u:{CANARY}@127.0.0.1/db?foo={CANARY}"

    for command in (["check-config"], ["db", "upgrade"], ["serve"], ["client", "list", "--issuer", "breeze"]):
        line = shell.complaint(*command, code=3)

        assert line.startswith("portvakt: PORTVAKT_DATABASE: has a parameter after ? that PostgreSQL does not know")
        assert CANARY not in line


@pytest.mark.parametrize("name", ["portvakt.secret", "portvakt.database"])
def test_K6_init_takes_no_file_that_somebody_else_made(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    theirs = shell.folder / name
    theirs.write_text("qJ5x0-ZrT_b1Lk7uMw8Yc2NhPfJdGaE5sXoKiQeRtU4" + "\n")
    theirs.chmod(0o600)
    belong_to_another(theirs, monkeypatch)

    line = shell.complaint("init", "--yes", "--database", f"postgresql://u:{CANARY}@127.0.0.1:1/n", code=1)

    assert line == f"portvakt: {name} belongs to another user; remove it, or make the installation elsewhere"
    assert not (shell.folder / "portvakt.toml").exists()


def test_K6_a_databases_password_goes_into_a_file_of_its_own(shell: Shell) -> None:
    url = f"sqlite:///{CANARY}@db"

    shell.run("init", "--yes", "--database", url)

    assert CANARY not in (shell.folder / "portvakt.toml").read_text()
    kept = shell.folder / "portvakt.database"
    assert kept.read_text() == url + "\n"
    assert kept.stat().st_mode & 0o777 == 0o600


# init


def test_init_makes_files_that_are_their_owners_alone(installed: Shell) -> None:
    for name in ("portvakt.toml", "portvakt.secret", "portvakt.db"):
        assert (installed.folder / name).stat().st_mode & 0o077 == 0

    assert not [path for path in installed.folder.iterdir() if path.name.startswith(".")]


def test_init_makes_what_check_config_finds_right(installed: Shell) -> None:
    checked = installed.json("check-config")

    assert (checked["ok"], checked["problems"], checked["remarks"]) == (True, [], [])
    assert list(checked["issuers"]) == ["breeze", "standard"]


def test_what_init_comments_out_is_right_once_it_is_not(installed: Shell) -> None:
    settings = installed.folder / "portvakt.toml"
    before, mail, after = settings.read_text().partition("# [mail]\n")
    settings.write_text(before + re.sub("^# ", "", mail + after, flags=re.MULTILINE))
    (installed.folder / "mail.password").write_text(CANARY)
    (installed.folder / "mail.password").chmod(0o600)

    assert installed.json("check-config")["ok"] is True


def test_init_says_what_it_made_as_json(shell: Shell, port: int) -> None:
    shell.environ["PORTVAKT_PORT"] = str(port)

    made = shell.json("init", "--yes", "--email", "ann@example.com")

    assert made == {
        "config": "portvakt.toml",
        "database": f"sqlite:///{shell.folder}/portvakt.db",
        "operator": "ann@example.com",
        "issuers": {
            "breeze": f"http://127.0.0.1:{port}/breeze",
            "standard": f"http://127.0.0.1:{port}/standard",
        },
    }


def test_init_overwrites_nothing(installed: Shell) -> None:
    before = {path: path.read_bytes() for path in installed.folder.iterdir()}

    assert "portvakt.toml exists already" in installed.complaint("init", "--yes", code=1)
    assert {path: path.read_bytes() for path in installed.folder.iterdir()} == before


@pytest.mark.parametrize("survivors", [["portvakt.secret"], ["portvakt.secret", "portvakt.db"]])
def test_a_killed_init_is_completed_by_a_second_one(installed: Shell, survivors: list[str]) -> None:
    secret = (installed.folder / "portvakt.secret").read_text()
    for path in installed.folder.iterdir():
        if path.name not in survivors:
            path.unlink()
    (installed.folder / ".portvakt.toml.0123.new").write_text("half a fi")

    installed.run("init", "--yes")

    assert (installed.folder / "portvakt.secret").read_text() == secret
    assert installed.json("client", "list", "--issuer", "breeze") == {"clients": [], "next": None}


def test_init_refuses_the_database_of_another_installation(installed: Shell) -> None:
    (installed.folder / "portvakt.toml").unlink()
    (installed.folder / "portvakt.secret").unlink()

    assert "the secret is not the one" in installed.complaint("init", "--yes", code=3)
    assert not (installed.folder / "portvakt.toml").exists()


def test_init_takes_a_secret_from_the_environment_and_keeps_no_copy(shell: Shell) -> None:
    shell.environ["PORTVAKT_SECRET"] = "q3V9x0-ZrT_b1Lk7uMw8Yc2NhPfJdGaE5sXoKiQeRtU"

    shell.run("init", "--yes")

    assert not (shell.folder / "portvakt.secret").exists()
    assert shell.environ["PORTVAKT_SECRET"] not in (shell.folder / "portvakt.toml").read_text()


def test_FT12_init_in_a_folder_that_does_not_exist_is_one_line(shell: Shell) -> None:
    assert "there is no folder" in shell.complaint("init", "--yes", "--config", "no/portvakt.toml", code=1)


def test_an_email_that_is_none_leaves_nothing_that_blocks(shell: Shell) -> None:
    assert "email" in shell.complaint("init", "--yes", "--email", "nobody", code=1)
    shell.run("init", "--yes")


def test_FT12_init_where_nothing_can_be_written_is_one_line(shell: Shell) -> None:
    assert "cannot write in ." in shell.complaint("init", "--yes", "--config", "x" * 300, code=1)


def test_init_refuses_what_would_break_its_file(shell: Shell) -> None:
    assert "control character" in shell.complaint("init", "--yes", "--database", "sqlite:///a\nb", code=2)
    shell.environ["PORTVAKT_URL"] = 'https://a"b'
    assert "PORTVAKT_URL: " in shell.complaint("init", "--yes", code=3)
    assert not (shell.folder / "portvakt.toml").exists()


def test_K6_a_database_that_does_not_answer_is_told_without_its_password_and_stands_in_no_ones_way(
    shell: Shell,
) -> None:
    ended = shell.run("init", "--yes", "--database", f"postgresql://u:{CANARY}@127.0.0.1:1/n", code=5)

    assert CANARY not in ended.stdout + ended.stderr
    assert [path.name for path in shell.folder.iterdir()] == ["portvakt.secret"]
    shell.run("init", "--yes")


def test_init_does_not_mistake_the_database_of_a_run_before(shell: Shell) -> None:
    shell.run("init", "--yes", "--database", "sqlite:///one@db")
    (shell.folder / "portvakt.toml").unlink()

    line = shell.complaint("init", "--yes", "--database", f"postgresql://u:{CANARY}@127.0.0.1:1/other", code=1)

    assert "portvakt.database names another database" in line
    assert CANARY not in line


def test_two_inits_at_once_make_one_installation(shell: Shell) -> None:
    command = [sys.executable, "-m", "portvakt.cli", "init", "--yes"]

    both = [
        subprocess.Popen(
            command, cwd=shell.folder, env=shell.environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]

    ended = [(process.communicate(timeout=READY_WITHIN)[1].decode(), process.returncode) for process in both]
    assert sorted(code for _, code in ended) == [0, 1], ended
    shell.run("client", "create", "--issuer", "breeze", "--name", "x")


def test_init_asks_on_a_terminal(shell: Shell) -> None:
    terminal, inside = pty.openpty()
    with (
        subprocess.Popen(
            [sys.executable, "-m", "portvakt.cli", "init"],
            cwd=shell.folder,
            env=shell.environ,
            stdin=inside,
            stdout=subprocess.PIPE,
            stderr=inside,
            text=True,
        ) as process,
        os.fdopen(terminal, "wb", buffering=0) as keyboard,
    ):
        os.close(inside)
        keyboard.write(b"sqlite:///other.db\nann@example.com\ny\n")
        out, _ = process.communicate(timeout=READY_WITHIN)

    assert process.returncode == 0
    assert "the operator ann@example.com" in out
    assert (shell.folder / "other.db").exists()


# serve, check-config, db


def test_FT28_serve_with_wrong_settings_ends_before_it_binds(installed: Shell, port: int) -> None:
    with (installed.folder / "portvakt.toml").open("a") as file:
        file.write('\n[issuers.x]\nprovder = "breeze"\n')
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()

        served = installed.run("serve", "--port", str(port), code=3, apart=True)
        checked = installed.run("check-config", code=3)

    assert "issuers.x.provder: unknown key; did you mean provider?" in served.stderr
    assert "portvakt.toml:" in served.stderr
    assert served.stderr == checked.stderr


def test_FT28_check_config_says_problems_as_json(installed: Shell) -> None:
    (installed.folder / "portvakt.toml").write_text("port = 0")

    ended = installed.run("check-config", "--json", code=3)

    told = json.loads(ended.stdout)
    assert told["ok"] is False
    assert told["problems"][0] == {
        "source": "portvakt.toml:1",
        "text": "port: must be a whole number from 1 to 65535",
    }
    assert [problem["source"] for problem in told["problems"]] == ["portvakt.toml:1", "PORTVAKT_SECRET_FILE"]


def test_a_port_that_is_taken_or_none_is_one_line(installed: Shell, port: int) -> None:
    assert "--port: must be a whole number" in installed.complaint("serve", "--port", "8040x", code=2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()

        ended = installed.run("serve", "--port", str(port), code=1, apart=True)

    assert ended.stdout == ""
    assert [line for line in ended.stderr.splitlines() if line.startswith("portvakt: ")]
    assert "Traceback" not in ended.stderr


def test_FT23_a_database_that_is_behind_is_refused_until_it_is_upgraded(installed: Shell) -> None:
    with contextlib.closing(sqlite3.connect(installed.folder / "portvakt.db")) as database, database:
        database.executescript("PRAGMA writable_schema = 1; DELETE FROM sqlite_master; PRAGMA writable_schema = 0;")
        database.execute("VACUUM")

    assert "run: portvakt db upgrade" in installed.complaint("serve", code=1)
    assert "run: portvakt db upgrade" in installed.complaint("keys", "list", "--issuer", "breeze", code=1)
    assert installed.json("db", "upgrade")["current"] is True
    installed.run("keys", "list", "--issuer", "breeze")


def test_FT12_a_database_that_is_gone_is_one_line(installed: Shell) -> None:
    (installed.folder / "portvakt.db").unlink()

    assert "is the database up" in installed.complaint("serve", code=5)
    assert "is the database up" in installed.complaint("client", "list", "--issuer", "breeze", code=5)


def test_another_port_moves_the_listener_and_says_that_issuers_stay(installed: Shell, port: int) -> None:
    client = installed.json("client", "create", "--issuer", "breeze", "--name", "x")

    with installed.serving(port) as ready:
        status, _ = asked(f"http://127.0.0.1:{port}/breeze/oauth/token", client)

    assert (ready["base_url"], status) == (f"http://127.0.0.1:{port}", 200)
    assert f"but the server listens on port {port}" in (installed.folder / "serve.log").read_text()


def url_of(installed: Shell, issuer: str) -> str:
    url: str = installed.json("check-config")["issuers"][issuer]["base_url"]
    return url


def test_people_are_told_in_words(installed: Shell) -> None:
    client_id = installed.json("client", "create", "--issuer", "standard", "--name", "x", "--scope", "r")["client_id"]

    right, heads, breeze, standard = installed.run("check-config").stdout.splitlines()
    assert right == f"portvakt.toml is right. Database: sqlite:///{installed.folder}/portvakt.db"
    assert heads.split("  ")[0] == "ISSUER"
    assert breeze.split()[1:] == [
        "breeze",
        *[f"{url_of(installed, 'breeze')}/{end}" for end in ("oauth/token", "graphql")],
    ]
    assert standard.split()[1:] == [
        "standard",
        *[f"{url_of(installed, 'standard')}/{end}" for end in ("token", "api")],
    ]
    assert installed.run("db", "upgrade").stdout == f"sqlite:///{installed.folder}/portvakt.db is of this version.\n"
    shown = installed.run("client", "disable", "--issuer", "standard", client_id).stdout
    assert "enabled        no" in shown
    assert "live, ends 20" in shown
    assert "not used yet" in shown
    (columns, row) = installed.run("client", "list", "--issuer", "standard").stdout.splitlines()
    assert columns.split() == ["CLIENT", "ID", "NAME", "OWNER", "ENABLED", "SECRETS"]
    assert row.split() == [client_id, "x", "operator@localhost", "no", "1", "of", "1", "usable"]


def test_a_reader_who_goes_away_is_no_fault(installed: Shell) -> None:
    piped = subprocess.run(
        f"{sys.executable} -m portvakt.cli keys list --issuer breeze | true; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        cwd=installed.folder,
        env=installed.environ,
        capture_output=True,
        text=True,
        timeout=READY_WITHIN,
        check=False,
    )

    assert (piped.returncode, piped.stderr) == (1, "")


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("keys list --issuer breeze >&-", 0, ""),
        ("keys list --issuer none >&-", 4, "portvakt: "),
        ("keys list --issuer none 2>&-", 4, ""),
        ("token breeze --environment test >&-", 2, "portvakt: "),
        ("keys list --issuer breeze >/dev/full", 1, "portvakt: "),
        ("--help >/dev/full", 1, "portvakt: "),
        ("sandbox --port 0 >/dev/full", 1, "portvakt: "),
    ],
)
def test_what_is_said_where_nobody_listens_goes_nowhere(installed: Shell, line: str, code: int, said: str) -> None:
    done = subprocess.run(
        f"{sys.executable} -m portvakt.cli {line}",
        shell=True,
        executable="/bin/bash",
        cwd=installed.folder,
        env=installed.environ,
        capture_output=True,
        text=True,
        timeout=READY_WITHIN,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr[:10]) == (code, "", said)
    assert len(done.stderr.splitlines()) <= 1


@pytest.mark.parametrize("command", [(), ("client",), ("keys",), ("db",)])
def test_a_command_that_is_not_whole_shows_its_help(shell: Shell, command: tuple[str, ...]) -> None:
    done = shell.run(*command, code=2)

    assert done.stderr.startswith("Usage: portvakt")
    assert "Commands:" in done.stderr.splitlines()

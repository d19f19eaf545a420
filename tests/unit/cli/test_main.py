"""How commands end: one line on standard error, and an exit code that scripts may rely on."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from portvakt.cli import main, program
from portvakt.cli.administering import explaining
from portvakt.cli.options import choose_issuer
from portvakt.cli.outcome import Exit, Stop, say_table
from portvakt.server.http import CannotListen
from portvakt.server.settings import load

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "q3V9x0-ZrT_b1Lk7uMw8Yc2NhPfJdGaE5sXoKiQeRtU"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("PORTVAKT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


WRONG_LINES = {
    "no command of that name": (["crate"], Exit.USAGE, "no such command 'crate'"),
    "a missing option": (
        ["client", "create"],
        Exit.USAGE,
        "missing option '--name'; see: portvakt client create --help",
    ),
    "an option that nobody has": (["serve", "--prot", "1"], Exit.USAGE, "no such option"),
    "an argument too many": (["serve", "x"], Exit.USAGE, "see: portvakt serve --help"),
    "a missing argument": (["client", "show"], Exit.USAGE, "missing argument"),
    "two installations": (
        ["keys", "list", "--config", "a", "--data", "b"],
        Exit.USAGE,
        "--config and --data name two installations",
    ),
    "no settings": (["check-config"], Exit.SETTINGS, "portvakt.toml: does not exist; `portvakt init` makes one"),
    "no settings in a folder": (["keys", "list", "--data", "d"], Exit.SETTINGS, "d/portvakt.toml: does not exist"),
    "a length of time": (["client", "rotate-secret", "x", "--grace", "1"], Exit.USAGE, "--grace must be a length"),
    "a method": (["client", "create", "--name", "x", "--auth", "x"], Exit.USAGE, "--auth must be one of any_secret"),
    "a page too large": (["client", "list", "--limit", "1001"], Exit.USAGE, "--limit must be a whole number"),
    "a page of nothing": (["client", "list", "--limit", "0"], Exit.USAGE, "--limit must be a whole number"),
    "nobody to ask": (["init"], Exit.USAGE, "there is nobody to ask: add --yes"),
    "no folder": (["init", "--yes", "--config", "no/portvakt.toml"], Exit.REFUSED, "there is no folder no"),
}


@pytest.mark.parametrize(("arguments", "code", "text"), WRONG_LINES.values(), ids=WRONG_LINES.keys())
def test_an_error_is_one_line_and_a_code(
    arguments: list[str], code: Exit, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code

    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert line.startswith("portvakt: ")
    assert text in line


def test_FT28_check_config_tells_every_problem_by_its_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "portvakt.toml").write_text("prot = 1\nport = 0\n")

    assert main(["check-config"]) == Exit.SETTINGS

    assert [line.partition(": ")[2].partition(": ")[0] for line in capsys.readouterr().err.splitlines()] == [
        "portvakt.toml:1",
        "portvakt.toml:2",
        "PORTVAKT_SECRET_FILE",
    ]


def test_help_and_version_are_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == Exit.OK
    assert main(["client", "create", "-h"]) == Exit.OK
    assert main(["--version"]) == Exit.OK

    assert "portvakt 0." in capsys.readouterr().out


def test_a_missing_server_names_what_to_install(folder: Path) -> None:
    (folder / "portvakt.toml").write_text('[issuers.acme]\nprovider = "standard"')
    without = (
        "import sys; sys.modules['sqlalchemy'] = None; from portvakt.cli import main; sys.exit(main(sys.argv[1:]))"
    )

    ended = subprocess.run(
        [sys.executable, "-c", without, "keys", "list"],
        env={**os.environ, "PORTVAKT_SECRET": SECRET},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == Exit.REFUSED
    assert ended.stderr == "portvakt: this command needs more of portvakt; run: pip install 'portvakt[server]'\n"


def raising(error: BaseException) -> object:
    def command(**_: object) -> object:
        raise error

    return command


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "command", raising(KeyboardInterrupt()))

    assert main([]) == Exit.INTERRUPTED


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "command", raising(ZeroDivisionError()))

    with pytest.raises(ZeroDivisionError):
        main([])


def test_an_issuer_may_be_left_out_where_there_is_only_one(folder: Path) -> None:
    config = folder / "portvakt.toml"
    config.write_text('[issuers.acme]\nprovider = "standard"\n')
    one = load({}, {"PORTVAKT_SECRET": SECRET}, config)
    config.write_text('[issuers.acme]\nprovider = "standard"\n[issuers.b]\nprovider = "breeze"\n')
    two = load({}, {"PORTVAKT_SECRET": SECRET}, config)

    assert choose_issuer(one, None).name == "acme"
    assert choose_issuer(two, "b").name == "b"
    assert choose_issuer(two, "portvakt") == two.own
    with pytest.raises(Stop, match="which issuer") as unsaid:
        choose_issuer(two, None)
    with pytest.raises(Stop, match="there are acme, b, portvakt") as unknown:
        choose_issuer(two, "c")
    assert (unsaid.value.code, unknown.value.code) == (Exit.USAGE, Exit.NOT_FOUND)


def test_a_table_in_a_pipe_is_aligned_text(capsys: pytest.CaptureFixture[str]) -> None:
    say_table(("ID", "NAME"), [("1", "[red]x"), ("22", "")])

    assert capsys.readouterr().out == "ID  NAME\n1   [red]x\n22\n"


def test_a_table_on_a_terminal_takes_no_name_for_markup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    say_table(("ID", "NAME"), [("1", "[red]x")])

    assert "[red]x" in capsys.readouterr().out


def test_a_port_that_is_taken_is_told_with_a_way_out() -> None:
    taken = CannotListen("127.0.0.1:8040: another program listens there")

    with (
        pytest.raises(Stop, match=r"^127\.0\.0\.1:8040: another program listens there; --host"),
        explaining(),
    ):
        raise taken

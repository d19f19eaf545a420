"""What commands read besides their line: the ways in which it cannot be read."""

from __future__ import annotations

import getpass
import io
import warnings
from typing import TYPE_CHECKING

import pytest

from portvakt.cli.outcome import Exit, Stop
from portvakt.cli.reading import authorities, hidden_text, private_file

if TYPE_CHECKING:
    from pathlib import Path


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    def read(self, _: int | None = -1) -> str:
        raise OSError(5, "Input/output error")


def stopped(given: io.StringIO | None, monkeypatch: pytest.MonkeyPatch) -> Stop:
    monkeypatch.setattr("sys.stdin", given)
    with pytest.raises(Stop) as raised:
        hidden_text("token", "pipe it")
    return raised.value


def test_without_standard_input_it_says_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()

    for nothing in (None, closed):
        stop = stopped(nothing, monkeypatch)
        assert (stop.code, stop.text) == (Exit.USAGE, "standard input is closed; pipe it")


def test_standard_input_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = stopped(Broken(), monkeypatch)

    assert (stop.code, stop.text) == (Exit.REFUSED, "standard input cannot be read: Input/output error")


def test_a_terminal_that_cannot_hide_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def shows(prompt: str, stream: object) -> str:
        warnings.warn("Can not control echo on the terminal.", getpass.GetPassWarning, stacklevel=2)
        raise AssertionError(prompt, stream)

    monkeypatch.setattr("getpass.getpass", shows)

    stop = stopped(Terminal(), monkeypatch)

    assert (stop.code, stop.text) == (Exit.USAGE, "this terminal cannot hide what is typed; pipe it")


def test_what_is_typed_may_have_the_length_of_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: "x" * 4094)

    assert hidden_text("token", "pipe it") == "x" * 4094


def test_only_the_newline_at_the_end_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, text in (("a", "a"), ("a\n", "a"), ("a\r\n", "a"), (" a \n\n", " a \n")):
        monkeypatch.setattr("sys.stdin", io.StringIO(given))

        assert hidden_text("token", "pipe it") == text


def test_a_private_file_is_read_without_its_last_newline(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    for content, text in (("a", "a"), ("a\n", "a"), ("a\r\n", "a"), (" a \n", " a "), ("å" * 8192, "å" * 8192)):
        path.write_bytes(content.encode())
        path.chmod(0o400)

        assert private_file("--secret-file", str(path)) == text
        path.chmod(0o600)


def test_no_authorities_are_the_systems() -> None:
    assert authorities(None) is None


def test_a_path_that_is_none_holds_no_authorities() -> None:
    with pytest.raises(Stop, match="--ca-file: the file that it names cannot be read: not a path"):
        authorities("a\0b")

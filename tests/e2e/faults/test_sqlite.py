"""SQLite's file is locked, taken away or not there."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from typing import TYPE_CHECKING

import pytest

from nodes import KEY_SET, a_node, as_if_away, load_on, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from nodes import Installed

BUSY_FOR = 2.0  # as portvakt.store.sqlite has it
START = 5.0  # what the start of a command may take on a busy machine


@contextlib.contextmanager
def write_lock(file: Path, seconds: float) -> Iterator[None]:
    """Another process in the middle of writing, for so many seconds or to the end of the block."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(seconds, other.execute, ["ROLLBACK"])
        release.start()
        try:
            yield
        finally:
            release.cancel()
            release.join()


@pytest.mark.parametrize("seconds", [pytest.param(0.1, marks=pytest.mark.long), 1.0])
def test_FT10_a_command_waits_for_a_short_lock_and_tokens_go_on(on_sqlite: Installed, seconds: float) -> None:
    shell, file = on_sqlite.shell, on_sqlite.shell.folder / "portvakt.db"
    with a_node(shell) as node, load_on(node.port, on_sqlite.client, callers=2, pause=0.005) as load:
        with write_lock(file, seconds):
            began = time.monotonic()
            made = on_sqlite.new_client()
            waited = time.monotonic() - began

        assert node.token(made).status == 200
        assert {answer.status for answer in load.end()} == {200}
        assert node.stop() == 0
    assert seconds - 0.1 < waited < seconds + START


def test_FT10_a_command_does_not_wait_for_ever_and_tokens_go_on(on_sqlite: Installed) -> None:
    shell, file = on_sqlite.shell, on_sqlite.shell.folder / "portvakt.db"
    with write_lock(file, 30), a_node(shell) as node, load_on(node.port, on_sqlite.client, callers=2) as load:
        began = time.monotonic()
        line = shell.complaint("client", "create", "--issuer", "acme", "--name", "x", code=5)
        waited = time.monotonic() - began
        shell.run("client", "list", "--issuer", "acme")

        answers = load.end()
        stopping = time.monotonic()
        assert node.stop() == 0  # though last uses cannot be written
        assert time.monotonic() - stopping < BUSY_FOR + START
        assert [event["error"] for event in node.events("last_use_lost")] == ["StoreUnavailable"]
    assert "database is locked" in line
    assert BUSY_FOR - 0.5 < waited < BUSY_FOR + START
    assert {answer.status for answer in answers} == {200}
    assert max(answer.took for answer in answers) < 1


def moved_away(file: Path) -> Callable[[], object]:
    aside = file.with_suffix(".aside")
    file.rename(aside)
    return lambda: aside.rename(file)


def a_folder_in_its_place(file: Path) -> Callable[[], object]:
    put_back = moved_away(file)
    file.mkdir()

    def undo() -> None:
        file.rmdir()
        put_back()

    return undo


def not_readable(file: Path) -> Callable[[], object]:
    file.chmod(0)
    return lambda: file.chmod(0o600)


NOT_ROOT = pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")


@pytest.mark.parametrize(
    "trouble",
    [
        moved_away,
        pytest.param(a_folder_in_its_place, marks=pytest.mark.long),
        pytest.param(not_readable, marks=NOT_ROOT),
    ],
)
def test_FT12_without_its_file_a_server_tells_callers_to_try_again_until_it_is_back(
    on_sqlite: Installed, trouble: Callable[[Path], Callable[[], object]]
) -> None:
    file = on_sqlite.shell.folder / "portvakt.db"
    with a_node(on_sqlite.shell) as node, load_on(node.port, on_sqlite.client, callers=2, pause=0.01) as load:
        keys = node.get(KEY_SET).body

        put_back = trouble(file)
        took = until(lambda: 503 in load.statuses(), "503 for a token")
        health = [node.get(path).status for path in ("/livez", "/readyz")]
        published = node.get(KEY_SET)
        put_back()
        back = time.monotonic()
        until(lambda: any(answer.status == 200 for answer in load.since(back)), "tokens again", seconds=5)
        until(lambda: node.get("/readyz").status == 200, "ready again", seconds=5)

        answers = load.end()
        assert node.stop() == 0
    assert took < 2
    assert health == [200, 503]
    assert (published.status, published.body) == (200, keys)
    assert [answer for answer in answers if not (answer.status == 200 or as_if_away(answer))] == []
    assert on_sqlite.last_use(on_sqlite.client) is not None


def test_FT12_a_start_without_its_file_is_one_clear_line(on_sqlite: Installed) -> None:
    file = on_sqlite.shell.folder / "portvakt.db"
    file.unlink()

    line = on_sqlite.shell.run("serve", "--port", str(on_sqlite.port), code=5, apart=True).stderr.splitlines()

    missing = f"cannot read the database's version: No such file or directory: {file}"
    assert line == [f"portvakt: {missing}; is the database up, and does the setting `database` name the right one?"]
    assert not file.exists()

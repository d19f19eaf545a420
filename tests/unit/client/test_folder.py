"""The folder of a user's log-ins: nobody else's, nothing half written, one writer at a time."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

import pytest

from canary import Canaries
from logins import ACCESS, CLIENT, ISSUER, REFRESH, a_login
from portvakt.client import folder as room
from portvakt.client.folder import (
    OVERRIDE,
    LoginFile,
    LoginFileRefused,
    login_files,
    login_folder,
    read_login,
    unlock,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CANARIES = Canaries([("access token", ACCESS), ("refresh token", REFRESH)])


@pytest.fixture
def file(tmp_path: Path) -> LoginFile:
    """A file that is not there yet, in a folder that is not there yet."""
    return LoginFile(tmp_path / "config" / "logins", ISSUER, CLIENT)


def put(file: LoginFile, **changed: object) -> None:
    lock = file.lock()
    assert lock is not None
    file.write(a_login(**changed))
    unlock(lock)


def refusal(read: Callable[[], object]) -> str:
    """Return why something is refused; the text shows nothing of a log-in."""
    with pytest.raises(LoginFileRefused) as caught:
        read()
    told = f"{caught.value} {caught.value.__context__!r} {caught.value.__cause__!r}"
    assert CANARIES.find_in(("the refusal", told.encode())) == []
    return str(caught.value)


def test_what_was_written_is_read_until_it_is_removed(file: LoginFile) -> None:
    assert file.read() is None
    put(file)
    assert file.read() == a_login()
    put(file, asked_at=5)
    assert file.read() == a_login(asked_at=5)
    file.remove()
    assert file.read() is None
    file.remove()


def test_K6_the_folder_and_what_is_in_it_are_the_users_alone_whatever_the_umask(file: LoginFile) -> None:
    before = os.umask(0)
    try:
        put(file)
    finally:
        os.umask(before)

    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in file.path.parent.iterdir()} == {0o600}


def test_each_client_at_each_issuer_has_a_file_of_its_own(tmp_path: Path) -> None:
    files = [LoginFile(tmp_path, *whose) for whose in (("a", "b"), ("a", "c"), ("c", "b"), ("a\nb", ""))]

    assert len({file.path for file in files}) == 4


def test_where_the_folder_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (OVERRIDE, "XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = {}
    for platform in ("linux", "darwin", "win32"):
        monkeypatch.setattr(sys, "platform", platform)
        found[platform] = login_folder().relative_to(tmp_path).as_posix()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", "not/absolute")
    relative = login_folder()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    xdg = login_folder()
    monkeypatch.setenv(OVERRIDE, str(tmp_path / "mine"))

    assert found == {
        "linux": ".config/portvakt/logins",
        "darwin": "Library/Application Support/portvakt/logins",
        "win32": "portvakt/logins",
    }
    assert relative == tmp_path / ".config/portvakt/logins"
    assert xdg == tmp_path / "xdg/portvakt/logins"
    assert login_folder() == tmp_path / "mine"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602])
def test_K6_a_file_that_others_may_read_or_write_is_refused(file: LoginFile, mode: int) -> None:
    put(file)
    file.path.chmod(mode)

    assert refusal(file.read) == f"others can read {file.path}; run: chmod 600 {file.path}"


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_K6_a_folder_that_others_may_enter_is_refused_for_reading_and_for_writing(file: LoginFile, mode: int) -> None:
    put(file)
    folder = file.path.parent
    folder.chmod(mode)

    for use in (file.read, file.lock, lambda: login_files(folder)):
        assert refusal(use) == f"others can read {folder}; run: chmod 700 {folder}"


def test_K6_a_link_in_the_place_of_a_file_is_not_followed(file: LoginFile, tmp_path: Path) -> None:
    put(file)
    elsewhere = tmp_path / "elsewhere.json"
    file.path.rename(elsewhere)
    file.path.symlink_to(elsewhere)

    assert "cannot be used" in refusal(file.read)
    put(file, asked_at=7)  # a link is replaced, never followed
    assert read_login(elsewhere) == a_login()
    assert file.read() == a_login(asked_at=7)


def test_K6_a_link_in_the_place_of_the_folder_or_the_lock_is_refused(file: LoginFile, tmp_path: Path) -> None:
    put(file)
    other = LoginFile(tmp_path / "link", ISSUER, CLIENT)
    other.path.parent.symlink_to(file.path.parent)
    lock = file.path.with_suffix(".lock")
    lock.unlink()
    lock.symlink_to(tmp_path / "made")

    assert "is a link or no folder" in refusal(other.read)
    assert "is a link or no folder" in refusal(other.lock)
    assert "cannot be used" in refusal(file.lock)
    assert not (tmp_path / "made").exists()


def test_K6_what_belongs_to_another_user_is_refused(file: LoginFile, monkeypatch: pytest.MonkeyPatch) -> None:
    put(file)
    monkeypatch.setattr("os.geteuid", lambda: 4_000_001)

    assert f"belongs to another user; name a folder of your own by {OVERRIDE}" in refusal(file.read)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"x" * 100_000])
def test_what_holds_no_log_in_is_refused(file: LoginFile, content: bytes) -> None:
    put(file)
    file.path.write_bytes(content)

    assert "holds no log-in that this version of portvakt can read; remove it" in refusal(file.read)


def test_a_log_in_of_another_client_under_this_ones_name_is_refused(file: LoginFile) -> None:
    put(file, client_id="other")

    assert "holds a log-in of another client" in refusal(file.read)


def test_what_is_no_file_is_refused_and_nobody_waits_for_it(file: LoginFile) -> None:
    put(file)
    file.path.unlink()
    os.mkfifo(file.path, 0o600)

    assert "is no file" in refusal(file.read)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logins").write_text("")

    assert "cannot be used" in refusal(LoginFile(tmp_path / "logins", ISSUER, CLIENT).lock)


def test_a_disk_that_is_full_leaves_the_old_one(file: LoginFile, monkeypatch: pytest.MonkeyPatch) -> None:
    put(file)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)

    assert refusal(lambda: file.write(a_login(asked_at=5))).endswith("cannot be used: No space left on device")
    assert file.read() == a_login()


def test_a_draft_that_a_killed_process_left_stands_in_nobodys_way(file: LoginFile) -> None:
    put(file)
    file.path.with_suffix(".new").write_text("half of a log-i")

    put(file, asked_at=5)

    assert file.read() == a_login(asked_at=5)
    assert not file.path.with_suffix(".new").exists()


def test_one_has_the_lock_and_the_next_one_gets_it_after(file: LoginFile) -> None:
    first = file.lock()
    assert first is not None
    assert file.lock() is None
    other = LoginFile(file.path.parent, ISSUER, "other").lock()
    assert other is not None
    unlock(other)
    unlock(first)
    again = file.lock()
    assert again is not None
    unlock(again)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_lock_ends_with_its_process_although_a_child_was_forked_meanwhile(file: LoginFile) -> None:
    lock = file.lock()
    assert lock is not None
    held, free = os.pipe()
    born, bear = os.pipe()
    child = os.fork()
    if child == 0:  # it would keep the lock open for as long as it lives
        os.close(free)
        os.write(bear, b"!")
        os.read(held, 1)
        os._exit(0)
    os.read(born, 1)
    for descriptor in (held, born, bear):
        os.close(descriptor)
    os.close(lock)  # as a kill of the parent would

    again = file.lock()

    os.close(free)
    os.waitpid(child, 0)
    room._held.discard(lock)
    assert again is not None
    unlock(again)


def test_only_log_ins_are_listed(file: LoginFile, tmp_path: Path) -> None:
    assert login_files(tmp_path / "none") == []
    put(file)
    (file.path.parent / "notes.txt").write_text("")

    assert login_files(file.path.parent) == [file.path]


def test_a_file_that_is_gone_meanwhile_holds_nothing(tmp_path: Path) -> None:
    assert read_login(tmp_path / "none.json") is None

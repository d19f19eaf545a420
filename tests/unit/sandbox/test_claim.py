from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from portvakt.sandbox.claim import LOCK, InUse, claimed

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://127.0.0.1:8040"


def test_a_claimed_folder_is_refused_with_who_has_it(tmp_path: Path) -> None:
    with claimed(tmp_path, URL):
        with pytest.raises(InUse) as refused, claimed(tmp_path, "http://127.0.0.1:1"):
            pass
        with pytest.raises(InUse):  # the one that was refused took nothing away
            claimed(tmp_path, URL).__enter__()

    assert str(refused.value) == (
        f"a sandbox is running in {tmp_path}: {URL}, process {os.getpid()}; stop it, or name another folder"
    )


def test_a_folder_is_free_again_however_its_sandbox_ended(tmp_path: Path) -> None:
    with claimed(tmp_path, URL + "/" + "x" * 100):
        pass
    with pytest.raises(ZeroDivisionError), claimed(tmp_path, URL):
        raise ZeroDivisionError

    with claimed(tmp_path, URL):
        assert (tmp_path / LOCK).read_text() == f"{URL}, process {os.getpid()}\n"


def test_K6_the_lock_is_its_owners_and_follows_no_link(tmp_path: Path) -> None:
    with claimed(tmp_path, URL):
        assert (tmp_path / LOCK).stat().st_mode & 0o777 == 0o600

    (tmp_path / LOCK).unlink()
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / LOCK).symlink_to(tmp_path / "theirs")
    with pytest.raises(OSError, match="symbolic link"), claimed(tmp_path, URL):
        pass
    assert (tmp_path / "theirs").read_text() == "theirs"


def test_one_that_has_just_begun_is_said_so(tmp_path: Path) -> None:
    with claimed(tmp_path, URL):
        os.truncate(tmp_path / LOCK, 0)

        with pytest.raises(InUse, match="it has just begun; stop it"), claimed(tmp_path, URL):
            pass

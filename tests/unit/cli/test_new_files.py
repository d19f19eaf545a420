from __future__ import annotations

import os
from typing import TYPE_CHECKING

from portvakt.cli.new_files import put, write_new, write_whole

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_file_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = write_new(tmp_path / "a", "text")
    finally:
        os.umask(before)

    assert made
    assert (tmp_path / "a").read_text() == "text"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_a_new_file_never_takes_the_place_of_another(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")

    assert not write_new(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_a_link_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")

    assert not write_new(tmp_path / "a", "new")
    assert not (tmp_path / "elsewhere").exists()


def test_a_draft_that_was_left_behind_stands_in_nobodys_way(tmp_path: Path) -> None:
    left = write_whole(tmp_path / "a", "left")

    assert put(write_whole(tmp_path / "a", "new"), tmp_path / "a")
    assert left.exists()
    assert (tmp_path / "a").read_text() == "new"

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from owners import belong_to_another
from portvakt.server.private_files import (
    NotOurs,
    put,
    require_own_file,
    require_own_folder,
    write_new,
    write_over,
    write_whole,
)

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


def test_what_is_written_over_a_link_leaves_the_links_target_alone(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("theirs")
    (tmp_path / "a").symlink_to(target)

    write_over(tmp_path / "a", "ours")

    assert target.read_text() == "theirs"
    assert not (tmp_path / "a").is_symlink()
    assert (tmp_path / "a").read_text() == "ours"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "target"]


def test_a_file_that_cannot_take_its_name_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()

    with pytest.raises(IsADirectoryError):
        write_over(tmp_path / "a", "ours")

    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_K6_a_file_that_others_may_write_is_not_ours(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "seed"
    path.write_text("x")
    path.chmod(mode)

    with pytest.raises(NotOurs, match=r"others may write to .*seed; run: chmod go-w "):
        require_own_file(path)


def test_K6_a_link_is_not_ours_wherever_it_leads(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("x")
    (tmp_path / "real").chmod(0o600)
    (tmp_path / "seed").symlink_to(tmp_path / "real")

    require_own_file(tmp_path / "real")
    require_own_file(tmp_path / "absent")
    with pytest.raises(NotOurs, match="is a link or no file"):
        require_own_file(tmp_path / "seed")


def test_K6_a_folder_is_ours_if_we_own_it_and_nobody_else_writes_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_own_folder(tmp_path)
    tmp_path.chmod(0o755)
    require_own_folder(tmp_path)
    for mode in (0o775, 0o707, 0o1777):
        tmp_path.chmod(mode)
        with pytest.raises(NotOurs, match="others may write to"):
            require_own_folder(tmp_path)

    tmp_path.chmod(0o700)
    belong_to_another(tmp_path, monkeypatch)
    with pytest.raises(NotOurs, match="belongs to another user; name a folder of your own"):
        require_own_folder(tmp_path)

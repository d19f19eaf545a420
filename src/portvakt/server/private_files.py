"""Files that only their owner may read, written whole or not at all; and whether what is there already is ours."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE = 0o600
ROOT = 0


class NotOurs(Exception):
    """Somebody else made this, or may change it, so that nothing in it can be relied on. The text says what to do."""


def write_whole(path: Path, text: str) -> Path:
    """Write a file beside `path` and return its path; `put` or `replace` gives it its name."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(draft, flags, PRIVATE), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft


def put(draft: Path, path: Path) -> bool:
    """Give a written draft its name. False: something has that name already, and the draft is gone.

    A link, not a rename: a rename would take the other's place. Killed between the two calls, the draft stays
    behind under a name that stands in nobody's way.
    """
    try:
        os.link(draft, path, follow_symlinks=False)
    except FileExistsError:
        return False
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
    _sync_folder(path)
    return True


def write_new(path: Path, text: str) -> bool:
    """Write a file. False: something has that name already."""
    return put(write_whole(path, text), path)


def write_over(path: Path, text: str) -> None:
    """Write a file in the place of whatever has that name; a link there is replaced, never followed."""
    draft = write_whole(path, text)
    try:
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(path)


def is_trusted(status: os.stat_result) -> bool:
    """Whether a file belongs to us or to root; anybody else may have put a text of theirs into it."""
    return status.st_uid in (ROOT, os.geteuid())


def require_own_folder(folder: Path) -> None:
    """Raise NotOurs unless the folder is ours and nobody else may write in it."""
    _require_own(folder, folder.stat())


def require_own_file(path: Path) -> None:
    """Raise NotOurs if what has that name is no plain file, another's, or others may write it; nothing is fine."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise NotOurs(f"{path} is a link or no file at all; remove it")
    _require_own(path, status)


def _require_own(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise NotOurs(f"{path} belongs to another user; name a folder of your own")
    if status.st_mode & 0o022:
        raise NotOurs(f"others may write to {path}; run: chmod go-w {path}")


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

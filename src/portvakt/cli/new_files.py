"""Files that come into being whole or not at all, and never in the place of another."""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE = 0o600


def write_whole(path: Path, text: str) -> Path:
    """Write a file beside `path` that only its owner may read, and return its path; `put` gives it its name."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
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
    """Write a file that only its owner may read. False: something has that name already."""
    return put(write_whole(path, text), path)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

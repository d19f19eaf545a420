"""A folder is one sandbox's at a time: two would write over one another's settings and address."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from portvakt.server.private_files import PRIVATE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK = "sandbox.lock"
_OCTETS = 200


class InUse(Exception):
    """A sandbox is running in the folder. The text says which, and what to do."""


@contextlib.contextmanager
def claimed(folder: Path, base_url: str) -> Iterator[None]:
    """Keep the folder to this process, which will answer at `base_url`; a process that dies gives it back.

    Raises:
        InUse: another has it.
        OSError: the lock cannot be made, or this file system knows none.
    """
    # Never removed: who waits beside it and who makes it anew would each hold a lock of their own.
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, _OCTETS, 0).decode(errors="replace").strip()
            text = f"a sandbox is running in {folder}: {holder or 'it has just begun'}"
            raise InUse(f"{text}; stop it, or name another folder") from None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{base_url}, process {os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)

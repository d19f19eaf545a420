"""Where log-ins lie on this machine: a folder of the user's own, one file for each, and one writer at a time.

A file is written whole beside the old one and takes its name: a crash leaves the old or the new, never half of one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from portvakt.client.login import TEXT_LIMIT, Login

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator

OVERRIDE = "PORTVAKT_CLIENT_LOGINS"
"""A variable that names another folder."""

MOST = 1000
"""So many log-ins are listed."""

_FILE = 0o600
_FOLDER = 0o700
_OTHERS = 0o077
_SUFFIX = ".json"
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_OF_ITS_OWN = getattr(os, "O_CLOEXEC", 0)
_OTHER_THREADS_GO_ON = getattr(os, "O_NONBLOCK", 0)  # a pipe with that name would wait for a writer


class LoginFileRefused(Exception):
    """What lies in the folder cannot be relied on, or not be read. The text says which file, why, and what to do."""


def login_folder() -> Path:
    """Return the folder of this user's log-ins; it need not exist."""
    named = os.environ.get(OVERRIDE)
    if named:
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home()) / "portvakt" / "logins"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "portvakt" / "logins"
    config = os.environ.get("XDG_CONFIG_HOME", "")  # the XDG specification: a relative one is ignored
    return (Path(config) if config.startswith("/") else Path.home() / ".config") / "portvakt" / "logins"


class LoginFile:
    """The file of one log-in: of one client at one issuer."""

    def __init__(self, folder: Path, issuer: str, client_id: str) -> None:
        self._folder = folder
        self._whose = (issuer, client_id)
        name = hashlib.sha256(f"{issuer}\n{client_id}".encode()).hexdigest()[:32]
        self.path: Path = folder / f"{name}{_SUFFIX}"

    def read(self) -> Login | None:
        """Return the log-in; None if there is none.

        Raises:
            LoginFileRefused: it is not this user's alone, cannot be read, or is no log-in of this client's.
        """
        with _explained(self._folder):
            if not _is_own_folder(self._folder):
                return None
        login = read_login(self.path)
        if login is not None and (login.issuer, login.client_id) != self._whose:
            raise LoginFileRefused(f"{self.path} holds a log-in of another client; remove it")
        return login

    def write(self, login: Login) -> None:
        """Put a log-in into the file, on the disk before this returns. Only who has the lock may.

        Raises:
            LoginFileRefused: it cannot be written.
        """
        draft = self.path.with_suffix(".new")
        with _explained(self.path):
            draft.unlink(missing_ok=True)  # of one that was killed meanwhile: only one writes at a time
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OF_ITS_OWN | _NO_LINK
            with os.fdopen(os.open(draft, flags, _FILE), "w", encoding="utf-8") as file:
                file.write(login.to_text())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
            _sync(self._folder)

    def remove(self) -> None:
        """Forget the log-in. Only who has the lock may. Raises: LoginFileRefused."""
        with _explained(self.path):
            self.path.with_suffix(".new").unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)

    def lock(self) -> int | None:
        """Return the lock, to be given to `unlock`; None: another process or thread has it.

        It ends with its process, however that ends.

        Raises:
            LoginFileRefused: the folder is not this user's alone, or cannot be made.
        """
        with _explained(self._folder):
            self._folder.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
            _is_own_folder(self._folder)
            flags = os.O_RDWR | os.O_CREAT | _OF_ITS_OWN | _NO_LINK
            descriptor = os.open(self.path.with_suffix(".lock"), flags, _FILE)
        _held.add(descriptor)
        if _taken(descriptor):
            return descriptor
        _held.discard(descriptor)
        os.close(descriptor)
        return None


def unlock(lock: int) -> None:
    """Let the next one in."""
    _held.discard(lock)
    if sys.platform != "win32":
        fcntl.flock(lock, fcntl.LOCK_UN)  # before the close: a process that was forked meanwhile has it open too
    os.close(lock)


def read_login(path: Path) -> Login | None:
    """Return the log-in in a file; None if there is no such file. Raises: LoginFileRefused."""
    with _explained(path):
        try:
            descriptor = os.open(path, os.O_RDONLY | _OF_ITS_OWN | _NO_LINK | _OTHER_THREADS_GO_ON)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            _require_own(path, os.fstat(descriptor), "600")
            octets = file.read(TEXT_LIMIT + 1)
    try:
        return Login.from_text(octets.decode())
    except ValueError:
        problem = f"{path} holds no log-in that this version of portvakt can read; remove it and log in again"
    raise LoginFileRefused(problem)  # outside of the `except`, whose error knows what was read


def login_files(folder: Path) -> list[Path]:
    """Return the files of a folder that hold log-ins, at most `MOST`. Raises: LoginFileRefused."""
    with _explained(folder):
        if not _is_own_folder(folder):
            return []
        return sorted(path for path in folder.iterdir() if path.suffix == _SUFFIX)[:MOST]
    raise AssertionError  # pragma: no cover  what is explained is raised


def _is_own_folder(folder: Path) -> bool:
    """Whether there is such a folder. Raises: LoginFileRefused if it is not this user's alone."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISDIR(status.st_mode):
        raise LoginFileRefused(f"{folder} is a link or no folder; remove it")
    _require_own(folder, status, "700", is_folder=True)
    return True


def _require_own(path: Path, status: os.stat_result, mode: str, *, is_folder: bool = False) -> None:
    if not (is_folder or stat.S_ISREG(status.st_mode)):
        raise LoginFileRefused(f"{path} is no file; remove it")
    if sys.platform == "win32":  # there what is below a user's own folder is the user's own
        return
    if status.st_uid != os.geteuid():
        raise LoginFileRefused(f"{path} belongs to another user; name a folder of your own by {OVERRIDE}")
    if status.st_mode & _OTHERS:
        raise LoginFileRefused(f"others can read {path}; run: chmod {mode} {path}")


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        problem = f"{path} cannot be used: {error.strerror or type(error).__name__}"
    else:
        return
    raise LoginFileRefused(problem)


def _taken(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sync(folder: Path) -> None:
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_held: set[int] = set()


def _after_fork() -> None:
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)  # the parent's: it would stay locked for as long as the child lives
    _held.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)

"""Where settings stand: arguments, variables, files named by variables, portvakt.toml.

Every value that is found bears its source, so that a wrong one can be named by file and line. No message here
or in the other modules of settings repeats a value: a secret may stand in the wrong place.
"""

from __future__ import annotations

import difflib
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portvakt.providers.toml_text import NotToml, read_toml
from portvakt.server.private_files import is_trusted
from portvakt.server.redaction import conceal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

LARGEST_FILE = 1024 * 1024
LARGEST_PRIVATE_FILE = 16 * 1024
PREFIX = "PORTVAKT_"

# Variables that are not settings of a server: of tests, of the client, and those that Kubernetes makes up for
# a service of this name (PORTVAKT_SERVICE_HOST, PORTVAKT_PORT_8040_TCP, …).
FOREIGN = ("TEST_", "REQUIRE_SERVICES", "FAULTS", "CLIENT_", "SERVICE_", "PORT_")
# Those that our own pages name: in a request to the API as curl, and in a client's .env.
SHOWN = ("TOKEN", "ISSUER")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the settings: where it stands, what it is and what to do."""

    source: str
    text: str

    def __str__(self) -> str:
        return f"{self.source}: {self.text}"


class SettingsRefused(Exception):
    """The settings are wrong. `problems` holds all that is, in the order in which a reader meets them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Wrong(Exception):
    """A value will not do; the text says what would. It never repeats the value."""


@dataclass(frozen=True, slots=True)
class Found:
    """A value, and where it was found. `is_text`: it came as text whatever it means (a variable, an argument)."""

    value: object = field(repr=False)
    source: str
    key: str = ""
    is_text: bool = True
    open_to_others: bool = False

    def problem(self, text: str) -> Problem:
        """Say what is wrong with this value."""
        return Problem(self.source, f"{self.key}: {text}" if self.key else text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A portvakt.toml that was read. `lines` knows where each key stands; `folder` is what paths are relative to."""

    name: str
    folder: Path
    table: Mapping[str, object] = field(repr=False)
    lines: Mapping[tuple[str, ...], int]
    open_to_others: bool = False

    def found(self, path: tuple[str, ...], value: object) -> Found:
        """Give the value at `path` its source: the line of its key, or of the table around it."""
        return Found(value, self.source(path), spell(path), is_text=False, open_to_others=self.open_to_others)

    def source(self, path: tuple[str, ...]) -> str:
        """Return `portvakt.toml:12` for the key at `path`."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return f"{self.name}:{self.lines[path[:end]]}"
        return self.name


def spell(path: Iterable[str]) -> str:
    """Write the path of a key with dots, in ASCII, cut or blanked where somebody pasted a text for a name."""
    return ".".join(conceal(ascii(part)[1:-1])[:40] for part in path)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?` for a misspelt name, or what there is to choose from."""
    names = sorted(known)
    close = difflib.get_close_matches(name[:64], names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(names)}"


def read_document(path: Path, problems: list[Problem]) -> Document | None:
    """Read a portvakt.toml. What is wrong with the file itself goes to `problems`, with the parser's line."""
    name = shown_path(path)
    try:
        content, mode = _read_content(path)
        table, lines = read_toml(content)
    except FileNotFoundError:
        problems.append(Problem(name, "does not exist; `portvakt init` makes one, `--config FILE` names another"))
    except OSError as error:
        problems.append(Problem(name, f"cannot be read: {os.strerror(error.errno or 0)}"))
    except NotToml as error:
        problems.append(Problem(name if error.line is None else f"{name}:{error.line}", error.text))
    except Wrong as error:
        problems.append(Problem(name, str(error)))
    else:
        return Document(name=name, folder=path.parent, table=table, lines=lines, open_to_others=_is_open(mode))
    return None


def shown_path(path: Path) -> str:
    """Return a file's path as messages name it."""
    return conceal(str(path) if str(path).isprintable() else ascii(str(path))[1:-1][-200:])


def _read_content(path: Path) -> tuple[bytes, int]:
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
        mode = os.fstat(file.fileno()).st_mode
    if len(content) > LARGEST_FILE:
        raise Wrong("is larger than 1 MiB")
    return content, mode


@dataclass(frozen=True, slots=True)
class Sources:
    """The places where a setting may stand, the first of them that has it winning.

    `arguments` hold a text or a number by setting, None for what was not given.
    """

    arguments: Mapping[str, object] = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)
    document: Document | None
    folder: Path

    def find(self, name: str, *, private: bool = False) -> Found | None:
        """Find a setting. `private`: it holds a secret, so a file that holds it must be closed to others.

        Raises: SettingsRefused if a file that is named for it will not do.
        """
        argument = self.arguments.get(name)
        if argument is not None:
            return Found(argument, f"--{name.replace('_', '-')}")
        variable = PREFIX + name.upper()
        if variable in self.environ:
            return Found(self.environ[variable], variable)
        if variable + "_FILE" in self.environ:
            return self._file(Found(self.environ[variable + "_FILE"], variable + "_FILE"), private=private)
        if self.document is None:
            return None
        if name + "_file" in self.document.table:
            path = (name + "_file",)
            return self._file(self.document.found(path, self.document.table[path[0]]), private=private)
        if name in self.document.table:
            return self.document.found((name,), self.document.table[name])
        return None

    def _file(self, named: Found, *, private: bool) -> Found:
        try:
            text = read_named_file(self.folder, named.value, private=private)
        except Wrong as error:
            raise SettingsRefused((named.problem(str(error)),)) from None
        return Found(text, named.source, named.key)

    def unknown_variables(self, known: Iterable[str]) -> Iterator[Problem]:
        """Yield the PORTVAKT_ variables that nothing here reads: most are misspelt."""
        names = [PREFIX + name.upper() for name in known]
        names += [name + "_FILE" for name in names]
        for variable in sorted(self.environ):
            rest = variable.removeprefix(PREFIX)
            if rest == variable or rest in SHOWN or rest.startswith(FOREIGN):
                continue
            if variable not in names:
                yield Problem(spell([variable]), "unknown variable" + nearest(variable, names))


def read_named_file(folder: Path, name: object, *, private: bool) -> str:
    """Return the text of a file that a setting names, without the newline at its end.

    Raises: Wrong if it cannot be read, is no text, or is `private` and others can read it or made it.
    """
    content = read_named_bytes(folder, name, private=private, largest=LARGEST_PRIVATE_FILE)
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise Wrong("the file that it names is not UTF-8 text") from None


def read_named_bytes(folder: Path, name: object, *, private: bool, largest: int) -> bytes:
    """Return what is in a file that a setting names, of `largest` bytes at most. Raises: Wrong, as above."""
    text = plain_text(name)
    try:
        descriptor = os.open(folder / text, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else "not a path"
        raise Wrong(f"the file that it names cannot be read: {reason}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Wrong("what it names is not a file")
        if private and not is_trusted(status):
            raise Wrong("the file that it names belongs to another user, who knows what is in it; make one of your own")
        if private and _is_open(status.st_mode):
            raise Wrong(f"others can read the file that it names; run: chmod 600 {folder / text}")
        content = os.read(descriptor, largest + 1)
    finally:
        os.close(descriptor)
    if len(content) > largest:
        raise Wrong(f"the file that it names is larger than {largest // 1024} KiB")
    return content


def _is_open(mode: int) -> bool:
    return bool(mode & 0o077)


def plain_text(value: object) -> str:
    """Return a text that is not empty and holds no control characters, or raise Wrong."""
    if not isinstance(value, str):
        raise Wrong("must be a text")
    if not value:
        raise Wrong("is empty")
    if not value.isprintable():  # CVE-2024-11734: a newline in a setting broke every reply
        raise Wrong("holds a line break or another control character")
    return value

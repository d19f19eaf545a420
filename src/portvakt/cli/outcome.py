"""How a command ends: its exit code, its one line on standard error, its result on standard output."""

from __future__ import annotations

import contextlib
import errno
import json
import sys
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NOT_WRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


class Exit(IntEnum):
    """The exit codes of every command. They are stable: scripts rely on them."""

    OK = 0
    REFUSED = 1  # it was understood and will not be done, or failed
    USAGE = 2  # the command line is wrong
    SETTINGS = 3  # variables, files or portvakt.toml are wrong, perhaps arguments too
    NOT_FOUND = 4  # what the command line names does not exist
    UNAVAILABLE = 5  # a database or server did not answer: trying again may help
    INTERRUPTED = 130  # Ctrl-C


class Stop(Exception):
    """The command ends here with `code`; `text` says in one line what is wrong and what to do."""

    def __init__(self, code: Exit, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Unsaid(Exception):
    """Standard output does not take what is said; the text says why."""


def complain(text: str) -> None:
    """Write a line on standard error, without what looks like a secret that was typed in the wrong place.

    Where that cannot be written the exit code has to say it.
    """
    from portvakt.server.redaction import conceal  # only where something is wrong

    with contextlib.suppress(OSError):
        print(f"portvakt: {conceal(text)}", file=sys.stderr)


@contextlib.contextmanager
def saying() -> Iterator[None]:
    """Tell a disk that is full under what is said from every other: as Unsaid. Raises: BrokenPipeError as it is."""
    try:
        yield
    except OSError as error:
        if error.errno in _NOT_WRITTEN and error.filename is None:
            raise Unsaid(error.strerror) from None
        raise


def say(text: str = "") -> None:
    """Write a line on standard output, at once: a reader may wait for it. Raises: Unsaid."""
    with saying():
        print(text, flush=True)


def say_json(value: object) -> None:
    """Write a value as one line of JSON on standard output, as `say` does."""
    say(json.dumps(value, ensure_ascii=False))


def say_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table: drawn on a terminal, else aligned text that `awk` and `grep` can take."""
    if sys.stdout.isatty():
        from rich.console import Console  # not for --help, nor in a pipe
        from rich.table import Table
        from rich.text import Text

        table = Table(*heads, box=None, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))  # Text: a name may look like markup
        Console().print(table)
        return
    lines = [heads, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for line in lines:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())

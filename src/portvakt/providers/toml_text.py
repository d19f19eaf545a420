"""TOML with the lines of its keys, which `tomllib` does not keep."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field

DEEPEST = 8
"""Parts of a key whose lines are kept; what lies deeper has the line of what is around it."""

Lines = dict[tuple[str, ...], int]


class NotToml(Exception):
    """A text is not TOML. `line` is None where the parser names none: it came to the end.

    The message says why, and never holds what was written.
    """

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.line = line


def read_toml(content: bytes) -> tuple[dict[str, object], Lines]:
    """Return the table that `content` means, and the first line on which each key stands.

    Raises: NotToml.
    """
    try:
        text = content.decode()
        return tomllib.loads(text), find_lines(text)
    except UnicodeDecodeError as error:
        raise NotToml("is not UTF-8", content[: error.start].count(b"\n") + 1) from None
    except tomllib.TOMLDecodeError as error:
        raise _syntax(str(error)) from None
    except (RecursionError, ValueError):  # brackets in brackets; a number of more than 4,300 digits
        raise NotToml("is not TOML that can be read: nested too deeply, or a number too long") from None


def _syntax(message: str) -> NotToml:
    """Turn the parser's error into one with a line, without the names and texts that it may quote."""
    place = re.search(r"\(at line (\d+), column (\d+)\)", message)
    said = "is not valid TOML: " + " ".join(re.sub(r"\(.*?\)|'[^']{4,}'", "", ascii(message)[1:-1]).split())
    if place:
        return NotToml(f"{said} (column {place.group(2)})", int(place.group(1)))
    return NotToml(f"{said} (at the end of the file)")


# TOML 1.0. The texts of several lines come first; they may end with up to five quotation marks.
_TOKEN = re.compile(
    r"""
      (?P<skipped> \#[^\n]* | [ \t\r]+ )
    | (?P<newline> \n )
    | (?P<quoted> \"{3} (?: [^\\] | \\. )*? \"{3,5} | '{3} .*? '{3,5}
        | " (?: [^"\\\n] | \\. )* " | ' [^'\n]* ' )
    | (?P<bare> [A-Za-z0-9_-]+ )
    | (?P<mark> [][{},=] )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)


def find_lines(text: str) -> Lines:
    """Return the first line on which each key of a valid TOML text stands, also inside inline tables."""
    scan = _Scan()
    line = 1
    for token in _TOKEN.finditer(text):
        kind, said = str(token.lastgroup), token.group()
        if kind == "newline":
            scan.end_of_line()
        elif kind == "mark":
            scan.mark(said)
        elif kind in ("bare", "quoted") and scan.in_key:
            scan.key.append((said, line))
        line += said.count("\n")
    return scan.lines


@dataclass(slots=True)
class _Scan:
    """What is being read: in which table, inside which brackets, and whether a key or its value."""

    lines: Lines = field(default_factory=dict)
    table: tuple[str, ...] = ()
    inside: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)  # brackets of values, whose they are
    key: list[tuple[str, int]] = field(default_factory=list)
    in_key: bool = True
    in_header: bool = False
    whose: tuple[str, ...] = ()

    def end_of_line(self) -> None:
        if not self.inside:
            self.key, self.in_key, self.in_header = [], True, False

    def mark(self, said: str) -> None:
        """Go on over one of `[ ] { } , =`."""
        if self.in_key and not self.inside and said in "[]":
            self._header(said)
        elif said == "=" and self.in_key:
            self.whose, self.in_key = self._named(self.inside[-1][1] if self.inside else self.table), False
        elif said in "[{":
            self.inside.append((said, self.whose))
            self.key, self.in_key = [], said == "{"
        elif said in "]}" and self.inside:
            _, self.whose = self.inside.pop()
            self.in_key = False
        elif said == "," and self.inside:
            self.key, self.in_key = [], self.inside[-1][0] == "{"

    def _header(self, said: str) -> None:
        """`[a.b]` or `[[a.b]]`: a table begins once the first bracket is closed."""
        if said == "]" and self.in_header:
            self.table, self.in_header, self.in_key = self._named(()), False, False
        else:
            self.in_header = True

    def _named(self, around: tuple[str, ...]) -> tuple[str, ...]:
        """Keep the lines of the key that was read, which stands in the table `around`; return its path."""
        path = around
        for part, line in self.key[: DEEPEST - len(around)]:
            path = (*path, _unquoted(part))
            self.lines.setdefault(path, line)
        return path


def _unquoted(part: str) -> str:
    """Return the name that a part of a key means."""
    return part if part[0] not in "\"'" else str(tomllib.loads(f"name = {part}")["name"])

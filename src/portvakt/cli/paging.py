"""How commands list things a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from portvakt.cli.outcome import Exit, Stop, say, say_json, say_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Columns = Mapping[str, str | Callable[[dict[str, Any]], str]]

ItemT = TypeVar("ItemT")

LARGEST_PAGE = 1000

After = Annotated[str | None, typer.Option(metavar="ID", help="Begin behind this one.")]
Limit = Annotated[str, typer.Option(metavar="N", help=f"How many at most, 1 to {LARGEST_PAGE}.")]


def page_size(limit: str) -> int:
    """Return how many are wanted. Raises: Stop."""
    if not limit.isdecimal() or not limit.isascii() or not 1 <= int(limit[:9]) <= LARGEST_PAGE:
        raise Stop(Exit.USAGE, f"--limit must be a whole number from 1 to {LARGEST_PAGE}")
    return int(limit)


def say_page(
    name: str,
    found: Sequence[ItemT],
    wanted: int,
    describe: Callable[[ItemT], dict[str, Any]],
    columns: Columns,
    *,
    key: str,
    as_json: bool,
) -> None:
    """Write a page. `found`: as many as are wanted, and one more if there are more. `key`: what `--after` takes."""
    described = [describe(each) for each in found[:wanted]]
    say_lines(name, described, described[-1][key] if len(found) > wanted else None, columns, as_json=as_json)


def say_lines(
    name: str,
    described: Sequence[dict[str, Any]],
    following: object,
    columns: Columns,
    *,
    as_json: bool,
    option: str = "--after",
) -> None:
    """Write lines as JSON has them, or as a table. `columns`: by head, a member's name, or what makes a cell.

    `following`: what `option` takes to go on; None: this is the end.
    """
    if as_json:
        say_json({name: list(described), "next": following})
        return
    makers = [column if callable(column) else _member(column) for column in columns.values()]
    say_table(tuple(columns), [[make(each) for make in makers] for each in described])
    if following is not None:
        say(f"There are more: {option} {following}")


def _member(name: str) -> Callable[[dict[str, Any]], str]:
    def cell(described: dict[str, Any]) -> str:
        value = described[name]
        return ("yes" if value else "no") if isinstance(value, bool) else str(value)

    return cell

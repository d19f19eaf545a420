"""How commands list things a page at a time."""

from typing import Annotated

import typer

from portvakt.cli.outcome import Exit, Stop

LARGEST_PAGE = 1000

After = Annotated[str | None, typer.Option(metavar="ID", help="Begin behind this one.")]
Limit = Annotated[str, typer.Option(metavar="N", help=f"How many at most, 1 to {LARGEST_PAGE}.")]


def page_size(limit: str) -> int:
    """Return how many are wanted. Raises: Stop."""
    if not limit.isdecimal() or not limit.isascii() or not 1 <= int(limit[:9]) <= LARGEST_PAGE:
        raise Stop(Exit.USAGE, f"--limit must be a whole number from 1 to {LARGEST_PAGE}")
    return int(limit)

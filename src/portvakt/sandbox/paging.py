"""Relay's connections over a list in memory: https://relay.dev/graphql/connections.htm."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from portvakt.jose.base64url import decode, encode
from portvakt.sandbox.graphql import BAD_USER_INPUT, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    class Placed(Protocol):
        """What can stand in a list: it has a number by which it is found again, however the list grows."""

        @property
        def place(self) -> int:
            """A number that no other of the list has, at least 0."""


NodeT = TypeVar("NodeT", bound="Placed")

MOST: Final = 100
"""Nodes of one page, if the caller wants no fewer."""

_PLACE_OCTETS = 5
_MAC_OCTETS = 16  # 21 in all: 28 characters, none of which has unused bits


@dataclass(frozen=True, slots=True)
class Cursors:
    """Makes and reads the cursors of one list. Those of another list, or altered ones, are not cursors of this one.

    `key` is the server's secret; `of_list` names the list: what it holds and whose.
    """

    key: bytes = field(repr=False)
    of_list: str

    def write(self, place: int) -> str:
        """Return the cursor of what stands at `place`."""
        octets = place.to_bytes(_PLACE_OCTETS, "big")
        mac = hmac.digest(self.key, octets + self.of_list.encode(), "sha256")
        return encode(octets + mac[:_MAC_OCTETS]).decode("ascii")

    def read(self, cursor: str) -> int | None:
        """Return the place that a cursor names; None for a text that `write` did not write for this list."""
        try:
            place = int.from_bytes(decode(cursor.encode("ascii"))[:_PLACE_OCTETS], "big")
        except ValueError:
            return None
        return place if hmac.compare_digest(self.write(place).encode(), cursor.encode()) else None


@dataclass(frozen=True, slots=True)
class Edge(Generic[NodeT]):
    """A node with the cursor to go on from."""

    cursor: str
    node: NodeT


@dataclass(frozen=True, slots=True, kw_only=True)
class PageInfo:
    """Where a page lies in its list. The cursors are None for an empty page."""

    has_previous_page: bool
    has_next_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[NodeT]):
    """A part of a list, with the members of a connection."""

    nodes: Sequence[NodeT]
    cursors: Cursors
    has_previous: bool
    has_next: bool

    @property
    def edges(self) -> list[Edge[NodeT]]:
        """The nodes with their cursors."""
        return [Edge(self.cursors.write(node.place), node) for node in self.nodes]

    @property
    def page_info(self) -> PageInfo:
        """Where the page lies."""
        return PageInfo(
            has_previous_page=self.has_previous,
            has_next_page=self.has_next,
            start_cursor=self.cursors.write(self.nodes[0].place) if self.nodes else None,
            end_cursor=self.cursors.write(self.nodes[-1].place) if self.nodes else None,
        )


def page_of(
    items: Sequence[NodeT],
    cursors: Cursors,
    *,
    first: int | None = None,
    last: int | None = None,
    before: str | None = None,
    after: str | None = None,
) -> Page[NodeT]:
    """Return the part of a list that was asked for; without `first` and `last` its first `MOST` items.

    Whether there is more in the direction of paging means: between the two cursors; else whoever goes from one to
    the other never ends.

    Raises:
        Problem: `BAD_USER_INPUT`: `first` with `last`, either below 0 or over `MOST`, a cursor of another list.
    """
    if first is not None and last is not None:
        raise Problem("first and last do not go together.", BAD_USER_INPUT)
    for name, number in (("first", first), ("last", last)):
        if number is not None and not 0 <= number <= MOST:
            raise Problem(f"{name} is 0 to {MOST}.", BAD_USER_INPUT)
    begin = 0 if after is None else _index(items, cursors, "after", after) + 1
    end = len(items) if before is None else _index(items, cursors, "before", before)
    end = max(begin, end)  # cursors in the wrong order have nothing between them
    between = items[begin:end]
    if last is not None:
        nodes = between[max(0, len(between) - last) :]
        has_previous, has_next = len(nodes) < len(between), before is not None
    else:
        nodes = between[: MOST if first is None else first]
        has_previous, has_next = after is not None, len(nodes) < len(between)
    return Page(nodes=nodes, cursors=cursors, has_previous=has_previous, has_next=has_next)


def _index(items: Sequence[NodeT], cursors: Cursors, name: str, cursor: str) -> int:
    place = cursors.read(cursor)
    for index, item in enumerate(items):
        if item.place == place:
            return index
    raise Problem(f"{name} is no cursor of this list.", BAD_USER_INPUT)

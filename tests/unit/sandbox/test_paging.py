from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portvakt.sandbox.graphql import Problem
from portvakt.sandbox.paging import MOST, Cursors, page_of

KEY = b"k" * 32
CURSORS = Cursors(KEY, "invoices of 1")


@dataclass(frozen=True)
class Item:
    place: int


ITEMS = [Item(place) for place in range(260, 10, -1)]


def cursor(place: int) -> str:
    return CURSORS.write(place)


def code(**asked: int | str) -> str:
    """The code with which it is refused."""
    with pytest.raises(Problem) as caught:
        page_of(ITEMS, CURSORS, **asked)  # type: ignore[arg-type]
    return caught.value.code


@given(first=st.integers(1, MOST), begin=st.integers(0, 249), end=st.integers(0, 249))
def test_going_forward_between_two_cursors_meets_each_item_once_and_ends(first: int, begin: int, end: int) -> None:
    after, before, seen = cursor(ITEMS[begin].place), cursor(ITEMS[end].place), list[Item]()
    while True:
        page = page_of(ITEMS, CURSORS, first=first, after=after, before=before)
        seen += page.nodes
        if not page.has_next:
            break
        assert page.page_info.end_cursor is not None
        after = page.page_info.end_cursor

    assert seen == ITEMS[begin + 1 : end]


@given(last=st.integers(1, MOST), begin=st.integers(0, 249), end=st.integers(0, 249))
def test_going_backward_between_two_cursors_meets_each_item_once_and_ends(last: int, begin: int, end: int) -> None:
    after, before, seen = cursor(ITEMS[begin].place), cursor(ITEMS[end].place), list[Item]()
    while True:
        page = page_of(ITEMS, CURSORS, last=last, after=after, before=before)
        seen = [*page.nodes, *seen]
        if not page.has_previous:
            break
        assert page.page_info.start_cursor is not None
        before = page.page_info.start_cursor

    assert seen == ITEMS[begin + 1 : end]


def test_a_page_says_what_lies_on_its_other_side() -> None:
    third = cursor(ITEMS[2].place)

    forward = page_of(ITEMS, CURSORS, first=2, after=third)
    backward = page_of(ITEMS, CURSORS, last=2, before=third)

    assert (forward.nodes, forward.has_previous, forward.has_next) == (ITEMS[3:5], True, True)
    assert (backward.nodes, backward.has_previous, backward.has_next) == (ITEMS[:2], False, True)


def test_the_edges_bear_the_cursors_of_their_nodes() -> None:
    page = page_of(ITEMS, CURSORS, first=3)

    assert [(edge.cursor, edge.node) for edge in page.edges] == [(cursor(item.place), item) for item in ITEMS[:3]]
    assert (page.page_info.start_cursor, page.page_info.end_cursor) == (page.edges[0].cursor, page.edges[2].cursor)


def test_a_list_of_nothing_has_a_page_of_nothing() -> None:
    page = page_of(list[Item](), CURSORS)

    assert (page.nodes, page.edges, page.has_previous, page.has_next) == ([], [], False, False)


def test_a_list_that_grows_at_its_head_keeps_its_cursors() -> None:
    after = cursor(ITEMS[4].place)

    grown = page_of([Item(300), *ITEMS], CURSORS, first=2, after=after)

    assert grown.nodes == ITEMS[5:7]


def test_more_than_a_hundred_or_less_than_none_is_refused() -> None:
    refused = [code(first=101), code(last=101), code(first=-1), code(last=-1), code(first=0, last=0)]

    assert refused == ["BAD_USER_INPUT"] * 5
    assert len(page_of(ITEMS, CURSORS, last=MOST).nodes) == MOST
    assert len(page_of(ITEMS, CURSORS).nodes) == MOST


def test_W5_a_cursor_of_another_list_another_key_or_of_nothing_in_the_list_is_refused() -> None:
    place = ITEMS[0].place

    for other in (Cursors(KEY, "invoices of 2"), Cursors(b"K" * 32, CURSORS.of_list)):
        assert code(after=other.write(place)) == code(before=other.write(place)) == "BAD_USER_INPUT"
    assert code(after=cursor(7)) == "BAD_USER_INPUT"


@given(place=st.integers(0, 2**40 - 1), at=st.integers(0, 27), character=st.sampled_from("ABCXYZabcxyz0189-_=.å "))
def test_W5_no_alteration_of_a_cursor_reads(place: int, at: int, character: str) -> None:
    good = CURSORS.write(place)
    altered = good[:at] + character + good[at + 1 :]

    assert CURSORS.read(good) == place
    assert CURSORS.read(altered) == (place if altered == good else None)


@given(st.text())
def test_W5_no_text_makes_the_reader_fail(text: str) -> None:
    assert CURSORS.read(text) is None


def test_a_key_does_not_show() -> None:
    assert "kkkk" not in repr(CURSORS)

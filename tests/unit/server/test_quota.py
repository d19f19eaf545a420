from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portvakt.model.decision import Exceeded
from portvakt.model.provider import Quota
from portvakt.model.values import Instant, Seconds
from portvakt.server.quota import Windows

THREE_A_MINUTE = Quota(3, Seconds(60))
NOON = Instant(1_800_000_000)
KEY = ("breeze-test", "token", "oauth_abc123")
OTHER = ("breeze-test", "token", "oauth_other")


def later(seconds: int) -> Instant:
    return Instant(NOON + seconds)


def used_up(*, at: Instant = NOON) -> Windows:
    windows = Windows()
    for _ in range(THREE_A_MINUTE.limit):
        assert windows.take(KEY, THREE_A_MINUTE, at) is None
    return windows


def test_the_request_beyond_the_limit_is_told_how_long_the_window_lasts() -> None:
    windows = used_up()

    assert windows.take(KEY, THREE_A_MINUTE, later(25)) == Exceeded(3, Seconds(60), Seconds(35))


def test_a_window_begins_with_the_first_request_of_its_key() -> None:
    windows = Windows()
    windows.take(KEY, THREE_A_MINUTE, later(7))
    windows.take(OTHER, THREE_A_MINUTE, later(30))

    assert windows.state(KEY, THREE_A_MINUTE, later(40)) == (3, 2, later(67))
    assert windows.state(OTHER, THREE_A_MINUTE, later(40)) == (3, 2, later(90))


@pytest.mark.parametrize(("passed", "seconds"), [(0, 60), (1, 59), (59, 1)])
def test_the_seconds_are_never_less_than_one(passed: int, seconds: int) -> None:
    exceeded = used_up().take(KEY, THREE_A_MINUTE, later(passed))

    assert exceeded is not None
    assert exceeded.seconds == seconds


def test_the_end_of_a_window_is_exclusive() -> None:
    windows = used_up()

    assert windows.take(KEY, THREE_A_MINUTE, later(60)) is None
    assert windows.state(KEY, THREE_A_MINUTE, later(60)) == (3, 2, later(120))


def test_a_refused_request_is_not_counted_and_does_not_lengthen_the_window() -> None:
    windows = used_up()
    for passed in range(60):
        assert windows.take(KEY, THREE_A_MINUTE, later(passed)) is not None

    assert windows.state(KEY, THREE_A_MINUTE, later(59)) == (3, 0, later(60))
    assert windows.take(KEY, THREE_A_MINUTE, later(60)) is None


def test_one_key_does_not_use_up_the_quota_of_another() -> None:
    assert used_up().take(OTHER, THREE_A_MINUTE, NOON) is None


def test_a_key_may_have_quotas_of_several_lengths() -> None:
    windows = used_up()

    assert windows.take(KEY, Quota(3, Seconds(3600)), NOON) is None
    assert windows.take(KEY, THREE_A_MINUTE, NOON) is not None


def test_asking_for_the_state_counts_nothing() -> None:
    windows = Windows()

    assert windows.state(KEY, THREE_A_MINUTE, NOON) == (3, 3, later(60))
    assert len(windows) == 0


def test_one_may_ask_whether_a_quota_is_used_up_without_counting() -> None:
    windows = used_up()

    assert windows.exceeded(KEY, THREE_A_MINUTE, later(25)) == Exceeded(3, Seconds(60), Seconds(35))
    assert windows.exceeded(KEY, THREE_A_MINUTE, later(60)) is None
    assert windows.exceeded(OTHER, THREE_A_MINUTE, NOON) is None
    assert windows.state(OTHER, THREE_A_MINUTE, NOON) == (3, 3, later(60))


def test_the_state_of_a_window_that_ended_is_that_of_a_new_one() -> None:
    assert used_up().state(KEY, THREE_A_MINUTE, later(61)) == (3, 3, later(121))


def test_a_limit_that_was_lowered_leaves_nothing_rather_than_less() -> None:
    assert used_up().state(KEY, Quota(2, Seconds(60)), NOON) == (2, 0, later(60))


def test_a_limit_of_nothing_refuses_the_first_request() -> None:
    assert Windows().take(KEY, Quota(0, Seconds(60)), NOON) == Exceeded(0, Seconds(60), Seconds(60))


def test_a_clock_that_was_set_back_begins_a_new_window_instead_of_an_endless_one() -> None:
    windows = used_up(at=later(365 * 86400))

    assert windows.state(KEY, THREE_A_MINUTE, NOON) == (3, 3, later(60))
    assert windows.take(KEY, THREE_A_MINUTE, NOON) is None


def test_a_clock_that_goes_back_inside_a_window_keeps_it() -> None:
    windows = used_up()
    assert windows.take(KEY, THREE_A_MINUTE, later(30)) is not None

    assert windows.take(KEY, THREE_A_MINUTE, later(10)) == Exceeded(3, Seconds(60), Seconds(50))


def test_clearing_gives_every_key_its_whole_quota() -> None:
    windows = used_up()
    windows.clear()

    assert windows.take(KEY, THREE_A_MINUTE, NOON) is None


def test_E4_a_flood_of_keys_leaves_the_store_as_small_as_it_was() -> None:
    windows = Windows(most_keys=1000)
    tracemalloc.start()
    try:
        for number in range(20_000):
            windows.take(number, THREE_A_MINUTE, NOON)
        before = tracemalloc.get_traced_memory()[0]
        for number in range(20_000, 60_000):
            windows.take(number, THREE_A_MINUTE, later(number % 50))
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert len(windows) == 1000
    assert grown < 50_000


def test_E4_windows_that_ended_go_before_those_that_last() -> None:
    windows = Windows(most_keys=4)
    for number in range(3):
        windows.take(("old", number), THREE_A_MINUTE, NOON)
    windows.take(KEY, THREE_A_MINUTE, later(50))

    windows.take(("new", 0), THREE_A_MINUTE, later(60))

    assert len(windows) == 2
    assert windows.state(KEY, THREE_A_MINUTE, later(60)) == (3, 2, later(110))


def test_E4_when_none_has_ended_the_one_that_ends_first_goes() -> None:
    windows = Windows(most_keys=2)
    windows.take("first", THREE_A_MINUTE, NOON)
    windows.take("second", THREE_A_MINUTE, later(1))
    windows.take("first", THREE_A_MINUTE, later(2))

    windows.take("third", THREE_A_MINUTE, later(3))

    assert [windows.state(key, THREE_A_MINUTE, later(3))[1] for key in ("first", "second", "third")] == [3, 2, 2]


def test_E4_a_window_that_begins_anew_is_no_longer_the_oldest() -> None:
    windows = Windows(most_keys=7)
    for number in range(7):  # more than one request clears away
        windows.take(number, THREE_A_MINUTE, NOON)
    windows.take(4, THREE_A_MINUTE, later(60))

    windows.take("new", THREE_A_MINUTE, later(61))

    assert len(windows) == 2
    assert windows.state(4, THREE_A_MINUTE, later(61)) == (3, 2, later(120))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-100, 200)), max_size=60))
def test_whatever_the_clock_does_the_numbers_stay_in_their_bounds(steps: list[tuple[int, int]]) -> None:
    windows, now = Windows(most_keys=3), NOON
    for key, passed in steps:
        now = Instant(now + passed)
        exceeded = windows.take(key, THREE_A_MINUTE, now)
        limit, remaining, reset = windows.state(key, THREE_A_MINUTE, now)
        assert exceeded is None or 1 <= exceeded.seconds <= 60
        assert (limit, reset > now, reset <= now + 60) == (3, True, True)
        assert 0 <= remaining <= 2
        assert len(windows) <= 3

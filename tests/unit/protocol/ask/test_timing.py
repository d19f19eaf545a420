"""When to ask again. Moments and lengths are seconds; `draw` is what a die would say."""

from __future__ import annotations

import time
from email.utils import formatdate
from itertools import pairwise

import pytest

from portvakt.model.values import Instant, Seconds
from portvakt.protocol.ask.timing import LONGEST_WAIT, pause_after, pause_for_quota, stated_wait, windows
from portvakt.providers import PROVIDERS

BREEZE = PROVIDERS["breeze"].api
RESET = "X-RateLimit-Reset"
NOW = Instant(1_790_000_000)
NEARLY_ONE = 1 - 1e-9


def date(moment: int) -> str:
    return formatdate(moment, usegmt=True)


@pytest.mark.parametrize(
    ("lifetime", "latest", "earliest", "usable"),
    [
        (86399, 86099, 86069, 86389),
        (3600, 3300, 3270, 3590),
        (1500, 1200, 1170, 1490),
        (600, 480, 468, 590),
        (100, 80, 78, 90),
        (10, 8, 7.8, 9),
        (1, 0.8, 0.78, 0.9),
    ],
)
def test_a_token_is_renewed_before_its_end_and_not_used_in_its_last_moments(
    lifetime: int, latest: float, earliest: float, usable: float
) -> None:
    calm, eager = windows(Seconds(lifetime), 0.0), windows(Seconds(lifetime), NEARLY_ONE)

    assert (calm.renew_after, calm.usable_for) == pytest.approx((latest, usable))
    assert (eager.renew_after, eager.usable_for) == pytest.approx((earliest, usable))


def test_callers_that_began_together_do_not_renew_together() -> None:
    renewals = {windows(Seconds(3600), draw / 100).renew_after for draw in range(100)}

    assert len(renewals) == 100
    assert max(renewals) - min(renewals) > 29


@pytest.mark.parametrize(
    ("failures", "longest"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (7, 30), (50, 30), (100_000, 30)]
)
def test_a_pause_doubles_up_to_thirty_seconds_less_up_to_a_half(failures: int, longest: float) -> None:
    assert pause_after(failures, 0.0) == longest
    assert pause_after(failures, 0.5) == longest * 0.75
    assert pause_after(failures, NEARLY_ONE) == pytest.approx(longest / 2)


@pytest.mark.parametrize(
    ("after", "wait"),
    [
        ("0", 0.0),
        ("1", 1.0),
        ("00120", 120.0),
        (" 120 ", 120.0),
        ("86399", 86399.0),
        ("86401", LONGEST_WAIT),
        ("999999999999", LONGEST_WAIT),
        (date(NOW + 90), 90.0),
        (date(NOW), 0.0),
        (date(NOW - 90), 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT),
    ],
)
def test_retry_after_is_seconds_or_a_date(after: str, wait: float) -> None:
    assert stated_wait({"retry-after": after}, None, NOW) == wait


@pytest.mark.parametrize(
    "after",
    [
        "",
        " ",
        "soon",
        "-1",
        "+5",
        "1.5",
        "1e3",
        "0x10",
        "5 s",
        "120, 120",
        "\u0663",
        "\u00b2",
        "9" * 13,
        "9" * 10_000,
        "inf",
        "nan",
        "Wed, 99 Oct 2026 07:28:00 GMT",
        "Wed, 21 Oct 99999 07:28:00 GMT",
        "Wed, 21 Oct 2026 07:28:00 +99999999999999999",
        f"Wed, 21 Oct {'9' * 5000} 07:28:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
    ],
)
def test_a_retry_after_that_says_nothing_says_nothing(after: str) -> None:
    assert stated_wait({"retry-after": after}, None, NOW) is None
    assert stated_wait({"retry-after": after, RESET.lower(): str(NOW + 7)}, RESET, NOW) == 7.0


@pytest.mark.parametrize(
    "spelled",
    ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"],
    ids=["IMF-fixdate", "rfc850", "asctime"],
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_each_spelling_of_an_http_date_is_utc_wherever_the_caller_is(
    spelled: str, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        # RFC 9110 §5.6.7: the three forms, of one moment
        assert stated_wait({"retry-after": spelled}, None, Instant(784_111_777 - 60)) == 60.0
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("skew", [-86400, -30, 0, 30, 86400])
def test_two_clocks_need_not_agree(skew: int) -> None:
    there = NOW + skew
    said = {"date": date(there)}

    assert stated_wait(said | {"retry-after": "42"}, RESET, NOW) == 42.0
    assert stated_wait(said | {"retry-after": date(there + 42)}, RESET, NOW) == 42.0
    assert stated_wait(said | {RESET.lower(): str(there + 42)}, RESET, NOW) == 42.0


@pytest.mark.parametrize("said", [{}, {"date": ""}, {"date": "yesterday"}])
def test_without_a_date_the_callers_clock_is_all_there_is(said: dict[str, str]) -> None:
    assert stated_wait(said | {"retry-after": date(NOW + 42)}, None, NOW) == 42.0
    assert stated_wait(said | {RESET.lower(): str(NOW + 42)}, RESET, NOW) == 42.0


@pytest.mark.parametrize(
    ("reset", "wait"),
    [
        (str(NOW + 5), 5.0),
        (str(NOW), 0.0),
        (str(NOW - 5), 0.0),
        ("0", 0.0),
        ("999999999999", LONGEST_WAIT),
        ("", None),
        ("-5", None),
        (f"{NOW}.5", None),
        (f"{NOW}000", None),  # milliseconds: 13 digits
        (date(NOW + 5), None),
    ],
)
def test_a_reset_is_unix_seconds(reset: str, wait: float | None) -> None:
    assert stated_wait({RESET.lower(): reset}, RESET, NOW) == wait


def test_retry_after_comes_before_the_reset_and_an_api_without_one_has_none() -> None:
    both = {"retry-after": "3", RESET.lower(): str(NOW + 600)}

    assert stated_wait(both, RESET, NOW) == 3.0
    assert stated_wait({RESET.lower(): str(NOW + 600)}, None, NOW) is None
    assert stated_wait({}, RESET, NOW) is None


def quota(limit: object, remaining: object, reset: object = NOW + 600, **more: str) -> dict[str, str]:
    """Return a reply's headers; what is `...` is left out."""
    said = {"x-ratelimit-limit": limit, "x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset}
    return {name: str(value) for name, value in said.items() if value is not ...} | more


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        (quota(3600, 3599), 0.0),
        (quota(3600, 360), 0.0),  # a tenth is left
        (quota(3600, 359), 1.0),  # 600 s for 359 calls: 1.67 s each, but a second at most
        (quota(3600, 359, NOW + 36), 0.1),
        (quota(3600, 1, NOW + 1), 0.5),
        (quota(3600, 0), 1.0),
        (quota(3600, 0, NOW), 0.0),
        (quota(3600, 0, NOW - 600), 0.0),
        (quota(3600, 0, **{"retry-after": "0"}), 1.0),  # which is of the 429, not of the quota
        (quota(0, 0), 0.0),
        (quota(3600, 0, ...), 0.0),
        (quota(3600, ...), 0.0),
        (quota(..., 0), 0.0),
        (quota("many", 0), 0.0),
        (quota(3600, -1), 0.0),
        (quota(3600, "0.5"), 0.0),
        (quota(3600, 0, "soon"), 0.0),
        (quota(3600, 0, 10**30), 0.0),
        (quota("9" * 5000, "0"), 0.0),
        ({}, 0.0),
    ],
)
def test_calls_slow_down_as_the_quota_runs_low(headers: dict[str, str], pause: float) -> None:
    assert pause_for_quota(BREEZE, headers, NOW) == pytest.approx(pause)


def test_a_quota_is_read_by_the_servers_clock() -> None:
    there = NOW + 86400

    assert pause_for_quota(BREEZE, quota(100, 9, there + 5, date=date(there)), NOW) == 0.5


def test_a_quota_that_runs_out_is_never_waited_for_longer_than_a_second_a_call() -> None:
    pauses = [pause_for_quota(BREEZE, quota(100, left, NOW + 3600), NOW) for left in range(100)]

    assert max(pauses) == 1.0
    assert all(low >= high for low, high in pairwise(pauses))


def test_an_api_without_quota_headers_is_never_slowed_down() -> None:
    assert pause_for_quota(PROVIDERS["prisjakt"].api, quota(3600, 0), NOW) == 0.0

"""Which language: what is asked for, then the user's, then the browser's, then English; and how it writes."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portvakt.model.values import Instant
from portvakt.pages.locale import LOCALES, choose_locale, date, date_and_time, iso

AT = Instant(1_772_355_840)  # 2026-03-01T09:04:00Z


@pytest.mark.parametrize(
    ("asked", "users", "browser", "chosen"),
    [
        ("nb", "en", "en", "nb"),
        ("en", "nb", "nb", "en"),
        ("sv", "nb", "en", "nb"),
        ("NB", None, "en", "en"),
        ("", "", "nb", "nb"),
        (None, "sv", "nb", "nb"),
        (None, None, None, "en"),
    ],
)
def test_the_first_wish_that_we_can_meet_decides(
    asked: str | None, users: str | None, browser: str | None, chosen: str
) -> None:
    assert choose_locale(asked, users, browser) == chosen
    assert choose_locale(None, "en", "en", chosen=chosen) == chosen
    assert choose_locale("en", None, "nb", chosen=chosen) == "en"


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("nb-NO,nb;q=0.9,no;q=0.8,en;q=0.5", "nb"),
        ("no", "nb"),
        ("nn-NO, en;q=0.9", "nb"),
        ("en-GB,nb;q=0.9", "en"),
        ("sv-SE, da;q=0.9, nb;q=0.3, en;q=0.2", "nb"),
        ("en;q=0.2, NB ; q=0.8", "nb"),
        ("nb, en", "nb"),
        ("nb;q=0", "en"),
        ("nb;q=0.0004, en", "en"),
        ("nb;q=1.9, en;q=1.000", "nb"),
        ("*", "en"),
        ("nb;q=x", "en"),
        ("nbx, xnb, n", "en"),
        ("", "en"),
        (",;=,,nb;q", "en"),
        ("x" * 600 + ",nb", "en"),
    ],
)
def test_the_browsers_languages_count_by_their_weight(header: str, chosen: str) -> None:
    assert choose_locale(None, None, header) == chosen


@given(st.text(max_size=600))
def test_whatever_is_sent_a_language_is_chosen(header: str) -> None:
    assert choose_locale(header, header, header) in LOCALES


def test_many_different_languages_leave_nothing_behind() -> None:
    """Locale caches that grew with each header were CVE-2026-79651."""

    def ask(numbers: range) -> None:
        for number in numbers:
            choose_locale(f"x{number}", f"y{number}", f"nb-{number},en;q=0.{number % 1000}")

    ask(range(100))
    tracemalloc.start()
    ask(range(20_000))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held < 20_000


def test_each_language_writes_dates_its_own_way() -> None:
    assert date(AT, "nb") == "1.\u00a0mars 2026"
    assert date(AT, "en") == "1\u00a0March 2026"
    assert date_and_time(AT, "nb") == "1.\u00a0mars 2026 kl.\u00a009.04\u00a0UTC"
    assert date_and_time(AT, "en") == "1\u00a0March 2026 at 09:04\u00a0UTC"
    assert iso(AT) == "2026-03-01T09:04:00Z"

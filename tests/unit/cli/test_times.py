from __future__ import annotations

import pytest

from portvakt.cli.outcome import Exit, Stop
from portvakt.cli.times import expiry, from_now, in_words, length, rfc3339
from portvakt.model.values import Instant

NOW = Instant(1_795_363_200)  # 2026-11-22T16:00:00Z


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("0s", 0), ("90s", 90), ("5m", 300), ("1h", 3600), ("24h", 86_400), ("7d", 604_800)]
)
def test_a_length_of_time_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert length("--grace", text) == seconds


@pytest.mark.parametrize("text", ["", "1", "-1h", "1.5h", "1w", "h", "01h", "1h ", "\u0661h", "9" * 20 + "s"])
def test_what_is_no_length_of_time_is_a_wrong_command_line(text: str) -> None:
    with pytest.raises(Stop, match="--grace must be a length of time") as stopped:
        length("--grace", text)

    assert stopped.value.code is Exit.USAGE


def test_an_expiry_is_a_length_a_date_a_moment_or_never() -> None:
    assert expiry("--expires", "180d", NOW) == 180 * 86_400
    assert expiry("--expires", "2026-11-23", NOW) == 8 * 3600
    assert expiry("--expires", "2026-11-22T18:00:00+01:00", NOW) == 3600
    assert expiry("--expires", "2026-11-22T17:00:00Z", NOW) == 3600
    assert expiry("--expires", "never", NOW) is None


@pytest.mark.parametrize("text", ["0", "2026-11-22", "1970-01-01", "2026-11-22T16:00:00Z"])
def test_an_expiry_in_the_past_is_a_wrong_command_line(text: str) -> None:
    with pytest.raises(Stop, match="--expires lies in the past"):
        expiry("--expires", text, NOW)


@pytest.mark.parametrize("text", ["999999999d", "9999-12-31T23:59:59-23:59"])
def test_an_expiry_is_not_beyond_what_can_be_written(text: str) -> None:
    with pytest.raises(Stop, match="more than 100 years away; say never"):
        expiry("--expires", text, NOW)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "180", "9999-12-31T23:59:59-99:00"])
def test_what_is_no_expiry_is_a_wrong_command_line(text: str) -> None:
    with pytest.raises(Stop, match="--expires must be"):
        expiry("--expires", text, NOW)


def test_moments_are_written_as_rfc_3339_in_utc() -> None:
    assert rfc3339(NOW) == "2026-11-22T16:00:00Z"
    assert rfc3339(None) is None


@pytest.mark.parametrize(
    ("away", "said"),
    [
        (0, "now"),
        (0.9, "now"),
        (1, "in 1 s"),
        (119, "in 119 s"),
        (120, "in 2 min"),
        (54 * 60 + 59, "in 54 min"),
        (7199, "in 119 min"),
        (7200, "in 2 h"),
        (47 * 3600, "in 47 h"),
        (48 * 3600, "in 2 days"),
        (-1, "1 s ago"),
        (-360, "6 min ago"),
        (-400 * 86_400, "400 days ago"),
    ],
)
def test_how_far_a_moment_is_away_is_told_in_whole_units(away: float, said: str) -> None:
    assert from_now(NOW + away, NOW) == said


def test_a_moment_is_told_to_a_reader_in_utc() -> None:
    assert in_words(NOW + 3240, NOW) == "2026-11-22 16:54:00 UTC, in 54 min"

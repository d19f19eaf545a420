from __future__ import annotations

from portvakt.model.values import Instant
from portvakt.server.clock import TurnableClock, system_clock


def test_the_system_clock_counts_whole_seconds() -> None:
    assert isinstance(system_clock(), int)
    assert system_clock() > 1_700_000_000


def test_a_turnable_clock_goes_with_its_clock_and_can_be_turned() -> None:
    moments = [Instant(100)]
    clock = TurnableClock(lambda: moments[-1])
    assert clock() == 100

    clock.advance(3_300)
    moments.append(Instant(101))
    assert clock() == 3_401

    clock.advance(-3_400)
    assert (clock(), clock.offset) == (1, -100)

"""The one clock that everything is handed: a callable that says what time it is."""

from __future__ import annotations

import time
from collections.abc import Callable

from portvakt.model.values import Instant

Clock = Callable[[], Instant]
"""Says the time in whole Unix seconds. Deadlines of sockets do not use it: they run on the loop's monotonic clock."""


def system_clock() -> Instant:
    """Return the time of this machine."""
    return Instant(int(time.time()))


class TurnableClock:
    """A clock that can be turned, for the sandbox: another clock's time plus `offset` seconds, at first 0."""

    __slots__ = ("_clock", "offset")

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock
        self.offset = 0

    def __call__(self) -> Instant:
        """Return the time as turned."""
        return Instant(self._clock() + self.offset)

    def advance(self, seconds: int) -> None:
        """Turn the clock by `seconds`, which may be negative."""
        self.offset += seconds

"""Time as a test sets it: a clock that counts, the wall's, and a sleep that lets both go on at once."""

from __future__ import annotations

import threading

BEGAN = 1_800_000_000.0
"""The wall clock when the other one shows 0, in Unix seconds."""


class Times:
    """`slept` are the lengths of time that were slept, in order."""

    def __init__(self) -> None:
        self.now = 0.0
        self.set_by = 0.0
        self.die = 0.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def counting(self) -> float:
        return self.now

    def wall(self) -> float:
        return BEGAN + self.now + self.set_by

    def draw(self) -> float:
        return self.die

    def pass_by(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds

    async def sleep(self, seconds: float) -> None:
        self.rest(seconds)

    def rest(self, seconds: float) -> None:
        if seconds:
            self.slept.append(seconds)
            self.pass_by(seconds)

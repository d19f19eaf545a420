"""Two clocks and a die: one clock only counts, for lengths of time; the wall's is for what a reader is told."""

from __future__ import annotations

import secrets
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.platform == "linux":
    # Goes on while the machine sleeps, unlike time.monotonic(): a token ages in a closed laptop too.
    counting: Callable[[], float] = partial(time.clock_gettime, time.CLOCK_BOOTTIME)
elif sys.platform == "darwin":
    counting = partial(time.clock_gettime, time.CLOCK_MONOTONIC_RAW)
else:
    counting = time.monotonic

wall: Callable[[], float] = time.time


def draw() -> float:
    """Return a random number, 0 <= draw < 1."""
    return secrets.randbelow(1_000_000) / 1_000_000

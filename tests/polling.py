"""Waiting for what comes by itself, with a deadline instead of a sleep of the right length."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


async def until(holds: Callable[[], bool], seconds: float) -> None:
    """Return once `holds()`. Raises: AssertionError if it does not within so many seconds."""
    give_up_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up_at, f"not so within {seconds} s"
        await asyncio.sleep(0.005)

"""Examples of a property are not timed: how long one takes is the machine's affair."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

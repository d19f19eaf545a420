"""Moments and lengths of time as people write them: `90s`, `24h`, `180d`, `2027-01-31`, RFC 3339."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from portvakt.cli.outcome import Exit, Stop
from portvakt.model.values import Instant, Seconds

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
NEVER = "never"
FARTHEST = Seconds(100 * 365 * 86_400)
_SPOKEN = (("days", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_LENGTH = re.compile(r"(0|[1-9][0-9]{0,8})([smhd]?)", re.ASCII)


def length(option: str, text: str) -> Seconds:
    """Return a length of time: a number with s, m, h or d; only 0 may do without.

    Raises: Stop for anything else.
    """
    match = _LENGTH.fullmatch(text)
    if match is None or (not match[2] and match[1] != "0"):
        raise Stop(Exit.USAGE, f"{option} must be a length of time such as 90s, 1h, 24h or 7d (or 0)")
    return Seconds(int(match[1]) * UNITS[match[2] or "s"])


def expiry(option: str, text: str, now: Instant) -> Seconds | None:
    """Return how long from now something lives: until a length of time or a date is over, or for ever (None).

    A date alone means its first moment, UTC. Raises: Stop for anything else, and for what is over already.
    """
    if text == NEVER:
        return None
    if _LENGTH.fullmatch(text):
        seconds = length(option, text)
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise Stop(Exit.USAGE, f"{option} must be a length of time (180d), a date (2027-01-31) or never") from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = Seconds(max(0, int(moment.timestamp()) - now))
    if seconds < 1:
        raise Stop(Exit.USAGE, f"{option} lies in the past")
    if seconds > FARTHEST:
        raise Stop(Exit.USAGE, f"{option} is more than 100 years away; say never")
    return seconds


def moment(option: str, text: str, now: Instant) -> Instant:
    """Return a moment: a length of time ago, or a date (its first moment, UTC). Raises: Stop for anything else."""
    if _LENGTH.fullmatch(text):
        return Instant(now - length(option, text))
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        raise Stop(Exit.USAGE, f"{option} must be a length of time ago (24h) or a date (2027-01-31)") from None
    return Instant(int((said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp()))


def rfc3339(moment: Instant | None) -> str | None:
    """Write a moment as 2026-11-22T16:00:00Z; None stays None."""
    return None if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_now(moment: float, now: Instant) -> str:
    """Say how far a moment is away, in its largest whole unit: `in 54 min`, `6 min ago`, `now`."""
    away = abs(int(moment - now))
    if not away:
        return "now"
    unit, seconds = next(((unit, seconds) for unit, seconds in _SPOKEN if away >= 2 * seconds), _SPOKEN[-1])
    said = f"{away // seconds} {unit}"
    return f"in {said}" if moment > now else f"{said} ago"


def in_words(moment: float, now: Instant) -> str:
    """Write a moment for a reader: `2026-11-22 16:00:00 UTC, in 54 min`."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC, {from_now(moment, now)}"

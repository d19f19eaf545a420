"""When to ask again: before a token ends, after a failure, after a 429. Lengths of time are seconds as floats.

`draw` is a random number, 0 <= draw < 1: callers that began together must not come back together.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.model.provider import Api
    from portvakt.model.values import Instant, Seconds

EARLY = 300.0
"""The documents' advice: ask for a new token about five minutes before the old one ends."""

_EARLY_SHARE = 0.2
_SKEW = 10.0
_SKEW_SHARE = 0.1
_JITTER = 0.1

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0

LONGEST_WAIT = 86400.0
"""No 429 is believed for longer than a day: it may be a mistake, and what is remembered would last until a restart."""

_LOW = 10
"""A tenth of a quota is little left."""

_SLOWEST = 1.0
_DIGITS = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Windows:
    """The two windows of a token, counted from the moment that it was asked for.

    After `renew_after` it is good and a new one is asked for beside its use; after `usable_for` it is not used.
    """

    renew_after: float
    usable_for: float


def windows(lifetime: Seconds, draw: float) -> Windows:
    """Return the windows of a token that lives `lifetime` seconds (at least 1).

    It is renewed five minutes before its end, or a fifth of its life where that is less, and up to a tenth of that
    sooner. The last ten seconds, or a tenth of its life, are left to clocks and wires.
    """
    early = min(EARLY, lifetime * _EARLY_SHARE)
    skew = min(_SKEW, lifetime * _SKEW_SHARE)
    return Windows(lifetime - early * (1 + _JITTER * draw), lifetime - skew)


def pause_after(failures: int, draw: float) -> float:
    """Return how long to wait after so many failures in a row (at least 1): 1 s, 2, 4, … 30, less up to a half."""
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(failures - 1, 10)) * (1 - draw / 2)


def stated_wait(headers: Mapping[str, str], reset_name: str | None, now: Instant) -> float | None:
    """Return how many seconds a 429 asks its caller to wait; None if it does not say. Header names in lower case.

    `Retry-After` (RFC 9110 §10.2.3: seconds, or a date) comes first, since it counts from the reply. `reset_name` is
    the header in which the provider says when its window ends, in Unix seconds. Both moments are compared with the
    reply's own `Date` where it has one: two clocks need not agree. `now` is the caller's. Never more than
    `LONGEST_WAIT`: who asks for years is asked again tomorrow.
    """
    here = _date(headers.get("date", ""))
    there = now if here is None else here
    after = headers.get("retry-after", "").strip()
    if _DIGITS.fullmatch(after):
        return min(float(after), LONGEST_WAIT)
    moment = _date(after)
    if moment is None and reset_name is not None:
        reset = headers.get(reset_name.lower(), "").strip()
        moment = int(reset) if _DIGITS.fullmatch(reset) else None
    return None if moment is None else min(max(0.0, float(moment - there)), LONGEST_WAIT)


def pause_for_quota(api: Api, headers: Mapping[str, str], now: Instant) -> float:
    """Return how long the next call should be held back, from what a reply says of the quota that is left.

    Nothing while more than a tenth is left; then the calls that are left are spread over the rest of the window,
    each held back by a second at most: the 429 itself is the API's to say.
    """
    if api.quota_headers is None:
        return 0.0
    limit, remaining, _ = (headers.get(name.lower(), "").strip() for name in api.quota_headers)
    if not (_DIGITS.fullmatch(limit) and _DIGITS.fullmatch(remaining)) or int(remaining) * _LOW >= int(limit):
        return 0.0
    wait = stated_wait({**headers, "retry-after": ""}, api.quota_headers[2], now)
    return 0.0 if wait is None else min(_SLOWEST, wait / (int(remaining) + 1))


def _date(text: str) -> int | None:
    """Return an HTTP date as Unix seconds; None: it is none. Without a zone (RFC 9110 §5.6.7, asctime) it is UTC."""
    try:
        return calendar.timegm(parsedate_to_datetime(text).utctimetuple())
    except (ValueError, OverflowError, TypeError):
        return None

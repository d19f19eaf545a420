"""Fixed windows, counted in memory: n requests in a window that begins with a key's first one."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from portvakt.model.decision import Exceeded
from portvakt.model.values import Instant, Seconds

if TYPE_CHECKING:
    from collections.abc import Hashable

    from portvakt.model.provider import Quota

MOST_KEYS = 100_000
_SWEPT_AT_ONCE = 4  # more than the one that is added, so that what has expired drains; few, so that nobody waits

_Row = list[int]  # [requests counted, when the window began]


class Windows:
    """How much of its quota each key has used. One thread only.

    It holds at most `most_keys` windows of each length (E4): those that ended go first, then those that end
    first. Whoever can invent keys (an unknown client, an address) could push others out, so what is counted
    for strangers stands in another `Windows` than what is counted for clients that authenticated.
    """

    def __init__(self, most_keys: int = MOST_KEYS) -> None:
        self._most_keys = most_keys
        self._rows: dict[int, OrderedDict[Hashable, _Row]] = {}  # by length; inside, the first to begin is first

    def take(self, key: Hashable, quota: Quota, now: Instant) -> Exceeded | None:
        """Count one request of `key`; None: it may go on.

        `Exceeded` says when the window ends, in 1 to `quota.window` seconds; such a request is not counted.
        """
        length: int = quota.window
        rows = self._rows.get(length)
        if rows is None:
            rows = self._rows[length] = OrderedDict()
        row = rows.get(key)
        # A window that begins later than now: the clock was set back. It is void, or it could last for ages.
        if row is None or not 0 <= now - row[1] < length:
            row = self._begin(rows, key, length, now)
        if row[0] >= quota.limit:
            return Exceeded(quota.limit, quota.window, Seconds(row[1] + length - now))
        row[0] += 1
        return None

    def exceeded(self, key: Hashable, quota: Quota, now: Instant) -> Exceeded | None:
        """Return what `take` would, and count nothing."""
        limit, remaining, ends = self.state(key, quota, now)
        return None if remaining else Exceeded(limit, quota.window, Seconds(ends - now))

    def state(self, key: Hashable, quota: Quota, now: Instant) -> tuple[int, int, Instant]:
        """Return the limit, how many requests remain, and when they are as many as the limit again.

        Nothing is counted. For a key without a window, that is what would be so if it began now.
        """
        rows = self._rows.get(quota.window)
        row = None if rows is None else rows.get(key)
        if row is None or not 0 <= now - row[1] < quota.window:
            return quota.limit, quota.limit, Instant(now + quota.window)
        return quota.limit, max(quota.limit - row[0], 0), Instant(row[1] + quota.window)

    def clear(self) -> None:
        """Begin anew for every key."""
        self._rows.clear()

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def _begin(self, rows: OrderedDict[Hashable, _Row], key: Hashable, length: int, now: Instant) -> _Row:
        rows.pop(key, None)  # its place is now the last
        for _ in range(_SWEPT_AT_ONCE):
            if not rows:
                break
            oldest = next(iter(rows.values()))
            if len(rows) < self._most_keys and now - oldest[1] < length:
                break
            rows.popitem(last=False)
        row = rows[key] = [0, now]
        return row

"""Tokens that were verified before, so that a second look costs a hash instead of a signature."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portvakt.jose.keys import PublicKey
    from portvakt.model.values import Instant, Seconds
    from portvakt.protocol.admit.verified import Verified

CAPACITY = 10_000

_hasher = sha256().copy  # a copy of an empty one costs two thirds of a new one


class SeenTokens:
    """What was verified with one set of keys, by the SHA-256 of the token; the token itself is not held.

    Scopes are not part of it: they are asked for anew with every request. At most `capacity` entries, the oldest
    goes first.
    """

    __slots__ = ("_capacity", "_keys", "_leeway", "_verified")

    def __init__(self, leeway: Seconds, capacity: int = CAPACITY) -> None:
        self._leeway = leeway
        self._capacity = capacity
        self._keys: tuple[PublicKey, ...] = ()
        self._verified: dict[bytes, tuple[Verified, Instant, int]] = {}  # with when it was verified, and its end

    def hold_to(self, keys: tuple[PublicKey, ...]) -> None:
        """Forget all that was verified with other keys than these: one of them may have been withdrawn."""
        if keys is not self._keys:
            if keys != self._keys:
                self._verified.clear()
            self._keys = keys

    def find(self, token: bytes, now: Instant) -> Verified | None:
        """Return what is known of a token that has not expired.

        Nothing, where the clock stands before the moment of its verification: it has been turned back since, and
        the token may be one of the future.
        """
        hasher = _hasher()
        hasher.update(token)
        found = self._verified.get(hasher.digest())
        if found is None:
            return None
        verified, since, end = found
        return verified if since <= now < end else None

    def keep(self, token: bytes, verified: Verified, now: Instant) -> None:
        """Remember a token that was verified at `now` with the keys that this holds to."""
        if len(self._verified) >= self._capacity:
            del self._verified[next(iter(self._verified))]
        self._verified[sha256(token).digest()] = (verified, now, verified.expires_at + self._leeway)

    def __len__(self) -> int:
        return len(self._verified)

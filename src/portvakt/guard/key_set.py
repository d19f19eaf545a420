"""The issuer's keys: fetched once, kept fresh, and never let go for something worse."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from portvakt.client.fetch import FetchFailed
from portvakt.jose.keys import KeySetRefused, read_key_set
from portvakt.jose.strict_json import read_object
from portvakt.model.values import Instant, Seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from portvakt.client.fetch import Fetcher
    from portvakt.jose.keys import PublicKey

FRESH_AT_LEAST = Seconds(30)
FRESH_AT_MOST = Seconds(60)
"""Bounds of what Cache-Control may ask for: a key that was withdrawn in haste is refused within a minute."""

COOL_DOWN = Seconds(30)
"""Between two fetches that a token with an unknown key causes."""

KEPT = 24 * 3600
"""Seconds for which keys stay good while none newer can be fetched."""

_log = logging.getLogger("portvakt.guard")


class KeySource(Protocol):
    """Whoever knows an issuer's current public keys, in the process of the issuer itself for instance."""

    async def keys(self) -> tuple[PublicKey, ...]:
        """Return the keys: the same tuple while nothing changed, for verified tokens are kept as long as it stands."""


class KeysUnavailable(Exception):
    """No key is known, and none could be fetched, as the text says why. In `retry_after` seconds it is tried again."""

    def __init__(self, retry_after: Seconds, why: str) -> None:
        super().__init__(f"no keys of the issuer ({why})")
        self.retry_after = retry_after


class _MetadataRefused(Exception):
    """The issuer's metadata is not what RFC 8414 asks for."""


class FetchedKeys:
    """The keys of an issuer by its metadata (RFC 8414). Used within one event loop at a time.

    Before the set is stale it is fetched anew in the background. A fetch that fails, or brings an empty or broken
    set, changes nothing: the keys at hand stay for 24 hours, and the next attempts wait 1, 2, 4, … 30 seconds.
    """

    def __init__(self, issuer: str, clock: Callable[[], Instant], fetcher: Fetcher) -> None:
        self._issuer = issuer
        self._clock = clock
        self._fetcher = fetcher
        self._keys: tuple[PublicKey, ...] = ()
        self._body: bytes | None = None  # none was read yet: an empty one is no key set
        self._jwks_uri: str | None = None
        self._fetched_at = Instant(0)
        self._renew_at = Instant(0)  # in the background from here on
        self._stale_at = Instant(0)  # worth waiting for from here on
        self._failures = 0
        self._failure = ""
        self._failed_at = Instant(0)
        self._looked_at: Instant | None = None
        self._flight: asyncio.Task[None] | None = None

    async def keys(self) -> tuple[PublicKey, ...]:
        """Return the keys; waits only where there are none, or where they are stale and nothing failed yet.

        Raises:
            KeysUnavailable: there are none.
        """
        now = self._clock()
        if self._fetched_at <= now < self._renew_at:
            return self._keys
        return await self._renewed(now)

    async def look_again(self) -> bool:
        """Fetch because a token names an unknown key, at most once in 30 seconds. Says whether the keys changed.

        Whoever comes while a fetch is under way waits for it; the others are told at once.
        """
        before = self._keys
        if (flight := self._under_way()) is None:
            now = self._clock()
            if self._looked_at is not None and 0 <= now - self._looked_at < COOL_DOWN:
                return False
            if self._backing_off(now):
                return False
            self._looked_at = now
            flight = self._take_off()
        await asyncio.shield(flight)
        return self._keys is not before

    async def _renewed(self, now: Instant) -> tuple[PublicKey, ...]:
        flight = self._under_way()
        if flight is None and not self._backing_off(now):
            flight = self._take_off()
        waits = not self._usable(now) or (now >= self._stale_at and not self._failures)
        if flight is not None and waits:
            await asyncio.shield(flight)  # one caller who gives up does not take the others' keys away
        if self._usable(now):
            return self._keys
        raise KeysUnavailable(Seconds(max(1, self._failed_at + self._pause() - now)), self._failure)

    def _usable(self, now: Instant) -> bool:
        return bool(self._keys) and now - self._fetched_at < KEPT

    def _backing_off(self, now: Instant) -> bool:
        return 0 <= now - self._failed_at < self._pause()

    def _pause(self) -> int:
        return min(30, 1 << min(self._failures - 1, 5)) if self._failures else 0

    def _under_way(self) -> asyncio.Task[None] | None:
        flight = self._flight
        if flight is None or flight.done() or flight.get_loop() is not asyncio.get_running_loop():
            return None
        return flight

    def _take_off(self) -> asyncio.Task[None]:
        self._flight = asyncio.get_running_loop().create_task(self._land())
        return self._flight

    async def _land(self) -> None:
        """Fetch and keep, or note the failure. Raises nothing: nobody may be waiting."""
        try:
            if self._jwks_uri is None:
                self._jwks_uri = await self._find()
            fetched = await self._fetcher.fetch(self._jwks_uri)
            # The same octets are the same keys: whoever holds on to the tuple sees that nothing changed.
            keys = self._keys if fetched.body == self._body else read_key_set(fetched.body)
        except (FetchFailed, KeySetRefused, _MetadataRefused) as error:
            self._failures += 1
            self._failure = str(error)
            self._failed_at = self._clock()
            self._jwks_uri = None  # it may have moved
            _log.warning("keys of %s not fetched (%s); keeping %d", self._issuer, error, len(self._keys))
            return
        self._keys, self._body, self._failures = keys, fetched.body, 0
        asked = FRESH_AT_MOST if fetched.max_age is None else fetched.max_age
        fresh = min(max(asked, FRESH_AT_LEAST), FRESH_AT_MOST)
        self._fetched_at = self._clock()
        self._renew_at = Instant(self._fetched_at + fresh * 4 // 5)
        self._stale_at = Instant(self._fetched_at + fresh)

    async def _find(self) -> str:
        url = metadata_url(self._issuer)
        try:
            metadata = read_object((await self._fetcher.fetch(url)).body)
        except ValueError:
            raise _MetadataRefused("the issuer's metadata is no JSON object") from None
        if metadata.get("issuer") != self._issuer:  # RFC 8414 §3.3: identical, or the metadata is not to be used
            raise _MetadataRefused("the metadata is another issuer's")
        jwks_uri = metadata.get("jwks_uri")
        if not isinstance(jwks_uri, str):
            raise _MetadataRefused("the metadata names no jwks_uri")
        return jwks_uri


def metadata_url(issuer: str) -> str:
    """Return where an issuer's metadata lies: the well-known part goes before its path (RFC 8414 §3.1)."""
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path}"

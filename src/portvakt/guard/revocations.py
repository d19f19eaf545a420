"""What an issuer has taken back before its end: read every two seconds, and held against each token.

A guard asks when a request comes, never in between: an API that nobody calls asks nobody. Whoever comes while the list
is a little old is not kept waiting; after a silence the first one waits for one answer. So a token that was taken back
is refused within `WAIT_AT` seconds and the time of one answer.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import quote

from portvakt.client.fetch import FetchFailed
from portvakt.guard.asking_issuer import basic
from portvakt.jose.strict_json import read_object
from portvakt.model.message import Request
from portvakt.model.values import Instant

if TYPE_CHECKING:
    from collections.abc import Callable

    from portvakt.client.fetch import Fetcher
    from portvakt.model.values import Secret
    from portvakt.protocol.admit.verified import Verified

READ_EVERY = 2
"""Seconds after which the list is read again."""

WAIT_AT = 4
"""Seconds after which a request waits for it, unless the last reading failed."""

PATIENCE = 1.0
"""Seconds that a request waits at most."""

GIVES_UP = 3.0
"""Seconds that a reading may take."""

UNREAD_FOR = 30
"""Seconds without a list after which nobody gets in, where that was asked for."""

KINDS = ("grant", "client", "user", "organisation", "token", "key")
"""What may be taken back: a `gid`, a `client_id`, a `sub`, an `organisation_number`, a `jti`, a `kid`."""

_FOR_EVER = Instant(2**63 - 1)
_NOTHING = (Instant(0), Instant(0))

_OK = 200
_log = logging.getLogger("portvakt.guard")


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocations:
    """How a guard reads its issuer's list of revocations: as a client of that issuer's that has the scope for it.

    The client, `client_id` with `client_secret`, is made with `portvakt client create --scope portvakt:revocations`.
    `unread`: what becomes of requests
    while the list cannot be read. "go on": what is known already counts, and the log says so; "refuse": after 30
    seconds they are answered 503.

    Raises:
        ValueError: no client or no secret, or another choice.
    """

    client_id: str
    client_secret: str | Secret = field(repr=False)
    unread: Literal["go on", "refuse"] = "go on"

    def __post_init__(self) -> None:
        if self.unread not in {"go on", "refuse"}:
            raise ValueError('unread is "go on" or "refuse"')
        basic(self.client_id, self.client_secret)


@dataclass(frozen=True, slots=True)
class Revoked:
    """Something that was taken back: `kind` is one of `KINDS`, others mean nothing here, and `id` names it.

    It is remembered until `until`. `before`: only tokens that were issued then or earlier are refused, since what
    ended may begin again; None: all are. Of several entries for one thing the last counts.
    """

    kind: str
    id: str
    until: Instant
    before: Instant | None = None


@dataclass(frozen=True, slots=True)
class RevocationPage:
    """`revocations`: what was taken back since a cursor; `cursor`: the next one. An empty page is the last."""

    cursor: str
    revocations: tuple[Revoked, ...]


class RevocationSource(Protocol):
    """Whoever knows what an issuer has taken back, in the process of the issuer itself for instance."""

    async def after(self, cursor: str | None) -> RevocationPage:
        """Return what was taken back since a cursor; None: since ever. Raises: RevocationsUnread."""


class RevocationsUnread(Exception):
    """The list could not be read, as the text says why."""


class FetchedRevocations:
    """The list as the issuer publishes it at `<issuer>/revocations`."""

    def __init__(self, issuer: str, revocations: Revocations, fetcher: Fetcher) -> None:
        self._url = f"{issuer}/revocations"
        self._fetcher = fetcher
        self._authorization = basic(revocations.client_id, revocations.client_secret)

    async def after(self, cursor: str | None) -> RevocationPage:
        """Ask for one page."""
        url = self._url if cursor is None else f"{self._url}?after={quote(cursor, safe='')}"
        headers = (("Accept", "application/json"), ("Authorization", self._authorization.reveal()))
        try:
            reply = await self._fetcher.send(Request(method="GET", url=url, headers=headers))
        except FetchFailed as error:
            raise RevocationsUnread(str(error)) from None
        if reply.status != _OK:
            raise RevocationsUnread(f"status {reply.status}")
        return read_page(reply.body)


def read_page(body: bytes) -> RevocationPage:
    """Read a page. Raises: RevocationsUnread."""
    try:
        said = read_object(body)
    except ValueError:
        raise RevocationsUnread("the list is no JSON object") from None
    cursor, entries = said.get("cursor"), said.get("revocations")
    if not isinstance(cursor, str) or not isinstance(entries, list):
        raise RevocationsUnread("the list has no cursor or no revocations")
    return RevocationPage(cursor, tuple(map(_entry, entries)))


def _entry(entry: object) -> Revoked:
    if isinstance(entry, dict):
        kind, name, until, before = (entry.get(member) for member in ("kind", "id", "until", "before"))
        if isinstance(kind, str) and isinstance(name, str) and type(until) is int:
            if type(before) is int:
                return Revoked(kind, name, Instant(until), Instant(before))
            if before is None:
                return Revoked(kind, name, Instant(until))
    raise RevocationsUnread("an entry of the list is not of its form")


class TakenBack:
    """The list as far as it was read. Used within one event loop at a time."""

    def __init__(self, source: RevocationSource, clock: Callable[[], Instant], *, refuses_unread: bool) -> None:
        self._source = source
        self._clock = clock
        self._refuses_unread = refuses_unread
        # Until when each is remembered, and which tokens it refuses. No entry names None, as what has no grant does.
        self._ends: dict[tuple[str, str | None], tuple[Instant, Instant]] = {}
        self._cursor: str | None = None
        self._began: Instant | None = None
        self._read_at: Instant | None = None
        self._failed_at: Instant | None = None
        self._flight: asyncio.Task[None] | None = None

    def holds(self, verified: Verified, now: Instant) -> bool:
        """Whether a token was taken back."""
        if not self._ends:
            return False
        names = (
            verified.grant_id,
            verified.client_id,
            verified.subject,
            verified.organisation_number,
            verified.token_id,
            verified.key_id,
        )
        # An API key outlives what may begin again, and its issuer is asked all the time whether it is live.
        issued_at = _FOR_EVER if verified.is_api_key else verified.issued_at
        return any(
            now < until and issued_at <= before
            for until, before in (self._ends.get(pair, _NOTHING) for pair in zip(KINDS, names, strict=True))
        )

    async def look(self, now: Instant) -> None:
        """See to it that the list is new. Raises: RevocationsUnread, only where that is to refuse requests."""
        self._began = now if self._began is None else self._began
        flight = self.nudge(now)
        if flight is not None and self._failed_at is None and not self._is_within(self._read_at, WAIT_AT, now):
            await asyncio.wait({flight}, timeout=PATIENCE)
        last = self._began if self._read_at is None else self._read_at
        if self._refuses_unread and not self._is_within(last, UNREAD_FOR, now):
            raise RevocationsUnread("the list of revocations could not be read for too long")

    def nudge(self, now: Instant) -> asyncio.Task[None] | None:
        """Read the list in the background if it is time; return the reading that is under way, if there is one."""
        flight = self._flight
        if flight is not None and not flight.done() and flight.get_loop() is asyncio.get_running_loop():
            return flight
        if self._is_within(self._read_at, READ_EVERY, now) or self._is_within(self._failed_at, READ_EVERY, now):
            return None
        self._flight = asyncio.get_running_loop().create_task(self._read())
        return self._flight

    @staticmethod
    def _is_within(since: Instant | None, seconds: int, now: Instant) -> bool:
        """Whether a moment is less than so many seconds ago. One that is yet to come is not: the clock was turned."""
        return since is not None and 0 <= now - since < seconds

    async def _read(self) -> None:
        """Read what is new. Raises nothing: nobody may be waiting."""
        asked_at = self._clock()  # what is taken back while the answer is on its way is not in it
        try:
            async with asyncio.timeout(GIVES_UP):
                while (page := await self._source.after(self._cursor)).revocations:
                    self._cursor = page.cursor
                    for entry in page.revocations:
                        self._remember(entry)
        except Exception as error:  # noqa: BLE001 - whatever a source raises, what is known goes on to count
            if self._failed_at is None:
                why = str(error) or type(error).__name__
                _log.warning("revocations not read (%s); going on with the %d that are known", why, len(self._ends))
            self._failed_at = self._clock()
            return
        if self._failed_at is not None:
            _log.info("revocations are read again")
        self._failed_at, self._read_at = None, asked_at
        over = [pair for pair, (until, _) in self._ends.items() if until <= asked_at]
        for pair in over:
            del self._ends[pair]

    def _remember(self, entry: Revoked) -> None:
        """Keep of several entries for one thing the last: what ended may have begun again since."""
        if entry.kind in KINDS:
            before = _FOR_EVER if entry.before is None else entry.before
            self._ends[entry.kind, entry.id] = (entry.until, before)

"""Somebody who looks at a page of administration: who they are, at which issuer, and what may be answered."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from portvakt.model.audit import ActorKind, By
from portvakt.model.decision import INVALID_REQUEST, RATE_LIMITED, Refused
from portvakt.model.values import Instant, Seconds
from portvakt.pages.console import Room, Stop, Stopped
from portvakt.pages.views import Fault
from portvakt.server.admin_api_quota import CHANGES
from portvakt.server.administering_audit import Log
from portvakt.server.administering_clients import Clients
from portvakt.server.as_curl import by_other_means
from portvakt.server.desk import NotOurForm, query_value
from portvakt.server.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portvakt.model.behalf import SessionFacts
    from portvakt.model.nouns import Issuer
    from portvakt.pages.console import ConsoleView, Crumb, Frame, OtherMeans
    from portvakt.pages.locale import Locale
    from portvakt.pages.views import Brand
    from portvakt.protocol.govern.actor import Actor
    from portvakt.server.call import Call, Receive, Send
    from portvakt.server.desk import Desk
    from portvakt.server.mailing import Mailing
    from portvakt.server.uses import Uses
    from portvakt.store import Store

FORM = "console"
"""What the forms of administration are bound to, besides the session."""

RECENT = Seconds(15 * 60)
"""How long after a log-in somebody may do what is dangerous without logging in again."""

LINES = 50
"""How many a page lists."""

NOTHING_TO_DO = Refused(INVALID_REQUEST, "The form does not say what to do.", reason="no such act")

_TOO_OFTEN = Refused(RATE_LIMITED, "Too many forms in a minute.", Fault.LIMITED.status, reason="quota: forms")
_DAY = timedelta(days=1)
_SECONDS = int(_DAY.total_seconds())
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]{1,255}){0,6}", re.ASCII)


def path_with(path: str, **parameters: str) -> str:
    """Return a path with those parameters that are not empty."""
    query = urlencode({name: value for name, value in parameters.items() if value})
    return f"{path}?{query}" if query else path


def where(call: Call) -> str:
    """Return where to go on after a log-in: the page itself, and not what was to be done on it."""
    scope = call.scope
    path = scope["raw_path"].decode("ascii", "replace")
    query = scope["query_string"].decode("ascii", "replace")
    return f"{path}?{query}" if query and scope["method"] != "POST" else path


def parts_below(root: str, call: Call) -> tuple[str, ...]:
    """Return the parts of a path below `root`; where it cannot be one of ours, parts that lead nowhere."""
    path = call.scope["path"].removeprefix(root).rstrip("/")
    return tuple(path.split("/")[1:]) if _PATH.fullmatch(path) else ("", "")


def log_in_url(root: str, there: str) -> str:
    """Return where one logs in at an issuer of that root, and then goes on."""
    return f"{root}/login?return_to={quote(there, safe='/')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What all pages of administration share. `issuers`: all that are served. `mailing`: who sends mail, if anybody.

    `sealing` seals signing keys.
    """

    issuers: Sequence[Issuer]
    uses: Uses
    sealing: bytes = field(repr=False)
    mailing: Mailing | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request of somebody who is logged in at `desk`'s issuer and administers `issuer` as `actor`.

    `root`: under which the pages of that issuer's administration stand; `clients_url`: its clients. `api_url`: where
    the JSON API of the installation is.
    """

    call: Call
    receive: Receive
    send: Send
    desk: Desk
    facts: SessionFacts
    actor: Actor
    issuer: Issuer
    frame: Frame
    root: str
    clients_url: str
    api_url: str
    installed: Installed

    @property
    def brand(self) -> Brand:
        """Whose pages these are, and whether what they are about is real."""
        return replace(self.desk.brand, test=self.issuer.test)

    @property
    def above(self) -> Room:
        """What clients are called here."""
        return Room.CLIENTS if self.actor.operator else Room.APPLICATIONS

    @property
    def store(self) -> Store:
        """The installation's store."""
        return self.desk.store

    @property
    def now(self) -> Instant:
        """The moment."""
        return self.desk.clock()

    @property
    def locale(self) -> Locale:
        """The language of the answer."""
        return self.desk.locale(self.call, users=self.facts.user.locale)

    @property
    def posts(self) -> bool:
        """Whether something is to be done, and not only looked at."""
        return bool(self.call.scope["method"] == "POST")

    @property
    def is_recent(self) -> bool:
        """Whether the log-in is recent enough for what is dangerous."""
        return self.now - self.facts.session.created_at <= RECENT

    @property
    def csrf(self) -> str:
        """The hidden field of a form."""
        return self.desk.token(FORM, self.facts.session.id)

    @property
    def by(self) -> By:
        """Who it is, for the audit log."""
        user = self.facts.user
        address, request_id = self.call.address, self.call.reference
        return By(kind=ActorKind.USER, issuer=user.issuer, id=user.id, address=address, request_id=request_id)

    @property
    def clients(self) -> Clients:
        """What there is to do about clients."""
        return Clients(
            issuer=self.issuer,
            store=self.store,
            clock=self.desk.clock,
            pepper=self.desk.pepper,
            actor=self.actor,
            by=self.by,
        )

    @property
    def log(self) -> Log:
        """The audit log, as far as they may read it."""
        return Log(issuer=self.issuer, store=self.store, actor=self.actor)

    def means(
        self,
        method: str,
        path: str,
        command: str,
        body: Mapping[str, object] | None = None,
        *,
        versioned: bool = False,
    ) -> OtherMeans:
        """Return an act on this issuer by other means; see `by_other_means`."""
        return by_other_means(self.api_url, self.issuer, method, path, command, body, versioned=versioned)

    def asked(self, name: str) -> str:
        """Return a parameter of the query, "" if there is none."""
        return query_value(self.call.scope["query_string"], name) or ""

    async def form(self) -> Mapping[str, str] | None:
        """Return the form that was posted; None if it is not from a page of this session's.

        Raises: Refusal (429): there were more in a minute than a program may change something.
        """
        try:
            form = await self.desk.form(self.call, self.receive)
        except NotOurForm:
            return None
        if not self.desk.is_own(FORM, self.facts.session.id, form):
            return None
        user = self.facts.user
        if self.desk.failures.take(("administration", "forms", user.issuer, user.id), CHANGES, self.now) is not None:
            raise Refusal(_TOO_OFTEN)
        return form

    async def show(self, view: ConsoleView) -> None:
        """Answer with a page."""
        await self.desk.show(self.call, self.send, view, self.locale)

    async def go(self, path: str) -> None:
        """Send the browser to another of these pages."""
        await self.desk.go(self.call, self.send, path)

    async def log_in_again(self, path: str) -> None:
        """Ask for the password, and come back to a page."""
        await self.go(log_in_url(self.desk.root, path))

    async def stop(self, why: Stop, *crumbs: Crumb) -> None:
        """Answer that there is no such page for them."""
        await stop(self.desk, self.call, self.send, self.facts, self.framed(*crumbs), why)

    async def refuse(self, refusal: Refusal) -> None:
        """Answer that there is no such page for them, or not now. Raises: Refusal, any other."""
        if refusal.refused.status == Stop.NOT_FOUND.status:
            await self.stop(Stop.NOT_FOUND)
        elif refusal.refused.status == Fault.LIMITED.status:
            self.call.refused = refusal.refused
            await self.desk.problem(self.call, self.send, Fault.LIMITED, users=self.facts.user.locale)
        else:
            raise refusal

    def framed(self, *crumbs: Crumb) -> Frame:
        """Return what stands around a page that is below `crumbs`."""
        return replace(self.frame, crumbs=crumbs)


async def stop(desk: Desk, call: Call, send: Send, facts: SessionFacts, frame: Frame, why: Stop) -> None:
    """Answer with an error page; its reference stands in the log, too."""
    call.refused = Refused(why.key, "", why.status, reason=f"console: {why.key}")
    view = Stopped(brand=desk.brand, frame=frame, why=why, reference=call.reference, back_url=frame.home_url)
    await desk.show(call, send, view, desk.locale(call, users=facts.user.locale))


def number_in(form: Mapping[str, str], name: str) -> int:
    """Return a number that our own page filled in; -1, which nothing is, for anything else."""
    text = form.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < len("1000000000") else -1


def tomorrow(now: Instant) -> str:
    """Return the first day on which something may end, as YYYY-MM-DD."""
    return f"{datetime.fromtimestamp(now, UTC) + _DAY:%Y-%m-%d}"


def day_begins(day: str) -> Instant | None:
    """Return the first moment of a day (YYYY-MM-DD, UTC); None if it is none, or the last of all, which never ends."""
    try:
        begins = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
        return Instant(int((begins + _DAY).timestamp()) - _SECONDS)
    except (ValueError, OverflowError):
        return None

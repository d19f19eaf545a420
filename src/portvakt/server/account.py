"""Where people log in and out, and see what they gave to whom: `/login`, `/logout`, `/account`, `/connected`.

A password may change, or a user be disabled, while somebody logs in with what was right a moment before. Whoever
changes either ends the sessions that they see once the change is made; whoever begins a session looks again once it is
there. One of the two always sees the other, on both databases, so no such session lives on.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from portvakt.model.audit import NOBODY, Act
from portvakt.model.behalf import Session
from portvakt.model.behalf_change import AddSession
from portvakt.model.change import Note
from portvakt.model.decision import Granted, Refused
from portvakt.model.provider import Quota
from portvakt.model.values import Instant, Seconds, Secret, SessionId, UserId
from portvakt.pages.views import Company, Connected, Connection, Fault, Home, LoggedOut, LogIn, LogInProblem, LogOut
from portvakt.protocol.answer.authorize import Target, check_request, find_target
from portvakt.protocol.credentials import SECRET_OCTETS, Kind, keep_opaque, mint, mint_id
from portvakt.protocol.ending import end_grant
from portvakt.protocol.govern.actor import DEVELOPER
from portvakt.protocol.govern.member_code import member_code
from portvakt.protocol.govern.people import end_sessions
from portvakt.protocol.govern.told import of_user
from portvakt.server.act import TRIES, act
from portvakt.server.browser import SESSION, clear_cookie, set_cookie
from portvakt.server.desk import NotOurForm, query_value
from portvakt.server.passwords import LONGEST, Busy
from portvakt.server.refused_log_ins import RefusedLogIns
from portvakt.wire.address import bucket_address
from portvakt.wire.authorize_request import read_authorize_request
from portvakt.wire.errors import WireError
from portvakt.wire.query import spell_query

if TYPE_CHECKING:
    from collections.abc import Collection

    from portvakt.model.audit import By
    from portvakt.model.behalf import Grant, Password, SessionFacts
    from portvakt.model.nouns import User
    from portvakt.server.call import Call, Receive, Send
    from portvakt.server.desk import Desk

    _Buckets = tuple[tuple[tuple[str | bytes, ...], Quota], ...]

SESSION_LIFE = Seconds(12 * 3600)
WRONG_PASSWORDS = Quota(10, Seconds(300))
"""For one email from one address; the right password from elsewhere is not kept out by it."""

WRONG_PASSWORDS_OF_ADDRESS = Quota(100, Seconds(300))
LOG_INS = Quota(200, Seconds(300))
"""For one email from one address, with the right password: each leaves a session, and keeps others waiting (U10)."""

FOR_REQUEST = "authorize&"
"""What begins the query of `/login` where a whole authorization request follows, as it was spelled."""

_ID_OCTETS = 32
_NOBODY = UserId("user_nobody")


@dataclass(frozen=True, slots=True)
class _Proven:
    """Whose email and password were right, and the hash that said so."""

    user: User
    password: Password


@dataclass(frozen=True, slots=True)
class _NotIn:
    """Why somebody is not logged in, and the seconds after which another try may help, if time is what helps."""

    problem: LogInProblem
    wait: int | None = None


class Account:
    """The routes of people who log in at one issuer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._refused = RefusedLogIns(desk)
        self._guesses: Counter[tuple[str | bytes, ...]] = Counter()  # passwords that are being checked, by bucket

    # --- log in -------------------------------------------------------------------------------------------------------

    async def log_in(self, call: Call, receive: Receive, send: Send) -> None:
        """Show the form; take it and begin a session."""
        if call.scope["method"] == "POST":
            await self._take_log_in(call, receive, send)
            return
        desk, query = self._desk, spell_query(call.scope["query_string"])
        if query.startswith(FOR_REQUEST):
            wanted = f"{desk.root}{desk.issuer.provider.authorize_path}?{query.removeprefix(FOR_REQUEST)}"
        else:
            wanted = query_value(call.scope["query_string"], "return_to") or ""
        await self.show_log_in(call, send, return_to=desk.return_to(wanted))

    async def show_log_in(
        self, call: Call, send: Send, *, return_to: str, email: str = "", why: _NotIn | None = None
    ) -> None:
        """Answer with the log-in page. Nothing is kept for it on the server (U10): `return_to` says all."""
        desk = self._desk
        visit, headers = desk.visit(call)
        target, mistake = await self._target(return_to)
        if why is not None:
            call.refused = Refused("log_in", "", reason=f"log-in: {why.problem.value}")
            headers = headers if why.wait is None else (*headers, ("retry-after", str(why.wait)))
        view = LogIn(
            brand=desk.brand,
            action=f"{desk.root}/login",
            csrf=desk.token("log in", visit),
            return_to=return_to,
            email=email,
            problem=None if why is None else why.problem,
            client_name=target.facts.client.name if target else None,
            redirect_uri=target.redirect_uri if target else None,
            mistake=mistake,
        )
        locale = query_value(return_to.partition("?")[2].encode(), "locale")
        await desk.show(call, send, view, desk.locale(call, asked=locale), *headers)

    async def _target(self, return_to: str) -> tuple[Target | None, str]:
        """Return the application that sent the user here, None if none did; and what is wrong with what it asks.

        That is sent back only once somebody has logged in (RFC 9700 §4.11.2), so whoever tries it is told here.
        """
        desk = self._desk
        path, _, query = return_to.partition("?")
        if path != f"{desk.root}{desk.issuer.provider.authorize_path}":
            return None, ""
        try:
            request = read_authorize_request(query.encode())
        except WireError:
            return None, ""
        target = find_target(desk.issuer, request, await desk.client(request.client_id))
        if not isinstance(target, Target):
            return None, ""
        checked = check_request(desk.issuer, request, target)
        return target, checked.description if isinstance(checked, Refused) else ""

    async def _take_log_in(self, call: Call, receive: Receive, send: Send) -> None:
        desk = self._desk
        try:
            form = await desk.form(call, receive)
        except NotOurForm:
            await desk.problem(call, send, Fault.FORBIDDEN)
            return
        return_to = desk.return_to(form.get("return_to", ""))
        email, password = form.get("email", "").strip(), Secret(form.pop("password", ""))
        visit, fresh = desk.visit(call)
        if fresh or not desk.is_own("log in", visit, form):
            found: _Proven | _NotIn = _NotIn(LogInProblem.EXPIRED)
        else:
            found = await self._check(call, email, password)
        cookie = None if isinstance(found, _NotIn) else await self._begin(found, desk.by(call, found.user))
        if cookie is None:
            why = found if isinstance(found, _NotIn) else _NotIn(LogInProblem.WRONG)
            await self.show_log_in(call, send, return_to=return_to, email=email[:254], why=why)
            return
        old = await desk.session(call)
        if old is not None:
            await self.end_sessions(old, {old.session.id}, desk.by(call, old.user))
        await desk.go(call, send, return_to, set_cookie(desk.issuer, SESSION, cookie.reveal(), seconds=SESSION_LIFE))

    async def _check(self, call: Call, email: str, password: Secret) -> _Proven | _NotIn:
        """Return whose email and password these are. A guess counts as wrong until it is known to be right."""
        desk = self._desk
        now, issuer = desk.clock(), desk.issuer.name
        bucket = bucket_address(call.address)
        of_email = (issuer, "log in", bucket, blake2b(email.casefold().encode(), digest_size=16).digest())
        of_address = (issuer, "log in", bucket)
        buckets = ((of_email, WRONG_PASSWORDS), (of_address, WRONG_PASSWORDS_OF_ADDRESS))
        right = (*of_email, "right")
        wait = self._wait((*buckets, (right, LOG_INS)), now)
        if wait is not None:
            return _NotIn(LogInProblem.LIMITED, wait)
        self._guesses.update((of_email, of_address))
        try:
            proven = await self._whose(email, password)
        except Busy:
            return _NotIn(LogInProblem.BUSY, 1)
        finally:
            self._guesses -= Counter((of_email, of_address))
        if proven is not None:
            desk.failures.take(right, LOG_INS, now)
            return proven
        for key, quota in buckets:
            desk.failures.take(key, quota, now)
        self._refused.note(email, desk.by(call))
        return _NotIn(LogInProblem.WRONG)  # an unknown email, a wrong password, a disabled user: one answer

    def _wait(self, buckets: _Buckets, now: Instant) -> int | None:
        """Return for how many seconds no password is looked at; None if one is. Those under way count too."""
        for key, quota in buckets:
            _, remaining, ends = self._desk.failures.state(key, quota, now)
            if remaining <= self._guesses[key]:
                return max(1, ends - now)
        return None

    async def _whose(self, email: str, password: Secret) -> _Proven | None:
        """Return who proved who they are. The same is read and hashed for an email that nobody has."""
        desk, issuer = self._desk, self._desk.issuer.name
        user = await desk.store.user_by_email(issuer, email)
        known = await desk.store.password(issuer, _NOBODY if user is None else user.id)
        short = len(password.reveal()) <= LONGEST * 4  # an endless one is wrong, and is not hashed
        right = await desk.passwords.verify(known.hash if known else None, password if short else Secret(""))
        if not right or user is None or known is None or user.disabled_at is not None:
            return None
        return _Proven(user, known)

    async def _begin(self, proven: _Proven, by: By = NOBODY) -> Secret | None:
        """Begin a session under a new id (U7); return its cookie. None: what was proven holds no more."""
        desk = self._desk
        now = desk.clock()
        cookie = mint(Kind.SESSION, os.urandom(SECRET_OCTETS))
        session = Session(
            issuer=desk.issuer.name,
            id=SessionId(mint_id("ses_", os.urandom(_ID_OCTETS))),
            digest=keep_opaque(Kind.SESSION, desk.pepper, cookie),
            user_id=proven.user.id,
            created_at=now,
            expires_at=Instant(now + SESSION_LIFE),
        )

        async def load() -> None:
            """Nothing: its id and its cookie are new."""

        note = Note(of_user(proven.user, Act.LOG_IN, now, what=session.id))
        await act(desk.store, load, lambda _: Granted(None, (AddSession(session), note)), by)
        facts = await desk.store.session(desk.issuer.name, session.digest)
        known = await desk.store.password(desk.issuer.name, proven.user.id)
        if facts is not None and facts.user.disabled_at is None and known == proven.password:
            return cookie
        if facts is not None:
            await self.end_sessions(facts, {session.id}, by)
        return None

    # --- log out ------------------------------------------------------------------------------------------------------

    async def log_out(self, call: Call, receive: Receive, send: Send) -> None:
        """Ask, then end the session (U14: never by a link)."""
        desk = self._desk
        facts = await desk.session(call)
        if facts is None:
            view = LoggedOut(brand=desk.brand, log_in_url=f"{desk.root}/login")
            await desk.show(call, send, view, desk.locale(call), clear_cookie(desk.issuer, SESSION))
        elif call.scope["method"] != "POST":
            csrf = desk.token("account", facts.session.id)
            page = LogOut(brand=desk.brand, action=f"{desk.root}/logout", csrf=csrf, email=facts.user.email)
            await desk.show(call, send, page, desk.locale(call, users=facts.user.locale))
        elif await self.own_form(call, receive, facts) is None:
            await desk.problem(call, send, Fault.FORBIDDEN)
        else:
            await self.end_sessions(facts, {facts.session.id}, desk.by(call, facts.user))
            await desk.go(call, send, f"{desk.root}/logout", clear_cookie(desk.issuer, SESSION))

    async def end_sessions(self, facts: SessionFacts, which: Collection[SessionId], by: By) -> None:
        """End sessions of the user's; `by`: who does. One that another request ended meanwhile is as wanted."""
        desk = self._desk

        async def load() -> tuple[Session, ...]:
            return await desk.store.sessions_of(desk.issuer.name, facts.user.id)

        def decide(found: tuple[Session, ...]) -> Granted[None]:
            return end_sessions(facts.user, [one for one in found if one.id in which], now=desk.clock())

        await act(desk.store, load, decide, by)

    # --- what is connected --------------------------------------------------------------------------------------------

    async def home(self, call: Call, _receive: Receive, send: Send) -> None:
        """Show what a user finds here."""
        desk = self._desk
        facts = await desk.session(call)
        if facts is None:
            await self.show_log_in(call, send, return_to=f"{desk.root}/account")
            return
        applications = DEVELOPER in facts.user.roles or bool(
            await desk.store.administered(desk.issuer.name, facts.user.id)
        )
        view = Home(
            brand=desk.brand,
            email=facts.user.email,
            member_code=member_code(desk.pepper, desk.issuer.name, facts.user.id, desk.clock()).reveal(),
            api_keys=desk.has_api_keys,
            applications=applications,
        )
        await desk.show(call, send, view, desk.locale(call, users=facts.user.locale))

    async def connected(self, call: Call, receive: Receive, send: Send) -> None:
        """Show which applications act for the user; revoke one line."""
        desk = self._desk
        facts = await desk.session(call)
        if facts is None:
            await self.show_log_in(call, send, return_to=f"{desk.root}/connected")
        elif call.scope["method"] != "POST":
            await self._show_connected(call, send, facts)
        elif (form := await self.own_form(call, receive, facts)) is None:
            await desk.problem(call, send, Fault.FORBIDDEN)
        else:
            await self._revoke(facts, form, desk.by(call, facts.user))
            await desk.go(call, send, f"{desk.root}/connected")

    async def _show_connected(self, call: Call, send: Send, facts: SessionFacts) -> None:
        desk = self._desk
        lines: dict[tuple[str, str | None], Connection] = {}
        renewals = await desk.store.last_uses(desk.issuer.name, facts.user.id)
        names = {organisation.number: organisation.name for organisation in facts.organisations}
        for grant in await self._grants(facts):
            key = (grant.client_id, grant.organisation)
            line = lines.get(key)
            if line is None:
                client = await desk.copy.load_client(desk.issuer.name, grant.client_id)
                number = grant.organisation
                line = Connection(
                    client_id=grant.client_id,
                    client_name=client.client.name if client else grant.client_id,
                    company=None if number is None else Company(number=number, name=names.get(number, "")),
                    scopes=(),
                    since=grant.created_at,
                )
            scopes = tuple(dict.fromkeys((*line.scopes, *grant.scopes)))
            renewed = max(filter(None, (line.last_renewed, renewals.get(grant.id))), default=None)
            lines[key] = replace(line, scopes=scopes, since=min(line.since, grant.created_at), last_renewed=renewed)
        view = Connected(
            brand=desk.brand,
            email=facts.user.email,
            action=f"{desk.root}/connected",
            csrf=desk.token("account", facts.session.id),
            connections=tuple(lines.values()),
            api_keys=desk.has_api_keys,
        )
        await desk.show(call, send, view, desk.locale(call, users=facts.user.locale))

    async def _revoke(self, facts: SessionFacts, form: dict[str, str], by: By) -> None:
        """End every grant of one line. One that another request ended meanwhile is as wanted.

        Looked at again once they have ended: one of them may have given another a moment before.
        """
        desk = self._desk
        line = (form.get("client", ""), form.get("organisation") or None)

        def decide(grants: list[Grant]) -> Granted[bool]:
            theirs = (grant for grant in grants if (grant.client_id, grant.organisation) == line)
            ends = tuple(change for grant in theirs for change in end_grant(desk.issuer, grant, desk.clock()))
            return Granted(bool(ends), ends)

        for _ in range(TRIES):
            ended = await act(desk.store, lambda: self._grants(facts), decide, by)
            if isinstance(ended, Granted) and not ended.answer:
                return

    async def _grants(self, facts: SessionFacts) -> list[Grant]:
        desk = self._desk
        found = await desk.store.grants_of_user(desk.issuer.name, facts.user.id)
        return [grant for grant in found if grant.revoked_at is None]

    async def own_form(self, call: Call, receive: Receive, facts: SessionFacts) -> dict[str, str] | None:
        """Return a posted form of the pages behind the log-in; None if it is not from this session."""
        try:
            form = await self._desk.form(call, receive)
        except NotOurForm:
            return None
        return form if self._desk.is_own("account", facts.session.id, form) else None

"""Where a user chooses a password by a link that they were sent, and asks for one: `/password`, `/forgot-password`.

The link's text goes into a cookie at once, and its address away: neither the browser's history nor a Referer has it.
"""

from __future__ import annotations

import asyncio
from hashlib import blake2b
from typing import TYPE_CHECKING

from portvakt.model.behalf import Password, Purpose
from portvakt.model.provider import Quota
from portvakt.model.values import Seconds, Secret
from portvakt.pages.views import ChoosePassword, Fault, ForgotPassword, LinkEnded, PasswordChosen, PasswordProblem
from portvakt.protocol.credentials import Kind, opaque_digest
from portvakt.protocol.govern.invitations import ENDED, choose_password, is_good
from portvakt.protocol.govern.people import end_sessions
from portvakt.server.act import Contended, act
from portvakt.server.browser import clear_cookie, read_cookie, set_cookie
from portvakt.server.desk import NotOurForm, query_value
from portvakt.server.passwords import LONGEST, SHORTEST, Busy, password_problem
from portvakt.server.refusal import Refusal, found, granted
from portvakt.store import StoreUnavailable
from portvakt.wire.address import bucket_address

if TYPE_CHECKING:
    from portvakt.model.audit import By
    from portvakt.model.behalf import Invitation, Session
    from portvakt.model.decision import Granted, Refused
    from portvakt.model.nouns import User
    from portvakt.server.call import Call, Receive, Send
    from portvakt.server.desk import Desk

PASSWORD_PATH = "/password"
FORGOT_PATH = "/forgot-password"
COOKIE = "invitation"
COOKIE_LIFE = 3600

ASKED_FOR = Quota(3, Seconds(3600))
"""Links for one email, whoever asks: nobody's mailbox is filled, and nobody's link is ended all the time."""

ASKED_FROM = Quota(20, Seconds(3600))
MOST_SENDING = 100
"""Links that are being made at one moment; whoever comes after asks again."""

Found = tuple["User | None", "Invitation | None"]


class PasswordPage:
    """Takes the link, shows the form, takes the password."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def __call__(self, call: Call, receive: Receive, send: Send) -> None:
        """Answer one request."""
        desk = self._desk
        sent = query_value(call.scope["query_string"], "token")
        if call.scope["method"] != "POST" and sent is not None and self._digest(sent) is not None:
            cookie = set_cookie(desk.issuer, COOKIE, sent, seconds=COOKIE_LIFE)
            await desk.go(call, send, desk.root + PASSWORD_PATH, cookie)
            return
        token = "" if sent is not None else read_cookie(desk.issuer, COOKIE, call.scope["headers"]) or ""
        user, invitation = await self._find(token)
        if user is None or not is_good(invitation, user, desk.clock()):
            await self._ended(call, send)
        elif call.scope["method"] != "POST":
            await self._show(call, send, user, token)
        else:
            await self._take(call, receive, send, user, token)

    def _digest(self, token: str) -> bytes | None:
        return opaque_digest(Kind.INVITATION, self._desk.pepper, Secret(token))

    async def _find(self, token: str) -> Found:
        desk, digest = self._desk, self._digest(token)
        invitation = None if digest is None else await desk.store.invitation(desk.issuer.name, digest)
        if invitation is None:
            return None, None
        return await desk.store.user(desk.issuer.name, invitation.user_id), invitation

    async def _show(
        self, call: Call, send: Send, user: User, token: str, problem: PasswordProblem | None = None
    ) -> None:
        desk = self._desk
        view = ChoosePassword(
            brand=desk.brand,
            action=desk.root + PASSWORD_PATH,
            csrf=desk.token("choose password", token),
            email=user.email,
            shortest=SHORTEST,
            longest=LONGEST,
            problem=problem,
        )
        await desk.show(call, send, view, desk.locale(call, users=user.locale))

    async def _ended(self, call: Call, send: Send) -> None:
        desk = self._desk
        view = LinkEnded(brand=desk.brand, forgot_url=desk.root + FORGOT_PATH)
        await desk.show(call, send, view, desk.locale(call), clear_cookie(desk.issuer, COOKIE))

    async def _take(self, call: Call, receive: Receive, send: Send, user: User, token: str) -> None:
        desk = self._desk
        try:
            form = await desk.form(call, receive)
        except NotOurForm:
            form = {}
        if not desk.is_own("choose password", token, form):
            await desk.problem(call, send, Fault.FORBIDDEN, users=user.locale)
            return
        password = Secret(form.pop("password", ""))
        if password_problem(password) is not None:
            await self._show(call, send, user, token, PasswordProblem.LENGTH)
            return
        try:
            hashed = await desk.passwords.hash(password)
        except Busy:
            await self._show(call, send, user, token, PasswordProblem.BUSY)
            return
        if not await self._choose(call, token, hashed):
            await self._ended(call, send)
            return
        view = PasswordChosen(brand=desk.brand, log_in_url=f"{desk.root}/login")
        await desk.show(call, send, view, desk.locale(call, users=user.locale), clear_cookie(desk.issuer, COOKIE))

    async def _choose(self, call: Call, token: str, hashed: str) -> bool:
        desk, by = self._desk, self._desk.by(call)

        async def load() -> tuple[Found, tuple[Session, ...]]:
            user, invitation = await self._find(token)
            return (user, invitation), await self._sessions(user)

        def decide(facts: tuple[Found, tuple[Session, ...]]) -> Granted[User] | Refused:
            (user, invitation), sessions = facts
            now = desk.clock()
            if user is None:
                return ENDED
            row = Password(issuer=desk.issuer.name, user_id=user.id, hash=hashed, changed_at=now)
            return choose_password(user, invitation, row, sessions, now=now)

        decision = await act(desk.store, load, decide, by)
        if not decision.changes:
            return False
        user = granted(decision)
        # Those that began meanwhile: see `account`.
        await act(desk.store, lambda: self._sessions(user), lambda some: end_sessions(user, some, now=desk.clock()), by)
        return True

    async def _sessions(self, user: User | None) -> tuple[Session, ...]:
        return () if user is None else await self._desk.store.sessions_of(self._desk.issuer.name, user.id)


class ForgotPage:
    """Takes an email, and gives the same answer whoever has it: what follows happens once the answer is there."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._sending: set[asyncio.Task[None]] = set()

    async def __call__(self, call: Call, receive: Receive, send: Send) -> None:
        """Show the form, or take it."""
        desk = self._desk
        visit, headers = desk.visit(call)
        if call.scope["method"] != "POST":
            await self._show(call, send, visit, *headers)
            return
        try:
            form = await desk.form(call, receive)
        except NotOurForm:
            form = {}
        if headers or not desk.is_own("forgot password", visit, form):
            await desk.problem(call, send, Fault.FORBIDDEN)
            return
        self._ask(call, form.get("email", "").strip())
        await self._show(call, send, visit, sent=True)

    async def _show(self, call: Call, send: Send, visit: str, *headers: tuple[str, str], sent: bool = False) -> None:
        desk = self._desk
        csrf = desk.token("forgot password", visit)
        view = ForgotPassword(
            brand=desk.brand, action=desk.root + FORGOT_PATH, csrf=csrf, sent=sent, log_in_url=f"{desk.root}/login"
        )
        await desk.show(call, send, view, desk.locale(call), *headers)

    def _ask(self, call: Call, email: str) -> None:
        desk = self._desk
        now, issuer = desk.clock(), desk.issuer.name
        of_email = (issuer, "forgot", blake2b(email.casefold().encode(), digest_size=16).digest())
        of_address = (issuer, "forgot", bucket_address(call.address))
        for key, quota in ((of_address, ASKED_FROM), (of_email, ASKED_FOR)):
            if desk.failures.take(key, quota, now) is not None:
                return
        if len(self._sending) < MOST_SENDING:
            task = asyncio.create_task(self._give(email, desk.by(call)), name="portvakt: give a link")
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _give(self, email: str, by: By) -> None:
        """Give a link to whoever has that email. Nobody is told what became of it: they wait for it, or ask again."""
        desk = self._desk

        async def load() -> User:
            return found("user", await desk.store.user_by_email(desk.issuer.name, email))

        try:
            await desk.links.give(load, Purpose.RESET, by)
        except (Refusal, StoreUnavailable, Contended):
            return

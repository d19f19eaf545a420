"""The page on which a user sees in which browsers they are logged in, and logs out of others: `/sessions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.pages import views
from portvakt.protocol.live import session_lives

if TYPE_CHECKING:
    from portvakt.model.audit import By
    from portvakt.model.behalf import Session, SessionFacts
    from portvakt.server.account import Account
    from portvakt.server.call import Call, Receive, Send
    from portvakt.server.desk import Desk

PAGE_PATH = "/sessions"


class SessionsPage:
    """Lists the live sessions of who asks, ends one other or all others."""

    def __init__(self, desk: Desk, account: Account) -> None:
        self._desk = desk
        self._account = account

    async def __call__(self, call: Call, receive: Receive, send: Send) -> None:
        """Show the list, or do what its form says."""
        desk = self._desk
        facts = await desk.session(call)
        if facts is None:
            await self._account.show_log_in(call, send, return_to=f"{desk.root}{PAGE_PATH}")
        elif call.scope["method"] != "POST":
            await self._show(call, send, facts)
        elif (form := await self._account.own_form(call, receive, facts)) is None:
            await desk.problem(call, send, views.Fault.FORBIDDEN)
        else:
            await self._end(facts, form, desk.by(call, facts.user))
            await desk.go(call, send, f"{desk.root}{PAGE_PATH}")

    async def _end(self, facts: SessionFacts, form: dict[str, str], by: By) -> None:
        """End what the form names. This session ends by the way out alone: its cookie goes with it."""
        others = {one.id for one in await self._live(facts)} - {facts.session.id}
        if form.get("do") != "end_others":
            others &= {form.get("session", "")}
        await self._account.end_sessions(facts, others, by)

    async def _live(self, facts: SessionFacts) -> list[Session]:
        """Return the user's live sessions, newest first, but this one before all."""
        desk, now = self._desk, self._desk.clock()
        found = await desk.store.sessions_of(desk.issuer.name, facts.user.id)
        live = [one for one in reversed(found) if session_lives(one, facts.user, now)]
        return sorted(live, key=lambda one: one.id != facts.session.id)

    async def _show(self, call: Call, send: Send, facts: SessionFacts) -> None:
        desk = self._desk
        view = views.Sessions(
            brand=desk.brand,
            email=facts.user.email,
            action=f"{desk.root}{PAGE_PATH}",
            csrf=desk.token("account", facts.session.id),
            sessions=tuple(
                views.Session(id=one.id, since=one.created_at, until=one.expires_at, here=one.id == facts.session.id)
                for one in await self._live(facts)
            ),
            api_keys=desk.has_api_keys,
        )
        await desk.show(call, send, view, desk.locale(call, users=facts.user.locale))

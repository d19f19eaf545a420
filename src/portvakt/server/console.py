"""The console of an installation's operators: every page below `/admin`.

Whoever is not logged in at the installation's own issuer logs in first; whoever is, and is no operator, is told so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portvakt.pages import console as views
from portvakt.protocol.govern.actor import actor_of
from portvakt.server.console_clients import clients_pages
from portvakt.server.console_keys import keys_page
from portvakt.server.console_log import log_file, log_page
from portvakt.server.console_organisations import organisations_pages
from portvakt.server.console_outbox import outbox_page
from portvakt.server.console_people import users_pages
from portvakt.server.console_refusals import refusals_pages
from portvakt.server.console_visit import Visit, log_in_url, parts_below, stop, where
from portvakt.server.desk import ADMIN
from portvakt.server.refusal import Refusal

if TYPE_CHECKING:
    from portvakt.model.behalf import SessionFacts
    from portvakt.server.call import Call, Receive, Send
    from portvakt.server.console_visit import Installed
    from portvakt.server.desk import Desk

_ROOMS = {
    "users": views.Room.USERS,
    "clients": views.Room.CLIENTS,
    "organisations": views.Room.ORGANISATIONS,
    "refusals": views.Room.REFUSALS,
    "keys": views.Room.KEYS,
    "outbox": views.Room.OUTBOX,
    "log": views.Room.LOG,
}


@dataclass(frozen=True, slots=True)
class Console:
    """Answers below `ADMIN`. `desk`: that of the installation's own issuer."""

    desk: Desk
    installed: Installed

    async def __call__(self, call: Call, receive: Receive, send: Send) -> None:
        """Answer one request."""
        desk, facts = self.desk, await self.desk.session(call)
        if facts is None:
            await desk.go(call, send, log_in_url(desk.root, where(call)))
            return
        actor = actor_of(facts.user, desk.issuer.name, frozenset())
        if not actor.operator:
            await stop(desk, call, send, facts, self._frame(facts, ()), views.Stop.ROLE)
            return
        parts = parts_below(ADMIN, call)
        if not parts:
            await self._environments(call, send, facts)
            return
        issuer = next((one for one in self.installed.issuers if one.name == parts[0]), None)
        if issuer is None:
            await stop(desk, call, send, facts, self._frame(facts, ()), views.Stop.NOT_FOUND)
            return
        if len(parts) == 1:
            await desk.go(call, send, f"{ADMIN}/{issuer.name}/users")
            return
        visit = Visit(
            call=call,
            receive=receive,
            send=send,
            desk=desk,
            facts=facts,
            actor=actor,
            issuer=issuer,
            frame=self._frame(facts, parts),
            root=f"{ADMIN}/{issuer.name}",
            clients_url=f"{ADMIN}/{issuer.name}/clients",
            api_url=desk.issuer.api_url,
            installed=self.installed,
        )
        try:
            await _dispatch(visit, parts[1], parts[2:])
        except Refusal as refusal:
            await visit.refuse(refusal)

    async def _environments(self, call: Call, send: Send, facts: SessionFacts) -> None:
        view = views.Environments(brand=self.desk.brand, frame=self._frame(facts, ()))
        await self.desk.show(call, send, view, self.desk.locale(call, users=facts.user.locale))

    def _frame(self, facts: SessionFacts, parts: tuple[str, ...]) -> views.Frame:
        """Return what stands around a page. `parts`: of its path, the issuer's name first; none: at no issuer."""
        operator = actor_of(facts.user, self.desk.issuer.name, frozenset()).operator
        here, room = (parts[0], parts[1]) if parts else ("", "users")
        room = room if room in _ROOMS else "users"
        doors = tuple(
            views.Door(room=one, url=f"{ADMIN}/{here}/{name}", here=name == room) for name, one in _ROOMS.items()
        )
        return views.Frame(
            email=facts.user.email,
            home_url=ADMIN,
            log_out_url=f"{self.desk.root}/logout",
            doors=doors if parts else (),
            environments=tuple(
                views.Environment(
                    name=issuer.name,
                    title=issuer.title or issuer.provider.title,
                    url=f"{ADMIN}/{issuer.name}/{room}",
                    address=issuer.url,
                    test=issuer.test,
                    own=issuer.name == self.desk.issuer.name,
                    here=issuer.name == here,
                )
                for issuer in self.installed.issuers
            )
            if operator
            else (),
        )


async def _dispatch(visit: Visit, room: str, rest: tuple[str, ...]) -> None:
    match room:
        case "users":
            await users_pages(visit, rest)
        case "clients":
            await clients_pages(visit, rest)
        case "organisations":
            await organisations_pages(visit, rest)
        case "refusals":
            await refusals_pages(visit, rest)
        case "keys" if not rest:
            await keys_page(visit)
        case "outbox" if not rest:
            await outbox_page(visit)
        case "log" if not rest:
            await log_page(visit)
        case "log.csv" | "log.jsonl" if not rest:
            await log_file(visit, room.removeprefix("log."))
        case _:
            await visit.stop(views.Stop.NOT_FOUND)

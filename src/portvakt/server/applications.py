"""`<issuer>/settings`: where developers, and administrators of organisations, look after their own applications.

Administrators of organisations look after their members, too.

The same pages as the console's, over the same decisions, for whoever is logged in at the issuer itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from portvakt.pages import console as views
from portvakt.protocol.govern.actor import actor_of
from portvakt.server.console_clients import clients_pages, show_clients
from portvakt.server.console_log import log_file, log_page
from portvakt.server.console_organisations import show_organisation
from portvakt.server.console_refusals import refusals_pages
from portvakt.server.console_visit import Visit, log_in_url, parts_below, stop, where
from portvakt.server.refusal import Refusal
from portvakt.server.settings_issuers import OWN

if TYPE_CHECKING:
    from portvakt.model.behalf import SessionFacts
    from portvakt.protocol.govern.actor import Actor
    from portvakt.server.call import Call, Receive, Send
    from portvakt.server.console_visit import Installed
    from portvakt.server.desk import Desk

PATH = "/settings"


@dataclass(frozen=True, slots=True)
class Applications:
    """Answers at `PATH` and below it, under the URL of `desk`'s issuer. `api_url`: the JSON API's."""

    desk: Desk
    installed: Installed
    api_url: str

    async def __call__(self, call: Call, receive: Receive, send: Send) -> None:
        """Answer one request."""
        desk, facts = self.desk, await self.desk.session(call)
        if facts is None:
            await desk.go(call, send, log_in_url(desk.root, where(call)))
            return
        administers = await desk.store.administered(desk.issuer.name, facts.user.id)
        actor = replace(actor_of(facts.user, OWN, administers), operator=False)  # operators have their console
        frame = self._frame(facts)
        if not (actor.developer or actor.administers):
            await stop(desk, call, send, facts, frame, views.Stop.DEVELOPER)
            return
        root = desk.root + PATH
        visit = Visit(
            call=call,
            receive=receive,
            send=send,
            desk=desk,
            facts=facts,
            actor=actor,
            issuer=desk.issuer,
            frame=frame,
            root=root,
            clients_url=f"{root}/advanced",
            api_url=self.api_url,
            installed=self.installed,
        )
        try:
            await self._dispatch(visit, parts_below(root, call))
        except Refusal as refusal:
            await visit.refuse(refusal)

    async def _dispatch(self, visit: Visit, parts: tuple[str, ...]) -> None:
        match parts:
            case ():
                await self._settings(visit)
            case ("advanced",):
                await self._list(visit)
            case ("advanced", *rest):
                await clients_pages(visit, tuple(rest))
            case ("organisations", number):
                await show_organisation(visit, number)
            case ("refusals", *rest):
                await refusals_pages(visit, tuple(rest))
            case ("log",):
                await log_page(visit)
            case ("log.csv" | "log.jsonl" as name,):
                await log_file(visit, name.removeprefix("log."))
            case _:
                await visit.stop(views.Stop.NOT_FOUND)

    async def _settings(self, visit: Visit) -> None:
        """Lead to a developer's applications, and to the organisations that they administer."""
        view = views.Settings(
            brand=visit.brand,
            frame=visit.framed(),
            advanced_url=visit.clients_url,
            refusals_url=f"{visit.root}/refusals",
            companies=tuple(
                views.Tab(url=f"{visit.root}/organisations/{one.number}", name=one.name, here=False)
                for one in _own_organisations(visit.facts, visit.actor)
            ),
        )
        await visit.show(view)

    async def _list(self, visit: Visit) -> None:
        """List a developer's own applications, or those of an organisation that they administer."""
        theirs = _own_organisations(visit.facts, visit.actor)
        asked = visit.asked("organisation")
        if not visit.actor.developer and not asked:
            asked = theirs[0].number
        here = visit.clients_url
        own = (views.Tab(url=here, name=visit.facts.user.email, here=not asked),) if visit.actor.developer else ()
        tabs = tuple(
            views.Tab(url=f"{here}?organisation={one.number}", name=one.name, here=one.number == asked)
            for one in theirs
        )
        owner = None if asked else visit.facts.user
        await show_clients(visit, owner=owner, organisation=asked, tabs=(*own, *tabs))

    def _frame(self, facts: SessionFacts) -> views.Frame:
        root = self.desk.root
        return views.Frame(
            email=facts.user.email,
            home_url=f"{root}/account",
            log_out_url=f"{root}/logout",
            doors=(
                views.Door(room=views.Room.ACCOUNT, url=f"{root}/account"),
                views.Door(room=views.Room.SETTINGS, url=f"{root}{PATH}", here=True),
            ),
        )


def _own_organisations(facts: SessionFacts, actor: Actor) -> tuple[views.Choice, ...]:
    """Return the organisations that a user administers, by number."""
    theirs = (one for one in facts.organisations if one.number in actor.administers)
    return tuple(views.Choice(number=one.number, name=one.name) for one in theirs)

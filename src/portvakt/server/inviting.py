"""What those who administer do about links by which users choose a password."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portvakt.model.audit import NOBODY
from portvakt.model.behalf import Purpose
from portvakt.model.decision import INVALID_REQUEST, Refused
from portvakt.model.values import UserId
from portvakt.protocol.govern.actor import AT_THE_COMMAND_LINE, may_everything
from portvakt.protocol.govern.actor import not_found as absent
from portvakt.server.administering_people import NOT_YOURS, People, named_user
from portvakt.server.refusal import Refusal

if TYPE_CHECKING:
    from portvakt.model.audit import By
    from portvakt.protocol.govern.actor import Actor
    from portvakt.protocol.govern.invitations import Link
    from portvakt.protocol.govern.people import UserWish
    from portvakt.server.links import Links


@dataclass(frozen=True, slots=True, kw_only=True)
class Inviting:
    """What those who administer do about the links of an issuer's users; `actor` and `by` are as for `People`.

    Whoever has a link can be its user: it is shown to operators alone, who may do everything anyhow.
    """

    links: Links
    actor: Actor = AT_THE_COMMAND_LINE
    by: By = NOBODY

    async def invite(self, email: str, wish: UserWish | None = None) -> Link:
        """Give whoever has that address a link to choose their first password; they are made if they are not there."""
        self._check_actor()
        links = self.links
        issuer, store = links.issuer, links.store
        known = await store.user_by_email(issuer.name, email)
        if known is None:
            people = People(issuer, store, links.clock, self.actor, self.by)
            known = (await people.create(email, wish)).user
        elif await store.password(issuer.name, known.id) is not None:
            raise Refusal(Refused(INVALID_REQUEST, "The user has a password: reset it.", 409, reason="has a password"))
        user_id = known.id
        return await links.give(lambda: named_user(store, issuer, user_id), Purpose.INVITED, self.by)

    async def reset(self, name: str) -> Link:
        """Give a user (an email address or id) a link to choose another password; until then they keep theirs."""
        if not may_everything(self.actor, self.links.issuer.name):
            raise Refusal(absent("user"))
        links = self.links
        return await links.give(lambda: named_user(links.store, links.issuer, name), Purpose.RESET, self.by)

    async def outbox(self, *, after: str | None = None, limit: int = 100) -> list[Link]:
        """Return a page, by user id, of the links that wait to be sent."""
        self._check_actor()
        return await self.links.outbox(None if after is None else UserId(after), limit)

    async def waiting(self, user_id: str) -> Link:
        """Return a user's link that waits to be sent."""
        self._check_actor()
        link = await self.links.waiting(UserId(user_id))
        if link is None:
            raise Refusal(absent("link"))
        return link

    def _check_actor(self) -> None:
        if not may_everything(self.actor, self.links.issuer.name):
            raise Refusal(NOT_YOURS)

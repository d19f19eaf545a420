"""Links by which users choose a password: given by those who administer, or asked for by whoever forgot theirs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portvakt.model.audit import NOBODY
from portvakt.model.behalf import Purpose
from portvakt.model.decision import INVALID_REQUEST, Granted, Refused
from portvakt.model.values import UserId
from portvakt.protocol.govern.actor import AT_THE_COMMAND_LINE, may_everything
from portvakt.protocol.govern.actor import not_found as absent
from portvakt.protocol.govern.invitations import RANDOM_OCTETS, give_link, open_link
from portvakt.server.act import act
from portvakt.server.administering_people import NOT_YOURS, People, named_user
from portvakt.server.refusal import Refusal, granted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from portvakt.model.audit import By
    from portvakt.model.nouns import Issuer, User
    from portvakt.protocol.govern.actor import Actor
    from portvakt.protocol.govern.invitations import Link
    from portvakt.protocol.govern.people import UserWish
    from portvakt.server.clock import Clock
    from portvakt.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Gives links to the users of one issuer. `key` seals what waits to be sent."""

    issuer: Issuer
    store: Store
    clock: Clock
    pepper: bytes = field(repr=False)
    key: bytes = field(repr=False)

    async def give(self, load: Callable[[], Awaitable[User]], purpose: Purpose, by: By) -> Link:
        """Give a user a link and put it into the outbox; the one that they had is good no more. Raises: Refusal."""
        random = os.urandom(RANDOM_OCTETS)

        def decide(user: User) -> Granted[Link] | Refused:
            return give_link(
                self.issuer, user, purpose, pepper=self.pepper, key=self.key, random=random, now=self.clock()
            )

        return granted(await act(self.store, load, decide, by))

    async def outbox(self, after: UserId | None, limit: int) -> list[Link]:
        """Return a page, by user id, of the links that were not sent and are still good."""
        found: list[Link] = []
        for invitation in await self.store.waiting_invitations(self.issuer.name, self.clock(), after, limit):
            user = await self.store.user(self.issuer.name, invitation.user_id)
            link = None if user is None else open_link(self.issuer, user, invitation, key=self.key)
            if link is not None:
                found.append(link)
        return found


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

    def _check_actor(self) -> None:
        if not may_everything(self.actor, self.links.issuer.name):
            raise Refusal(NOT_YOURS)

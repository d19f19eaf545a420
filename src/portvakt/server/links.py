"""Links by which users choose a password: given by those who administer, or asked for by whoever forgot theirs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portvakt.protocol.govern.invitations import RANDOM_OCTETS, give_link, is_good, open_link
from portvakt.server.act import act
from portvakt.server.refusal import granted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from portvakt.model.audit import By
    from portvakt.model.behalf import Purpose
    from portvakt.model.decision import Granted, Refused
    from portvakt.model.nouns import Issuer, User
    from portvakt.model.values import UserId
    from portvakt.protocol.govern.invitations import Link
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

    async def waiting(self, user_id: UserId) -> Link | None:
        """Return a user's link, if it was not sent and is still good."""
        invitation = await self.store.invitation_of(self.issuer.name, user_id)
        user = None if invitation is None else await self.store.user(self.issuer.name, user_id)
        if invitation is None or user is None or not is_good(invitation, user, self.clock()):
            return None
        return open_link(self.issuer, user, invitation, key=self.key)

    async def outbox(self, after: UserId | None, limit: int) -> list[Link]:
        """Return a page, by user id, of the links that were not sent and are still good."""
        found: list[Link] = []
        for invitation in await self.store.waiting_invitations(self.issuer.name, self.clock(), after, limit):
            user = await self.store.user(self.issuer.name, invitation.user_id)
            link = None if user is None else open_link(self.issuer, user, invitation, key=self.key)
            if link is not None:
                found.append(link)
        return found

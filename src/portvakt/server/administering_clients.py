"""What those who administer do about an issuer's clients and their secrets."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from portvakt.model.audit import NOBODY
from portvakt.model.decision import INVALID_REQUEST, Granted, Refused
from portvakt.model.values import ClientId, OrganisationNumber, Seconds
from portvakt.protocol.govern.actor import AT_THE_COMMAND_LINE, may_client, may_everything, may_organisation, may_own
from portvakt.protocol.govern.actor import not_found as absent
from portvakt.protocol.govern.clients import (
    MOST_CLIENTS,
    change_client,
    create_client,
    delete_client,
    end_grants,
    set_enabled,
    wish_of,
    wrong_wish,
)
from portvakt.protocol.govern.secrets import RANDOM_OCTETS, NewSecret, revoke_secret, rotate_secret
from portvakt.server.act import act
from portvakt.server.refusal import Refusal, found, granted

if TYPE_CHECKING:
    from collections.abc import Callable

    from portvakt.model.audit import By
    from portvakt.model.behalf import Grant
    from portvakt.model.nouns import ClientFacts, Issuer, Organisation, User
    from portvakt.model.values import SecretId, UserId
    from portvakt.protocol.govern.actor import Actor
    from portvakt.protocol.govern.clients import Wish
    from portvakt.server.clock import Clock
    from portvakt.store import Store

AnswerT = TypeVar("AnswerT")

DEFAULT_LIFE = Seconds(180 * 86400)
GRANTS_AT_ONCE = 100

ANOTHER_WAS_FIRST = Refused("changed", "It was changed meanwhile. Look at it again, and then decide.", 412)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """The clients of one issuer, as far as `actor` may see them. `by`: who it is, for the audit log.

    `version`: the one that the caller saw; None: whichever it is. Every method may raise Refusal (404: there is none,
    or it is not theirs; 412: another version by now), portvakt.server.act.Contended and
    portvakt.store.StoreUnavailable.
    """

    issuer: Issuer
    store: Store
    clock: Clock
    pepper: bytes = field(repr=False)
    actor: Actor = AT_THE_COMMAND_LINE
    by: By = NOBODY

    async def check(self, wish: Wish, organisation: str | None) -> None:
        """Say no to what nobody's client can be, before somebody is made to own it."""
        problem = wrong_wish(self.issuer, wish, self.actor)
        if problem:
            raise Refusal(Refused(INVALID_REQUEST, problem, reason=problem))
        if organisation is not None:
            found("organisation", await self.store.organisation(self.issuer.name, OrganisationNumber(organisation)))

    async def create(self, wish: Wish, owner: User, *, organisation: str | None = None) -> NewSecret:
        """Make a client of a user's, or of an organisation's."""
        number = None if organisation is None else OrganisationNumber(organisation)
        if not may_own(self.actor, self.issuer.name, owner.id, number):
            raise Refusal(Refused("access_denied", "You may not make clients for that owner.", 403))
        name, random = self.issuer.name, os.urandom(RANDOM_OCTETS)

        async def load() -> tuple[User, Organisation | None, int]:
            of = None if number is None else found("organisation", await self.store.organisation(name, number))
            whose = found("user", await self.store.user(name, owner.id))
            return whose, of, await self.store.count_clients(name, owner.id, number, MOST_CLIENTS)

        def decide(facts: tuple[User, Organisation | None, int]) -> Granted[NewSecret] | Refused:
            whose, of, held = facts
            return create_client(
                self.issuer,
                wish,
                whose,
                actor=self.actor,
                organisation=of,
                held=held,
                pepper=self.pepper,
                random=random,
                now=self.clock(),
            )

        return granted(await act(self.store, load, decide, self.by))

    async def page(
        self,
        *,
        after: str | None = None,
        limit: int = 100,
        owner: UserId | None = None,
        organisation: str | None = None,
    ) -> list[ClientFacts]:
        """Return a page by id: those of a user or of an organisation; else all, for who may see all, or their own."""
        name, actor = self.issuer.name, self.actor
        number = None if organisation is None else OrganisationNumber(organisation)
        if number is not None and not may_organisation(actor, name, number):
            raise Refusal(absent("organisation"))
        if not may_everything(actor, name) and number is None:
            if actor.issuer != name or actor.user is None or owner not in {None, actor.user}:
                raise Refusal(absent("user"))
            owner = actor.user
            if not may_own(actor, name, owner, None):  # whoever may make none sees none: all on a page are theirs
                return []
        past = None if after is None else ClientId(after)
        return await self.store.clients(name, past, limit, owner=None if number else owner, organisation=number)

    async def find(
        self, text: str, *, after: tuple[str, ClientId] | None = None, limit: int = 100
    ) -> list[ClientFacts]:
        """Return a page of those whose name begins with a text, by name; for who may see all.

        `after`: `search_key(name)` and id of the last one seen, which need not be there any more.
        """
        if not may_everything(self.actor, self.issuer.name):
            raise Refusal(Refused("access_denied", "Only an operator searches through all clients.", 403))
        return await self.store.find_clients(self.issuer.name, text, after, limit)

    async def show(self, client_id: str) -> ClientFacts:
        """Return a client."""
        facts = await self.store.client_facts(self.issuer.name, ClientId(client_id))
        if facts is None or not may_client(self.actor, facts.client):
            raise Refusal(absent("client"))
        return facts

    async def change(self, client_id: str, merge: Callable[[Wish], Wish], *, version: int | None = None) -> ClientFacts:
        """Make a client what `merge` makes of what it is."""

        def decide(facts: ClientFacts) -> Granted[ClientFacts] | Refused:
            wish = merge(wish_of(facts.client))
            return change_client(self.issuer, facts, wish, actor=self.actor, now=self.clock())

        return await self._act(client_id, version, decide)

    async def set_enabled(self, client_id: str, enabled: bool, *, version: int | None = None) -> ClientFacts:
        """Enable or disable a client. 403: an operator disabled it, and this is none."""

        def decide(facts: ClientFacts) -> Granted[ClientFacts] | Refused:
            return set_enabled(facts, enabled=enabled, actor=self.actor, now=self.clock())

        return await self._act(client_id, version, decide)

    async def delete(self, client_id: str, *, version: int | None = None) -> None:
        """Delete a client, and end what users gave it."""

        def decide(facts: ClientFacts) -> Granted[None] | Refused:
            return delete_client(facts, now=self.clock())

        await self._act(client_id, version, decide)

        async def load() -> tuple[Grant, ...]:
            return await self.store.grants_of_client(self.issuer.name, ClientId(client_id), GRANTS_AT_ONCE)

        # Deleted first: from then on it is given nothing, and the guards know.
        while await load():
            await act(self.store, load, lambda some: end_grants(self.issuer, some, now=self.clock()), self.by)

    async def rotate_secret(
        self, client_id: str, *, grace: Seconds, expires_in: Seconds | None = DEFAULT_LIFE, version: int | None = None
    ) -> NewSecret:
        """Give a client a new secret; the older ones end within `grace` seconds."""
        random = os.urandom(RANDOM_OCTETS)

        def decide(facts: ClientFacts) -> Granted[NewSecret] | Refused:
            return rotate_secret(
                facts, grace=grace, expires_in=expires_in, pepper=self.pepper, random=random, now=self.clock()
            )

        return await self._act(client_id, version, decide)

    async def revoke_secret(
        self, client_id: str, secret_id: SecretId, *, confirmed: str | None = None, version: int | None = None
    ) -> ClientFacts:
        """Revoke one secret. `confirmed`: the client's name, for one that is in use."""

        def decide(facts: ClientFacts) -> Granted[ClientFacts] | Refused:
            if confirmed is not None and confirmed != facts.client.name:
                return Refused(INVALID_REQUEST, "That is not the client's name.", reason="confirmation")
            return revoke_secret(facts, secret_id, forced=confirmed is not None, now=self.clock())

        return await self._act(client_id, version, decide)

    async def _act(
        self, client_id: str, version: int | None, decide: Callable[[ClientFacts], Granted[AnswerT] | Refused]
    ) -> AnswerT:
        async def load() -> ClientFacts:
            return await self.show(client_id)

        def decide_on_seen(facts: ClientFacts) -> Granted[AnswerT] | Refused:
            is_seen = version is None or version == facts.client.version
            return decide(facts) if is_seen else ANOTHER_WAS_FIRST

        return granted(await act(self.store, load, decide_on_seen, self.by))

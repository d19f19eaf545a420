"""What those who administer do about an issuer's organisations and who belongs to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portvakt.model.audit import NOBODY
from portvakt.model.decision import Granted, Refused
from portvakt.model.values import OrganisationNumber, UserId
from portvakt.protocol.govern.actor import AT_THE_COMMAND_LINE, may_everything, may_organisation
from portvakt.protocol.govern.actor import not_found as absent
from portvakt.protocol.govern.member_code import NO_CODE, whose_code
from portvakt.protocol.govern.organisations import (
    NO_MEMBER,
    Belonging,
    add_member,
    change_organisation,
    create_organisation,
    remove_member,
    set_administrator,
    set_organisation_enabled,
)
from portvakt.server.act import act
from portvakt.server.administering_clients import ANOTHER_WAS_FIRST
from portvakt.server.administering_people import CLIENTS_AT_ONCE, named_user, tell_of_later_clients
from portvakt.server.refusal import Refusal, found, granted

if TYPE_CHECKING:
    from portvakt.model.audit import By
    from portvakt.model.behalf import Member
    from portvakt.model.nouns import ClientFacts, Issuer, Organisation, User
    from portvakt.model.values import ClientId, Instant
    from portvakt.protocol.govern.actor import Actor
    from portvakt.server.clock import Clock
    from portvakt.store import Store

NOT_YOURS = Refused("access_denied", "Only an operator makes, changes and disables organisations.", 403)


@dataclass(frozen=True, slots=True)
class Organisations:
    """The organisations of one issuer, as far as `actor` may see them. `by`: who it is, for the audit log.

    An operator sees all and may change them; an organisation's administrators see it, and say who belongs to it and
    who administers it. `version`, and what may be raised: as for `People`. `pepper` None: no member's code is good.
    """

    issuer: Issuer
    store: Store
    clock: Clock
    actor: Actor = AT_THE_COMMAND_LINE
    by: By = NOBODY
    pepper: bytes | None = field(default=None, repr=False)

    async def create(self, number: str, name: str) -> Organisation:
        """Make an organisation."""
        self._check_operator()

        async def load() -> Organisation | None:
            return await self.store.organisation(self.issuer.name, OrganisationNumber(number))

        def decide(known: Organisation | None) -> Granted[Organisation] | Refused:
            return create_organisation(self.issuer, known, number=number, name=name, now=self.clock())

        return granted(await act(self.store, load, decide, self.by))

    async def show(self, number: str) -> Organisation:
        """Return an organisation."""
        known = OrganisationNumber(number)
        if not may_organisation(self.actor, self.issuer.name, known):
            raise Refusal(absent("organisation"))
        return found("organisation", await self.store.organisation(self.issuer.name, known))

    async def page(self, *, after: str | None = None, limit: int = 100) -> list[Organisation]:
        """Return a page by number: of all, or of those that the actor administers."""
        if may_everything(self.actor, self.issuer.name):
            begin = None if after is None else OrganisationNumber(after)
            return await self.store.organisations(self.issuer.name, begin, limit)
        if self.actor.issuer != self.issuer.name:
            return []
        later = sorted(number for number in self.actor.administers if number > (after or ""))
        return [await self.show(number) for number in later[:limit]]

    async def find(
        self, text: str, *, after: tuple[str, OrganisationNumber] | None = None, limit: int = 100
    ) -> list[Organisation]:
        """Return a page of those whose name begins with a text, or, for digits, whose number does.

        `after`: `search_key(name)` and number of the last one seen, which may be called something else by now.
        """
        self._check_operator()
        return await self.store.find_organisations(self.issuer.name, text, after, limit)

    async def change(self, number: str, *, name: str, version: int | None = None) -> Organisation:
        """Call an organisation something else."""

        def decide(organisation: Organisation) -> Granted[Organisation] | Refused:
            if version not in {None, organisation.version}:
                return ANOTHER_WAS_FIRST
            return change_organisation(organisation, name=name, now=self.clock())

        return granted(await act(self.store, lambda: self._own(number), decide, self.by))

    async def set_enabled(self, number: str, enabled: bool, *, version: int | None = None) -> Organisation:
        """Enable an organisation, or disable it and end what was given for it."""

        async def load() -> tuple[Organisation, list[ClientFacts]]:
            return await self._own(number), await self._clients(number, None)

        def decide(facts: tuple[Organisation, list[ClientFacts]]) -> Granted[Organisation] | Refused:
            organisation, clients = facts
            if version not in {None, organisation.version}:
                return ANOTHER_WAS_FIRST
            own = [one.client for one in clients]
            return set_organisation_enabled(organisation, own, enabled=enabled, now=self.clock())

        async def tell(ended_at: Instant | None) -> None:
            await tell_of_later_clients(
                self.store, lambda last: self._clients(number, last), ended_at, self.clock(), self.by
            )

        was = await self._own(number)
        if enabled and was.disabled_at is not None:  # first, as of users
            await tell(was.disabled_at)
        after = granted(await act(self.store, load, decide, self.by))
        if not enabled:
            await tell(None)
        return after

    # --- members ------------------------------------------------------------------------------------------------------

    async def members(self, number: str, *, after: str | None = None, limit: int = 100) -> list[Member]:
        """Return a page of an organisation's members, by user id."""
        organisation = await self.show(number)
        begin = None if after is None else UserId(after)
        return await self.store.members(self.issuer.name, organisation.number, begin, limit)

    async def add_member(self, number: str, user: str, *, administrator: bool = False) -> Member:
        """Have a user belong to an organisation; whoever administers it goes on to.

        They are named by their code (`protocol.govern.member_code`), or by an operator by email address or id: whether
        somebody is known here is not told to those who administer an organisation.
        """
        await self.show(number)
        user = self._user_of_code(user) or user

        def decide(facts: Belonging) -> Granted[Member] | Refused:
            if facts.user.disabled_at is not None and not may_everything(self.actor, self.issuer.name):
                return NO_CODE
            return add_member(facts, administrator=administrator, now=self.clock())

        return granted(await act(self.store, lambda: self._belonging(number, user), decide, self.by))

    async def set_administrator(self, number: str, user: str, administrator: bool) -> Member:
        """Have a member administer the organisation, or no more."""

        def decide(facts: Belonging) -> Granted[Member] | Refused:
            return set_administrator(facts, administrator=administrator, now=self.clock())

        return granted(await act(self.store, lambda: self._belonging(number, user), decide, self.by))

    async def remove_member(self, number: str, user: str) -> None:
        """Have a user belong to an organisation no more, and end what they gave and hold for it."""

        def decide(facts: Belonging) -> Granted[None] | Refused:
            return remove_member(self.issuer, facts, now=self.clock())

        granted(await act(self.store, lambda: self._belonging(number, user), decide, self.by))

    # --- what they share ----------------------------------------------------------------------------------------------

    def _check_operator(self) -> None:
        if not may_everything(self.actor, self.issuer.name):
            raise Refusal(NOT_YOURS)

    async def _own(self, number: str) -> Organisation:
        """Return an organisation that the actor may change."""
        organisation = await self.show(number)
        self._check_operator()
        return organisation

    def _user_of_code(self, code: str) -> UserId | None:
        whose = None if self.pepper is None else whose_code(self.pepper, self.issuer.name, code.strip(), self.clock())
        if whose is None and not may_everything(self.actor, self.issuer.name):
            raise Refusal(NO_CODE)
        return whose

    async def _belonging(self, number: str, name: str) -> Belonging:
        organisation = await self.show(number)
        user = await self._named(name)
        memberships = await self.store.memberships_of(self.issuer.name, user.id)
        return Belonging(
            user=user,
            organisation=organisation,
            member=next((one for one in memberships if one.organisation.number == organisation.number), None),
            grants=await self.store.grants_of_user(self.issuer.name, user.id),
            api_keys=await self.store.api_keys_of(self.issuer.name, user.id),
        )

    async def _named(self, name: str) -> User:
        """Return a user; to all but operators, one of another organisation or of none is not there, nor an address."""
        if may_everything(self.actor, self.issuer.name):
            return await named_user(self.store, self.issuer, name)
        user = await self.store.user(self.issuer.name, UserId(name))
        if user is None:
            raise Refusal(NO_MEMBER)
        return user

    async def _clients(self, number: str, after: ClientId | None) -> list[ClientFacts]:
        of = OrganisationNumber(number)
        return await self.store.clients(self.issuer.name, after, CLIENTS_AT_ONCE, organisation=of)

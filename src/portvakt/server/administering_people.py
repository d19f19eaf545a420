"""What those who administer do about users and organisations."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portvakt.model.behalf import Password
from portvakt.model.decision import INVALID_REQUEST, Granted, Refused
from portvakt.model.values import OrganisationNumber, UserId
from portvakt.protocol.govern.people import (
    add_member,
    create_organisation,
    create_user,
    end_sessions,
    remove_member,
    set_organisation_enabled,
    set_password,
    set_user_enabled,
)
from portvakt.server.act import act
from portvakt.server.api_keys import end_key, make_key
from portvakt.server.passwords import Passwords, password_problem
from portvakt.server.refusal import Refusal, found, granted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from portvakt.jose.signing import Signer
    from portvakt.model.behalf import ApiKey, Grant, Session
    from portvakt.model.nouns import Issuer, Organisation, User
    from portvakt.model.values import Secret
    from portvakt.protocol.govern.api_keys import KeyWish, NewApiKey
    from portvakt.server.clock import Clock
    from portvakt.store import Store

_ID_OCTETS = 32


@dataclass(frozen=True, slots=True)
class Person:
    """A user, whether they can log in, and the organisations that they belong to."""

    user: User
    has_password: bool
    organisations: tuple[Organisation, ...]


@dataclass(frozen=True, slots=True)
class People:
    """The users and organisations of one issuer.

    A user is named by email address or id. Every method may raise Refusal, and portvakt.store.StoreUnavailable.
    """

    issuer: Issuer
    store: Store
    clock: Clock

    async def create(self, email: str, *, locale: str | None = None, password: Secret | None = None) -> Person:
        """Make a user, who can log in if there is a password."""
        _check_password(password)

        async def load() -> User | None:
            return await self.store.user_by_email(self.issuer.name, email)

        def decide(known: User | None) -> Granted[User] | Refused:
            random = os.urandom(_ID_OCTETS)
            return create_user(self.issuer, known, email=email, locale=locale, random=random, now=self.clock())

        user = granted(await act(self.store, load, decide))
        if password is not None:
            await self._set_password(user, password)
        return await self._person(user)

    async def show(self, name: str) -> Person:
        """Return a user."""
        return await self._person(await self._user(name))

    async def users(self, *, after: str | None, limit: int) -> list[User]:
        """Return a page of users by id."""
        return await self.store.users(self.issuer.name, None if after is None else UserId(after), limit)

    async def set_password(self, name: str, password: Secret) -> Person:
        """Give a user a password, and end the sessions that began with another."""
        _check_password(password)
        user = await self._user(name)
        await self._set_password(user, password)
        return await self._person(user)

    async def set_enabled(self, name: str, *, enabled: bool) -> Person:
        """Enable a user, or disable them, log them out and end what they gave."""

        async def load() -> tuple[User, tuple[Grant, ...], tuple[Session, ...]]:
            user = await self._user(name)
            grants = await self.store.grants_of_user(self.issuer.name, user.id)
            return user, grants, await self.store.sessions_of(self.issuer.name, user.id)

        def decide(facts: tuple[User, tuple[Grant, ...], tuple[Session, ...]]) -> Granted[User] | Refused:
            return set_user_enabled(self.issuer, *facts, enabled=enabled, now=self.clock())

        user = granted(await act(self.store, load, decide))
        if not enabled:
            await self._end_sessions(user)
        return await self._person(user)

    async def create_organisation(self, number: str, name: str) -> Organisation:
        """Make an organisation."""

        async def load() -> Organisation | None:
            return await self.store.organisation(self.issuer.name, OrganisationNumber(number))

        def decide(known: Organisation | None) -> Granted[Organisation] | Refused:
            return create_organisation(self.issuer, known, number=number, name=name, now=self.clock())

        return granted(await act(self.store, load, decide))

    async def organisations(self, *, after: str | None, limit: int) -> list[Organisation]:
        """Return a page of organisations by number."""
        begin = None if after is None else OrganisationNumber(after)
        return await self.store.organisations(self.issuer.name, begin, limit)

    async def set_organisation_enabled(self, number: str, *, enabled: bool) -> Organisation:
        """Enable or disable an organisation."""

        async def load() -> Organisation:
            return await self._organisation(number)

        def decide(organisation: Organisation) -> Granted[Organisation]:
            return set_organisation_enabled(organisation, enabled=enabled, now=self.clock())

        return granted(await act(self.store, load, decide))

    async def add_member(self, number: str, name: str) -> Person:
        """Have a user belong to an organisation."""

        def decide(facts: _Membership) -> Granted[None] | Refused:
            return add_member(facts.user, facts.organisation, facts.memberships, now=self.clock())

        granted(await act(self.store, lambda: self._membership(number, name), decide))
        return await self.show(name)

    async def remove_member(self, number: str, name: str) -> Person:
        """Have a user belong to an organisation no more, and end what they gave for it."""

        def decide(facts: _Membership) -> Granted[None] | Refused:
            return remove_member(
                self.issuer, facts.user, facts.organisation, facts.memberships, facts.grants, now=self.clock()
            )

        granted(await act(self.store, lambda: self._membership(number, name), decide))
        return await self.show(name)

    async def api_keys(self, name: str) -> tuple[ApiKey, ...]:
        """Return all keys of a user, oldest first."""
        user = await self._user(name)
        return await self.store.api_keys_of(self.issuer.name, user.id)

    async def create_api_key(self, name: str, wish: KeyWish, sign: Callable[[], Awaitable[Signer]]) -> NewApiKey:
        """Make a key of a user's, who need not be there."""
        user = await self._user(name)
        made = await make_key(self.store, self.issuer, user, wish, signer=await sign(), now=self.clock())
        if isinstance(made, Refused):
            raise Refusal(made)
        return made

    async def revoke_api_key(self, name: str, key_id: str) -> ApiKey:
        """Revoke a key of a user's."""
        keys = await self.api_keys(name)
        key = found("API key", next((key for key in keys if key.id == key_id), None))
        await end_key(self.store, key, now=self.clock())
        return next(key for key in await self.api_keys(name) if key.id == key_id)

    async def _membership(self, number: str, name: str) -> _Membership:
        organisation, user = await self._organisation(number), await self._user(name)
        memberships = await self.store.memberships(self.issuer.name, user.id)
        return _Membership(user, organisation, memberships, await self.store.grants_of_user(self.issuer.name, user.id))

    async def _user(self, name: str) -> User:
        if "@" in name:
            return found("user", await self.store.user_by_email(self.issuer.name, name))
        return found("user", await self.store.user(self.issuer.name, UserId(name)))

    async def _organisation(self, number: str) -> Organisation:
        return found("organisation", await self.store.organisation(self.issuer.name, OrganisationNumber(number)))

    async def _person(self, user: User) -> Person:
        known = await self.store.password(self.issuer.name, user.id)
        return Person(user, known is not None, await self.store.memberships(self.issuer.name, user.id))

    async def _set_password(self, user: User, password: Secret) -> None:
        passwords = Passwords()
        try:
            hashed = await passwords.hash(password)
        finally:
            passwords.close()
        row = Password(issuer=self.issuer.name, user_id=user.id, hash=hashed, changed_at=self.clock())

        async def load() -> tuple[Session, ...]:
            return await self.store.sessions_of(self.issuer.name, user.id)

        def decide(sessions: tuple[Session, ...]) -> Granted[None]:
            return set_password(row, sessions, now=self.clock())

        await act(self.store, load, decide)
        await self._end_sessions(user)

    async def _end_sessions(self, user: User) -> None:
        """End the sessions that began while something else was changed; see `account` for why this is enough."""

        async def load() -> tuple[Session, ...]:
            return await self.store.sessions_of(self.issuer.name, user.id)

        await act(self.store, load, lambda sessions: end_sessions(sessions, now=self.clock()))


@dataclass(frozen=True, slots=True)
class _Membership:
    """What a change of membership is decided on."""

    user: User
    organisation: Organisation
    memberships: tuple[Organisation, ...]
    grants: tuple[Grant, ...]


def _check_password(password: Secret | None) -> None:
    problem = None if password is None else password_problem(password)
    if problem is not None:
        raise Refusal(Refused(INVALID_REQUEST, f"The password {problem}.", reason="password"))

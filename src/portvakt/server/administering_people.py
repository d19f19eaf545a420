"""What those who administer do about an issuer's users."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portvakt.model.audit import NOBODY
from portvakt.model.behalf import Password
from portvakt.model.decision import INVALID_REQUEST, Granted, Refused
from portvakt.model.values import SessionId, UserId
from portvakt.protocol.ending import tell_of_clients
from portvakt.protocol.govern.actor import AT_THE_COMMAND_LINE, OPERATOR, may_everything
from portvakt.protocol.govern.actor import not_found as absent
from portvakt.protocol.govern.people import (
    Holdings,
    UserWish,
    change_user,
    create_user,
    end_sessions,
    set_password,
    set_user_enabled,
    wish_of,
)
from portvakt.protocol.live import session_lives
from portvakt.server.act import act
from portvakt.server.administering_clients import ANOTHER_WAS_FIRST
from portvakt.server.api_keys import end_key, make_key
from portvakt.server.passwords import Passwords, password_problem
from portvakt.server.refusal import Refusal, found, granted
from portvakt.server.settings_issuers import OWN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from portvakt.jose.signing import Signer
    from portvakt.model.audit import By
    from portvakt.model.behalf import ApiKey, Invitation, Member, Session
    from portvakt.model.nouns import ClientFacts, Issuer, User
    from portvakt.model.values import ClientId, Instant, Secret
    from portvakt.protocol.govern.actor import Actor
    from portvakt.protocol.govern.api_keys import KeyWish, NewApiKey
    from portvakt.server.clock import Clock
    from portvakt.store import Store

CLIENTS_AT_ONCE = 100
USERS_AT_ONCE = 100
_ID_OCTETS = 32

NOT_YOURS = Refused("access_denied", "Only an operator administers users.", 403)


@dataclass(frozen=True, slots=True)
class Person:
    """A user, whether they can log in, and the organisations that they belong to."""

    user: User
    has_password: bool
    memberships: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class People:
    """The users of one issuer, as far as `actor` may see them: all of them or none. `by`: who it is, for the log.

    A user is named by email address or id. `version`: the one that the caller saw; None: whichever it is. Every method
    may raise Refusal (404: there is none, or it is not theirs; 412: another version by now),
    portvakt.server.act.Contended and portvakt.store.StoreUnavailable.
    """

    issuer: Issuer
    store: Store
    clock: Clock
    actor: Actor = AT_THE_COMMAND_LINE
    by: By = NOBODY

    async def create(self, email: str, wish: UserWish | None = None, *, password: Secret | None = None) -> Person:
        """Make a user, who can log in if there is a password."""
        self._check_actor()
        _check_password(password)
        random = os.urandom(_ID_OCTETS)

        async def load() -> User | None:
            return await self.store.user_by_email(self.issuer.name, email)

        def decide(known: User | None) -> Granted[User] | Refused:
            return create_user(
                self.issuer,
                known,
                email=email,
                wish=wish or UserWish(),
                may_operate=self.issuer.name == OWN,
                random=random,
                now=self.clock(),
            )

        user = granted(await act(self.store, load, decide, self.by))
        if password is not None:
            await self._set_password(user, password)
        return await self._person(user)

    async def show(self, name: str) -> Person:
        """Return a user."""
        return await self._person(await self._user(name))

    async def page(self, *, after: str | None = None, limit: int = 100) -> list[User]:
        """Return a page of users by id."""
        self._check_actor()
        return await self.store.users(self.issuer.name, None if after is None else UserId(after), limit)

    async def find(self, text: str, *, after: str | None = None, limit: int = 100) -> list[User]:
        """Return a page of those whose address begins with a text, by address.

        `after`: `search_key(email)` of the last one seen, who need not be there any more.
        """
        self._check_actor()
        return await self.store.find_users(self.issuer.name, text, after, limit)

    async def change(self, name: str, merge: Callable[[UserWish], UserWish], *, version: int | None = None) -> Person:
        """Make a user what `merge` makes of what they are."""

        async def load() -> tuple[User, Sequence[User] | None]:
            user = await self._user(name)
            return user, await self._other_operators(user)

        def decide(facts: tuple[User, Sequence[User] | None]) -> Granted[User] | Refused:
            user, others = facts
            if version not in {None, user.version}:
                return ANOTHER_WAS_FIRST
            return change_user(user, merge(wish_of(user)), others, now=self.clock())

        return await self._person(granted(await act(self.store, load, decide, self.by)))

    async def set_password(self, name: str, password: Secret) -> Person:
        """Give a user a password, and end the sessions that began with another."""
        user = await self._user(name)
        _check_password(password)
        await self._set_password(user, password)
        return await self._person(user)

    async def set_enabled(self, name: str, enabled: bool, *, version: int | None = None) -> Person:
        """Enable a user, or disable them, log them out and end what they gave and hold."""

        async def load() -> tuple[User, Holdings, Sequence[User] | None]:
            user = await self._user(name)
            return user, await self._holdings(user), await self._other_operators(user)

        def decide(facts: tuple[User, Holdings, Sequence[User] | None]) -> Granted[User] | Refused:
            if version not in {None, facts[0].version}:
                return ANOTHER_WAS_FIRST
            return set_user_enabled(self.issuer, *facts, enabled=enabled, now=self.clock())

        was = await self._user(name)
        if enabled and was.disabled_at is not None:  # first: a user who is enabled has no client that is forgotten
            await self._tell_of_later_clients(was, was.disabled_at)
        user = granted(await act(self.store, load, decide, self.by))
        if not enabled:
            await self._end_sessions(user)
            await self._tell_of_later_clients(user, None)
        return await self._person(user)

    async def sessions(self, name: str) -> tuple[Session, ...]:
        """Return where a user is logged in now, oldest first."""
        user, now = await self._user(name), self.clock()
        sessions = await self.store.sessions_of(self.issuer.name, user.id)
        return tuple(one for one in sessions if session_lives(one, user, now))

    async def end_session(self, name: str, session_id: str) -> None:
        """Log a user out of one browser; one that was left meanwhile is as wanted."""
        user = await self._user(name)
        sessions = await self.store.sessions_of(self.issuer.name, user.id)
        found("session", next((one for one in sessions if one.id == session_id), None))
        await self._end_sessions(user, SessionId(session_id))

    async def end_sessions(self, name: str) -> None:
        """Log a user out everywhere."""
        await self._end_sessions(await self._user(name))

    async def api_keys(self, name: str) -> tuple[ApiKey, ...]:
        """Return all keys of a user, oldest first."""
        user = await self._user(name)
        return await self.store.api_keys_of(self.issuer.name, user.id)

    async def create_api_key(self, name: str, wish: KeyWish, sign: Callable[[], Awaitable[Signer]]) -> NewApiKey:
        """Make a key of a user's, who need not be there."""
        user = await self._user(name)
        made = await make_key(self.store, self.issuer, user, wish, signer=await sign(), now=self.clock(), by=self.by)
        if isinstance(made, Refused):
            raise Refusal(made)
        return made

    async def revoke_api_key(self, name: str, key_id: str) -> ApiKey:
        """Revoke a key of a user's."""
        keys = await self.api_keys(name)
        key = found("API key", next((key for key in keys if key.id == key_id), None))
        await end_key(self.store, key, now=self.clock(), by=self.by)
        return next(key for key in await self.api_keys(name) if key.id == key_id)

    # --- what they share ----------------------------------------------------------------------------------------------

    def _check_actor(self) -> None:
        if not may_everything(self.actor, self.issuer.name):
            raise Refusal(NOT_YOURS)

    async def _user(self, name: str) -> User:
        if not may_everything(self.actor, self.issuer.name):
            raise Refusal(absent("user"))
        return await named_user(self.store, self.issuer, name)

    async def _person(self, user: User) -> Person:
        known = await self.store.password(self.issuer.name, user.id)
        return Person(user, known is not None, await self.store.memberships_of(self.issuer.name, user.id))

    async def _holdings(self, user: User) -> Holdings:
        issuer = self.issuer.name
        return Holdings(
            grants=await self.store.grants_of_user(issuer, user.id),
            sessions=await self.store.sessions_of(issuer, user.id),
            api_keys=await self.store.api_keys_of(issuer, user.id),
            clients=[facts.client for facts in await self._clients(user, None)],
            invitation=await self.store.invitation_of(issuer, user.id),
        )

    async def _clients(self, user: User, after: ClientId | None) -> list[ClientFacts]:
        return await self.store.clients(self.issuer.name, after, CLIENTS_AT_ONCE, owner=user.id)

    async def _tell_of_later_clients(self, user: User, ended_at: Instant | None) -> None:
        def page(after: ClientId | None) -> Awaitable[list[ClientFacts]]:
            return self._clients(user, after)

        await tell_of_later_clients(self.store, page, ended_at, self.clock(), self.by)

    async def _other_operators(self, user: User) -> Sequence[User] | None:
        """Return another enabled operator, if there is one; None at an issuer that has no operators."""
        if self.issuer.name != OWN:
            return None
        page = await self.store.users(OWN, None, USERS_AT_ONCE)
        while page:
            others = [one for one in page if one.id != user.id and OPERATOR in one.roles and one.disabled_at is None]
            if others:
                return others[:1]
            page = await self.store.users(OWN, page[-1].id, USERS_AT_ONCE)
        return ()

    async def _set_password(self, user: User, password: Secret) -> None:
        passwords = Passwords()
        try:
            hashed = await passwords.hash(password)
        finally:
            passwords.close()
        row = Password(issuer=self.issuer.name, user_id=user.id, hash=hashed, changed_at=self.clock())

        async def load() -> tuple[tuple[Session, ...], Invitation | None]:
            sessions = await self.store.sessions_of(self.issuer.name, user.id)
            return sessions, await self.store.invitation_of(self.issuer.name, user.id)

        def decide(facts: tuple[tuple[Session, ...], Invitation | None]) -> Granted[None]:
            return set_password(user, row, *facts, now=self.clock())

        await act(self.store, load, decide, self.by)
        await self._end_sessions(user)

    async def _end_sessions(self, user: User, which: SessionId | None = None) -> None:
        """End the sessions that began while something else was changed; see `account` for why this is enough."""

        async def load() -> tuple[Session, ...]:
            return await self.store.sessions_of(self.issuer.name, user.id)

        await act(self.store, load, lambda sessions: end_sessions(user, sessions, which, now=self.clock()), self.by)


async def named_user(store: Store, issuer: Issuer, name: str) -> User:
    """Return the user with that email address or id. Raises: Refusal."""
    if "@" in name:
        return found("user", await store.user_by_email(issuer.name, name))
    return found("user", await store.user(issuer.name, UserId(name)))


async def tell_of_later_clients(
    store: Store,
    page: Callable[[ClientId | None], Awaitable[list[ClientFacts]]],
    ended_at: Instant | None,
    now: Instant,
    by: By,
) -> None:
    """Tell the guards of somebody's clients behind their first page: of that one they are told with its owner."""
    last = await page(None)
    while len(last) == CLIENTS_AT_ONCE:
        last = await page(last[-1].client.id)
        await store.apply(tell_of_clients([facts.client for facts in last], ended_at, now), by)


def _check_password(password: Secret | None) -> None:
    problem = None if password is None else password_problem(password)
    if problem is not None:
        raise Refusal(Refused(INVALID_REQUEST, f"The password {problem}.", reason="password"))

"""What those who administer do: one object over settings and store, for commands, console and JSON API alike."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from portvakt.jose.keys import from_private_bytes
from portvakt.jose.sealing import derive, place, unseal
from portvakt.jose.signing import Signer
from portvakt.model.audit import NOBODY, Act
from portvakt.model.change import AddUser, Applied, Note
from portvakt.model.decision import INVALID_REQUEST, Refused
from portvakt.model.nouns import User
from portvakt.model.provider import API_KEY_TYP
from portvakt.model.values import UserId
from portvakt.protocol.credentials import mint_id
from portvakt.protocol.govern.actor import AT_THE_COMMAND_LINE, OPERATOR
from portvakt.protocol.govern.keys import signing_key
from portvakt.protocol.govern.people import is_email
from portvakt.protocol.govern.told import of_user, tell_user
from portvakt.server.administering_audit import Log
from portvakt.server.administering_clients import Clients
from portvakt.server.administering_keys import SigningKeys
from portvakt.server.administering_organisations import Organisations
from portvakt.server.administering_people import USERS_AT_ONCE, People
from portvakt.server.administering_refusals import Refusals
from portvakt.server.clock import system_clock
from portvakt.server.inviting import Inviting
from portvakt.server.links import Links
from portvakt.server.purposes import KEYS, LINKS, PEPPER
from portvakt.server.refusal import Refusal
from portvakt.server.settings_issuers import OWN
from portvakt.store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from portvakt.model.audit import By
    from portvakt.model.nouns import Issuer, SigningKey
    from portvakt.model.values import IssuerName, Secret
    from portvakt.protocol.govern.actor import Actor
    from portvakt.protocol.govern.api_keys import KeyWish, NewApiKey
    from portvakt.server.clock import Clock
    from portvakt.server.settings import Settings
    from portvakt.store import Store

__all__ = ["OWN", "Administration", "Refusal"]


class Administration:
    """Clients, secrets, users and keys of an installation. `open` gives one.

    Every method may raise Refusal, and portvakt.store.StoreUnavailable.
    """

    def __init__(self, store: Store, secret: Secret, *, clock: Clock = system_clock) -> None:
        self._store = store
        self._pepper = derive(secret, PEPPER)
        self._sealing = derive(secret, KEYS)
        self._links_key = derive(secret, LINKS)
        self._clock = clock

    @staticmethod
    @contextlib.asynccontextmanager
    async def open(settings: Settings, *, clock: Clock = system_clock) -> AsyncIterator[Administration]:
        """Open the installation's database for the time of a `with`."""
        store = await open_store(settings.database)
        try:
            yield Administration(store, settings.secret, clock=clock)
        finally:
            await store.close()

    def people(self, issuer: Issuer, actor: Actor = AT_THE_COMMAND_LINE, by: By = NOBODY) -> People:
        """Return what there is to do about an issuer's users. `actor`, `by`: as for `clients`."""
        return People(issuer, self._store, self._clock, actor, by)

    def inviting(self, issuer: Issuer, actor: Actor = AT_THE_COMMAND_LINE, by: By = NOBODY) -> Inviting:
        """Return what there is to do about links by which users choose a password. `actor`, `by`: as for `clients`."""
        links = Links(issuer=issuer, store=self._store, clock=self._clock, pepper=self._pepper, key=self._links_key)
        return Inviting(links=links, actor=actor, by=by)

    def organisations(self, issuer: Issuer, actor: Actor = AT_THE_COMMAND_LINE, by: By = NOBODY) -> Organisations:
        """Return what there is to do about an issuer's organisations. `actor`, `by`: as for `clients`."""
        return Organisations(issuer, self._store, self._clock, actor, by, self._pepper)

    async def create_api_key(self, people: People, user: str, wish: KeyWish) -> NewApiKey:
        """Make a personal API key of a user's (an email address or id), as whom `people` are given to."""
        issuer = people.issuer

        async def sign() -> Signer:
            row = signing_key(await self.keys(issuer), self._clock())
            opened = unseal(self._sealing, row.sealed, place(issuer.name, row.id))
            return Signer(from_private_bytes(row.algorithm, opened), API_KEY_TYP, names_key=True)

        return await people.create_api_key(user, wish, sign)

    async def create_operator(self, email: str, by: By = NOBODY) -> User:
        """Make a user of the installation's own issuer who may do everything. `by`: who does, for the audit log."""
        return await self.ensure_user(OWN, email, roles=frozenset({OPERATOR}), by=by)

    async def ensure_user(
        self,
        issuer: IssuerName,
        email: str,
        *,
        roles: frozenset[str] = frozenset(),
        user_id: UserId | None = None,
        by: By = NOBODY,
    ) -> User:
        """Return the issuer's user with that address, made if there is none. Roles are set only when made."""
        if not is_email(email):
            raise Refusal(Refused(INVALID_REQUEST, "An email address is NAME@HOST."))
        user = User(
            id=user_id or UserId(mint_id("user_", os.urandom(32))),
            issuer=issuer,
            email=email,
            roles=roles,
            created_at=self._clock(),
        )
        known = await self._store.user_by_email(issuer, email)
        note = Note(of_user(user, Act.USER_CREATED, user.created_at, after=tell_user(user)))
        if known is None and isinstance(await self._store.apply([AddUser(user), note], by), Applied):
            return user
        known = known or await self._store.user_by_email(issuer, email)
        if known is None:
            raise Refusal(Refused(INVALID_REQUEST, "There is a user with that id already."))
        return known

    def clients(self, issuer: Issuer, actor: Actor = AT_THE_COMMAND_LINE, by: By = NOBODY) -> Clients:
        """Return what there is to do about an issuer's clients, for `actor`. `by`: who that is, for the audit log."""
        return Clients(issuer=issuer, store=self._store, clock=self._clock, pepper=self._pepper, actor=actor, by=by)

    def log(self, issuer: Issuer, actor: Actor = AT_THE_COMMAND_LINE) -> Log:
        """Return an issuer's audit log, as far as `actor` may read it."""
        return Log(issuer=issuer, store=self._store, actor=actor)

    def refusals(
        self, issuer: Issuer, actor: Actor = AT_THE_COMMAND_LINE, *, others: Sequence[Issuer] = ()
    ) -> Refusals:
        """Return why requests at an issuer were refused, as far as `actor` may see it. `others`: see `Refusals`."""
        return Refusals(issuer=issuer, store=self._store, actor=actor, others=others)

    async def owner(self, issuer: Issuer, email: str | None, by: By = NOBODY) -> User:
        """Return whose a client is to be, with a user at the issuer if there was none. None: the first operator."""
        if email is None:
            found = await self._store.users(OWN, None, USERS_AT_ONCE)
            operators = [user for user in found if OPERATOR in user.roles and user.disabled_at is None]
            if not operators:
                raise Refusal(Refused(INVALID_REQUEST, "There is no operator yet: run portvakt init."))
            email = operators[0].email
        return await self.ensure_user(issuer.name, email, by=by)

    async def keys(self, issuer: Issuer) -> tuple[SigningKey, ...]:
        """Return the issuer's keys, oldest first; its first is made now if it has none."""
        return await self._keys(issuer).every()

    async def rotate_keys(self, issuer: Issuer, by: By = NOBODY) -> tuple[SigningKey, ...]:
        """Publish a successor of the newest key; it signs once every key set cached before has run out."""
        return await self._keys(issuer, by).rotate()

    async def revoke_key(self, issuer: Issuer, key_id: str, by: By = NOBODY) -> tuple[SigningKey, ...]:
        """End a key that somebody else may have: nothing that it signed is good any more."""
        return await self._keys(issuer, by).revoke(key_id)

    def _keys(self, issuer: Issuer, by: By = NOBODY) -> SigningKeys:
        return SigningKeys(issuer=issuer, store=self._store, clock=self._clock, sealing=self._sealing, by=by)

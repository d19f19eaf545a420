"""A log-in beside a change of the password, or beside the user's end: in whatever order their steps reach the database,
no session outlives what it began with."""

from __future__ import annotations

import asyncio
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from builders import NOW, PEPPER, an_issuer
from people_served import HASHER
from portvakt.model.behalf import Password
from portvakt.model.behalf_change import SetPassword
from portvakt.model.change import AddUser, Applied
from portvakt.model.nouns import User
from portvakt.model.values import Secret, UserId
from portvakt.server import administering_people
from portvakt.server.account import Account
from portvakt.server.administering_people import People
from portvakt.server.desk import Desk
from portvakt.server.passwords import Passwords

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portvakt.store import Store

ISSUER = an_issuer("standard")
OLD, NEW = "the-old-pass-phrase", "the-new-pass-phrase"
LOG_IN, CHANGE = "log in", "change"
ORDERS = [[LOG_IN if step in taken else CHANGE for step in range(9)] for taken in combinations(range(9), 5)]
"""A log-in asks the store five times; whatever a change asks beyond four times comes at the end."""

BESIDE = {"grants_of_user", "api_keys_of", "clients", "invitation_of"}
"""What a change reads of things that no log-in touches: whichever comes first, so they wait for no turn."""


class InTurns:
    """A store of which two ask in turns: each call waits until the order says that it is its asker's."""

    def __init__(self, store: Store, order: list[str]) -> None:
        self.store = store
        self.order = list(order)
        self.gone: set[str] = set()
        self.moved = asyncio.Condition()

    def seen_by(self, asker: str) -> Any:
        return _Asker(self, asker)

    async def leave(self, asker: str) -> None:
        async with self.moved:
            self.gone.add(asker)
            self._move()

    def _move(self) -> None:
        while self.order and self.order[0] in self.gone:
            self.order.pop(0)
        self.moved.notify_all()

    async def ask(self, asker: str, method: str, arguments: Any, more: Any) -> Any:
        async with self.moved:
            await self.moved.wait_for(lambda: not self.order or self.order[0] == asker)
            try:
                return await getattr(self.store, method)(*arguments, **more)
            finally:
                if self.order:
                    self.order.pop(0)
                self._move()


class _Asker:
    def __init__(self, turns: InTurns, asker: str) -> None:
        self._turns = turns
        self._asker = asker

    def __getattr__(self, method: str) -> Any:
        if method in BESIDE:
            return getattr(self._turns.store, method)
        return lambda *arguments, **more: self._turns.ask(self._asker, method, arguments, more)


@pytest.fixture
def passwords(monkeypatch: pytest.MonkeyPatch) -> Iterator[Passwords]:
    made = Passwords(HASHER)
    monkeypatch.setattr(administering_people, "Passwords", lambda: Passwords(HASHER))
    yield made
    made.close()


def a_person(number: int) -> User:
    return User(id=UserId(f"user_{number}"), issuer=ISSUER.name, email=f"user{number}@example.com", created_at=NOW)


async def logs_in(turns: InTurns, user: User, passwords: Passwords) -> bool:
    """Log in with the old password as the page does; tell whether a cookie was given."""
    store = turns.seen_by(LOG_IN)
    desk = Desk(
        issuer=ISSUER,
        store=store,
        copy=None,  # type: ignore[arg-type]  # not asked by what is tested
        passwords=passwords,
        failures=None,  # type: ignore[arg-type]  # not asked by what is tested
        pepper=PEPPER,
        forms_key=PEPPER,
        links_key=PEPPER,
        clock=lambda: NOW,
    )
    account = Account(desk)
    proven = await account._whose(user.email, Secret(OLD))
    cookie = None if proven is None else await account._begin(proven)
    await turns.leave(LOG_IN)
    return cookie is not None


@pytest.mark.parametrize("disables", [False, True], ids=["password", "disabled"])
async def test_U7_no_session_outlives_the_password_or_the_user_that_it_began_with(
    store: Store, passwords: Passwords, *, disables: bool
) -> None:
    let_in = 0
    for number, order in enumerate(ORDERS):
        user = a_person(number)
        old = Password(issuer=ISSUER.name, user_id=user.id, hash=HASHER.hash(OLD), changed_at=NOW)
        assert await store.apply([AddUser(user), SetPassword(old)]) == Applied()
        turns = InTurns(store, order)

        async def changes(turns: InTurns = turns, user: User = user) -> None:
            people = People(ISSUER, turns.seen_by(CHANGE), lambda: NOW)
            if disables:
                await people.set_enabled(user.id, enabled=False)
            else:
                await people._set_password(user, Secret(NEW))
            await turns.leave(CHANGE)

        cookie, _ = await asyncio.gather(logs_in(turns, user, passwords), changes())

        let_in += cookie
        sessions = await store.sessions_of(ISSUER.name, user.id)
        assert all(session.revoked_at is not None for session in sessions), order
    assert 0 < let_in < len(ORDERS)

"""Load, decide, apply: what becomes of who was second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from portvakt.model.audit import NOBODY, ActorKind, By
from portvakt.model.change import Applied, ChangeClient, Lost
from portvakt.model.decision import Granted, Refused
from portvakt.model.values import ClientId, IssuerName
from portvakt.server.act import TRIES, Contended, act

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portvakt.model.change import Change


def a_change(version: int) -> ChangeClient:
    return ChangeClient(IssuerName("acme"), ClientId("client_abc"), version)


class Store:
    """Answers as it was told, and remembers what it was given."""

    def __init__(self, *answers: Applied | Lost | Exception) -> None:
        self.answers = list(answers)
        self.given: list[Sequence[Change]] = []
        self.by: By | None = None
        self.version = 0

    async def load(self) -> int:
        self.version += 1
        return self.version

    async def apply(self, changes: Sequence[Change], by: By) -> Applied | Lost:
        self.given.append(changes)
        self.by = by
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def decide(version: int) -> Granted[int]:
    return Granted(version, (a_change(version),))


LOST = Lost(a_change(0))


def test_a_decision_is_returned_once_it_is_applied() -> None:
    store = Store(Applied())

    assert asyncio.run(act(store, store.load, decide)) == Granted(1)
    assert store.given == [(a_change(1),)]
    assert store.by == NOBODY


def test_the_store_is_told_who_acts() -> None:
    store = Store(Applied())
    somebody = By(kind=ActorKind.USER, issuer=IssuerName("acme"), id="user_abc", address="192.0.2.1", request_id="r")

    asyncio.run(act(store, store.load, decide, somebody))

    assert store.by == somebody


@pytest.mark.parametrize("times", range(1, TRIES))
def test_who_was_second_is_decided_again_on_what_the_first_left(times: int) -> None:
    store = Store(*[LOST] * times, Applied())

    assert asyncio.run(act(store, store.load, decide)) == Granted(times + 1)
    assert store.given == [(a_change(number),) for number in range(1, times + 2)]


def test_who_was_second_too_often_is_told_that_it_is_our_fault() -> None:
    store = Store(*[LOST] * TRIES, Applied())

    with pytest.raises(Contended):
        asyncio.run(act(store, store.load, decide))

    assert len(store.given) == TRIES == 4


def test_who_was_second_may_be_refused_the_second_time() -> None:
    store = Store(LOST)

    def once(version: int) -> Granted[int] | Refused:
        return decide(version) if version == 1 else Refused("invalid_request", "Too late.")

    assert asyncio.run(act(store, store.load, once)) == Refused("invalid_request", "Too late.")
    assert len(store.given) == 1


def test_a_decision_without_changes_asks_the_store_nothing() -> None:
    store = Store()

    def agree(version: int) -> Granted[int]:
        return Granted(version)

    assert asyncio.run(act(store, store.load, agree)) == Granted(1)
    assert store.given == []


def test_a_refusal_that_changes_something_is_applied_too() -> None:
    store = Store(LOST, Applied())

    def refuse(version: int) -> Granted[int] | Refused:
        return Refused("invalid_grant", "Used before.", changes=(a_change(version),))

    refusal = asyncio.run(act(store, store.load, refuse))

    assert isinstance(refusal, Refused)
    assert refusal.changes == (a_change(2),)
    assert store.given == [(a_change(1),), (a_change(2),)]


def test_an_exception_of_the_store_is_not_tried_again() -> None:
    store = Store(RuntimeError("gone"))

    with pytest.raises(RuntimeError, match="gone"):
        asyncio.run(act(store, store.load, decide))

    assert len(store.given) == 1

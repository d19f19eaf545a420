"""What a sandbox sows, in a real database, and what its Luca shows of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from access_tokens import ISSUER, NOW, a_key, a_token
from asgi_driver import Answer, call
from builders import PEPPER, an_issuer
from guard_builders import Clock, OwnKeys
from portvakt.guard import Guard
from portvakt.model.change import AddMember, AddOrganisation, Applied, Lost, RemoveMember
from portvakt.model.nouns import Organisation
from portvakt.model.values import OrganisationNumber
from portvakt.sandbox.people import PEOPLE
from portvakt.sandbox.seed import Seed, Sower
from portvakt.sandbox.stage import _luca, sow
from portvakt.server.log import Log
from portvakt.store import open_store, upgrade

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from portvakt.sandbox.asgi import App
    from portvakt.store import Store

BASE = "http://127.0.0.1:8040"
LUCA = an_issuer("luca", name="luca-test", url=ISSUER)
SEED = Seed("spring")
SOWER = Sower(SEED, LUCA, PEPPER, NOW)
KARI, SAM = (SOWER.user(person.email).id for person in PEOPLE)
BAKERY, BOATS, COFFEE = (OrganisationNumber(number) for number in ("312047152", "313580261", "314661907"))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    url = f"sqlite:///{tmp_path}/portvakt.db"
    upgrade(url)
    opened = await open_store(url)
    for changes in sow(SOWER, BASE).plots:
        assert isinstance(await opened.apply(changes), Applied)
    yield opened
    await opened.close()


def luca(store: Store) -> App:
    guard = Guard(
        issuer=ISSUER, audience=LUCA.audience, provider="luca", leeway=0, clock=Clock(), keys=OwnKeys(a_key())
    )
    return _luca(store, LUCA, SEED, guard, Log(2))


async def ask(store: Store, user: str, number: str) -> Answer:
    claims = {"aud": LUCA.audience, "sub": user, "scope": "accounting", "organisation_number": number}
    headers = {"content-type": "application/json", "authorization": f"Bearer {a_token(claims)}"}
    body = json.dumps({"query": "{companies{nodes{name}} saleInvoices(first:1){nodes{id}}}"}).encode()
    return await call(luca(store), "POST", "/graphql", headers=headers, body=body)


def is_forbidden(answer: Answer) -> bool:
    said = answer.json()
    return said["data"] is None and {error["extensions"]["code"] for error in said["errors"]} == {"FORBIDDEN"}


async def test_a_restart_sows_nothing_twice_and_brings_nobody_back(store: Store) -> None:
    await store.apply([RemoveMember(LUCA.name, BOATS, SAM)])

    again = [await store.apply(changes) for changes in sow(SOWER, BASE).plots]

    assert all(isinstance(one, Lost) for one in again)
    assert BOATS not in [organisation.number for organisation in await store.memberships(LUCA.name, SAM)]


async def test_a_member_sees_the_company_that_the_token_is_for(store: Store) -> None:
    bakery = (await ask(store, KARI, BAKERY)).json()["data"]
    boats, coffee = [(await ask(store, SAM, number)).json()["data"] for number in (BOATS, COFFEE)]

    names = [data["companies"]["nodes"][0]["name"] for data in (bakery, boats, coffee)]
    assert names == ["Eksempelfjord Bakeri AS", "Oppdiktet Båtbyggeri AS", "Påfunn Kaffe AS"]
    assert len({data["saleInvoices"]["nodes"][0]["id"] for data in (bakery, boats, coffee)}) == 3


async def test_G6_the_api_refuses_a_company_of_others_and_one_that_the_user_has_left(store: Store) -> None:
    assert is_forbidden(await ask(store, KARI, BOATS))

    await store.apply([RemoveMember(LUCA.name, BOATS, SAM)])
    left = await ask(store, SAM, BOATS)
    await store.apply([AddMember(LUCA.name, BOATS, SAM, NOW)])
    back = await ask(store, SAM, BOATS)

    assert is_forbidden(left)
    assert back.json()["data"]["companies"]["nodes"] == [{"name": "Oppdiktet Båtbyggeri AS"}]


async def test_the_api_refuses_a_company_that_was_disabled(store: Store) -> None:
    number = OrganisationNumber("310000019")
    gone = Organisation(issuer=LUCA.name, number=number, name="Liksom AS", created_at=NOW, disabled_at=NOW)
    made = await store.apply([AddOrganisation(gone), AddMember(LUCA.name, number, SAM, NOW)])

    assert isinstance(made, Applied)
    assert is_forbidden(await ask(store, SAM, number))

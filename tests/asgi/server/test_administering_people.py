"""Who may do what about users and organisations, and that whoever does it is in the log."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from builders import NOW, an_issuer
from failing_store import FailingStore
from issuing import BREEZE, INSTALLATION, LUCA, OWNER, a_client
from portvakt.model.audit import Act, ActorKind, By
from portvakt.model.behalf import Ended, Session
from portvakt.model.behalf_change import AddSession
from portvakt.model.change import Applied
from portvakt.model.values import ApiKeyId, Instant, OrganisationNumber, Secret, SessionId
from portvakt.protocol.govern.actor import Actor
from portvakt.protocol.govern.api_keys import KeyWish
from portvakt.protocol.govern.people import UserWish
from portvakt.server import administering_people
from portvakt.server.administering_clients import ANOTHER_WAS_FIRST
from portvakt.server.administration import OWN, Administration, Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from portvakt.server.administering_organisations import Organisations
    from portvakt.server.administering_people import People

OURS = an_issuer("standard", name=OWN, url="https://id.example/portvakt")
BAKERY, BOATS = OrganisationNumber("312047152"), OrganisationNumber("313580261")
KARI = "kari@example.com"
BY = By(kind=ActorKind.USER, issuer=OWN, id="user_boss", address="192.0.2.7", request_id="abc-1")
OPERATOR = Actor(issuer=OWN, user=OWNER, operator=True)
DEVELOPER = Actor(issuer=LUCA.name, user=OWNER, developer=True)
BAKER = Actor(issuer=LUCA.name, user=OWNER, administers=frozenset({BAKERY}))
FOREIGN_BAKER = replace(BAKER, issuer=BREEZE.name)


@pytest.fixture
async def store(database: Path) -> AsyncIterator[FailingStore]:
    made = FailingStore(database)
    yield made
    await made.close()


@pytest.fixture
async def administration(store: FailingStore) -> Administration:
    """An installation with two organisations; Kari belongs to the bakery."""
    made = Administration(store, INSTALLATION, clock=lambda: NOW)
    await made.people(LUCA).create(KARI)
    organisations = made.organisations(LUCA)
    await organisations.create(BAKERY, "Bakeri AS")
    await organisations.create(BOATS, "Båt AS")
    await organisations.add_member(BAKERY, KARI)
    return made


async def refused(asked: Awaitable[object]) -> int:
    with pytest.raises(Refusal) as refusal:
        await asked
    return refusal.value.refused.status


OF_PEOPLE: dict[str, Callable[[People], Awaitable[object]]] = {
    "create": lambda people: people.create("new@example.com"),
    "show": lambda people: people.show(KARI),
    "page": lambda people: people.page(),
    "find": lambda people: people.find("k"),
    "change": lambda people: people.change(KARI, lambda was: replace(was, roles=frozenset({"developer"}))),
    "set_password": lambda people: people.set_password(KARI, Secret("a-long-pass-phrase")),
    "set_enabled": lambda people: people.set_enabled(KARI, False),
    "sessions": lambda people: people.sessions(KARI),
    "end_session": lambda people: people.end_session(KARI, "ses_1"),
    "end_sessions": lambda people: people.end_sessions(KARI),
    "api_keys": lambda people: people.api_keys(KARI),
    "create_api_key": lambda people: people.create_api_key(KARI, KeyWish(), lambda: pytest.fail("no key is signed")),
    "revoke_api_key": lambda people: people.revoke_api_key(KARI, ApiKeyId("key_1")),
}
OF_ORGANISATIONS: dict[str, Callable[[Organisations], Awaitable[object]]] = {
    "create": lambda organisations: organisations.create("1", "New AS"),
    "show": lambda organisations: organisations.show(BOATS),
    "find": lambda organisations: organisations.find("b"),
    "change": lambda organisations: organisations.change(BOATS, name="Taken AS"),
    "set_enabled": lambda organisations: organisations.set_enabled(BOATS, False),
    "members": lambda organisations: organisations.members(BOATS),
    "add_member": lambda organisations: organisations.add_member(BOATS, KARI, administrator=True),
    "set_administrator": lambda organisations: organisations.set_administrator(BOATS, KARI, True),
    "remove_member": lambda organisations: organisations.remove_member(BOATS, KARI),
}


@pytest.mark.parametrize("actor", [DEVELOPER, BAKER, FOREIGN_BAKER, Actor()])
async def test_only_an_operator_administers_users(administration: Administration, actor: Actor) -> None:
    told = {name: await refused(do(administration.people(LUCA, actor))) for name, do in OF_PEOPLE.items()}

    collections = {"create", "page", "find"}
    assert told == {name: 403 if name in collections else 404 for name in OF_PEOPLE}


@pytest.mark.parametrize("actor", [DEVELOPER, BAKER, FOREIGN_BAKER, Actor()])
async def test_nobody_administers_an_organisation_that_is_not_theirs(
    administration: Administration, actor: Actor
) -> None:
    organisations = administration.organisations(LUCA, actor)

    told = {name: await refused(do(organisations)) for name, do in OF_ORGANISATIONS.items()}

    assert told == {name: 403 if name in {"create", "find"} else 404 for name in OF_ORGANISATIONS}
    listed = [each.number for each in await organisations.page()]
    assert listed == ([BAKERY] if actor is BAKER else [])


async def test_an_administrator_says_who_belongs_to_their_organisation_and_changes_nothing_else_of_it(
    administration: Administration,
) -> None:
    organisations = administration.organisations(LUCA, BAKER, BY)
    (kari,) = await organisations.members(BAKERY)

    await organisations.set_administrator(BAKERY, kari.user.id, True)
    (member,) = await organisations.members(BAKERY)
    await organisations.remove_member(BAKERY, kari.user.id)

    assert member.administrator
    assert await organisations.members(BAKERY) == []
    assert await organisations.page(after=BAKERY) == []
    assert await refused(organisations.change(BAKERY, name="Mine AS")) == 403
    assert await refused(organisations.set_enabled(BAKERY, False)) == 403
    assert (await organisations.show(BAKERY)).version == 1


async def test_every_change_is_in_the_log_with_who_made_it(administration: Administration, store: FailingStore) -> None:
    people = administration.people(LUCA, OPERATOR, BY)
    organisations = administration.organisations(LUCA, OPERATOR, BY)
    user = (await people.create("ola@example.com", UserWish(locale="nb"), password=Secret("a-long-pass-phrase"))).user
    await a_session(store, user.id)
    await people.change(user.id, lambda was: replace(was, roles=frozenset({"developer"})))
    await people.end_session(user.id, "ses_1")
    await organisations.add_member(BAKERY, user.id, administrator=True)
    key = await administration.create_api_key(people, user.id, KeyWish())
    await people.revoke_api_key(user.id, key.row.id)
    await organisations.change(BAKERY, name="Bakeri og Båt AS")
    await organisations.set_enabled(BAKERY, False)
    await people.set_enabled(user.id, False)

    _, found = await store.audit(LUCA.name, before=None, limit=100)
    lines = [line for line in found if line.by == BY]

    assert sorted(line.event.act for line in lines) == sorted(
        (
            Act.USER_CREATED,
            Act.PASSWORD_SET,
            Act.USER_CHANGED,
            Act.SESSION_ENDED,
            Act.MEMBER_ADDED,
            Act.API_KEY_CREATED,
            Act.API_KEY_REVOKED,
            Act.ORGANISATION_CHANGED,
            Act.ORGANISATION_DISABLED,
            Act.USER_DISABLED,
        )
    )
    assert key.text.reveal() not in str(lines)


async def a_session(store: FailingStore, user_id: Any, name: str = "ses_1", *, ends: int = NOW + 60) -> None:
    session = Session(
        issuer=LUCA.name,
        id=SessionId(name),
        digest=name.encode().ljust(32),
        user_id=user_id,
        created_at=NOW,
        expires_at=Instant(ends),
    )
    assert await store.apply([AddSession(session)]) == Applied()


async def test_sessions_that_live_are_listed_and_ended(administration: Administration, store: FailingStore) -> None:
    people = administration.people(LUCA)
    user = (await people.show(KARI)).user
    for name, ends in (("ses_1", NOW + 60), ("ses_2", NOW + 60), ("ses_3", NOW)):
        await a_session(store, user.id, name, ends=ends)

    before = [one.id for one in await people.sessions(KARI)]
    await people.end_session(KARI, "ses_1")
    between = [one.id for one in await people.sessions(KARI)]
    await people.end_sessions(KARI)

    assert (before, between, await people.sessions(KARI)) == (["ses_1", "ses_2"], ["ses_2"], ())
    assert await refused(people.end_session(KARI, "ses_9")) == 404


async def test_what_another_changed_meanwhile_is_not_written_over(administration: Administration) -> None:
    people, organisations = administration.people(LUCA), administration.organisations(LUCA)
    seen = (await people.show(KARI)).user.version
    later = (await people.change(KARI, lambda was: replace(was, locale="nb"), version=seen)).user.version

    assert later == seen + 1
    for change in (
        people.change(KARI, lambda was: was, version=seen),
        people.set_enabled(KARI, False, version=seen),
        organisations.change(BAKERY, name="x", version=9),
        organisations.set_enabled(BAKERY, False, version=9),
    ):
        assert await refused(change) == ANOTHER_WAS_FIRST.status
    assert (await people.set_enabled(KARI, False, version=later)).user.disabled_at == NOW


async def test_the_last_operator_can_neither_leave_nor_be_disabled(administration: Administration) -> None:
    people = administration.people(OURS)
    await administration.create_operator("boss@example.com")
    await people.create("helper@example.com")

    assert await refused(people.set_enabled("boss@example.com", False)) == 409
    assert await refused(people.change("boss@example.com", lambda _: UserWish())) == 409
    await people.change("helper@example.com", lambda _: UserWish(roles=frozenset({"operator"})))
    await people.set_enabled("boss@example.com", False)
    assert await refused(people.set_enabled("helper@example.com", False)) == 409


async def test_an_operator_behind_many_others_is_found(
    administration: Administration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(administering_people, "USERS_AT_ONCE", 1)
    people = administration.people(OURS)
    for number in range(5):
        await people.create(f"{number}@example.com")
    for name in ("boss@example.com", "second@example.com"):
        await administration.create_operator(name)

    assert (await people.set_enabled("boss@example.com", False)).user.disabled_at == NOW


async def test_G7_an_api_key_of_a_disabled_user_does_not_live_again(administration: Administration) -> None:
    people = administration.people(LUCA)
    await administration.create_api_key(people, KARI, KeyWish(name="script"))

    await people.set_enabled(KARI, False)
    await people.set_enabled(KARI, True)

    (key,) = await people.api_keys(KARI)
    assert key.revoked_at == NOW


@pytest.mark.parametrize("whose", ["user", "organisation"])
async def test_G7_the_guards_are_told_of_every_client_however_many_there_are(
    administration: Administration, store: FailingStore, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    monkeypatch.setattr(administering_people, "CLIENTS_AT_ONCE", 2)
    monkeypatch.setattr("portvakt.server.administering_organisations.CLIENTS_AT_ONCE", 2)
    people, organisations = administration.people(LUCA), administration.organisations(LUCA)
    kari = (await people.show(KARI)).user
    for number in range(5):
        of = {"owner": kari.id} if whose == "user" else {"organisation": BAKERY}
        assert await store.apply(a_client(LUCA, f"more{number}", [], **of)) == Applied()

    async def told_of(enabled: bool) -> list[Instant | None]:
        after, _ = await store.revocations(LUCA.name, 0, 100)
        await (people.set_enabled(KARI, enabled) if whose == "user" else organisations.set_enabled(BAKERY, enabled))
        _, told = await store.revocations(LUCA.name, after, 100)
        assert sorted(each.kind for each in told) == sorted([*[Ended.CLIENT] * 5, Ended(whose)])
        return [each.before for each in told]

    assert await told_of(enabled=False) == [NOW + 60] * 6
    assert await told_of(enabled=True) == [NOW] * 6

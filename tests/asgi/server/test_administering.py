"""What those who administer do, over a real store: whom it makes, and what it says no to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from administering import make_client
from builders import NOW, an_issuer
from failing_store import FailingStore
from issuing import BREEZE, INSTALLATION, OWNER, PRISJAKT, STANDARD, a_copy, known
from portvakt.model.audit import Act, ActorKind, By
from portvakt.model.change import AddUser, Applied
from portvakt.model.nouns import ClientAuthentication, User
from portvakt.model.values import ClientId, Seconds, UserId
from portvakt.server.act import Contended
from portvakt.server.administration import OWN, Administration, Refusal
from portvakt.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable
    from pathlib import Path


@pytest.fixture
async def store(database: Path) -> AsyncIterator[FailingStore]:
    made = FailingStore(database)
    yield made
    await made.close()


@pytest.fixture
def administration(store: FailingStore) -> Administration:
    return Administration(store, INSTALLATION, clock=lambda: NOW)


async def refusal(asked: Awaitable[object]) -> str:
    """Return what somebody who administers is told."""
    with pytest.raises(Refusal) as refused:
        await asked
    assert str(refused.value) == refused.value.refused.description
    return refused.value.refused.description


async def test_an_address_is_a_user_once_whatever_its_letter_case(administration: Administration) -> None:
    made = await administration.ensure_user(STANDARD.name, "Kari@Example.no", roles=frozenset({"a"}))

    again = await administration.ensure_user(STANDARD.name, "kari@example.NO", roles=frozenset({"b"}))

    assert again == made
    assert made.roles == {"a"}
    assert made.created_at == NOW


async def test_of_two_that_make_one_user_at_once_both_get_the_one(administration: Administration) -> None:
    both = await asyncio.gather(*(administration.ensure_user(STANDARD.name, "kari@example.no") for _ in range(5)))

    assert len({user.id for user in both}) == 1


async def test_an_id_that_is_taken_is_refused(administration: Administration) -> None:
    text = await refusal(administration.ensure_user(STANDARD.name, "new@example.no", user_id=OWNER))

    assert text == "There is a user with that id already."


@pytest.mark.parametrize(
    "email", ["", "a", "a@", "@b", "a b@c.no", "a@b\n.no", "<a@b.no>", 'a"@b.no', "a\x00@b.no", "a" * 250 + "@b.no"]
)
async def test_what_is_no_address_is_refused(administration: Administration, email: str) -> None:
    assert await refusal(administration.ensure_user(STANDARD.name, email)) == "An email address is NAME@HOST."


async def test_a_client_belongs_to_the_operator_unless_another_is_named(administration: Administration) -> None:
    assert await refusal(make_client(administration, STANDARD, name="Early")) == (
        "There is no operator yet: run portvakt init."
    )
    operator = await administration.create_operator("boss@example.no")

    own = await make_client(administration, STANDARD, name="Own", scopes=["read"], default_scopes=["read"])
    hers = await make_client(administration, STANDARD, name="Hers", owner_email="kari@example.no")

    assert (operator.issuer, operator.roles) == (OWN, frozenset({"operator"}))
    assert (own.facts.owner.email, own.facts.owner.issuer) == ("boss@example.no", STANDARD.name)
    assert own.facts.owner.roles == set()  # an operator's role is not a role at the issuer
    assert hers.facts.owner.email == "kari@example.no"
    assert await administration.clients(STANDARD).show(own.facts.client.id) == own.facts


async def test_a_public_client_has_no_secret_and_gets_none(administration: Administration) -> None:
    public = {"authentication": ClientAuthentication.NONE, "redirect_uris": ["https://app.example/cb"]}
    made = await make_client(administration, STANDARD, name="App", owner_email="kari@example.no", **public)

    assert (made.secret, made.facts.secrets) == (None, ())
    rotating = administration.clients(STANDARD).rotate_secret(made.facts.client.id, grace=Seconds(0))
    assert await refusal(rotating) == "A public client has no secret."


@pytest.mark.parametrize(
    ("wish", "text"),
    [
        ({"name": ""}, "A client needs a name of 1 to 100 printable characters, without spaces at its ends."),
        ({"name": "x", "scopes": ["a b"]}, "A scope is one word of printable ASCII."),
        ({"name": "x", "expires_in": Seconds(0)}, "The secret would never have lived."),
    ],
)
async def test_a_wish_that_cannot_be_is_refused_and_makes_nothing(
    administration: Administration, wish: dict[str, object], text: str
) -> None:
    before = await administration.clients(STANDARD).page()

    assert await refusal(make_client(administration, STANDARD, owner_email="owner@example.com", **wish)) == text

    assert await administration.clients(STANDARD).page() == before


async def test_a_client_that_is_not_there_is_refused(administration: Administration) -> None:
    nobody = ClientId("client_nobody")

    for asked in (
        administration.clients(STANDARD).rotate_secret(nobody, grace=Seconds(0)),
        administration.clients(STANDARD).set_enabled(nobody, False),
        administration.clients(STANDARD).set_enabled(known(BREEZE).client_id, False),
    ):
        assert await refusal(asked) == "There is no such client."
    assert await refusal(administration.clients(STANDARD).show(nobody)) == "There is no such client."


async def test_clients_come_in_pages_by_id(administration: Administration) -> None:
    every = await administration.clients(PRISJAKT).page()
    ids = [facts.client.id for facts in every]

    first = await administration.clients(PRISJAKT).page(limit=3)
    then = await administration.clients(PRISJAKT).page(after=first[-1].client.id, limit=3)

    assert ids == sorted(ids)
    assert [facts.client.id for facts in (*first, *then)] == ids[:6]


async def test_Z6_a_client_has_at_most_five_live_secrets(administration: Administration) -> None:
    client_id = known(STANDARD).client_id
    for _ in range(4):
        await administration.clients(STANDARD).rotate_secret(client_id, grace=Seconds(3600))

    rotating = administration.clients(STANDARD).rotate_secret(client_id, grace=Seconds(3600))

    assert await refusal(rotating) == (
        "The client has 5 live secrets. Wait until one has ended, or rotate without overlap."
    )
    made = await administration.clients(STANDARD).rotate_secret(client_id, grace=Seconds(0))
    assert len(made.facts.secrets) == 6


async def test_Z6_of_rotations_at_once_each_secret_works_or_its_asker_is_told(
    administration: Administration,
) -> None:
    client_id = known(STANDARD).client_id

    outcomes = await asyncio.gather(
        *(administration.clients(STANDARD).rotate_secret(client_id, grace=Seconds(3600)) for _ in range(8)),
        return_exceptions=True,
    )

    facts = await administration.clients(STANDARD).show(client_id)
    assert facts is not None
    made = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert {type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)} <= {Contended, Refusal}
    assert made
    live = {secret.id for secret in facts.secrets if secret.expires_at is None or secret.expires_at > NOW}
    assert len(live) == len(made) + 1 <= 5
    assert {new.facts.secrets[-1].id for new in made} <= live


async def test_enabling_what_is_enabled_changes_nothing(administration: Administration, store: FailingStore) -> None:
    before = await administration.clients(STANDARD).show(known(STANDARD).client_id)

    after = await administration.clients(STANDARD).set_enabled(known(STANDARD).client_id, True)

    assert after == before
    assert store.asked["apply"] == 0


async def test_a_store_that_is_down_is_said_and_is_no_refusal(
    administration: Administration, store: FailingStore
) -> None:
    store.failing = dict.fromkeys(("client_facts", "apply", "signing_keys"), StoreUnavailable("gone"))
    client_id = known(STANDARD).client_id

    for asked in (
        administration.clients(STANDARD).show(client_id),
        administration.clients(STANDARD).rotate_secret(client_id, grace=Seconds(0)),
        administration.clients(STANDARD).set_enabled(client_id, False),
        administration.keys(STANDARD),
        administration.rotate_keys(STANDARD),
        administration.ensure_user(STANDARD.name, "new@example.no"),
    ):
        with pytest.raises(StoreUnavailable):
            await asked


async def test_an_issuers_first_key_is_made_when_it_is_asked_for(migrated_file: Path, tmp_path: Path) -> None:
    store = FailingStore(a_copy(migrated_file, tmp_path))
    administration = Administration(store, INSTALLATION, clock=lambda: NOW)

    (key,) = await administration.keys(STANDARD)

    assert (key.number, key.algorithm, key.signs_from) == (1, STANDARD.algorithm, NOW)
    assert await administration.keys(STANDARD) == (key,)
    await store.close()


async def test_a_user_that_another_made_meanwhile_is_found(administration: Administration, store: FailingStore) -> None:
    other = User(id=UserId("user_other"), issuer=STANDARD.name, email="late@example.no", created_at=NOW)

    async def overtake() -> None:
        assert await FailingStore.apply(store, [AddUser(other)]) == Applied()

    store.beforehand["apply"] = overtake

    assert await administration.ensure_user(STANDARD.name, "LATE@example.no") == other


async def test_who_was_made_along_the_way_is_in_the_log(administration: Administration, store: FailingStore) -> None:
    by = By(kind=ActorKind.COMMAND, id="kari")
    await administration.create_operator("boss@example.no", by)

    made = await administration.owner(STANDARD, None, by)

    for issuer in (OWN, STANDARD.name):
        _, (line,) = await store.audit(issuer, before=None, limit=10)
        assert (line.event.act, line.event.after["email"], line.by) == (Act.USER_CREATED, made.email, by)


async def test_a_client_belongs_to_an_operator_who_may_do_everything_still(administration: Administration) -> None:
    people = administration.people(an_issuer(name=OWN))
    for number in range(8):
        await people.create(f"{number}@example.no")
    assert await refusal(administration.owner(STANDARD, None)) == "There is no operator yet: run portvakt init."
    await administration.create_operator("boss@example.no")

    assert (await administration.owner(STANDARD, None)).email == "boss@example.no"

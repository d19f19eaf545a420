from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from portvakt.model.change import (
    AddClient,
    AddKey,
    AddSecret,
    AddUser,
    Applied,
    Change,
    ChangeClient,
    ExpireSecret,
    Lost,
    RetireKey,
    RevokeKey,
    SetClient,
    SetClientDisabled,
)
from portvakt.model.values import ClientId, Instant, KeyId, SecretId, UserId
from stored import ACME, CLIENT, FROM, OTHER, OWNER, SECRET, a_client, a_client_with_a_secret, a_key, a_secret, a_user

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from portvakt.model.nouns import ClientFacts
    from portvakt.store import Store

NOBODY = ClientId("client_nobody")


async def facts_of_the_client(store: Store) -> ClientFacts:
    facts = await store.client_facts(ACME, CLIENT)
    assert facts is not None
    return facts


@pytest.fixture
async def kept(store: Store) -> Store:
    """A store with a client that has a secret, and a key."""
    assert await store.apply([*a_client_with_a_secret(), AddKey(a_key())]) == Applied()
    return store


async def test_no_changes_are_applied(store: Store) -> None:
    assert await store.apply([]) == Applied()


@pytest.mark.parametrize(
    "change",
    [
        AddUser(a_user(email="else@example.no")),
        AddUser(a_user(id=UserId("user_else"), email="OWNER@Example.NO")),
        AddClient(a_client(name="Else")),
        AddClient(a_client(id=NOBODY, owner=UserId("user_nobody"))),
        AddSecret(ACME, a_secret(last4="else")),
        AddSecret(ACME, a_secret(id=SecretId("secret_two"), client_id=NOBODY)),
        AddKey(a_key(2, id=KeyId("key_1"))),
        AddKey(a_key(1, id=KeyId("key_else"))),
        ChangeClient(ACME, CLIENT, 2),
        ChangeClient(ACME, CLIENT, 0),
        ChangeClient(ACME, NOBODY, 1),
        ChangeClient(OTHER, CLIENT, 1),
        SetClientDisabled(ACME, NOBODY, Instant(1)),
        ExpireSecret(ACME, CLIENT, SecretId("secret_nobody"), Instant(1)),
        ExpireSecret(ACME, NOBODY, SECRET, Instant(1)),
        ExpireSecret(OTHER, CLIENT, SECRET, Instant(1)),
        RetireKey(ACME, KeyId("key_nobody"), Instant(1)),
        RetireKey(OTHER, KeyId("key_1"), Instant(1)),
        RevokeKey(ACME, KeyId("key_nobody"), Instant(1)),
        RevokeKey(OTHER, KeyId("key_1"), Instant(1)),
    ],
    ids=lambda change: type(change).__name__,
)
async def test_a_lost_change_is_named_and_leaves_nothing_of_its_set(kept: Store, change: Change) -> None:
    before = await kept.clients(ACME, None, 9), await kept.signing_keys(ACME)
    newcomer = UserId("user_newcomer")
    around: list[Change] = [
        AddUser(a_user(id=newcomer, email="n@example.no")),
        SetClientDisabled(ACME, CLIENT, Instant(9)),
    ]

    outcome = await kept.apply([*around, change, AddKey(a_key(7))])

    assert outcome == Lost(change)
    assert (await kept.clients(ACME, None, 9), await kept.signing_keys(ACME)) == before
    assert await kept.user(ACME, newcomer) is None
    assert await kept.apply(around) == Applied()  # the connection is whole


async def test_a_changed_client_has_the_next_version(kept: Store) -> None:
    assert await kept.apply([ChangeClient(ACME, CLIENT, 1)]) == Applied()
    assert (await facts_of_the_client(kept)).client.version == 2


async def test_a_client_is_disabled_by_somebody_and_enabled(kept: Store) -> None:
    seen = []
    for disabled_at, by_operator in ((Instant(50), False), (Instant(60), True), (None, False)):
        await kept.apply([SetClientDisabled(ACME, CLIENT, disabled_at, by_operator)])
        client = (await facts_of_the_client(kept)).client
        await kept.apply([SetClient(replace(client, disabled_at=Instant(9), disabled_by_operator=not by_operator))])
        assert (await facts_of_the_client(kept)).client == client
        seen.append((client.disabled_at, client.disabled_by_operator))

    assert seen == [(50, False), (60, True), (None, False)]


async def test_the_end_of_a_secret_is_brought_forward_and_never_put_off(kept: Store) -> None:
    ends = []
    for end in (100, 60, 80):
        assert await kept.apply([ExpireSecret(ACME, CLIENT, SECRET, Instant(end))]) == Applied()
        ends.append((await facts_of_the_client(kept)).secrets[0].expires_at)

    assert ends == [100, 60, 60]


async def test_a_revoked_secret_does_not_expire(kept: Store) -> None:
    revoked = SecretId("revoked")
    await kept.apply([AddSecret(ACME, a_secret(id=revoked, revoked_at=Instant(40)))])
    change = ExpireSecret(ACME, CLIENT, revoked, Instant(50))

    assert await kept.apply([change]) == Lost(change)


async def test_the_end_of_a_key_is_said_once(kept: Store) -> None:
    first, again = (RetireKey(ACME, KeyId("key_1"), Instant(end)) for end in (70, 90))

    assert await kept.apply([first]) == Applied()
    assert await kept.apply([again]) == Lost(again)
    assert (await kept.signing_keys(ACME))[0].published_until == 70


async def test_FT20_a_key_is_revoked_once_also_one_whose_end_was_said(kept: Store) -> None:
    first, again = (RevokeKey(ACME, KeyId("key_1"), Instant(at)) for at in (50, 60))

    assert await kept.apply([RetireKey(ACME, KeyId("key_1"), Instant(70)), first]) == Applied()
    assert await kept.apply([again]) == Lost(again)
    key = (await kept.signing_keys(ACME))[0]
    assert (key.revoked_at, key.published_until) == (50, 50)


async def test_last_use_moves_forward_only(kept: Store) -> None:
    seen = []
    for moment in (100, 90, 110, 110):
        gone = {(ACME, CLIENT, SecretId("gone")): (Instant(1), FROM)}
        await kept.record_use({(ACME, CLIENT, SECRET): (Instant(moment), f"192.0.2.{moment}"), **gone})
        secret = (await facts_of_the_client(kept)).secrets[0]
        seen.append((secret.last_used_at, secret.last_used_from))
    await kept.record_use({})

    first, last = (100, "192.0.2.100"), (110, "192.0.2.110")
    assert seen == [first, first, last, last]


async def test_a_secret_that_was_used_from_no_address_says_so(kept: Store) -> None:
    await kept.record_use({(ACME, CLIENT, SECRET): (Instant(1), "")})

    assert (await facts_of_the_client(kept)).secrets[0].last_used_from is None


async def test_the_counter_is_raised_once_by_each_applied_set_and_by_nothing_else(kept: Store) -> None:
    def read(connection: Connection) -> int:
        return int(connection.execute(text("SELECT value FROM revision")).scalar_one())

    before = await kept._database.read(read)
    await kept.apply([ChangeClient(ACME, CLIENT, 1), SetClientDisabled(ACME, CLIENT, Instant(1))])
    applied = await kept._database.read(read)
    await kept.apply([SetClientDisabled(ACME, CLIENT, None), ChangeClient(ACME, CLIENT, 1)])
    await kept.record_use({(ACME, CLIENT, SECRET): (Instant(1), FROM)})
    after = await kept._database.read(read)

    assert (applied, after) == (before + 1, before + 1)


async def test_last_use_of_many_secrets_is_written_together(kept: Store) -> None:
    ids = [SecretId(f"s{number}") for number in range(40)]
    await kept.apply([AddSecret(ACME, a_secret(id=each)) for each in ids])

    await kept.record_use({(ACME, CLIENT, each): (Instant(200 + number), FROM) for number, each in enumerate(ids)})

    used = {each.id: each.last_used_at for each in (await facts_of_the_client(kept)).secrets}
    assert used == {SECRET: None, **{each: 200 + number for number, each in enumerate(ids)}}


async def test_a_last_use_that_could_not_be_stored_is_the_callers_error(kept: Store) -> None:
    with pytest.raises(ValueError, match="an id is"):
        await kept.record_use({(ACME, CLIENT, SecretId("\0")): (Instant(1), FROM)})


async def test_an_owner_with_clients_is_still_there(kept: Store) -> None:
    assert (await facts_of_the_client(kept)).owner == a_user()
    assert await kept.user(ACME, OWNER) == a_user()

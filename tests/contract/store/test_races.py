"""Who was first is decided by one statement, on both databases and from two nodes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from portvakt.model.change import AddKey, AddSecret, Applied, Change, ChangeClient, ExpireSecret, Lost
from portvakt.model.values import Instant, KeyId, SecretId
from stored import ACME, CLIENT, SECRET, a_client_with_a_secret, a_key, a_secret

if TYPE_CHECKING:
    from portvakt.store import Store


async def at_once(stores: list[Store], sets: list[list[Change]]) -> list[Applied | Lost]:
    return list(await asyncio.gather(*(stores[turn % len(stores)].apply(changes) for turn, changes in enumerate(sets))))


async def test_FT18_of_fifty_first_keys_made_at_once_one_is_kept(store: Store, another_store: Store) -> None:
    keys = [a_key(1, id=KeyId(f"key_{turn}")) for turn in range(50)]

    outcomes = await at_once([store, another_store], [[AddKey(key)] for key in keys])

    assert outcomes.count(Applied()) == 1
    assert [outcome for outcome in outcomes if outcome != Applied()] == [
        Lost(AddKey(key)) for key, outcome in zip(keys, outcomes, strict=True) if outcome != Applied()
    ]
    winner = keys[outcomes.index(Applied())]
    assert await store.signing_keys(ACME) == (winner,)
    assert await another_store.signing_keys(ACME) == (winner,)


async def test_of_fifty_changes_to_one_version_one_is_applied(store: Store, another_store: Store) -> None:
    await store.apply(a_client_with_a_secret())
    secrets = [a_secret(id=SecretId(f"new_{turn}"), created_at=Instant(100)) for turn in range(50)]
    version = ChangeClient(ACME, CLIENT, 1)

    outcomes = await at_once([store, another_store], [[version, AddSecret(ACME, each)] for each in secrets])

    assert outcomes.count(Applied()) == 1
    assert outcomes.count(Lost(version)) == 49
    facts = await store.client_facts(ACME, CLIENT)
    assert facts is not None
    assert facts.client.version == 2
    assert [each.id for each in facts.secrets] == [SECRET, secrets[outcomes.index(Applied())].id]


async def test_two_sets_that_wait_for_each_other_both_end(store: Store, another_store: Store) -> None:
    await store.apply([*a_client_with_a_secret(), AddSecret(ACME, a_secret(id=SecretId("two")))])
    one, two = (ExpireSecret(ACME, CLIENT, SecretId(each), Instant(500)) for each in (SECRET, "two"))

    outcomes = await at_once([store, another_store], [[one, two], [two, one]])

    assert Applied() in outcomes
    assert set(outcomes) <= {Applied(), Lost(one), Lost(two)}  # a deadlock's victim was beaten, no more


async def test_a_caller_that_is_cancelled_tears_no_transaction(store: Store) -> None:
    await store.apply(a_client_with_a_secret())
    sets: list[list[Change]] = [
        [AddSecret(ACME, a_secret(id=SecretId(f"{half}{turn}"))) for half in "ab"] for turn in range(20)
    ]
    tasks = [asyncio.create_task(store.apply(changes)) for changes in sets]
    reads = [asyncio.create_task(store.client_facts(ACME, CLIENT)) for _ in range(20)]
    for _ in range(20):
        await asyncio.sleep(0)

    for task in (*tasks, *reads):
        task.cancel()
    await asyncio.gather(*tasks, *reads, return_exceptions=True)

    assert await store.apply([ChangeClient(ACME, CLIENT, 1)]) == Applied()
    facts = await store.client_facts(ACME, CLIENT)
    assert facts is not None
    ids = {each.id for each in facts.secrets} - {SECRET}
    assert {each[1:] for each in ids if each[0] == "a"} == {each[1:] for each in ids if each[0] == "b"}

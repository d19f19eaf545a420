"""The in-process copy: what is held, for how long, and what is never held."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from asgi_driver import call
from builders import NOW
from failing_store import FailingStore
from issuing import BREEZE, FORM, SEALING, STANDARD, a_client, as_form, body, known, serving
from polling import until
from portvakt.model.change import ChangeClient, SetClientDisabled
from portvakt.protocol.govern.keys import OVERLAP
from portvakt.server import copy as copies
from portvakt.server.copy import Copy
from portvakt.server.keys import rotate
from portvakt.store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from portvakt.model.change import Change

MAIN = known(STANDARD).client_id
DISABLE: list[Change] = [ChangeClient(STANDARD.name, MAIN, 1), SetClientDisabled(STANDARD.name, MAIN, NOW)]


@pytest.fixture
async def store(database: Path) -> AsyncIterator[FailingStore]:
    made = FailingStore(database)
    yield made
    await made.close()


@pytest.fixture
def copy(store: FailingStore) -> Copy:
    return Copy(store, store.watch(), key=SEALING)


async def test_a_client_is_read_once_while_nothing_changes(database: Path, store: FailingStore) -> None:
    async with serving(database, [STANDARD], store=store) as served:
        keys_read = store.asked["signing_keys"]
        for _ in range(20):
            assert (await served.ask(STANDARD)).status == 200

        assert (store.asked["client_facts"], store.asked["signing_keys"]) == (1, keys_read)


async def test_a_store_whose_changes_cannot_be_known_is_read_on_each_request(
    database: Path, store: FailingStore
) -> None:
    async with serving(database, [STANDARD], store=store) as served:
        store.is_blind = True
        before = store.asked.copy()
        for _ in range(5):
            assert (await served.ask(STANDARD)).status == 200
        assert store.asked["client_facts"] - before["client_facts"] == 5
        assert store.asked["signing_keys"] - before["signing_keys"] == 5

        await store.apply(DISABLE)
        assert (await served.ask(STANDARD)).status == 401


async def test_last_use_that_is_written_empties_no_copy(database: Path, store: FailingStore) -> None:
    async with serving(database, [STANDARD], store=store) as served:
        await served.ask(STANDARD)
        await served.application._uses.write(store)
        await served.ask(STANDARD)

        assert store.asked["client_facts"] == 1


async def test_a_change_between_read_and_hold_is_not_held(store: FailingStore, copy: Copy) -> None:
    async def it_is_disabled() -> None:
        await store.apply(DISABLE)
        copy.client(STANDARD.name, MAIN)  # another request, which sees that something changed

    store.afterwards["client_facts"] = it_is_disabled

    old = await copy.load_client(STANDARD.name, MAIN)

    assert old is not None
    assert old.client.disabled_at is None  # what was read was true when it was read
    assert copy.client(STANDARD.name, MAIN) is None
    new = await copy.load_client(STANDARD.name, MAIN)
    assert new is not None
    assert new.client.disabled_at == NOW
    assert copy.client(STANDARD.name, MAIN) == new


async def test_keys_that_change_between_read_and_hold_are_not_held(store: FailingStore, copy: Copy) -> None:
    async def another_is_made() -> None:
        await rotate(store, STANDARD, key=SEALING, clock=lambda: NOW)
        copy.client(STANDARD.name, MAIN)  # another request, which sees that something changed

    store.afterwards["signing_keys"] = another_is_made

    assert len(await copy.keys(STANDARD.name)) == 1
    assert len(await copy.keys(STANDARD.name)) == 2


async def test_a_signer_of_keys_that_changed_meanwhile_is_not_held(store: FailingStore, copy: Copy) -> None:
    async def another_is_made() -> None:
        await rotate(store, STANDARD, key=SEALING, clock=lambda: NOW)

    store.afterwards["signing_keys"] = another_is_made

    await copy.load_signer(STANDARD, NOW)

    assert copy.signer(STANDARD, NOW) is None
    await copy.load_signer(STANDARD, NOW)
    assert copy.signer(STANDARD, NOW) is not None


async def test_a_change_by_another_process_empties_the_copy(database: Path, copy: Copy) -> None:
    await copy.load_client(STANDARD.name, MAIN)
    assert copy.client(STANDARD.name, MAIN) is not None
    other = await open_store(f"sqlite:///{database}")

    await other.apply(DISABLE)

    await until(lambda: copy.client(STANDARD.name, MAIN) is None, 1)
    await other.close()


async def test_nothing_is_held_while_changes_cannot_be_known(store: FailingStore, copy: Copy) -> None:
    await copy.load_client(STANDARD.name, MAIN)
    await copy.load_signer(STANDARD, NOW)
    store.is_blind = True

    assert copy.client(STANDARD.name, MAIN) is None
    assert copy.signer(STANDARD, NOW) is None
    await copy.load_client(STANDARD.name, MAIN)
    await copy.load_signer(STANDARD, NOW)
    assert copy.client(STANDARD.name, MAIN) is None
    assert copy.signer(STANDARD, NOW) is None
    store.is_blind = False
    assert copy.client(STANDARD.name, MAIN) is None  # what was loaded blind is not held when sight returns


async def test_E4_no_more_clients_are_held_than_fit(
    store: FailingStore, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "MOST_CLIENTS", 3)
    labels = ["main", "second", "greedy", "by-body", "by-header"]
    for label in labels:
        await copy.load_client(STANDARD.name, known(STANDARD, label).client_id)

    held = [label for label in labels if copy.client(STANDARD.name, known(STANDARD, label).client_id) is not None]

    assert held == ["greedy", "by-body", "by-header"]  # the oldest went


async def test_E4_a_client_that_does_not_exist_takes_no_room(store: FailingStore, copy: Copy) -> None:
    for number in range(50):
        assert await copy.load_client(STANDARD.name, known(STANDARD, f"nobody {number}").client_id) is None

    assert len(copy._clients) == 0


async def test_a_client_loaded_again_by_a_full_copy_pushes_nobody_out(
    store: FailingStore, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "MOST_CLIENTS", 2)
    main, second = (known(STANDARD, label).client_id for label in ("main", "second"))
    await copy.load_client(STANDARD.name, main)
    await copy.load_client(STANDARD.name, second)

    await copy.load_client(STANDARD.name, second)

    assert copy.client(STANDARD.name, main) is not None
    assert copy.client(STANDARD.name, second) is not None


async def test_a_client_is_held_for_its_issuer_alone(store: FailingStore, copy: Copy) -> None:
    await copy.load_client(STANDARD.name, MAIN)

    assert copy.client(BREEZE.name, MAIN) is None


async def test_a_signers_turn_ends_with_its_successors_beginning(store: FailingStore, copy: Copy) -> None:
    await rotate(store, STANDARD, key=SEALING, clock=lambda: NOW)
    first = await copy.load_signer(STANDARD, NOW)

    assert copy.signer(STANDARD, type(NOW)(NOW + OVERLAP - 1)) is first
    assert copy.signer(STANDARD, type(NOW)(NOW + OVERLAP)) is None
    assert copy.signer(STANDARD, type(NOW)(NOW - 1)) is None


async def test_requests_during_changes_see_the_old_or_the_new_and_end_with_the_new(
    database: Path, store: FailingStore
) -> None:
    async with serving(database, [STANDARD], store=store) as served:

        async def change() -> None:
            for number in range(10):
                await store.apply(a_client(STANDARD, f"new {number}"))
            await store.apply(DISABLE)

        changing = asyncio.create_task(change())
        while not changing.done():
            answer = await call(
                served.application,
                "POST",
                "/acme/token",
                headers=[("host", "id.example"), ("content-type", FORM)],
                body=as_form(body(STANDARD)),
            )
            assert answer.status in {200, 401}
            await asyncio.sleep(0)

        assert (await served.ask(STANDARD)).status == 401

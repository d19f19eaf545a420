"""When secrets were last used: gathered, written once for all, and not lost by a store that fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from builders import NOW
from failing_store import FailingStore
from issuing import BREEZE, CANARY, STANDARD, body, known, serving
from polling import until
from portvakt.server import application as applications
from portvakt.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from portvakt.model.nouns import Issuer

DOWN = StoreUnavailable("cannot record last use")


@pytest.fixture
async def store(database: Path) -> AsyncIterator[FailingStore]:
    made = FailingStore(database)
    yield made
    await made.close()


async def last_use(store: FailingStore, issuer: Issuer, label: str = "main") -> int | None:
    facts = await store.client_facts(issuer.name, known(issuer, label).client_id)
    assert facts is not None
    return facts.secrets[0].last_used_at


async def is_written(store: FailingStore, moment: int, label: str = "main") -> None:
    """Wait until the last use of the standard's client is that moment; not for ever."""
    async with asyncio.timeout(5):
        while await last_use(store, STANDARD, label) != moment:  # each look goes to the file
            pass


async def test_uses_are_written_once_for_all_at_the_stop(database: Path, store: FailingStore) -> None:
    async with serving(database, [BREEZE, STANDARD], store=store) as served:
        for moment in range(20):
            served.clock.offset = moment
            await served.ask(BREEZE)
            await served.ask(STANDARD, body(STANDARD, "second"))
        assert store.asked["record_use"] == 0
        assert await last_use(store, BREEZE) is None

    assert store.asked["record_use"] == 1
    assert await last_use(store, BREEZE) == NOW + 19
    assert await last_use(store, STANDARD, "second") == NOW + 19
    assert await last_use(store, STANDARD) is None


async def test_what_is_written_says_from_where_a_secret_was_used(database: Path, store: FailingStore) -> None:
    async with serving(database, [STANDARD], store=store) as served:
        await served.ask(STANDARD)

    facts = await store.client_facts(STANDARD.name, known(STANDARD).client_id)
    assert facts is not None
    assert facts.secrets[0].last_used_from == "192.0.2.1"


async def test_uses_are_written_now_and_then(
    database: Path, store: FailingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applications, "WRITE_EVERY", 0.01)
    async with serving(database, [STANDARD], store=store) as served:
        await served.ask(STANDARD)
        await is_written(store, NOW)

    assert store.asked["record_use"] == 1  # nothing was used since, so nothing is written at the stop


async def test_who_is_refused_has_used_nothing(database: Path, store: FailingStore) -> None:
    async with serving(database, [BREEZE], store=store) as served:
        await served.ask(BREEZE, body(BREEZE, client_secret=CANARY))
        await served.ask(BREEZE, body(BREEZE, "expired"))
        await served.ask(BREEZE, body(BREEZE, "disabled"))

    assert store.asked["record_use"] == 0


async def test_a_last_use_never_moves_back(database: Path, store: FailingStore) -> None:
    async with serving(database, [STANDARD], store=store) as served:
        served.clock.offset = 100
        await served.ask(STANDARD)
    async with serving(database, [STANDARD], store=store) as served:
        served.clock.offset = -100
        await served.ask(STANDARD)

    assert await last_use(store, STANDARD) == NOW + 100


@pytest.mark.parametrize("fault", [DOWN, ValueError("a moment does not fit 64 bits")], ids=repr)
async def test_uses_are_kept_while_the_store_fails(
    database: Path, store: FailingStore, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    monkeypatch.setattr(applications, "WRITE_EVERY", 0.01)
    store.failing["record_use"] = fault
    async with serving(database, [STANDARD], store=store) as served:
        await served.ask(STANDARD)
        await until(lambda: store.asked["record_use"] > 1, 5)  # it goes on trying
        served.clock.offset = 50
        await served.ask(STANDARD, body(STANDARD, "second"))
        store.failing.clear()

        await is_written(store, NOW)
        await is_written(store, NOW + 50, "second")
        failures = [line for line in served.lines() if line["event"] == "last_use_not_written"]
        assert {line["error"] for line in failures} == {type(fault).__name__}


async def test_what_was_used_since_a_failed_write_is_the_later_one(database: Path, store: FailingStore) -> None:
    store.failing["record_use"] = DOWN
    async with serving(database, [STANDARD], store=store) as served:
        await served.ask(STANDARD)
        with pytest.raises(StoreUnavailable):
            await served.application._uses.write(store)
        served.clock.offset = 7
        await served.ask(STANDARD)
        store.failing.clear()

    assert await last_use(store, STANDARD) == NOW + 7


@pytest.mark.parametrize("fault", [DOWN, ValueError("broken")], ids=repr)
async def test_a_store_that_fails_at_the_stop_keeps_nobody_from_stopping(
    database: Path, store: FailingStore, fault: Exception
) -> None:
    async with serving(database, [STANDARD], store=store) as served:
        await served.ask(STANDARD)
        store.failing["record_use"] = fault
        await served.application.stop()

        assert [line["event"] for line in served.lines()] == ["request", "last_use_lost"]


async def test_what_was_used_while_a_write_failed_is_the_later_one(database: Path, store: FailingStore) -> None:
    async with serving(database, [STANDARD], store=store) as served:

        class FailsLate:
            async def record_use(self, uses: object, **more: object) -> None:
                served.clock.offset = 9
                await served.ask(STANDARD)
                raise DOWN

        await served.ask(STANDARD)
        with pytest.raises(StoreUnavailable):
            await served.application._uses.write(FailsLate())

    assert await last_use(store, STANDARD) == NOW + 9


async def test_a_write_that_is_broken_off_loses_nothing(database: Path, store: FailingStore) -> None:
    class Waiting:
        async def record_use(self, uses: object, **more: object) -> None:
            await asyncio.Event().wait()

    async with serving(database, [STANDARD], store=store) as served:
        await served.ask(STANDARD)
        writing = asyncio.create_task(served.application._uses.write(Waiting()))
        await until(lambda: not served.application._uses._last, 5)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing

    assert await last_use(store, STANDARD) == NOW


async def test_a_server_that_never_started_may_be_stopped(database: Path, store: FailingStore) -> None:
    async with serving(database, [STANDARD], store=store) as served:
        await served.application.stop()
        served.application._beside.clear()
        await served.application.stop()

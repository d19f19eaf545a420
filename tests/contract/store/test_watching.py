from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from polling import until
from portvakt.model.change import ChangeClient, Lost
from portvakt.model.values import Instant
from portvakt.store import open_store
from portvakt.store.watch import SqliteWatch
from stored import ACME, CLIENT, FROM, SECRET, a_client_with_a_secret

if TYPE_CHECKING:
    from portvakt.store import Store, Watch

CHANGE_FROM_OUTSIDE = """
import asyncio, sys
from portvakt.model.change import Applied, ChangeClient
from portvakt.store import open_store
from portvakt.store.watch import SqliteWatch

async def change():
    store = await open_store(sys.argv[1])
    assert await store.apply([ChangeClient("acme", "client_one", 1)]) == Applied()
    print("changed", flush=True)
    await store.close()

asyncio.run(change())
"""


async def settled(watch: Watch) -> int:
    """The token, once the watch is connected and what went before has arrived."""
    await until(lambda: watch.token() is not None, 3)
    if isinstance(watch, SqliteWatch):
        return watch.token() or 0  # nothing is on its way
    last, since = watch.token(), time.monotonic()
    while time.monotonic() - since < 0.4:
        await asyncio.sleep(0.02)
        if watch.token() != last:
            last, since = watch.token(), time.monotonic()
    assert last is not None
    return last


@pytest.fixture
async def kept(store: Store) -> Store:
    await store.apply(a_client_with_a_secret())
    return store


async def test_the_token_stands_while_nothing_changes(kept: Store) -> None:
    watch = kept.watch()
    before = await settled(watch)
    lost = ChangeClient(ACME, CLIENT, 9)

    await kept.client_facts(ACME, CLIENT)
    await kept.clients(ACME, None, 5)
    assert await kept.apply([lost]) == Lost(lost)

    assert await settled(watch) == before


async def test_last_use_is_no_change(kept: Store, another_store: Store) -> None:
    watch = kept.watch()
    before = await settled(watch)

    await another_store.record_use({(ACME, CLIENT, SECRET): (Instant(99), FROM)})
    await kept.record_use({(ACME, CLIENT, SECRET): (Instant(100), FROM)})

    assert await settled(watch) == before


async def test_a_change_of_ones_own_is_seen_at_once(kept: Store) -> None:
    watch = kept.watch()
    before = await settled(watch)

    await kept.apply([ChangeClient(ACME, CLIENT, 1)])

    assert watch.token() not in {before, None}


async def test_each_change_of_another_node_is_seen_within_a_second(kept: Store, another_store: Store) -> None:
    watch = kept.watch()
    seen = {await settled(watch)}

    for version in (1, 2, 3):
        await another_store.apply([ChangeClient(ACME, CLIENT, version)])
        await until(lambda: watch.token() not in seen | {None}, 1)
        seen.add(await settled(watch))

    assert len(seen) == 4


async def test_a_change_of_another_process_is_seen_within_a_second(kept: Store, database_url: str) -> None:
    watch = kept.watch()
    before = await settled(watch)

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHANGE_FROM_OUTSIDE, database_url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"changed\n"
    await until(lambda: watch.token() not in {before, None}, 1)

    assert await process.wait() == 0


async def test_there_is_one_watch_and_after_the_end_it_knows_nothing(database_url: str) -> None:
    store = await open_store(database_url)
    watch = store.watch()
    await settled(watch)

    assert store.watch() is watch
    await store.close()
    assert watch.token() is None


async def test_a_watch_lets_the_log_of_sqlite_be_emptied(sqlite_url: str) -> None:
    store = await open_store(sqlite_url)
    watch = store.watch()
    watch.token()
    await store.apply(a_client_with_a_secret())
    watch.token()

    with contextlib.closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), timeout=0)) as other:
        busy, *_ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    assert busy == 0
    await store.close()


async def test_FT12_a_deleted_file_is_unknown_within_a_second_and_a_replaced_one_is_another(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    kept_aside = path.with_suffix(".aside")
    shutil.copy(path, kept_aside)
    store = await open_store(sqlite_url)
    watch = store.watch()
    before = await settled(watch)

    path.unlink()
    await until(lambda: watch.token() is None, 1.2)
    kept_aside.rename(path)
    await until(lambda: watch.token() is not None, 1.2)

    assert watch.token() != before
    await store.close()


async def test_a_file_replaced_in_one_step_is_another(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    kept_aside = path.with_suffix(".aside")
    shutil.copy(path, kept_aside)
    store = await open_store(sqlite_url)
    watch = store.watch()
    before = await settled(watch)

    kept_aside.replace(path)

    await until(lambda: watch.token() != before, 1.2)
    await store.close()


@pytest.mark.services
async def test_a_lost_notification_is_made_up_for_by_the_poll(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    watch = store.watch()
    before = await settled(watch)

    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute("UPDATE revision SET value = value + 1")  # and no NOTIFY

    await until(lambda: watch.token() not in {before, None}, 1)
    await store.close()


@pytest.mark.services
async def test_a_watch_whose_session_is_ended_connects_again(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    watch = store.watch()
    before = await settled(watch)

    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_is_in_recovery%' "
            "AND pid <> pg_backend_pid()"
        )

    await until(lambda: watch.token() not in {before, None}, 3)
    await store.close()

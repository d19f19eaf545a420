"""A database in trouble is our fault, said soon, and over when the trouble is."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import shutil
import signal
import sqlite3
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import text

from polling import until
from portvakt.model.change import AddKey, Applied, ChangeClient, SetClientDisabled
from portvakt.model.values import Instant
from portvakt.store import Store, StoreUnavailable, open_store, upgrade
from stored import ACME, CLIENT, FROM, OWNER, SECRET, a_client_with_a_secret, a_key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from services import PostgresProgram, PostgresServer

END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
OPERATIONS: dict[str, Callable[[Store], Awaitable[Any]]] = {
    "client_facts": lambda store: store.client_facts(ACME, CLIENT),
    "clients": lambda store: store.clients(ACME, None, 1),
    "user": lambda store: store.user(ACME, OWNER),
    "user_by_email": lambda store: store.user_by_email(ACME, "owner@example.no"),
    "signing_keys": lambda store: store.signing_keys(ACME),
    "refresh_facts": lambda store: store.refresh_facts(ACME, b"d" * 32),
    "clean": lambda store: store.clean(None, Instant(1)),
    "apply": lambda store: store.apply([ChangeClient(ACME, CLIENT, 1)]),
    "record_use": lambda store: store.record_use({(ACME, CLIENT, SECRET): (Instant(1), FROM)}),
    "check": lambda store: store.check(),
}


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def one(connection: Any) -> int:
    found: int = connection.execute(text("SELECT 1")).scalar_one()
    return found


async def refusal(work: Awaitable[Any], within: float) -> str:
    """What StoreUnavailable says, raised in time."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable) as caught:
        await work
    assert time.monotonic() - began < within
    assert caught.value.__suppress_context__ or caught.value.__context__ is None  # no row in a traceback
    return str(caught.value)


@contextmanager
def write_lock(url: str) -> Iterator[None]:
    """Another program in the middle of writing to the file."""
    with closing(sqlite3.connect(path_of(url), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def program(postgres_server: PostgresServer) -> PostgresProgram:
    if postgres_server.program is None:
        pytest.skip("the server of PORTVAKT_TEST_POSTGRES_URL is not ours to stop")
    return postgres_server.program


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_store_in_trouble_never_says_not_found(sqlite_url: str, operation: str) -> None:
    store = await open_store(sqlite_url)
    path_of(sqlite_url).write_bytes(b"no database at all" * 1000)

    await refusal(OPERATIONS[operation](store), within=2.9)

    await store.close()


async def test_FT10_while_another_program_writes_writes_wait_two_seconds_and_reads_go_on(sqlite_url: str) -> None:
    store = await open_store(sqlite_url)
    await store.apply(a_client_with_a_secret())

    with write_lock(sqlite_url):
        began = time.monotonic()
        writes = [asyncio.create_task(refusal(OPERATIONS["apply"](store), within=2.9)) for _ in range(5)]
        while not all(write.done() for write in writes):
            asked = time.monotonic()
            assert await store.client_facts(ACME, CLIENT) is not None
            assert time.monotonic() - asked < 1
        waited = time.monotonic() - began

    assert 1.5 < waited < 2.9
    assert {await write for write in writes} == {"cannot apply changes: OperationalError: database is locked"}
    assert await store.apply([ChangeClient(ACME, CLIENT, 1)]) == Applied()
    await store.close()


async def test_FT10_a_short_lock_only_delays_a_write(sqlite_url: str) -> None:
    store = await open_store(sqlite_url)

    with write_lock(sqlite_url):
        write = asyncio.create_task(store.apply([AddKey(a_key())]))
        await asyncio.wait({write}, timeout=0.1)
        assert not write.done()

    assert await write == Applied()
    await store.close()


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_FT12_a_deleted_file_is_unavailable_and_is_not_made_again(sqlite_url: str, operation: str) -> None:
    store = await open_store(sqlite_url)
    path = path_of(sqlite_url)
    path.unlink()

    said = await refusal(OPERATIONS[operation](store), within=1)

    assert said.endswith(f"No such file or directory: {path}")
    assert not path.exists()
    await store.close()


async def test_FT12_a_file_that_is_put_back_is_served_again(sqlite_url: str) -> None:
    path = path_of(sqlite_url)
    aside = path.with_suffix(".aside")
    shutil.copy(path, aside)
    store = await open_store(sqlite_url)
    await store.apply(a_client_with_a_secret())

    for leftover in ("-wal", "-shm"):  # as SQLite asks of whoever restores a copy
        Path(f"{path}{leftover}").unlink()
    aside.rename(path)

    assert await store.client_facts(ACME, CLIENT) is None  # what is there now, not what was open
    assert await store.apply(a_client_with_a_secret()) == Applied()
    await store.close()


async def test_FT12_a_file_that_cannot_be_written_to_is_refused_at_the_start() -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/portvakt.db"
        upgrade(url)
        path_of(url).chmod(0o444)
        Path(folder).chmod(0o755)
        before = os.geteuid()
        if before == 0:
            os.seteuid(65534)  # root may write to anything
        try:
            said = await refusal(open_store(url), within=1)
        finally:
            os.seteuid(before)

    assert said == f"cannot write to {path_of(url)}"


async def test_T13_what_no_row_can_have_is_not_asked_for(sqlite_url: str) -> None:
    store = await open_store(sqlite_url)
    path_of(sqlite_url).unlink()
    odd: Any = "client\0"

    assert await store.client_facts(ACME, odd) is None
    assert await store.user(ACME, odd) is None
    assert await store.user_by_email(ACME, odd) is None
    await store.close()


@pytest.mark.services
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
async def test_FT5_a_stopped_server_is_said_within_a_second_and_back_within_five(
    postgres_url: str, program: PostgresProgram, sent: signal.Signals
) -> None:
    store = await open_store(postgres_url)
    watch = store.watch()
    await store.apply(a_client_with_a_secret())
    await asyncio.gather(*(store.client_facts(ACME, CLIENT) for _ in range(8)))

    program.stop(sent)
    for name, operation in OPERATIONS.items():
        said = await refusal(operation(store), within=1)
        assert "refused" in said or "terminating" in said, (name, said)
    await until(lambda: watch.token() is None, 1.2)
    program.start()
    back = time.monotonic()

    await store.check()
    facts = await asyncio.gather(*(store.client_facts(ACME, CLIENT) for _ in range(20)))
    assert None not in facts
    assert await store.apply([ChangeClient(ACME, CLIENT, 1)]) == Applied()
    await until(lambda: watch.token() is not None, 5 - (time.monotonic() - back))
    await store.close()


@pytest.mark.services
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_FT5_a_restart_between_two_requests_is_not_noticed(
    postgres_url: str, program: PostgresProgram, operation: str
) -> None:
    store = await open_store(postgres_url)
    await store.apply(a_client_with_a_secret())
    await asyncio.gather(*(store.client_facts(ACME, CLIENT) for _ in range(8)))

    program.stop()
    program.start()

    await OPERATIONS[operation](store)
    facts = await asyncio.gather(*(store.client_facts(ACME, CLIENT) for _ in range(20)))
    assert None not in facts
    await store.close()


@pytest.mark.services
async def test_FT5_a_server_that_hangs_is_said_to_a_reader_within_a_second(
    postgres_url: str, program: PostgresProgram
) -> None:
    store = await open_store(postgres_url)
    watch = store.watch()
    await store.apply(a_client_with_a_secret())

    program.signal_all(signal.SIGSTOP)
    try:
        said = await refusal(store.client_facts(ACME, CLIENT), within=1.5)
        await until(lambda: watch.token() is None, 1.2)
    finally:
        program.signal_all(signal.SIGCONT)

    assert said == "cannot read a client: no answer in 1 s"
    assert await store.client_facts(ACME, CLIENT) is not None
    await store.close()


@pytest.mark.services
async def test_FT7_a_server_turned_read_only_refuses_writes_and_is_left_when_it_turns_back(postgres_url: str) -> None:
    name = urlsplit(postgres_url).path[1:]
    store = await open_store(postgres_url)
    await store.apply(a_client_with_a_secret())

    def turn(setting: str) -> None:
        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute("SET default_transaction_read_only = off")
            other.execute(f"ALTER DATABASE {name} {setting}".encode())
            if setting.startswith("SET"):
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND pid <> pg_backend_pid()"
                )

    turn("SET default_transaction_read_only = on")
    said = await refusal(store.apply([ChangeClient(ACME, CLIENT, 1)]), within=1)
    not_ready = await refusal(store.check(), within=1)
    assert await store.client_facts(ACME, CLIENT) is not None
    turn("RESET default_transaction_read_only")

    assert "SQLSTATE 25006" in said
    assert not_ready == "the PostgreSQL server is read-only"
    await refusal(store.apply([ChangeClient(ACME, CLIENT, 1)]), within=1)  # the read above took an old session again
    assert await store.apply([ChangeClient(ACME, CLIENT, 1)]) == Applied()
    await store.check()
    await store.close()


@pytest.mark.services
async def test_FT9_an_exhausted_pool_is_said_after_a_second_and_readiness_has_its_own(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    await store.apply(a_client_with_a_secret())
    slow = [
        asyncio.create_task(store._database.read(lambda connection: connection.execute(text("SELECT pg_sleep(1.9)"))))
        for _ in range(8)
    ]
    await until(lambda: "Current Checked out connections: 8" in pool_status(store), 1)

    ready = asyncio.create_task(store.check())
    said = await refusal(store.client_facts(ACME, CLIENT), within=1.5)
    await ready

    # The pool's patience and the reader's are one second both: either may say it.
    assert said in {"cannot read a client: no connection was free in time", "cannot read a client: no answer in 1 s"}
    await asyncio.gather(*slow)
    assert await store.client_facts(ACME, CLIENT) is not None
    await store.close()


def pool_status(store: Store) -> str:
    database: Any = store._database
    return str(database._writer.pool.status())


@pytest.mark.services
@pytest.mark.parametrize("kind", ["read", "write"])
async def test_what_is_given_up_at_any_moment_gives_its_connection_back(
    postgres_url: str, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("psycopg.waiting.MAX_BUSY_TIME", 0.0)  # so that any step may be the last, as in a busy loop
    store = await open_store(postgres_url)
    work = getattr(store._database, kind)
    given_up = 0

    for steps in itertools.count():
        await store._database.read(one)  # a connection waits in the pool
        asking = asyncio.create_task(work(one))
        for _ in range(steps):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait({asking})
        if not asking.cancelled():
            break  # it was given up at each moment from its first to its last
        given_up += 1
    del asking
    gc.collect()

    assert given_up > 5
    assert [each.getMessage() for each in caplog.records if each.name.startswith("sqlalchemy")] == []
    await store.close()


@pytest.mark.services
async def test_a_statement_that_never_ends_is_ended(postgres_url: str) -> None:
    store = await open_store(postgres_url)

    said = await refusal(
        store._patiently("sleep", store._database.read(lambda each: each.execute(text("SELECT pg_sleep(9)")))),
        within=2.9,
    )

    assert said == "cannot sleep: QueryCanceled (SQLSTATE 57014): canceling statement due to statement timeout"
    await store.close()


@pytest.mark.services
async def test_K1_a_password_is_in_no_error_and_no_repr(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = urlsplit(postgres_url)
    wrong = parts._replace(netloc=f"{parts.username}:c4nary%40pw@{parts.hostname}:{parts.port}").geturl()
    closed = parts._replace(netloc=f"{parts.username}:c4nary%40pw@127.0.0.1:1").geturl()
    nowhere = parts._replace(netloc=f"{parts.username}:c4nary%40pw@nowhere.invalid:1").geturl()

    for url in (wrong, closed, nowhere):
        said = await refusal(open_store(url), within=3.2)
        assert "c4nary" not in said
        with pytest.raises(StoreUnavailable) as raised:
            upgrade(url)
        assert "c4nary" not in repr(raised.value)
    store = await open_store(postgres_url)
    database: Any = store._database
    shown = repr([store, database, database._writer, database._checker, database._writer.url])
    assert str(database._parameters["password"]) not in shown
    await store.close()


async def test_an_error_holds_no_parameter(store: Store) -> None:
    await store.apply(a_client_with_a_secret())

    def work(connection: Any) -> None:
        connection.execute(text("SELECT * FROM no_such_table WHERE x = :canary"), {"canary": "c4nary"})

    said = await refusal(store._patiently("read", store._database.read(work)), within=1)

    assert "c4nary" not in said
    assert "no_such_table" in said


async def test_a_row_of_a_later_version_is_our_fault(store: Store) -> None:
    await store.apply(a_client_with_a_secret())

    def work(connection: Any) -> None:
        connection.execute(text("UPDATE clients SET authentication = 'private_key_jwt'"))

    await store._database.write(work)

    said = await refusal(store.client_facts(ACME, CLIENT), within=1)
    assert said == "a row has a ClientAuthentication that this version does not know"


async def test_a_fault_that_is_no_databases_is_not_hidden(store: Store) -> None:
    def work(_: object) -> None:
        raise KeyError("a slip of ours")

    with pytest.raises(KeyError, match="a slip of ours"):
        await store._patiently("read", store._database.read(work))


async def test_what_still_runs_at_the_end_is_waited_for(database_url: str) -> None:
    store = await open_store(database_url)
    await store.apply(a_client_with_a_secret())
    write = asyncio.create_task(store.apply([SetClientDisabled(ACME, CLIENT, Instant(77))]))
    await asyncio.sleep(0)

    await store.close()

    assert await write == Applied()
    again = await open_store(database_url)
    facts = await again.client_facts(ACME, CLIENT)
    assert facts is not None
    assert facts.client.disabled_at == 77
    await again.close()

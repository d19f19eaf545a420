"""A code and a refresh token are good once: one statement decides, on both databases, from two nodes and processes."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest

from polling import until
from portvakt.model.behalf import Ended
from portvakt.model.behalf_change import (
    AddCode,
    AddFamily,
    AddGrant,
    AddRefreshToken,
    AddRevocation,
    AddSession,
    AddTransaction,
    AdvanceFamily,
    AnswerTransaction,
    KeepGrant,
    NoteRepeat,
    RedeemCode,
    RedeemRefreshToken,
    RevokeFamily,
    RevokeGrant,
)
from portvakt.model.change import Applied, Change, Lost
from portvakt.model.values import FamilyId, GrantId, Instant
from portvakt.store import open_store
from portvakt.store.address import database_at
from portvakt.store.behalf_reads import FIRST_REVOCATION
from portvakt.store.statements import statement_of
from stored import (
    ACME,
    FAMILY,
    GRANT,
    TRANSACTION,
    a_code,
    a_family,
    a_grant,
    a_grant_with_a_code,
    a_grant_with_a_refresh_token,
    a_refresh_token,
    a_session,
    a_transaction,
)

if TYPE_CHECKING:
    from portvakt.store import Store

T = Instant(100)
CODE = a_code().digest
ONE = a_refresh_token().digest

REPEAT = NoteRepeat(ACME, FAMILY, 0, 1)

PROCESS = """
import asyncio, json, sys
from portvakt.model.behalf_change import AddFamily, AddRefreshToken, AdvanceFamily, RedeemCode, RedeemRefreshToken
from portvakt.model.change import Applied
from portvakt.store import open_store
from stored import ACME, FAMILY, a_code, a_family, a_refresh_token

def code(name):
    family = a_family(id=f"family_{name}")
    token = a_refresh_token(digest=name.encode().ljust(32), family_id=family.id)
    return [RedeemCode(ACME, a_code().digest, 100), AddFamily(family), AddRefreshToken(token)]

def refresh(name):
    token = a_refresh_token(2, digest=name.encode().ljust(32))
    one = a_refresh_token().digest
    return [AdvanceFamily(ACME, FAMILY, 1), RedeemRefreshToken(ACME, one, 100, None, None), AddRefreshToken(token)]

async def main(url, kind, me):
    store = await open_store(url)
    sets = [globals()[kind](f"{me}{turn}") for turn in range(25)]
    print(json.dumps("ready"), flush=True)
    sys.stdin.readline()
    outcomes = await asyncio.gather(*(store.apply(changes) for changes in sets))
    first = [changes[0] for changes in sets]
    lost = sum(not isinstance(each, Applied) and each.change in first for each in outcomes)
    print(json.dumps([sum(isinstance(each, Applied) for each in outcomes), lost]), flush=True)
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def at_once(stores: list[Store], sets: list[list[Change]]) -> list[Applied | Lost]:
    return list(await asyncio.gather(*(stores[turn % len(stores)].apply(changes) for turn, changes in enumerate(sets))))


async def in_two_processes(url: str, kind: str) -> list[int]:
    """How often 2 x 25 sets at once were applied, and how often their first change was lost."""
    pipe = asyncio.subprocess.PIPE
    path = {"PYTHONPATH": ":".join(sys.path)}
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROCESS, url, kind, me, stdin=pipe, stdout=pipe, env=path
        )
        for me in "ab"
    ]
    said: list[list[int]] = []
    for process in processes:
        assert process.stdout is not None
        assert json.loads(await process.stdout.readline()) == "ready"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"now\n")
    for process in processes:
        output, _ = await process.communicate()
        said.append(json.loads(output))
    return [sum(each) for each in zip(*said, strict=True)]


async def test_I2_of_fifty_redemptions_of_one_code_one_is_applied(store: Store, another_store: Store) -> None:
    await store.apply(a_grant_with_a_code())
    redeem = RedeemCode(ACME, CODE, T)
    families = [a_family(id=FamilyId(f"family_{turn}")) for turn in range(50)]

    outcomes = await at_once([store, another_store], [[redeem, AddFamily(each)] for each in families])

    assert outcomes.count(Applied()) == 1
    assert outcomes.count(Lost(redeem)) == 49
    facts = await another_store.code_facts(ACME, CODE)
    assert facts is not None
    assert facts.code.redeemed_at == T
    assert facts.families == (families[outcomes.index(Applied())],)


async def test_F2_of_fifty_rotations_of_one_token_one_is_applied(store: Store, another_store: Store) -> None:
    await store.apply(a_grant_with_a_refresh_token())
    advance = AdvanceFamily(ACME, FAMILY, 1)
    successors = [a_refresh_token(2, digest=bytes([100 + turn]) * 32) for turn in range(50)]

    outcomes = await at_once(
        [store, another_store],
        [[advance, RedeemRefreshToken(ACME, ONE, T, None, None), AddRefreshToken(each)] for each in successors],
    )

    assert outcomes.count(Applied()) == 1
    assert outcomes.count(Lost(advance)) == 49
    facts = await another_store.refresh_facts(ACME, ONE)
    assert facts is not None
    assert facts.family.generation == 2
    assert facts.successor == successors[outcomes.index(Applied())]


@pytest.mark.parametrize("kind", ["code", "refresh"])
async def test_I2_F2_of_fifty_over_two_processes_one_is_applied(store: Store, database_url: str, kind: str) -> None:
    await store.apply(a_grant_with_a_refresh_token())

    assert await in_two_processes(database_url, kind) == [1, 49]

    code, token = await store.code_facts(ACME, CODE), await store.refresh_facts(ACME, ONE)
    assert code is not None
    assert token is not None
    assert (len(code.families), token.family.generation) == ((2, 1) if kind == "code" else (1, 2))


async def test_U11_of_fifty_answers_to_one_transaction_one_is_applied(store: Store, another_store: Store) -> None:
    await store.apply([*a_grant_with_a_code(), AddSession(a_session()), AddTransaction(a_transaction())])
    answer = AnswerTransaction(ACME, TRANSACTION, T)
    grants = [a_grant(id=GrantId(f"grant_{turn}")) for turn in range(50)]

    outcomes = await at_once([store, another_store], [[answer, AddGrant(each)] for each in grants])

    assert (outcomes.count(Applied()), outcomes.count(Lost(answer))) == (1, 49)


async def test_F6_after_a_grant_was_revoked_nothing_was_redeemed_whoever_was_first(
    store: Store, another_store: Store
) -> None:
    names = [f"grant_{turn}" for turn in range(20)]
    await store.apply(a_grant_with_a_code())
    for name in names:
        grant, code = a_grant(id=GrantId(name)), a_code(digest=name.encode().ljust(32), grant_id=GrantId(name))
        await store.apply([AddGrant(grant), AddCode(code)])
    redeem: list[list[Change]] = [
        [RedeemCode(ACME, name.encode().ljust(32), T), AddFamily(a_family(id=FamilyId(name), grant_id=GrantId(name)))]
        for name in names
    ]
    revoke: list[list[Change]] = [[RevokeGrant(ACME, GrantId(name), T)] for name in names]

    outcomes = await at_once(
        [store, another_store], [each for pair in zip(redeem, revoke, strict=True) for each in pair]
    )

    assert all(each == Applied() for each in outcomes[1::2])
    for changes, outcome in zip(redeem, outcomes[::2], strict=True):
        assert outcome in (Applied(), Lost(changes[0]))


@pytest.mark.services
@pytest.mark.parametrize(
    ("change", "ends"),
    [
        (RedeemCode(ACME, CODE, T), RevokeGrant(ACME, GRANT, T)),
        (AdvanceFamily(ACME, FAMILY, 1), RevokeGrant(ACME, GRANT, T)),
        (AdvanceFamily(ACME, FAMILY, 1), RevokeFamily(ACME, FAMILY, T)),
        (REPEAT, RevokeGrant(ACME, GRANT, T)),
        (KeepGrant(ACME, GRANT), RevokeGrant(ACME, GRANT, T)),
        (REPEAT, RevokeFamily(ACME, FAMILY, T)),
    ],
)
async def test_F6_a_revocation_that_is_under_way_is_waited_for(postgres_url: str, change: Change, ends: Change) -> None:
    store = await open_store(postgres_url)
    await store.apply(a_grant_with_a_refresh_token())

    with database_at(postgres_url).looking() as other:
        other.execute(statement_of(ends, "postgresql"))
        late = asyncio.create_task(store.apply([change]))
        await until(lambda: somebody_waits(postgres_url), 2)
        other.commit()

    assert await late == Lost(change)
    await store.close()


async def test_F6_of_repeats_and_a_revocation_at_once_no_repeat_is_applied_after_it(
    store: Store, another_store: Store
) -> None:
    await store.apply(a_grant_with_a_refresh_token())
    sets: list[list[Change]] = [[REPEAT] for _ in range(20)]
    sets[7] = [RevokeGrant(ACME, GRANT, T)]

    outcomes = await at_once([store, another_store], sets)

    assert outcomes.pop(7) == Applied()
    assert set(map(repr, outcomes)) <= {repr(Applied()), repr(Lost(REPEAT))}
    assert await another_store.apply([REPEAT]) == Lost(REPEAT)


@pytest.mark.services
async def test_a_revocation_is_numbered_after_the_one_that_it_waited_for(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    first, second = GrantId("first"), GrantId("second")

    with database_at(postgres_url).looking() as other:
        other.execute(statement_of(AddRevocation(ACME, Ended.GRANT, first, T), "postgresql"))
        late = asyncio.create_task(store.apply([AddRevocation(ACME, Ended.GRANT, second, T)]))
        await until(lambda: somebody_waits(postgres_url), 2)
        assert await store.revocations(ACME, FIRST_REVOCATION, 9) == (FIRST_REVOCATION, [])
        other.exec_driver_sql("UPDATE revision SET value = value + 1")
        other.commit()

    assert await late == Applied()
    _, told = await store.revocations(ACME, FIRST_REVOCATION, 9)
    assert [(each.sequence, each.id) for each in told] == [(1, first), (2, second)]
    await store.close()


@pytest.mark.services
async def test_who_tells_the_guards_waits_for_no_row_while_others_wait_for_it(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    await store.apply(a_grant_with_a_refresh_token())

    with database_at(postgres_url).looking() as other:
        other.exec_driver_sql("UPDATE families SET repeats = 0")
        late = asyncio.create_task(
            store.apply([AddRevocation(ACME, Ended.GRANT, GRANT, T), RevokeFamily(ACME, FAMILY, T)])
        )
        await until(lambda: somebody_waits(postgres_url), 2)
        other.exec_driver_sql("UPDATE revision SET value = value + 1")  # the end of every set of changes
        other.commit()

    assert await late == Applied()
    await store.close()


async def test_a_reader_that_goes_on_from_its_cursor_misses_no_revocation(store: Store, another_store: Store) -> None:
    cursor = FIRST_REVOCATION
    seen: list[str] = []

    async def look() -> None:
        nonlocal cursor
        cursor, told = await store.revocations(ACME, cursor, 3)
        seen.extend(each.id for each in told)

    async def write(node: Store, name: str) -> list[GrantId]:
        grants = [GrantId(f"{name}_{turn}") for turn in range(8)]
        for each in grants:
            assert await node.apply([AddRevocation(ACME, Ended.GRANT, each, T)]) == Applied()
        return grants

    writing = asyncio.gather(*(write((store, another_store)[turn % 2], f"writer_{turn}") for turn in range(8)))
    while not writing.done():
        await look()
    written = [each for grants in await writing for each in grants]
    for _ in written:
        await look()

    assert sorted(seen) == sorted(written)


def somebody_waits(url: str) -> bool:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone()
    return found is not None and found[0] > 0

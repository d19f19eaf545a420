"""No read, change or clean-up walks a table: what each costs does not grow with what is kept."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from portvakt.model.behalf import Ended
from portvakt.model.change import (
    AddCode,
    AddFamily,
    AddGrant,
    AddRefreshToken,
    AddRevocation,
    AddSession,
    AddTransaction,
    AdvanceFamily,
    AnswerTransaction,
    Applied,
    Change,
    ChangeClient,
    ChangeOrganisation,
    ChangeUser,
    DeleteClient,
    EndSession,
    ForgetReissue,
    KeepGrant,
    NoteRepeat,
    RedeemCode,
    RedeemRefreshToken,
    RemoveMember,
    RevokeApiKey,
    RevokeFamily,
    RevokeGrant,
    RevokeSecret,
    SetAdministrator,
    SetClient,
    SetOrganisation,
    SetUser,
)
from portvakt.model.values import FamilyId, GrantId, Instant, SessionId, TransactionId
from portvakt.store import audit, behalf_queries, last_use, list_queries, open_store
from portvakt.store.cleaning import clean
from portvakt.store.statements import statement_of
from stored import (
    ACME,
    API_KEY,
    CLIENT,
    COMPANY,
    FAMILY,
    FROM,
    GRANT,
    OWNER,
    SECRET,
    SESSION,
    TRANSACTION,
    a_client,
    a_code,
    a_family,
    a_grant,
    a_grant_with_a_code,
    a_refresh_token,
    a_session,
    a_transaction,
    a_user,
    an_organisation,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from sqlalchemy import Connection, Select

    from portvakt.store import Store

LATER = Instant(10_000_000)
T = Instant(100)
D = b"d" * 32
READS: dict[str, tuple[Select[Any], dict[str, Any]]] = {
    "standing": (behalf_queries.ONE_STANDING, {"id": "i"}),
    "code_facts": (behalf_queries.CODE_FACTS, {"digest": D}),
    "refresh_facts": (behalf_queries.REFRESH_FACTS, {"digest": D}),
    "session": (behalf_queries.SESSION_FACTS, {"digest": D}),
    "sessions_of": (behalf_queries.SESSIONS_OF_USER, {"id": "i"}),
    "transaction": (behalf_queries.ONE_TRANSACTION, {"id": "i"}),
    "pending": (behalf_queries.PENDING, {"id": "i", "now": 1}),
    "password": (behalf_queries.ONE_PASSWORD, {"id": "i"}),
    "organisation": (behalf_queries.ONE_ORGANISATION, {"id": "i"}),
    "memberships": (behalf_queries.ORGANISATIONS_OF_USER, {"id": "i"}),
    "grants_of_user": (behalf_queries.GRANTS_OF_USER, {"id": "i"}),
    "grants_between": (behalf_queries.GRANTS_BETWEEN, {"id": "i", "client_id": "c", "organisation": None}),
    "last_uses": (behalf_queries.LAST_USES, {"id": "i"}),
    "api_key": (behalf_queries.API_KEY_FACTS, {"id": "i"}),
    "api_keys_of": (behalf_queries.API_KEYS_OF_USER, {"id": "i"}),
    "revocations": (behalf_queries.REVOCATIONS_AFTER, {"after": 1, "others": 3}),
    "is_taken_back": (
        behalf_queries.TAKEN_BACK,
        {"client_id": "c", "subject": "u", "organisation": None, "issued_at": 1},
    ),
    "memberships_of": (list_queries.MEMBERSHIPS_OF_USER, {"id": "i"}),
    "administered": (list_queries.ADMINISTERED, {"id": "i"}),
    "refusal": (audit.ONE_REFUSAL, {"reference": "r"}),
}
CHANGES: list[Change] = [
    RemoveMember(ACME, COMPANY, OWNER),
    SetAdministrator(ACME, COMPANY, OWNER, administrator=True),
    ChangeUser(ACME, OWNER, 1),
    SetUser(a_user()),
    ChangeClient(ACME, CLIENT, 1),
    SetClient(a_client()),
    DeleteClient(ACME, CLIENT, T),
    RevokeSecret(ACME, CLIENT, SECRET, T),
    ChangeOrganisation(ACME, COMPANY, 1),
    SetOrganisation(an_organisation()),
    EndSession(ACME, SESSION, T),
    AnswerTransaction(ACME, TRANSACTION, T),
    RevokeGrant(ACME, GRANT, T),
    KeepGrant(ACME, GRANT),
    RedeemCode(ACME, D, T),
    AdvanceFamily(ACME, FAMILY, 1),
    NoteRepeat(ACME, FAMILY, 1, 1),
    RevokeFamily(ACME, FAMILY, T),
    RedeemRefreshToken(ACME, D, T, None, None),
    ForgetReissue(ACME, FAMILY, 1),
    RevokeApiKey(ACME, API_KEY, T),
]


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def kept_at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a database with some of what grows, which no test here changes."""
    with contextlib.ExitStack() as stack:
        if request.param == "sqlite":
            migrated = request.getfixturevalue("migrated_file")
            url = f"sqlite:///{shutil.copy(migrated, tmp_path_factory.mktemp('kept') / 'portvakt.db')}"
        else:
            url = stack.enter_context(request.getfixturevalue("postgres_server").database())
        asyncio.run(fill(url))
        yield url


async def fill(url: str) -> None:
    store = await open_store(url)
    assert await store.apply([*a_grant_with_a_code(), AddSession(a_session())]) == Applied()
    for turn in range(60):
        name, digest = f"n{turn}", f"n{turn}".encode().ljust(32)
        grant = a_grant(id=GrantId(name), revoked_at=Instant(90) if turn % 2 else None)
        family = a_family(id=FamilyId(name), grant_id=grant.id, revoked_at=Instant(90) if turn % 3 else None)
        changes: list[Change] = [
            AddSession(a_session(id=SessionId(name), digest=digest)),
            AddTransaction(a_transaction(id=TransactionId(name), session_id=SessionId(name))),
            AddGrant(grant),
            AddCode(a_code(digest=digest, grant_id=grant.id)),
            AddFamily(family),
            AddRefreshToken(a_refresh_token(digest=digest, family_id=family.id, reissue=b"r", redeemed_at=T)),
            AddRevocation(ACME, Ended.GRANT, grant.id, T),
        ]
        assert await store.apply(changes) == Applied()  # a store has seconds for it, on a busy machine too
    if store._database.dialect == "postgresql":
        await store._database.write(lambda connection: connection.exec_driver_sql("ANALYZE"))
    await store.close()


@pytest.fixture
async def kept(kept_at: str) -> AsyncIterator[Store]:
    """A store with some of what grows."""
    store = await open_store(kept_at)
    yield store
    await store.close()


class _UndoneError(Exception):
    pass


async def plans(store: Store, work: Callable[[Connection], object]) -> list[tuple[str, list[str]]]:
    """Each statement of some work, with the steps of its plan; what it wrote is undone."""
    found = []

    def explain(
        _connection: object, cursor: Any, statement: str, parameters: Any, _context: object, is_many: bool
    ) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT", "WITH")):
            word = "EXPLAIN QUERY PLAN" if store._database.dialect == "sqlite" else "EXPLAIN"
            cursor.execute(f"{word} {statement}", parameters[0] if is_many else parameters)
            found.append((statement, [str(row[-1]) for row in cursor.fetchall()]))

    def watched(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            # A few rows are always walked; forbidden to, the planner shows whether it could do otherwise.
            for walking in ("seqscan", "hashjoin", "mergejoin"):
                connection.exec_driver_sql(f"SET LOCAL enable_{walking} = off")
        event.listen(connection, "before_cursor_execute", explain)
        work(connection)
        event.remove(connection, "before_cursor_execute", explain)
        raise _UndoneError

    with pytest.raises(_UndoneError):
        await store._database.write(watched)
    return found


def walks(steps: list[str]) -> list[str]:
    """The steps that look at every row: of SQLite's those that scan, of PostgreSQL's those without a condition."""
    searched = [step for step in steps if "Index" in step and "Scan" in step]
    conditions = [step for step in steps if "Index Cond" in step]
    scanned = [
        step
        for step in steps
        if "Seq Scan" in step or (step.startswith("SCAN") and "CONSTANT ROW" not in step and "SUBQUERY" not in step)
    ]
    return scanned + (searched if len(searched) > len(conditions) else [])


@pytest.mark.parametrize("read", READS)
async def test_a_read_goes_by_an_index(kept: Store, read: str) -> None:
    query, parameters = READS[read]

    found = await plans(kept, lambda connection: connection.execute(query, {"issuer": ACME, **parameters}))

    assert len(found) == 1
    assert walks(found[0][1]) == []


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change).__name__)
async def test_a_change_goes_by_an_index(kept: Store, change: Change) -> None:
    found = await plans(kept, lambda each: each.execute(statement_of(change, kept._database.dialect)))

    assert len(found) == 1
    assert walks(found[0][1]) == []


async def test_last_uses_go_by_an_index(kept: Store) -> None:
    writings = last_use.writings({(ACME, CLIENT, SECRET): (T, FROM)}, {(ACME, D): T}, {(ACME, API_KEY): T})

    found = await plans(kept, lambda each: [each.execute(statement, given) for statement, given in writings])

    assert len(found) == 3
    assert [steps for _, steps in found if walks(steps)] == []


async def test_FT38_what_is_to_be_deleted_is_found_and_deleted_by_an_index(kept: Store) -> None:
    found = await plans(kept, lambda connection: clean(connection, None, LATER, 500))

    assert len(found) > 15
    assert {table for table in ("families", "grants", "sessions") if any(f"DELETE FROM {table}" in s for s, _ in found)}
    assert [(statement, walks(steps)) for statement, steps in found if walks(steps)] == []

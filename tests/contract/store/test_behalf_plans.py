"""No read, change or clean-up walks a table: what each costs does not grow with what is kept."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Select, event

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
    EndSession,
    ForgetReissue,
    KeepGrant,
    NoteRepeat,
    RedeemCode,
    RedeemRefreshToken,
    RevokeApiKey,
    RevokeFamily,
    RevokeGrant,
)
from portvakt.model.change import (
    AddClient,
    AddUser,
    Applied,
    Change,
    ChangeClient,
    ChangeOrganisation,
    ChangeUser,
    DeleteClient,
    RemoveMember,
    RevokeSecret,
    SetAdministrator,
    SetClient,
    SetOrganisation,
    SetUser,
)
from portvakt.model.values import ClientId, FamilyId, GrantId, Instant, SessionId, TransactionId, UserId
from portvakt.store import (
    audit,
    behalf_queries,
    invitation_reads,
    last_use,
    list_queries,
    open_store,
    statements,
)
from portvakt.store.cleaning import clean
from portvakt.store.schema import METADATA
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

    from sqlalchemy import Connection

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
CLEAN = "clean"
NEEDED_BY = {
    "ix_users_search": "USERS_BY_EMAIL",
    "ix_clients_live": "PAGE_OF_CLIENTS",
    "ix_clients_owner": "PAGE_OF_OWN_CLIENTS",
    "ix_clients_organisation": "PAGE_OF_CLIENTS_OF_ORGANISATION",
    "ix_clients_name": "CLIENTS_BY_NAME",
    "ix_clients_public": "REDIRECTS_OF_PUBLIC_CLIENTS",
    "ix_client_secrets_client": "ONE_CLIENT",
    "ix_organisations_name": "ORGANISATIONS_BY_NAME",
    "ix_memberships_organisation": "PAGE_OF_MEMBERS",
    "ix_sessions_user": "SESSIONS_OF_USER",
    "ix_sessions_expires": CLEAN,
    "ix_transactions_session": "PENDING",
    "ix_transactions_expires": CLEAN,
    "ix_grants_user": "GRANTS_OF_USER",
    "ix_grants_client": "LIVE_GRANTS_OF_CLIENT",
    "ix_grants_revoked": CLEAN,
    "ix_codes_grant": CLEAN,
    "ix_codes_expires": CLEAN,
    "ix_families_grant": "CODE_FACTS",
    "ix_families_ends": CLEAN,
    "ix_families_revoked": CLEAN,
    "ix_refresh_tokens_expires": CLEAN,
    "ix_refresh_tokens_reissue": CLEAN,
    "ix_revocations_id": "TAKEN_BACK",
    "ix_revocations_until": CLEAN,
    "ix_api_keys_user": "API_KEYS_OF_USER",
    "ix_invitations_waiting": "_WAITING",
    "ix_invitations_expires": CLEAN,
    "ix_audit_issuer": "PAGES_OF_LOG None",
    "ix_audit_client": "PAGES_OF_LOG client",
    "ix_audit_user": "PAGES_OF_LOG user",
    "ix_audit_organisation": "PAGES_OF_LOG organisation",
    "ix_audit_actor": "PAGES_OF_LOG actor",
    "ix_audit_act": "PAGES_OF_LOG act",
    "ix_refusals_reference": "ONE_REFUSAL",
    "ix_refusals_client": "PAGE_OF_REFUSALS",
    "ix_refusals_at": CLEAN,
}
"""What each index is there for: the read that walks a table, or all of an issuer's rows in it, without that index."""

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
        user, client = UserId(name), ClientId(name)
        revoked_at = Instant(90) if turn % 2 else None
        grant = a_grant(id=GrantId(name), user_id=user, client_id=client, revoked_at=revoked_at)
        family = a_family(id=FamilyId(name), grant_id=grant.id, revoked_at=Instant(90) if turn % 3 else None)
        changes: list[Change] = [
            AddUser(a_user(id=user, email=f"{name}@x.no")),
            AddClient(a_client(id=client, name=name, owner=user)),
            AddSession(a_session(id=SessionId(name), digest=digest, user_id=user)),
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


def every_select() -> dict[str, Select[Any]]:
    """Every query that is written out, by its name, and by its key where there are several of one name."""
    found: dict[str, Select[Any]] = {}
    for module in (audit, behalf_queries, invitation_reads, list_queries, statements):
        for name, value in vars(module).items():
            several = value.items() if isinstance(value, dict) else ()
            named = [(name, value), *((f"{name} {key}", query) for key, query in several)]
            found |= {of: query for of, query in named if isinstance(query, Select)}
    return found


async def test_every_index_is_there_for_a_statement_that_goes_by_it(kept: Store) -> None:
    queries = every_select()

    async def indexes_of(name: str) -> set[str]:
        def work(connection: Connection) -> None:
            if name == CLEAN:
                clean(connection, None, LATER, 500)
                return
            asked = queries[name].compile(dialect=connection.dialect).binds
            kinds = {each: bind.type.python_type for each, bind in asked.items() if bind.required}
            examples: dict[type, Any] = {int: 1, bytes: D}
            given = {each: examples.get(kind, "n2") for each, kind in kinds.items()}
            connection.execute(queries[name], {**given, "issuer": ACME} if "issuer" in given else given)

        return set(re.findall(r"\bix_\w+", str(await plans(kept, work))))

    used = {name: await indexes_of(name) for name in set(NEEDED_BY.values())}

    assert {index.name for table in METADATA.tables.values() for index in table.indexes} == set(NEEDED_BY)
    assert {index: name for index, name in NEEDED_BY.items() if index not in used[name]} == {}

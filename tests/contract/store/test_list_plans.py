"""No list and no search touches more rows than it shows plus one page, however many there are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from portvakt.model.audit import NOBODY, Act, Event
from portvakt.model.values import ClientId, GrantId, Instant, OrganisationNumber, SecretId, UserId
from portvakt.store import audit, list_queries
from portvakt.store.audit_rows import row_of_event, row_of_refusal
from portvakt.store.behalf_rows import row_of
from portvakt.store.rows import row_of_client, row_of_organisation, row_of_secret, row_of_user
from portvakt.store.schema import (
    AUDIT,
    CLIENT_SECRETS,
    CLIENTS,
    GRANTS,
    MEMBERSHIPS,
    ORGANISATIONS,
    REFUSALS,
    USERS,
)
from stored import ACME, CLIENT, a_client, a_grant, a_refusal, a_secret, a_user, an_organisation

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlalchemy import Connection, Select, Table

    from portvakt.store import Store

PAGE = 50
T = Instant(200)
COMPANIES = 1_000
MANY_OF = 10
"""Every so manieth of a kind belongs to one: one user has so many clients, one organisation so many members."""

STEPS_OF_SHOWN, STEPS_OF_LEFT_OUT = 170, 4
"""Steps of SQLite's machine: at most for a client that is shown, at least for a row that is looked at in vain."""

SEARCH = {"begin": "name ", "after": "", "end": list_queries.end("name ")}
LISTS: dict[str, tuple[Select[Any], dict[str, Any]]] = {
    "clients": (list_queries.PAGE_OF_CLIENTS, {"after": "c000450"}),
    "clients of a user": (list_queries.PAGE_OF_OWN_CLIENTS, {"owner": "u0", "after": "c000450"}),
    "clients of an organisation": (
        list_queries.PAGE_OF_CLIENTS_OF_ORGANISATION,
        {"organisation": "0", "after": "c000450"},
    ),
    "how many a user has": (list_queries.SOME_OWN_CLIENTS, {"id": "u0"}),
    "how many an organisation has": (list_queries.SOME_CLIENTS_OF_ORGANISATION, {"id": "0"}),
    "clients by name": (list_queries.CLIENTS_BY_NAME, SEARCH),
    "clients by name, later": (list_queries.CLIENTS_BY_NAME, {**SEARCH, "begin": "name 000450", "after": "c000450"}),
    "users": (list_queries.PAGE_OF_USERS, {"after": "u1"}),
    "users by email": (list_queries.USERS_BY_EMAIL, {"begin": "m", "end": list_queries.end("m")}),
    "users by email, later": (list_queries.USERS_BY_EMAIL, {"begin": "m7", "end": list_queries.end("m")}),
    "organisations": (list_queries.PAGE_OF_ORGANISATIONS, {"after": "1"}),
    "organisations by name": (list_queries.ORGANISATIONS_BY_NAME, SEARCH),
    "organisations by number": (list_queries.ORGANISATIONS_BY_NUMBER, {"begin": "1", "end": list_queries.end("1")}),
    "members": (list_queries.PAGE_OF_MEMBERS, {"number": "0", "after": "u1"}),
    "grants of a client": (list_queries.LIVE_GRANTS_OF_CLIENT, {"id": "c000000"}),
    "log": (audit.PAGES_OF_LOG[None], {"before": audit.NEWEST}),
    "log by client": (audit.PAGES_OF_LOG["client"], {"before": audit.NEWEST, "chosen": "c000000"}),
    "log by user": (audit.PAGES_OF_LOG["user"], {"before": audit.NEWEST, "chosen": "u0"}),
    "log by organisation": (audit.PAGES_OF_LOG["organisation"], {"before": audit.NEWEST, "chosen": "0"}),
    "log by actor": (audit.PAGES_OF_LOG["actor"], {"before": audit.NEWEST, "chosen": ""}),
    "log by act": (audit.PAGES_OF_LOG["act"], {"before": audit.NEWEST, "chosen": Act.CLIENT_CHANGED.value}),
    "refusals": (audit.PAGE_OF_REFUSALS, {"before": audit.NEWEST, "client_id": CLIENT}),
}

Row = dict[str, Any]


def every(many: int, turn: int) -> str:
    """Whom the row of a turn belongs to: every so manieth to the first, the others to one after another."""
    return "0" if turn % MANY_OF == 0 else str(turn % many)


def people(many: int) -> Iterator[tuple[Table, Row]]:
    for turn in range(many):
        yield USERS, row_of_user(a_user(id=UserId(f"u{turn}"), email=f"m{turn}@x.no"))
    for turn in range(COMPANIES):
        company = an_organisation(number=OrganisationNumber(str(turn)), name=f"Name {turn}")
        yield ORGANISATIONS, row_of_organisation(company)
    for turn in range(many):
        of = {"user_id": f"u{turn}", "organisation": every(COMPANIES, turn)}
        yield MEMBERSHIPS, {"issuer": ACME, **of, "since": T, "administrator": False}


def clients(many: int) -> Iterator[tuple[Table, Row]]:
    """Half of them deleted, side by side, and a quarter an organisation's."""
    for turn in range(many):
        client = a_client(
            id=ClientId(f"c{turn:06}"),
            name=f"Name {turn:06}",
            owner=UserId(f"u{every(many, turn)}"),
            organisation=OrganisationNumber(every(COMPANIES, turn // 4)) if turn % 4 == 1 else None,
        )
        yield CLIENTS, {**row_of_client(client), "deleted_at": T if turn // 500 % 2 else None}
        yield CLIENT_SECRETS, row_of_secret(ACME, a_secret(id=SecretId(f"s{turn}"), client_id=client.id))


def happenings(many: int) -> Iterator[tuple[Table, Row]]:
    for turn in range(many):
        client, company = ClientId(f"c{int(every(many, turn)):06}"), OrganisationNumber(every(COMPANIES, turn))
        user, act = UserId(f"u{every(many, turn)}"), list(Act)[turn % len(Act)]
        event = Event(act=act, issuer=ACME, id="x", at=T, client=client, user=user, organisation=company)
        yield AUDIT, row_of_event(event, NOBODY)
        yield REFUSALS, row_of_refusal(a_refusal(client_id=(CLIENT, client)[turn % 2]))
        grant = a_grant(id=GrantId(f"g{turn}"), client_id=client, user_id=user, organisation=company)
        yield GRANTS, {**row_of(grant), "revoked_at": T if turn // 500 % 2 else None}


async def fill(store: Store, rows: Iterator[tuple[Table, Row]]) -> None:
    """Write rows, those of one table together, in the order of the tables."""
    tables: dict[Table, list[Row]] = {}
    for table, row in rows:
        tables.setdefault(table, []).append(row)

    def work(connection: Connection) -> None:
        for table, found in tables.items():
            connection.execute(table.insert(), found)
        connection.exec_driver_sql("ANALYZE")

    await store._database.write(work)


def touched(connection: Connection, query: Select[Any], parameters: Row) -> dict[str, int]:
    """How many rows of each table PostgreSQL looked at, those too that it then left out."""
    compiled = query.params(parameters).compile(connection, compile_kwargs={"literal_binds": True})
    explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled}"
    plan = connection.exec_driver_sql(explain.replace("%%", "%")).scalar_one()
    looked_at: dict[str, int] = {}

    def look(node: dict[str, Any]) -> None:
        name = node.get("Relation Name", node.get("Index Name"))
        if name is not None:
            left_out = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
            rows = round((node["Actual Rows"] + left_out) * node["Actual Loops"])
            looked_at[name] = looked_at.get(name, 0) + rows
        for each in node.get("Plans", ()):
            look(each)

    look((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
    return looked_at


def stepped(connection: Connection, query: Select[Any], parameters: Row) -> dict[str, int]:
    """How many rows SQLite showed, and how many it can at most have looked at, by the steps of its machine.

    It does not say itself; a row that is shown takes many steps, for each column and for what is joined to it.
    """
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]  # of SQLite, by its dialect
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    driver.set_progress_handler(step, 1)
    shown = len(connection.execute(query, parameters).all())
    driver.set_progress_handler(None, 1)
    left_out = max(0, taken - STEPS_OF_SHOWN * shown) // STEPS_OF_LEFT_OUT
    return {"shown": shown, "looked at": shown + left_out}


@pytest.fixture(
    scope="module",
    params=[10_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(600)])],
    ids=["ten thousand", "a hundred thousand"],
)
def many(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
async def filled(store: Store, many: int) -> Store:
    for rows in (people(many), clients(many), happenings(many)):
        await fill(store, rows)
    return store


async def test_a_page_touches_what_it_shows_and_at_most_one_page_more(filled: Store) -> None:
    def look(connection: Connection) -> dict[str, dict[str, int]]:
        measure = touched if connection.dialect.name == "postgresql" else stepped
        return {
            name: measure(connection, query, {"issuer": ACME, "limit": PAGE, **given})
            for name, (query, given) in LISTS.items()
        }

    found = await filled._database.read(look)

    assert {name: rows for name, rows in found.items() if max(rows.values()) > 2 * PAGE} == {}
    assert {name: rows for name, rows in found.items() if max(rows.values()) < PAGE} == {}  # each shows a whole page

"""The audit log only grows and tells all that was noted; refused requests are kept in a ring."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from portvakt.model.audit import NOBODY, Act, ActorKind, By, Entry, Event
from portvakt.model.change import Applied, Note
from portvakt.model.values import ClientId, Instant, IssuerName, OrganisationNumber, UserId
from portvakt.store import audit, cleaning, open_store
from portvakt.store.audit_rows import LONGEST_SAID
from stored import ACME, CLIENT, COMPANY, OTHER, OWNER, a_refusal

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from portvakt.store import Store

T = Instant(200)
SOMEBODY = By(kind=ActorKind.USER, issuer=OTHER, id="user_operator", address="192.0.2.1", request_id="abc")
TWO = ClientId("client_two")


def an_event(**changed: Any) -> Event:
    fields: dict[str, Any] = {"act": Act.CLIENT_CHANGED, "issuer": ACME, "id": CLIENT, "at": T, "client": CLIENT}
    return Event(**{**fields, **changed})


async def note(store: Store, *events: Event, by: By = NOBODY) -> None:
    assert await store.apply([Note(each) for each in events], by) == Applied()


async def every(store: Store, limit: int, **filters: Any) -> list[Entry]:
    """All lines that pass, page by page."""
    told: list[Entry] = []
    before, is_over = None, False
    while not is_over:
        before, page = await store.audit(ACME, before=before, limit=limit, **filters)
        assert len(page) <= limit
        told, is_over = told + page, before is None
    return told


async def test_a_line_says_what_happened_to_what_by_whom_and_from_where(store: Store) -> None:
    event = an_event(
        user=OWNER,
        organisation=COMPANY,
        before={"name": "Øl ' \" \\", "scopes": ("a", "b"), "quota": None},
        after={"name": "\u2028", "scopes": (), "version": 2, "enabled": True},
    )

    await note(store, event, by=SOMEBODY)
    await note(store, an_event(client=None, id=""))

    newest, oldest = (await store.audit(ACME, before=None, limit=9))[1]
    assert (oldest.event, oldest.by) == (event, SOMEBODY)
    assert (newest.event, newest.by) == (an_event(client=None, id=""), NOBODY)
    assert newest.number > oldest.number


async def test_what_no_database_can_hold_is_the_callers_error(store: Store) -> None:
    for odd in ({"id": "\0"}, {"client": "\0"}, {"issuer": "a b"}, {"after": {"name": "x" * 70_000}}, {"at": 2**63}):
        with pytest.raises(ValueError, match=r"id|text|moment"):
            await store.apply([Note(an_event(**odd))])
    with pytest.raises(ValueError, match="surrogate"):
        await store.apply([Note(an_event())], By(address="\ud800"))

    assert await store.audit(ACME, before=None, limit=9) == (None, [])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET at = 0",
        "UPDATE audit SET after = '{}' WHERE number = 1",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE number = 1",
    ],
)
async def test_the_log_is_neither_changed_nor_deleted(store: Store, statement: str) -> None:
    await note(store, an_event())

    with pytest.raises(DBAPIError, match="audit only grows"):
        await store._database.write(lambda connection: connection.execute(text(statement)))

    assert [each.event for each in await every(store, 9)] == [an_event()]


@pytest.mark.services
async def test_the_log_is_not_emptied_at_once(postgres_url: str) -> None:
    store = await open_store(postgres_url)

    with pytest.raises(DBAPIError, match="audit only grows"):
        await store._database.write(lambda connection: connection.execute(text("TRUNCATE audit")))
    await store.close()


@pytest.fixture
async def noted(store: Store) -> Store:
    """A store with thirty lines, of every kind in turn, and one of another issuer."""
    for turn in range(30):
        event = an_event(
            act=(Act.CLIENT_CHANGED, Act.SECRET_CREATED)[turn % 2],
            id=str(turn),
            at=Instant(turn),
            client=(CLIENT, TWO, None)[turn % 3],
            user=(OWNER, None)[turn // 15],
            organisation=COMPANY if turn % 5 == 0 else None,
        )
        await note(store, event, by=replace(SOMEBODY, id=f"user_{turn % 4}"))
    await note(store, an_event(issuer=OTHER))
    return store


FILTERS: list[tuple[dict[str, Any], set[int]]] = [
    ({}, set(range(30))),
    ({"client": CLIENT}, set(range(0, 30, 3))),
    ({"user": OWNER}, set(range(15))),
    ({"organisation": COMPANY}, set(range(0, 30, 5))),
    ({"actor": "user_1"}, set(range(1, 30, 4))),
    ({"act": Act.SECRET_CREATED}, set(range(1, 30, 2))),
    ({"since": Instant(5), "until": Instant(8)}, {5, 6, 7}),
    ({"client": TWO, "act": Act.SECRET_CREATED}, {1, 7, 13, 19, 25}),
    ({"user": OWNER, "organisation": COMPANY, "actor": "user_1", "since": Instant(2)}, {5}),
    ({"client": ClientId("client_none")}, set()),
    ({"actor": "\0"}, set()),
    ({"since": Instant(30)}, set()),
]


@pytest.mark.parametrize("limit", [1, 4, 100])
@pytest.mark.parametrize(("filters", "passing"), FILTERS, ids=[",".join(each) for each, _ in FILTERS])
async def test_a_filter_passes_its_lines_once_newest_first_in_whatever_pages(
    noted: Store, filters: dict[str, Any], passing: set[int], limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "LOOKED_AT", 4)

    told = await every(noted, limit, **filters)

    assert [int(each.event.id) for each in told] == sorted(passing, reverse=True)
    numbers = [each.number for each in told]
    assert numbers == sorted(numbers, reverse=True)


async def test_a_page_may_be_empty_although_more_follow(noted: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "LOOKED_AT", 4)

    before, page = await noted.audit(ACME, before=None, limit=2, until=Instant(3))

    assert page == []
    assert before is not None


async def test_the_log_of_an_issuer_that_cannot_be_is_empty(noted: Store) -> None:
    assert await noted.audit(IssuerName("\0"), before=None, limit=9) == (None, [])
    assert len((await noted.audit(ACME, before=2**70, limit=99))[1]) == 30


async def test_a_refused_request_is_found_by_its_reference_whoever_asks(store: Store) -> None:
    more = a_refusal(
        reference="ref_2", client_id=None, near="json_body", hints={"kid": "k", "scopes": ("a",), "n": 1, "no": None}
    )

    await store.record_refusals([a_refusal(), more])
    await store.record_refusals([])

    assert await store.refusal("ref_1") == a_refusal()
    assert await store.refusal("ref_2") == more
    assert await store.refusal("ref_3") is None
    assert await store.refusal("\0") is None


async def test_a_strangers_words_are_cut_to_what_a_row_holds(store: Store) -> None:
    strange = a_refusal(
        client_id=ClientId("no id"), path="/\0\ud800" + "x" * 5_000, reason="a\0", hints={"a\0": "b\ud800"}
    )

    await store.record_refusals([strange])

    kept = await store.refusal("ref_1")
    assert kept is not None
    assert kept.client_id is None
    assert kept.path.startswith("/\ufffd\ufffdx")
    assert len(kept.path) == LONGEST_SAID
    assert (kept.reason, kept.hints) == ("a\ufffd", {"a\ufffd": "b\ufffd"})


async def test_the_refusals_of_a_client_are_listed_newest_first(store: Store) -> None:
    await store.record_refusals([a_refusal(reference=f"ref_{turn}") for turn in range(5)])
    await store.record_refusals([a_refusal(reference="x", client_id=TWO), a_refusal(reference="y", issuer=OTHER)])

    told: list[str] = []
    before: int | None = None
    while page := await store.refusals(ACME, CLIENT, before, 2):
        told += [refused.reference for _, refused in page]
        before = page[-1][0]

    assert told == [f"ref_{turn}" for turn in (4, 3, 2, 1, 0)]
    assert await store.refusals(ACME, ClientId("\0"), None, 9) == []


async def test_refusals_leave_the_counter_of_changes_alone(store: Store) -> None:
    def read(connection: Connection) -> int:
        return int(connection.execute(text("SELECT value FROM revision")).scalar_one())

    before = await store._database.read(read)
    await store.record_refusals([a_refusal()])

    assert await store._database.read(read) == before


async def test_FT38_refusals_go_after_a_week_and_the_log_stays(store: Store) -> None:
    await note(store, an_event(at=Instant(0)))
    await store.record_refusals([a_refusal(reference=f"r{at}", at=Instant(at)) for at in (100, 101)])
    week = cleaning.REFUSALS_KEPT_FOR

    assert await store.clean(None, Instant(99 + week)) == 0
    assert await store.clean(None, Instant(100 + week)) == 1
    assert await store.refusal("r100") is None
    assert await store.clean(OTHER, Instant(200 + week)) == 0
    assert await store.clean(ACME, Instant(200 + week)) == 1
    assert await store.clean(None, Instant(2**40)) == 0
    assert len(await every(store, 9)) == 1


async def test_FT38_of_refusals_only_the_newest_are_kept_and_they_go_in_small_batches(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaning, "MOST_REFUSALS", 3)
    await store.record_refusals([a_refusal(reference=f"r{turn}") for turn in range(10)])

    assert [await store.clean(None, T, 4) for _ in range(3)] == [4, 3, 0]
    assert [refused.reference for _, refused in await store.refusals(ACME, CLIENT, None, 99)] == ["r9", "r8", "r7"]


async def test_an_organisations_lines_are_told_apart_from_a_users(store: Store) -> None:
    await note(store, an_event(client=None, user=UserId("same"), organisation=OrganisationNumber("other")))

    assert await every(store, 9, organisation=OrganisationNumber("same")) == []
    assert len(await every(store, 9, user=UserId("same"))) == 1

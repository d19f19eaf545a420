"""Lists and searches: every row once, in one order on both databases, and of one issuer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from portvakt.model.behalf import Member
from portvakt.model.change import AddClient, AddMember, AddOrganisation, AddUser, Applied, Change, DeleteClient
from portvakt.model.values import ClientId, Instant, OrganisationNumber, UserId
from portvakt.store.lists import LONGEST_SEARCH
from portvakt.store.rows import search_key
from stored import ACME, COMPANY, OTHER, OWNER, a_client, a_user, an_organisation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from portvakt.store import Store

T = Instant(200)
NAMES = [
    "alpha",
    "Alpha",
    "ALPHA two",
    "alp",
    "beta",
    "Ærlig",
    "ærlig talt",
    "\u00e5",
    "A\u030a b",
    "al%",
    "al_",
    "al\x01",
]
SPELLED = ["", "a", "AL", "alpha", "al%", "al_", "æ", "Å", "a\u030a", "z", "alpha two and more", "'", "al\x01"]
UNSPEAKABLE = ["\0", "\ud800", "x" * (LONGEST_SEARCH + 1)]


async def made(store: Store, changes: Sequence[Change]) -> None:
    assert await store.apply(changes) == Applied()


async def paged(read: Callable[[Any], Awaitable[list[Any]]], cursor_of: Callable[[Any], Any]) -> list[Any]:
    """All that a list tells, page by page; a page that repeats a row would never end."""
    told: list[Any] = []
    cursor = None
    while page := await read(cursor):
        told += page
        cursor = cursor_of(page[-1])
        assert len(told) < 100
    return told


@pytest.fixture
async def named(store: Store) -> Store:
    """Clients and organisations with those names, in two issuers, and one client that was deleted."""
    for issuer in (ACME, OTHER):
        await made(store, [AddUser(a_user(issuer=issuer))])
        names = NAMES if issuer is ACME else ["alpha of another"]
        for turn, name in enumerate(names):
            number = OrganisationNumber(f"91{turn:02}")
            client = a_client(issuer=issuer, id=ClientId(f"c{turn:02}"), name=name)
            company = an_organisation(issuer=issuer, number=number, name=name)
            await made(store, [AddClient(client), AddOrganisation(company)])
    await made(store, [AddClient(a_client(id=ClientId("gone"), name="alpha")), DeleteClient(ACME, ClientId("gone"), T)])
    return store


def expected(prefix: str) -> list[tuple[str, int]]:
    """The names that begin so, in their order, each with its turn."""
    keys = [(search_key(name), turn) for turn, name in enumerate(NAMES)]
    return sorted(each for each in keys if each[0].startswith(search_key(prefix)))


@pytest.mark.parametrize("prefix", SPELLED)
@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_a_search_finds_each_name_that_begins_so_once_in_whatever_pages(
    named: Store, prefix: str, limit: int
) -> None:
    clients = await paged(
        lambda after: named.find_clients(ACME, prefix, after, limit),
        lambda last: (search_key(last.client.name), last.client.id),
    )
    companies = await paged(
        lambda after: named.find_organisations(ACME, prefix, after, limit),
        lambda last: (search_key(last.name), last.number),
    )

    found = expected(prefix)
    assert [each.client.id for each in clients] == [f"c{turn:02}" for _, turn in found]
    assert [each.number for each in companies] == [f"91{turn:02}" for _, turn in found]


@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_digits_find_organisations_by_number(named: Store, limit: int) -> None:
    await made(
        named, [AddOrganisation(an_organisation(number=OrganisationNumber(each))) for each in ("9", "92", "910")]
    )

    async def found(prefix: str) -> list[str]:
        last = lambda each: ("", each.number)  # noqa: E731 - the cursor, in a word
        told = await paged(lambda after: named.find_organisations(ACME, prefix, after, limit), last)
        return [each.number for each in told]

    numbers = [f"91{turn:02}" for turn in range(len(NAMES))]
    assert await found("9") == sorted(["9", "92", "910", *numbers])
    assert await found("91") == sorted(["910", *numbers])
    assert await found("9103") == ["9103"]
    assert await found("3") == await found("9" * 256) == []


@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_users_are_found_by_the_first_letters_of_their_address(store: Store, limit: int) -> None:
    emails = ["b@x.no", "A@x.no", "ab@x.no", "Abc@x.no", "a", "ab\x01", "å@x.no"]
    await made(store, [AddUser(a_user(id=UserId(f"u{turn}"), email=each)) for turn, each in enumerate(emails)])
    await made(store, [AddUser(a_user(issuer=OTHER, email="abba@x.no"))])

    async def found(prefix: str) -> list[str]:
        told = await paged(
            lambda after: store.find_users(ACME, prefix, after, limit), lambda last: search_key(last.email)
        )
        return [each.email for each in told]

    assert await found("") == sorted(emails, key=search_key)
    assert await found("AB") == ["ab\x01", "ab@x.no", "Abc@x.no"]
    assert await found("a\u030a") == ["å@x.no"]
    assert await found("c") == []


async def test_a_search_that_no_row_can_answer_finds_nothing(named: Store) -> None:
    strange: Any = "no id"
    for text in UNSPEAKABLE:
        assert await named.find_clients(ACME, text, None, 9) == []
        assert await named.find_clients(ACME, "a", (text, ClientId("c")), 9) == []
        assert await named.find_organisations(ACME, text, None, 9) == []
        assert await named.find_users(ACME, text, None, 9) == await named.find_users(ACME, "a", text, 9) == []
    assert await named.find_clients(strange, "a", None, 9) == []
    assert await named.find_users(strange, "a", None, 9) == []


async def test_a_cursor_before_the_search_begins_it_and_one_behind_ends_it(named: Store) -> None:
    first = await named.find_clients(ACME, "beta", None, 9)

    assert await named.find_clients(ACME, "beta", ("a", ClientId("zzz")), 9) == first
    assert await named.find_clients(ACME, "beta", ("c", ClientId("a")), 9) == []
    assert await named.find_users(ACME, "o", "a", 9) == [a_user()]
    assert await named.find_users(ACME, "o", "z", 9) == []


async def test_clients_are_listed_by_whom_they_belong_to(store: Store) -> None:
    two = UserId("user_two")
    await made(
        store, [AddUser(a_user()), AddUser(a_user(id=two, email="two@x.no")), AddOrganisation(an_organisation())]
    )
    owners: dict[str, dict[str, Any]] = {
        "a": {},
        "b": {"owner": two},
        "c": {"organisation": COMPANY},
        "d": {},
        "e": {"owner": two, "organisation": COMPANY},
        "f": {},
    }
    await made(store, [AddClient(a_client(id=ClientId(name), **of)) for name, of in owners.items()])
    await made(store, [DeleteClient(ACME, ClientId("d"), T)])

    async def listed(**of: Any) -> str:
        told = await paged(lambda after: store.clients(ACME, after, 1, **of), lambda last: last.client.id)
        return "".join(each.client.id for each in told)

    assert await listed() == "abcef"
    assert await listed(owner=OWNER) == "af"
    assert await listed(owner=two) == "b"  # who made a client of an organisation has it no more than others
    assert await listed(organisation=COMPANY) == "ce"
    assert await listed(organisation=OrganisationNumber("0")) == await listed(owner=UserId("\0")) == ""
    with pytest.raises(ValueError, match="a user or to an organisation"):
        await listed(owner=OWNER, organisation=COMPANY)


async def test_members_are_listed_by_id(store: Store) -> None:
    users = [a_user(id=UserId(f"user_{turn}"), email=f"{turn}@x.no") for turn in range(5)]
    await made(store, [AddOrganisation(an_organisation()), *map(AddUser, users)])
    await made(store, [AddMember(ACME, COMPANY, each.id, T) for each in users[1:]])

    told = await paged(lambda after: store.members(ACME, COMPANY, after, 3), lambda last: last.user.id)

    assert told == [Member(user=each, organisation=an_organisation(), since=T) for each in users[1:]]
    assert await store.members(ACME, OrganisationNumber("0"), None, 9) == []
    assert await store.members(OTHER, COMPANY, None, 9) == []


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_page_has_at_least_one_row(store: Store, limit: int) -> None:
    for read in (
        store.clients(ACME, None, limit),
        store.users(ACME, None, limit),
        store.organisations(ACME, None, limit),
        store.members(ACME, COMPANY, None, limit),
        store.find_clients(ACME, "", None, limit),
        store.find_users(ACME, "", None, limit),
        store.find_organisations(ACME, "1", None, limit),
        store.grants_of_client(ACME, ClientId("c"), limit),
        store.audit(ACME, before=None, limit=limit),
        store.refusals(ACME, ClientId("c"), None, limit),
    ):
        with pytest.raises(ValueError, match="at least 1"):
            await read

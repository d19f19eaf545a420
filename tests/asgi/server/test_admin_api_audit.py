"""The audit log by the administration's API: a page at a time, and all of it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pytest

from administered import (
    ACME,
    ADMINISTRATOR,
    API,
    BAKERY,
    COMPANYS_PROGRAM,
    DEVELOPER,
    FOUNDRY,
    HOST,
    MEMBER,
    OPERATOR,
)
from asgi_driver import call
from builders import NOW
from issuing import known
from portvakt.model.audit import Act, ActorKind, By, Event
from portvakt.model.change import Applied, Note
from portvakt.server.administering_audit import COLUMNS, EXPORT_PAGE, Log

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from administered import Administered
    from asgi_driver import Answer
    from portvakt.model.audit import Told
    from portvakt.store import Store

LOG = "/issuers/acme/audit"


async def noted(administered: Administered, many: int, **members: Any) -> None:
    """Write lines, a second apart."""
    events = [
        Event(
            **{"act": Act.CLIENT_CHANGED, "issuer": ACME.name, "id": f"client_{number}", "at": NOW + number, **members}
        )
        for number in range(many)
    ]
    assert await administered.served.store.apply([Note(event) for event in events]) == Applied()


async def lines(administered: Administered, query: str = "", who: Any = OPERATOR) -> list[dict[str, Any]]:
    answer = await administered.ask(who, "GET", LOG, query=query)
    assert answer.status == 200, answer.body
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def export(administered: Administered, query: str = "", **headers: str) -> Answer:
    answer = await administered.ask(OPERATOR, "GET", LOG, query=query, **headers)
    assert answer.status == 200
    return answer


async def test_the_newest_line_comes_first_and_pages_go_back(administered: Administered) -> None:
    await noted(administered, 7)

    found: list[str] = []
    after = ""
    while True:
        page = (await administered.ask(OPERATOR, "GET", LOG, query=f"limit=3{after}")).json()
        found += [line["id"] for line in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"

    assert found[:7] == [f"client_{number}" for number in reversed(range(7))]


async def test_each_filter_leaves_what_it_says(administered: Administered) -> None:
    await noted(administered, 3)
    await noted(administered, 1, user=MEMBER.user_id, act=Act.USER_CHANGED, id="a")
    await noted(administered, 1, organisation=BAKERY, act=Act.ORGANISATION_CHANGED, id="b")
    await noted(administered, 1, client="client_x", id="c")

    assert [line["id"] for line in await lines(administered, f"user={MEMBER.user_id}")] == ["a"]
    assert [line["id"] for line in await lines(administered, f"organisation={BAKERY}")] == ["b"]
    assert [line["id"] for line in await lines(administered, "client=client_x")] == ["c"]
    assert [line["id"] for line in await lines(administered, "act=user.changed")] == ["a"]
    assert await lines(administered, "actor=nobody") == []
    since = await lines(administered, "since=2027-01-15T08:00:01Z")
    assert [line["id"] for line in since] == ["client_2", "client_1"]
    between = await lines(administered, "since=2027-01-15T09:00:01%2B01:00&until=2027-01-15T08:00:02")
    assert [line["id"] for line in between] == ["client_1"]


@pytest.mark.parametrize(
    "query", ["since=x", "until=99999-01-01", "since=0001-01-01T00:00:00%2B23:59", "act=x", "format=xml"]
)
async def test_what_is_no_moment_or_act_is_told(administered: Administered, query: str) -> None:
    answer = await administered.ask(OPERATOR, "GET", LOG, query=query)

    assert answer.status in ({400} if "0001" not in query else {200, 400})


async def test_who_is_no_operator_reads_what_is_about_them(administered: Administered) -> None:
    await noted(administered, 1)
    await noted(administered, 1, user=MEMBER.user_id, id="of-the-member")
    await noted(administered, 1, organisation=BAKERY, id="of-the-bakery")

    assert [line["id"] for line in await lines(administered, who=MEMBER)] == ["of-the-member"]
    assert [line["id"] for line in await lines(administered, who=COMPANYS_PROGRAM)] == ["of-the-bakery"]
    assert await lines(administered, who=DEVELOPER) == []
    export_of_others = await administered.ask(DEVELOPER, "GET", LOG, query=f"format=csv&user={MEMBER.user_id}")
    assert export_of_others.status == 404


async def test_a_user_reads_what_they_gave_for_an_organisation(administered: Administered) -> None:
    await noted(administered, 1, user=MEMBER.user_id, organisation=FOUNDRY, act=Act.GRANT_GIVEN, id="given")

    assert [line["id"] for line in await lines(administered, who=MEMBER)] == ["given"]


async def test_an_address_is_told_of_ones_own_acts_and_ones_own_clients_alone(administered: Administered) -> None:
    async def note(name: str, address: str, kind: ActorKind, who: str) -> None:
        told: Told = {"generation": 1, "from": address, "first_from": address}
        event = Event(act=Act.CLIENT_CHANGED, issuer=ACME.name, id=name, at=NOW, organisation=BAKERY, after=told)
        by = By(kind=kind, issuer=ACME.name, id=who, address=address)
        assert await administered.served.store.apply([Note(event)], by) == Applied()

    await note("mine", "192.0.2.1", ActorKind.USER, ADMINISTRATOR.user_id)
    await note("another's", "192.0.2.2", ActorKind.USER, MEMBER.user_id)
    await note("our program's", "192.0.2.3", ActorKind.CLIENT, known(ACME, COMPANYS_PROGRAM.label).client_id)
    await note("another program's", "192.0.2.4", ActorKind.CLIENT, known(ACME, DEVELOPER.label).client_id)
    query = f"organisation={BAKERY}"

    def addresses(found: list[dict[str, Any]]) -> dict[str, tuple[str, str | None]]:
        return {line["id"]: (line["address"], line["after"]["from"]) for line in found if "from" in line["after"]}

    told = addresses(await lines(administered, query, ADMINISTRATOR))
    by_an_operator = addresses(await lines(administered, query, OPERATOR))
    exported = await administered.ask(ADMINISTRATOR, "GET", LOG, query=f"{query}&format=csv")

    assert told == {
        "mine": ("192.0.2.1", "192.0.2.1"),
        "another's": ("", None),
        "our program's": ("192.0.2.3", "192.0.2.3"),
        "another program's": ("", None),
    }
    assert {address for address, _ in by_an_operator.values()} == {f"192.0.2.{number}" for number in range(1, 5)}
    assert b"192.0.2.3" in exported.body
    assert b"192.0.2.2" not in exported.body
    assert b"192.0.2.4" not in exported.body


@pytest.mark.parametrize(
    ("query", "accept", "media_type"),
    [
        ("format=csv", "", "text/csv"),
        ("format=jsonl", "text/csv", "application/jsonl"),
        ("format=json", "text/csv", "application/json"),
        ("", "text/csv; q=1", "text/csv"),
        ("", "application/jsonl", "application/jsonl"),
        ("", "application/json, text/csv", "application/json"),
        ("", "*/*", "application/json"),
        ("", "", "application/json"),
    ],
)
async def test_an_export_is_asked_for_by_query_or_header(
    administered: Administered, query: str, accept: str, media_type: str
) -> None:
    headers = {"accept": accept} if accept else {}

    answer = await export(administered, query, **headers)

    assert str(answer.header("content-type")).partition(";")[0] == media_type


async def test_an_export_has_every_line_however_many_pages_it_takes(administered: Administered) -> None:
    many = EXPORT_PAGE + 20
    await noted(administered, many)

    as_lines = (await export(administered, "format=jsonl&act=client.changed")).body.decode()
    as_csv = (await export(administered, "format=csv&act=client.changed")).body.decode()

    told = [json.loads(line) for line in as_lines.splitlines()]
    rows = list(csv.DictReader(io.StringIO(as_csv)))
    assert [line["id"] for line in told] == [f"client_{number}" for number in reversed(range(many))]
    assert [row["id"] for row in rows] == [line["id"] for line in told]
    assert set(rows[0]) == set(COLUMNS) == set(told[0])
    nothing = await export(administered, "format=csv&act=key.revoked")
    assert nothing.body.decode().strip() == ",".join(COLUMNS)
    assert (await export(administered, "format=jsonl&act=key.revoked")).body == b""


async def test_W5_what_a_spreadsheet_would_run_is_a_text(administered: Administered) -> None:
    await noted(administered, 1, after={"name": "=1+1"}, id="=HYPERLINK(1)")

    (row,) = csv.DictReader(io.StringIO((await export(administered, "format=csv&act=client.changed")).body.decode()))

    assert row["id"] == "'=HYPERLINK(1)"
    assert json.loads(row["after"]) == {"name": "=1+1"}


async def test_K4_an_export_holds_no_secret(administered: Administered) -> None:
    new = (await administered.ask(DEVELOPER, "POST", "/issuers/acme/clients", {"name": "x"})).json()

    for how in ("csv", "jsonl"):
        body = (await export(administered, f"format={how}")).body.decode()
        assert new["client_id"] in body
        assert new["client_secret"] not in body


async def test_keys_are_rotated_by_an_operator_and_the_log_says_so(administered: Administered) -> None:
    before = (await administered.ask(OPERATOR, "GET", "/issuers/acme/keys")).json()["items"]
    rotated = await administered.ask(OPERATOR, "POST", "/issuers/acme/keys/rotate")
    too_soon = await administered.ask(OPERATOR, "POST", "/issuers/acme/keys/rotate")
    administered.served.clock.advance(601)
    administered.tokens.clear()
    signing = (await administered.ask(OPERATOR, "GET", "/issuers/acme/keys")).json()["items"]
    administered.served.clock.advance(86_400)
    administered.tokens.clear()
    later = (await administered.ask(OPERATOR, "GET", "/issuers/acme/keys")).json()["items"]
    (line,) = await lines(administered, "act=key.rotated")

    assert [key["state"] for key in before] == ["signing"]
    assert [key["state"] for key in rotated.json()["items"]] == ["signing", "next"]
    assert too_soon.status == 400
    assert [key["state"] for key in signing] == ["retired", "signing"]
    assert [key["state"] for key in later] == ["retired", "signing"]
    assert line["id"] == rotated.json()["items"][1]["kid"]
    assert line["actor_kind"] == "client"


async def test_an_export_is_sent_as_it_is_read(administered: Administered) -> None:
    await noted(administered, EXPORT_PAGE + 1)
    sent: list[Any] = []
    head = [("host", HOST), ("authorization", f"Bearer {await administered.token(OPERATOR)}")]

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        async def note(message: Any) -> None:
            sent.append(message)
            await send(message)

        await administered.served.application(scope, receive, note)

    answer = await call(watched, "GET", f"{API}{LOG}", headers=head, query="format=jsonl")

    assert answer.status == 200
    assert [len(message.get("body", b"").splitlines()) for message in sent[1:3]] == [EXPORT_PAGE, 1]


async def test_of_all_exports_one_at_a_time_makes_a_page(administered: Administered) -> None:
    await noted(administered, EXPORT_PAGE + 1)
    watched = _Watched(administered.served.store)
    exports = [await Log(issuer=ACME, store=cast("Any", watched)).export("jsonl") for _ in range(8)]

    async def read(lines: AsyncGenerator[str]) -> int:
        return sum([len(text.splitlines()) async for text in lines])

    told = await asyncio.gather(*map(read, exports))

    assert told == [EXPORT_PAGE + 1] * len(exports)
    assert (watched.pages, watched.most) == (2 * len(exports), 1)


@dataclass
class _Watched:
    """A store that counts the questions about the log, and how many of them were asked at one time."""

    store: Store
    pages: int = 0
    asking: int = 0
    most: int = 0

    async def audit(self, *which: Any, **more: Any) -> Any:
        self.pages += 1
        self.asking += 1
        self.most = max(self.most, self.asking)
        found = await self.store.audit(*which, **more)
        self.asking -= 1
        return found


async def test_whoever_leaves_an_export_ends_it(administered: Administered) -> None:
    await noted(administered, EXPORT_PAGE + 1)
    sent: list[Any] = []
    head = [("host", HOST), ("authorization", f"Bearer {await administered.token(OPERATOR)}")]

    async def left(scope: Any, receive: Any, send: Any) -> None:
        async def take(message: Any) -> None:
            sent.append(message)
            if len(sent) == 3:
                raise ConnectionAbortedError

        await administered.served.application(scope, receive, take)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    await call(left, "GET", f"{API}{LOG}", headers=head, query="format=jsonl")

    assert len(sent) == 3
    assert administered.served.lines()[-1]["status"] == 499


async def test_a_refusal_is_explained_to_those_whose_client_was_refused(administered: Administered) -> None:
    new = (await administered.ask(DEVELOPER, "POST", "/issuers/acme/clients", {"name": "x"})).json()
    wrong = [await administered.ask_for_token(ACME, new["client_id"], f"wrong-{number}") for number in range(3)]
    await administered.served.application._recording.flush()
    references = [str(answer.header("portvakt-reference")) for answer in wrong]
    path = f"/issuers/acme/clients/{new['client_id']}/refusals"

    first = (await administered.ask(DEVELOPER, "GET", path, query="limit=2")).json()
    rest = (await administered.ask(DEVELOPER, "GET", path, query=f"limit=2&after={first['next']}")).json()
    explained = await administered.ask(DEVELOPER, "GET", f"/issuers/acme/refusals/{references[0]}")
    others = await administered.ask(MEMBER, "GET", f"/issuers/acme/refusals/{references[0]}")
    unknown = await administered.ask(OPERATOR, "GET", "/issuers/acme/refusals/00000000-0")

    assert [each["reference"] for each in (*first["items"], *rest["items"])] == references[::-1]
    assert rest["next"] is None
    assert explained.json()["reason"] == "wrong secret"
    assert explained.json()["cause"]
    assert new["client_secret"] not in explained.body.decode()
    assert (others.status, unknown.status) == (404, 404)

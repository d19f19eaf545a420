"""Clients and their secrets by the administration's API."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from administered import (
    ACME,
    ADMINISTRATOR,
    BAKERY,
    COMPANYS_PROGRAM,
    DEVELOPER,
    FOUNDRY,
    MEMBER,
    OPERATOR,
    OTHER,
    OTHERS_ADMINISTRATOR,
    STRANGER,
    Role,
)
from issuing import OWNER, a_client, known
from portvakt.model.change import Applied
from portvakt.protocol.govern.clients import MOST_CLIENTS

if TYPE_CHECKING:
    from administered import Administered
    from asgi_driver import Answer

CLIENTS = "/issuers/acme/clients"


async def made(administered: Administered, **wish: Any) -> dict[str, Any]:
    answer = await administered.ask(DEVELOPER, "POST", CLIENTS, {"name": "An application", **wish})
    assert answer.status == 201, answer.body
    said: dict[str, Any] = answer.json()
    administered.served.secrets.add(said["client_secret"] or "-")
    return said


async def works(administered: Administered, client_id: str, secret: str) -> bool:
    return (await administered.ask_for_token(ACME, client_id, secret)).status == 200


def wrong(answer: Answer) -> dict[str, str]:
    assert answer.status == 400, answer.body
    return {fault["path"]: fault["detail"] for fault in answer.json().get("errors", [])}


async def test_a_clients_whole_life_is_told_by_the_log(administered: Administered) -> None:
    new = await made(administered, scopes=["read"], default_scopes=["read"])
    client_id, first = new["client_id"], new["client_secret"]
    path = f"{CLIENTS}/{client_id}"
    assert await works(administered, client_id, first)

    rotated = (await administered.ask(DEVELOPER, "POST", f"{path}/secrets", {"grace": 3600})).json()
    second = rotated["client_secret"]
    both = [await works(administered, client_id, secret) for secret in (first, second)]
    administered.served.clock.advance(3600)
    administered.tokens.clear()
    only = [await works(administered, client_id, secret) for secret in (first, second)]
    shown = (await administered.ask(DEVELOPER, "GET", path)).json()
    newest = next(secret["id"] for secret in shown["secrets"] if secret["state"] == "live")
    revoked = await administered.ask(DEVELOPER, "POST", f"{path}/secrets/{newest}/revoke")
    assert revoked.status == 200, revoked.body
    assert not await works(administered, client_id, second)
    disabled = await administered.ask(DEVELOPER, "POST", f"{path}/disable", if_match=str(revoked.header("etag")))
    enabled = await administered.ask(DEVELOPER, "POST", f"{path}/enable")
    gone = await administered.ask(DEVELOPER, "DELETE", path, if_match=str(enabled.header("etag")))

    assert (both, only) == ([True, True], [False, True])
    assert sorted(secret["state"] for secret in shown["secrets"]) == ["expired", "live"]
    assert sorted(secret["state"] for secret in revoked.json()["secrets"]) == ["expired", "revoked"]
    assert (disabled.json()["enabled"], enabled.json()["enabled"], gone.status) == (False, True, 204)
    assert (await administered.ask(DEVELOPER, "GET", path)).status == 404
    log = (await administered.ask(OPERATOR, "GET", "/issuers/acme/audit", query=f"client={client_id}")).json()["items"]
    assert [line["act"] for line in reversed(log)] == [
        "client.created",
        "secret.created",
        "secret.ended",
        "secret.created",
        "secret.revoked",
        "client.disabled",
        "client.enabled",
        "client.deleted",
    ]
    by = {(line["actor_kind"], line["actor_issuer"], line["actor"], line["address"]) for line in log}
    assert by == {("client", "acme", known(ACME, "developer").client_id, "192.0.2.7")}
    assert not [secret for secret in (first, second) if secret in json.dumps(log)]


async def test_K4_a_secret_is_in_the_answer_that_makes_it_and_nowhere_else(administered: Administered) -> None:
    new = await made(administered)
    path = f"{CLIENTS}/{new['client_id']}"

    for where in (path, CLIENTS, "/issuers/acme/audit"):
        answer = await administered.ask(DEVELOPER, "GET", where)
        assert new["client_secret"] not in answer.body.decode()
        assert "client_secret" not in answer.json()
    secret = (await administered.ask(DEVELOPER, "GET", path)).json()["secrets"][0]
    assert new["client_secret"].startswith(secret["prefix"])
    assert new["client_secret"].endswith(secret["last4"])


async def test_a_client_has_what_was_asked_for(administered: Administered) -> None:
    wish = {
        "name": "Kasse",
        "description": "The till",
        "authentication": "client_secret_basic",
        "grants": ["authorization_code"],
        "scopes": ["read", "write"],
        "default_scopes": ["read"],
        "redirect_uris": ["https://app.example/cb"],
    }
    new = await made(administered, **wish, expires_in=None)

    assert {name: new[name] for name in wish} == wish
    assert (new["owner_email"], new["organisation"], new["secrets"][0]["expires"]) == (DEVELOPER.email, None, None)
    public = await made(administered, authentication="none", redirect_uris=["https://app.example/cb"])
    assert (public["client_secret"], public["secrets"]) == (None, [])
    for_a_day = await made(administered, expires_in=86_400)
    assert for_a_day["secrets"][0]["expires"] == "2027-01-16T08:00:00Z"


async def test_who_makes_a_client_owns_it_unless_an_operator_says_whose_it_is(administered: Administered) -> None:
    async def owner(who: Any, issuer: str = "acme", **wish: str) -> Any:
        said = (await administered.ask(who, "POST", f"/issuers/{issuer}/clients", {"name": "x", **wish})).json()
        return said.get("owner_email", said.get("status")), said.get("organisation")

    assert await owner(OPERATOR) == (OPERATOR.email, None)
    assert await owner(OPERATOR) == (OPERATOR.email, None)  # who is a user of the issuer by now
    assert await owner(OPERATOR, "portvakt") == (OPERATOR.email, None)
    assert await owner(OPERATOR, owner=DEVELOPER.email) == (DEVELOPER.email, None)
    assert await owner(OPERATOR, owner=DEVELOPER.user_id) == (DEVELOPER.email, None)
    assert await owner(OPERATOR, owner="user_nobody") == (400, None)
    assert await owner(DEVELOPER, owner=DEVELOPER.email) == (DEVELOPER.email, None)
    assert await owner(DEVELOPER, owner=MEMBER.email) == (403, None)
    assert await owner(ADMINISTRATOR, organisation=BAKERY) == (ADMINISTRATOR.email, BAKERY)
    assert await owner(COMPANYS_PROGRAM, organisation=BAKERY) == (COMPANYS_PROGRAM.email, BAKERY)
    assert await owner(COMPANYS_PROGRAM, organisation=FOUNDRY) == (403, None)
    assert await owner(OPERATOR, organisation="1") == (404, None)


@pytest.mark.parametrize(
    ("wish", "faults"),
    [
        ({}, {"/name": "is missing"}),
        ({"name": None}, {"/name": "must be a text"}),
        ({"name": ["x"]}, {"/name": "must be a text"}),
        ({"name": "x", "scope": "read"}, {"/scope": "is not known here; did you mean scopes?"}),
        ({"name": "x", "scopes": "read"}, {"/scopes": "must be a list or null"}),
        ({"name": "x", "scopes": [1]}, {"/scopes/0": "must be a text"}),
        ({"name": "x", "expires_in": 0}, {"/expires_in": "must be 1 to 3153600000"}),
        ({"name": "x", "expires_in": "180d"}, {"/expires_in": "must be a whole number or null"}),
        ({"name": "x", "token_quota": {"limit": 1}}, {"/token_quota/window": "is missing"}),
        ({"name": "x", "id": "client_mine"}, {"/id": "is not known here"}),
        ({"name": "x", "enabled": True}, {"/enabled": "is not known here"}),
        (
            {"name": "x", "grants": ["password"]},
            {"/grants/0": "must be one of authorization_code, client_credentials, refresh_token"},
        ),
        ({"name": " "}, {}),
        ({"name": "x", "scopes": ["portvakt:revocations"]}, {}),
        ({"name": "x", "redirect_uris": ["http://app.example/cb"]}, {}),
        ({"name": "x", "token_quota": {"limit": 1, "window": 60}}, {}),
    ],
)
async def test_Z2_what_cannot_be_is_refused_with_its_place(
    administered: Administered, wish: dict[str, Any], faults: dict[str, str]
) -> None:
    assert wrong(await administered.ask(DEVELOPER, "POST", CLIENTS, wish)) == faults


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b'{"name":"x","name":"y"}',
        b'{"name":"\\ud800"}',
        b'{"name":"\xff"}',
        b'\xef\xbb\xbf{"name":"x"}',
        b'{"name":NaN}',
        b'{"name":' + b"[" * 50 + b"]" * 50 + b"}",
        b'{"name":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    ],
)
async def test_what_is_not_one_json_object_is_refused(administered: Administered, sent: bytes) -> None:
    answer = await administered.ask(DEVELOPER, "POST", CLIENTS, sent)

    assert answer.status == 400
    assert answer.json()["code"] == "invalid_request"


async def test_a_body_is_json_and_has_an_end(administered: Administered) -> None:
    form = await administered.ask(
        DEVELOPER, "POST", CLIENTS, b"name=x", content_type="application/x-www-form-urlencoded"
    )
    none = await administered.ask(DEVELOPER, "POST", CLIENTS)
    long = await administered.ask(DEVELOPER, "POST", CLIENTS, {"name": "x" * 70_000})

    assert (form.status, none.status, long.status) == (415, 415, 413)
    assert form.json()["detail"] == "The body is application/json."


async def test_Z3_a_change_is_judged_by_what_the_client_is_with_it(administered: Administered) -> None:
    new = await made(administered, scopes=["read"], default_scopes=["read"], redirect_uris=["https://app.example/cb"])
    path = f"{CLIENTS}/{new['client_id']}"

    async def patched(patch: object, **headers: str) -> Answer:
        return await administered.ask(DEVELOPER, "PATCH", path, patch, if_match="*", **headers)

    assert wrong(await patched({"scopes": None})) == {}  # it would leave a default scope that is none of its scopes
    assert wrong(await patched({"name": None})) == {"/name": "must be a text"}
    assert wrong(await patched({"redirect_uris": []})) == {}  # and its grants would need one
    assert wrong(await patched({"authentication": "none"})) == {}
    for policed in ("owner", "organisation", "client_id", "enabled", "version", "secrets", "issuer", "created"):
        assert list(wrong(await patched({policed: new[policed]}))) == [f"/{policed}"]
    for name, value in (("scopes", "read"), ("redirect_uris", {}), ("grants", 1), ("description", [])):
        assert list(wrong(await patched({name: value}))) == [f"/{name}"]
    unchanged = await patched({})
    assert unchanged.json()["version"] == new["version"]

    changed = await patched(
        {"name": "Another", "redirect_uris": None, "grants": None, "description": None},
        content_type="application/merge-patch+json",
    )

    assert changed.status == 200
    assert changed.json()["name"] == "Another"
    assert changed.json()["redirect_uris"] == []
    assert changed.json()["grants"] == ["client_credentials"]
    assert changed.json()["scopes"] == ["read"]
    assert changed.json()["authentication"] == new["authentication"]


async def test_Z2_a_client_widens_no_scope_beyond_what_its_owner_may_give(administered: Administered) -> None:
    path = f"{CLIENTS}/{known(ACME, 'developer').client_id}"

    wider = await administered.ask(DEVELOPER, "PATCH", path, {"scopes": ["portvakt:introspect"]}, if_match="*")
    quota = await administered.ask(DEVELOPER, "PATCH", path, {"token_quota": {"limit": 10, "window": 60}}, if_match="*")
    given = await administered.ask(OPERATOR, "PATCH", path, {"token_quota": {"limit": 10, "window": 60}}, if_match="*")

    assert (wider.status, quota.status, given.status) == (400, 400, 200)
    assert given.json()["token_quota"] == {"limit": 10, "window": 60}


async def test_a_change_is_to_the_version_that_was_seen(administered: Administered) -> None:
    new = await made(administered)
    path = f"{CLIENTS}/{new['client_id']}"
    etag = (await administered.ask(DEVELOPER, "GET", path)).header("etag")
    assert etag is not None

    async def statuses(**headers: str) -> list[int]:
        return [
            (await administered.ask(DEVELOPER, method, path, sent, **headers)).status
            for method, sent in (("PATCH", {"name": "Another"}), ("DELETE", ...))
        ]

    assert await statuses() == [428, 428]
    assert await statuses(if_match='"999"') == [412, 412]
    assert await statuses(if_match=f"W/{etag}") == [412, 412]
    assert await statuses(if_match='"other"') == [412, 412]
    assert await statuses(if_match="1") == [400, 400]
    assert await statuses(if_match=f"{etag}, {etag}") == [400, 400]
    assert await statuses(if_match=etag) == [200, 412]
    for act in ("disable", "enable", "secrets"):
        assert (await administered.ask(DEVELOPER, "POST", f"{path}/{act}", if_match=etag)).status == 412
    assert await statuses(if_match="*") == [200, 204]


async def test_Z6_of_a_hundred_rotations_at_once_each_gives_a_secret_that_works_or_says_no(
    administered: Administered,
) -> None:
    new = await made(administered)
    path = f"{CLIENTS}/{new['client_id']}"
    await administered.token(DEVELOPER)

    answers = await asyncio.gather(
        *(administered.ask(DEVELOPER, "POST", f"{path}/secrets", {"grace": 3600}) for _ in range(100))
    )

    given = [answer.json()["client_secret"] for answer in answers if answer.status == 201]
    assert {answer.status for answer in answers} <= {201, 400, 409}
    assert 1 <= len(given) <= 4
    assert [await works(administered, new["client_id"], secret) for secret in given] == [True] * len(given)
    shown = (await administered.ask(DEVELOPER, "GET", path)).json()
    assert len(shown["secrets"]) == 1 + len(given)


async def test_Z7_who_makes_what_was_deleted_again_makes_another(administered: Administered) -> None:
    old = await made(administered, scopes=["portvakt:read"])
    token = (
        await administered.ask_for_token(ACME, old["client_id"], old["client_secret"], scope="portvakt:read")
    ).json()["access_token"]
    assert (await administered.ask(token, "GET", "/issuers")).status == 200
    assert (await administered.ask(DEVELOPER, "DELETE", f"{CLIENTS}/{old['client_id']}", if_match="*")).status == 204

    again = await made(administered, scopes=["portvakt:read"])

    assert again["client_id"] != old["client_id"]
    assert (await administered.ask(token, "GET", "/issuers")).status == 401
    assert not await works(administered, old["client_id"], old["client_secret"])
    assert not await works(administered, again["client_id"], old["client_secret"])


async def test_a_secret_in_use_is_revoked_by_typing_the_clients_name(administered: Administered) -> None:
    new = await made(administered)
    path = f"{CLIENTS}/{new['client_id']}/secrets/{new['secrets'][0]['id']}/revoke"
    assert await works(administered, new["client_id"], new["client_secret"])
    await administered.served.application._uses.write(administered.served.store)

    refused = await administered.ask(DEVELOPER, "POST", path)
    mistyped = await administered.ask(DEVELOPER, "POST", path, {"confirm": "another"})
    revoked = await administered.ask(DEVELOPER, "POST", path, {"confirm": new["name"]})

    assert (refused.status, mistyped.status, revoked.status) == (409, 400, 200)
    assert refused.json()["code"] == "in_use"
    secret = revoked.json()["secrets"][0]
    assert (secret["state"], secret["last_used_from"]) == ("revoked", "127.0.0.1")
    assert not await works(administered, new["client_id"], new["client_secret"])


async def test_lists_come_in_pages_each_of_which_says_where_the_next_begins(administered: Administered) -> None:
    async def every(query: str, limit: int) -> list[str]:
        found: list[str] = []
        after = ""
        while True:
            answer = await administered.ask(OPERATOR, "GET", CLIENTS, query=f"{query}&limit={limit}{after}")
            page = answer.json()
            found += [client["name"] for client in page["items"]]
            if page["next"] is None:
                return found
            assert len(page["items"]) == limit
            after = f"&after={page['next']}"

    for name in ("Ærlig", "ærlig talt", "ærlig"):
        await made(administered, name=name)
    whole = await every("", 100)

    assert len(whole) > 15
    assert await every("", 1) == whole
    assert await every("", 4) == whole
    assert sorted(await every("search=%C3%86RLIG", 1)) == ["Ærlig", "ærlig", "ærlig talt"]
    assert len(await every(f"owner={DEVELOPER.user_id}", 2)) == 4
    assert await every(f"organisation={BAKERY}", 1) == ["program"]


async def test_a_search_goes_on_where_it_was_though_the_last_one_was_deleted(administered: Administered) -> None:
    for name in ("Lik a", "Lik b", "Lik c"):
        await made(administered, name=name)
    found = []
    after = ""

    for _ in range(3):
        page = (await administered.ask(OPERATOR, "GET", CLIENTS, query=f"search=lik&limit=1{after}")).json()
        (client,) = page["items"]
        found.append(client["name"])
        await administered.ask(OPERATOR, "DELETE", f"{CLIENTS}/{client['client_id']}", if_match="*")
        after = f"&after={page['next']}"

    assert found == ["Lik a", "Lik b", "Lik c"]
    assert page["next"] is None


@pytest.mark.parametrize(
    "limit", ["0", "-1", "1000000000", "101", "1e2", "", "1.0", "9" * 5000, "%31&limit=2", "\u0661"]
)
async def test_Z8_a_page_has_one_to_a_hundred(administered: Administered, limit: str) -> None:
    for path in (CLIENTS, "/issuers/acme/audit", "/issuers/acme/users", "/issuers/acme/organisations"):
        answer = await administered.ask(OPERATOR, "GET", path, query=f"limit={limit}".encode().decode("latin-1"))
        assert list(wrong(answer)) == ["/limit"]


async def test_Z8_W5_a_page_token_is_for_its_list_its_issuer_and_its_filters(administered: Administered) -> None:
    for label in ("a", "b"):
        await administered.served.store.apply(a_client(ACME, label, owner=DEVELOPER.user_id))

    async def token(path: str, query: str = "") -> str:
        page = (await administered.ask(OPERATOR, "GET", path, query=f"limit=1&{query}")).json()
        assert page["next"], path
        return str(page["next"])

    lists = [
        (CLIENTS, ""),
        (CLIENTS, f"owner={DEVELOPER.user_id}"),
        (CLIENTS, f"owner={OWNER}"),
        (CLIENTS, "search=b"),
        ("/issuers/prisjakt/clients", ""),
        ("/issuers/acme/users", ""),
        ("/issuers/acme/users", "search=o"),
        ("/issuers/acme/organisations", ""),
    ]
    tokens = [await token(path, query) for path, query in lists]
    for position, (path, query) in enumerate(lists):
        for other, after in enumerate(tokens):
            answer = await administered.ask(OPERATOR, "GET", path, query=f"{query}&after={after}&limit=1")
            assert answer.status == (200 if other == position else 400), (path, query, lists[other])
    for forged in ("", "x", "%00", tokens[0][:-1], tokens[0] + "A", tokens[0].swapcase(), "A" * 5000, "' OR 1=1 --"):
        answer = await administered.ask(OPERATOR, "GET", CLIENTS, query={"after": forged})
        assert list(wrong(answer)) == ["/after"]


@pytest.mark.parametrize(
    "text", ["'", '"', ";", "--", "\\", "%' OR '1'='1", "x'; DROP TABLE clients; --", "%", "_", "\x00"]
)
async def test_W5_what_sql_would_read_is_a_text_everywhere(administered: Administered, text: str) -> None:
    lists = {
        CLIENTS: ("owner", "organisation", "search"),
        "/issuers/acme/audit": ("client", "user", "organisation", "actor", "act", "since"),
        "/issuers/acme/users": ("search",),
        "/issuers/acme/organisations": ("search",),
    }
    for path, names in lists.items():
        for name in names:
            answer = await administered.ask(OPERATOR, "GET", path, query={name: text})
            assert answer.status == 400 or answer.json()["items"] == [], (path, name)
    if text != "\x00":
        new = await made(administered, name=text + "x", description=text)
        shown = await administered.ask(DEVELOPER, "GET", f"{CLIENTS}/{new['client_id']}")
        found = await administered.ask(OPERATOR, "GET", CLIENTS, query={"search": text + "x"})
        assert (shown.json()["name"], shown.json()["description"]) == (text + "x", text)
        assert [client["client_id"] for client in found.json()["items"]] == [new["client_id"]]


async def test_filters_that_do_not_go_together_and_unknown_ones_are_told(administered: Administered) -> None:
    both = await administered.ask(OPERATOR, "GET", CLIENTS, query=f"owner={OWNER}&organisation={BAKERY}")
    unknown = await administered.ask(OPERATOR, "GET", CLIENTS, query="serch=x")
    twice = await administered.ask(OPERATOR, "GET", CLIENTS, query="search=x&search=y")
    torn = await administered.ask(OPERATOR, "GET", CLIENTS, query="search")

    assert wrong(both) == {"/owner": "owner, organisation and search do not go together"}
    assert wrong(unknown) == {"/serch": "is not known here; did you mean search?"}
    assert list(wrong(twice)) == ["/search"]
    assert list(wrong(torn)) == ["/"]


async def test_nothing_crosses_between_two_issuers(administered: Administered) -> None:
    await administered.served.store.apply(a_client(OTHER, "theirs", owner=STRANGER.user_id))
    theirs = known(OTHER, "theirs").client_id

    assert (await administered.ask(STRANGER, "GET", f"/issuers/prisjakt/clients/{theirs}")).status == 200
    assert (await administered.ask(OPERATOR, "GET", f"/issuers/prisjakt/clients/{theirs}")).status == 200
    assert (await administered.ask(OPERATOR, "GET", f"{CLIENTS}/{theirs}")).status == 404
    assert (await administered.ask(STRANGER, "GET", f"{CLIENTS}/{theirs}")).status == 404
    assert (await administered.ask(OPERATOR, "GET", "/issuers/nowhere/clients")).status == 404


async def test_Z2_a_list_has_what_is_theirs_and_nothing_else(administered: Administered) -> None:
    async def ids(who: Role, path: str, name: str) -> set[str]:
        return {each[name] for each in (await administered.ask(who, "GET", path)).json()["items"]}

    every = await ids(OPERATOR, "/issuers/acme/clients", "client_id")
    assert known(ACME, "program").client_id in every
    assert await ids(DEVELOPER, "/issuers/acme/clients", "client_id") == {known(ACME, "developer").client_id}
    assert await ids(COMPANYS_PROGRAM, "/issuers/acme/clients", "client_id") == {known(ACME, "program").client_id}
    assert await ids(MEMBER, "/issuers/acme/clients", "client_id") == set()
    assert await ids(OPERATOR, "/issuers/acme/organisations", "organisation") == {BAKERY, FOUNDRY}
    assert await ids(OTHERS_ADMINISTRATOR, "/issuers/acme/organisations", "organisation") == {FOUNDRY}
    assert await ids(MEMBER, "/issuers/acme/organisations", "organisation") == set()
    assert await ids(OPERATOR, "/issuers", "name") == {"portvakt", "acme", "prisjakt"}
    assert await ids(DEVELOPER, "/issuers", "name") == {"acme"}
    assert await ids(STRANGER, "/issuers", "name") == {"prisjakt"}


@pytest.mark.parametrize(("who", "of"), [(DEVELOPER, {}), (ADMINISTRATOR, {"organisation": BAKERY})])
async def test_a_developer_or_an_organisation_has_so_many_clients_and_no_more(
    administered: Administered, who: Role, of: dict[str, Any]
) -> None:
    store, held = (
        administered.served.store,
        await administered.served.store.count_clients(ACME.name, who.user_id, of.get("organisation"), MOST_CLIENTS),
    )
    for number in range(MOST_CLIENTS - 1 - held):
        assert await store.apply(a_client(ACME, f"one of many {number}", owner=who.user_id, **of)) == Applied()

    def make(who: Role, **more: Any) -> Any:
        return administered.ask(who, "POST", CLIENTS, {"name": "One more", **of, **more})

    answers = await asyncio.gather(make(who), make(who), make(who))
    by_an_operator = await make(OPERATOR, **({} if of else {"owner": who.user_id}))
    last = next(answer for answer in answers if answer.status == 201)
    for client in (last, by_an_operator):
        path = f"{CLIENTS}/{client.json()['client_id']}"
        assert (await administered.ask(OPERATOR, "DELETE", path, if_match="*")).status == 204
    again = await make(who)

    assert sorted(answer.status for answer in answers) == [201, 409, 409]
    assert {answer.json()["detail"].partition(".")[0] for answer in answers if answer.status == 409} == {
        "There are 100 clients already"
    }
    assert (by_an_operator.status, again.status) == (201, 201)

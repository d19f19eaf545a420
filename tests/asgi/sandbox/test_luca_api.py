from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from access_tokens import AUDIENCE, ISSUER, a_key, a_token
from asgi_driver import Answer, call
from guard_builders import Clock, OwnKeys
from portvakt.guard import Guard
from portvakt.model.values import IssuerName, OrganisationNumber
from portvakt.sandbox.books import invoices_of
from portvakt.sandbox.graphql import Introspection
from portvakt.sandbox.luca_api import Company, luca_api
from portvakt.sandbox.seed import Seed

if TYPE_CHECKING:
    from portvakt.protocol.admit.verified import Verified
    from portvakt.sandbox.asgi import App

SEED_QUERY = "{ saleInvoices { nodes { id } } }"
PAGE = "nodes{invoiceNumber} edges{cursor} pageInfo{hasPreviousPage hasNextPage startCursor endCursor}"
OURS = OrganisationNumber("310000019")
THEIRS = OrganisationNumber("310000027")
LEFT = OrganisationNumber("310000035")


def a_company(number: OrganisationNumber) -> Company:
    invoices = invoices_of(Seed("spring"), IssuerName("luca-test"), number)
    return Company(organisation_number=number, name=f"Påfunn {number} AS", invoices=invoices)


COMPANIES = {number: a_company(number) for number in (OURS, THEIRS)}
NUMBERS = [invoice.number for invoice in COMPANIES[OURS].invoices]
CLOCK = Clock()
GUARD = Guard(issuer=ISSUER, audience=AUDIENCE, provider="luca", leeway=0, clock=CLOCK, keys=OwnKeys(a_key()))


async def company_of(verified: Verified) -> Company | None:
    """Whoever has left a company has a token for it still."""
    assert verified.organisation_number is not None
    return COMPANIES.get(OrganisationNumber(verified.organisation_number))


def raise_it(cause: BaseException) -> None:
    raise AssertionError("a resolver failed") from cause


def api(introspection: Introspection = Introspection.REFUSED) -> App:
    return luca_api(company_of, raise_it, GUARD.asgi, cursor_key=b"k" * 32, introspection=introspection)


APP = api()


def token_for(number: str = OURS, **changes: object) -> str:
    return a_token({"sub": "user_1", "scope": "accounting", "organisation_number": number, **changes})


async def ask(query: str, token: str | None = None, *, app: App = APP, **members: Any) -> Answer:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token or token_for()}"}
    body = json.dumps({"query": query, **members}).encode()
    return await call(app, "POST", "/api/v1/graphql", headers=headers, body=body)


async def page(arguments: str = "", token: str | None = None) -> dict[str, Any]:
    answer = await ask(f"{{saleInvoices{arguments}{{{PAGE}}}}}", token)
    assert answer.status == 200
    said = answer.json()
    assert list(said) == ["data"], said
    connection: dict[str, Any] = said["data"]["saleInvoices"]
    return connection


def numbers(connection: dict[str, Any]) -> list[int]:
    return [node["invoiceNumber"] for node in connection["nodes"]]


def is_refused(answer: Answer, code: str) -> bool:
    """Whether the refusal stands before `data`, which is null."""
    said = answer.json()
    codes = [error["extensions"]["code"] for error in said["errors"]]
    return (answer.status, list(said), said.get("data"), codes) == (200, ["errors", "data"], None, [code])


async def test_the_seeds_query_is_answered_as_documented() -> None:
    answer = await ask(SEED_QUERY)

    ids = [invoice.id for invoice in COMPANIES[OURS].invoices[:100]]
    assert answer.status == 200
    assert answer.json() == {"data": {"saleInvoices": {"nodes": [{"id": one} for one in ids]}}}
    assert (answer.header("content-type"), answer.header("cache-control")) == ("application/json", "no-store")


async def test_all_that_is_known_of_an_invoice() -> None:
    answer = await ask("{saleInvoices(last:1){nodes{id invoiceNumber date customerName amount currency paid}}}")

    oldest = COMPANIES[OURS].invoices[-1]
    assert answer.json()["data"]["saleInvoices"]["nodes"] == [
        {
            "id": oldest.id,
            "invoiceNumber": 1001,
            "date": oldest.day.isoformat(),
            "customerName": oldest.customer_name,
            "amount": f"{oldest.amount / 100:.2f}",
            "currency": oldest.currency,
            "paid": oldest.is_paid,
        }
    ]


async def test_G6_a_token_opens_the_company_that_it_is_for_and_no_other() -> None:
    query = (
        "{companies{nodes{id name organisationNumber} pageInfo{hasPreviousPage hasNextPage}} saleInvoices{nodes{id}}}"
    )

    seen = {number: (await ask(query, token_for(number))).json()["data"] for number in (OURS, THEIRS)}

    for number, data in seen.items():
        assert data["companies"] == {
            "nodes": [
                {"id": f"company_{number}", "name": f"Påfunn {number} AS", "organisationNumber": number},
            ],
            "pageInfo": {"hasPreviousPage": False, "hasNextPage": False},
        }
    ids = [{node["id"] for node in data["saleInvoices"]["nodes"]} for data in seen.values()]
    assert ids[0] & ids[1] == set()


async def test_G6_an_organisation_in_the_request_changes_nothing() -> None:
    answer = await ask("query($organisationNumber: String){__typename}", variables={"organisationNumber": THEIRS})
    named = await ask(f'{{companies(organisationNumber:"{THEIRS}"){{nodes{{id}}}}}}')

    assert answer.status == 400  # a variable that nothing uses
    assert (named.status, "data" in named.json()) == (400, False)


async def test_a_hundred_by_default_newest_first() -> None:
    found = await page()

    assert numbers(found) == NUMBERS[:100]
    assert found["pageInfo"] == {
        "hasPreviousPage": False,
        "hasNextPage": True,
        "startCursor": found["edges"][0]["cursor"],
        "endCursor": found["edges"][-1]["cursor"],
    }
    assert await page("(first:null,last:null,before:null,after:null)") == found


@pytest.mark.parametrize("size", [100, 37])
async def test_who_goes_forward_sees_each_invoice_once_and_comes_to_an_end(size: int) -> None:
    found, seen = await page(f"(first:{size})"), []
    while found["pageInfo"]["hasNextPage"]:
        seen += numbers(found)
        found = await page(f'(first:{size},after:"{found["pageInfo"]["endCursor"]}")')
        assert found["pageInfo"]["hasPreviousPage"] is True
    seen += numbers(found)

    assert seen == NUMBERS


async def test_who_goes_backward_sees_each_invoice_once_and_comes_to_an_end() -> None:
    found, seen = await page("(last:50)"), list[int]()
    while found["pageInfo"]["hasPreviousPage"]:
        seen = numbers(found) + seen
        found = await page(f'(last:50,before:"{found["pageInfo"]["startCursor"]}")')
        assert found["pageInfo"]["hasNextPage"] is True
    seen = numbers(found) + seen

    assert seen == NUMBERS


async def test_a_page_of_nothing_has_no_cursors() -> None:
    assert await page("(first:0)") == {
        "nodes": [],
        "edges": [],
        "pageInfo": {"hasPreviousPage": False, "hasNextPage": True, "startCursor": None, "endCursor": None},
    }


@pytest.mark.parametrize("field", ["saleInvoices", "companies"])
@pytest.mark.parametrize(
    "arguments",
    ["first:101", "last:101", "first:-1", "last:-1", "first:1,last:1", "first:0,last:0", "first:2147483647"],
)
async def test_a_page_too_large_negative_or_from_both_ends_is_bad_input(field: str, arguments: str) -> None:
    assert is_refused(await ask(f"{{{field}({arguments}){{nodes{{id}}}}}}"), "BAD_USER_INPUT")


async def test_a_size_that_is_no_number_of_graphql_is_bad_input_as_a_variable_too() -> None:
    query = "query($first: Int){saleInvoices(first:$first){nodes{id}}}"

    for value in (2147483648, 1.5, "10", True, [1]):
        answer = await ask(query, variables={"first": value})
        assert (answer.status, answer.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_USER_INPUT")
    assert (await ask(query, variables={"first": 100})).status == 200


def altered(cursor: str) -> list[str]:
    """Return cursors that somebody made out of a good one, and texts that never were one."""
    swapped = [cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in range(len(cursor))]
    return [
        *swapped,
        "",
        cursor[:-1],
        cursor + "A",
        cursor + "=",
        f" {cursor}",
        cursor.lower(),
        "1005",
        "å",
        "AAAA" * 7,
    ]


@pytest.mark.parametrize("name", ["after", "before"])
async def test_W5_a_cursor_that_was_altered_is_bad_input(name: str) -> None:
    cursor = (await page("(first:3)"))["pageInfo"]["endCursor"]
    query = f"query($c: String){{saleInvoices({name}:$c){{nodes{{id}}}}}}"

    assert (await ask(query, variables={"c": cursor})).status == 200
    for made_up in altered(cursor):
        assert is_refused(await ask(query, variables={"c": made_up}), "BAD_USER_INPUT"), made_up


@pytest.mark.parametrize("name", ["after", "before"])
async def test_W5_a_cursor_of_another_company_or_of_another_list_is_bad_input(name: str) -> None:
    theirs = (await page("(first:3)", token_for(THEIRS)))["pageInfo"]["endCursor"]
    company = (await ask("{companies{edges{cursor node{id}}}}")).json()["data"]["companies"]["edges"][0]["cursor"]

    for cursor in (theirs, company):
        assert is_refused(await ask(f'{{saleInvoices({name}:"{cursor}"){{nodes{{id}}}}}}'), "BAD_USER_INPUT")
    assert is_refused(await ask(f'{{companies({name}:"{theirs}"){{nodes{{id}}}}}}'), "BAD_USER_INPUT")


async def test_a_cursor_that_was_made_up_is_not_repeated() -> None:
    answer = await ask('{saleInvoices(after:"<script>s3cr3t"){nodes{id}}}')

    assert b"s3cr3t" not in answer.body


async def test_a_token_for_no_company_opens_nothing() -> None:
    for query in (SEED_QUERY, "{companies{nodes{id}}}"):
        assert is_refused(await ask(query, token_for(organisation_number=...)), "FORBIDDEN")


async def test_G6_a_token_for_a_company_that_is_no_longer_the_users_opens_nothing() -> None:
    assert is_refused(await ask(SEED_QUERY, token_for(LEFT)), "FORBIDDEN")


@pytest.mark.parametrize("scope", [..., "account", "accounting:read"])
async def test_a_token_without_the_scope_is_forbidden(scope: object) -> None:
    answer = await ask(SEED_QUERY, token_for(scope=scope))

    assert answer.status == 403
    assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["FORBIDDEN"]
    assert "data" not in answer.json()


@pytest.mark.parametrize("token", ["x", token_for()[:-1], token_for(aud="https://other.example"), token_for(exp=1)])
async def test_a_bad_token_is_told_as_a_graphql_api_tells_it(token: str) -> None:
    answer = await ask(SEED_QUERY, token)

    said = answer.json()
    assert (answer.status, list(said)) == (401, ["errors"])
    assert [list(error) for error in said["errors"]] == [["message", "extensions"]]
    assert said["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    assert (answer.header("www-authenticate") or "").startswith('Bearer error="invalid_token"')


async def test_no_token_is_told_so_too() -> None:
    answer = await call(APP, "POST", "/api/v1/graphql", headers={"content-type": "application/json"}, body=b"{}")

    assert (answer.status, answer.json()["errors"][0]["extensions"]) == (401, {"code": "UNAUTHENTICATED"})
    assert (answer.header("www-authenticate") or "").startswith("Bearer")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_any_method_but_post_is_refused_before_anybody_is_asked_who_they_are(method: str) -> None:
    answer = await call(APP, method, "/api/v1/graphql", query="query={companies{nodes{id}}}")

    assert (answer.status, answer.header("allow")) == (405, "POST")


async def test_Q7_introspection_is_off_unless_asked_for() -> None:
    query = "{__schema{types{name}}}"
    refused = await ask(query)
    answered = await ask(query, app=api(Introspection.ANSWERED))

    assert (refused.status, "data" in refused.json()) == (400, False)
    names = {one["name"] for one in answered.json()["data"]["__schema"]["types"]}
    assert {"SaleInvoiceConnection", "CompanyConnection", "PageInfo"} <= names


async def test_Q6_a_list_of_operations_is_refused_as_a_whole() -> None:
    headers = {"content-type": "application/json", "authorization": f"Bearer {token_for()}"}
    body = json.dumps([{"query": SEED_QUERY}] * 2).encode()

    answer = await call(APP, "POST", "/api/v1/graphql", headers=headers, body=body)

    assert (answer.status, "data" in answer.json()) == (400, False)

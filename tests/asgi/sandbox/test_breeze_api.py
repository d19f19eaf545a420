from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asgi_driver import Answer, call
from portvakt.model.values import ClientId, Instant
from portvakt.protocol.admit.verified import Verified
from portvakt.sandbox.breeze_api import READ_CREDENTIALS, BreezeUser, Tenant, breeze_api
from portvakt.sandbox.graphql import Introspection

if TYPE_CHECKING:
    from portvakt.sandbox.asgi import App, Receive, Scope, Send

SEED_QUERY = "query GetCurrentUser { Me { _id userId email } }"
USER = BreezeUser(
    id="user_abc123",
    user_id="integration@example.com",
    email="integration@example.com",
    first_name="Inger",
    last_name="Øst",
    default_tenant=Tenant(id="tenant_1", name="Fjord AS"),
    roles=frozenset({READ_CREDENTIALS}),
)
LIMITED = BreezeUser(id="user_lim", user_id="limited@example.com", email="limited@example.com")
GONE = BreezeUser(id="user_del", user_id="gone@example.com", email="gone@example.com", status="deleted")
AWAY = BreezeUser(id="user_off", user_id="away@example.com", email="away@example.com", status="inactive")
USERS = {"oauth_full": USER, "oauth_limited": LIMITED, "oauth_deleted": GONE, "oauth_inactive": AWAY}
CREDENTIALS = {"cred_mail_1": "Mail server"}
FORBIDDEN = b'{"errors":[{"message":"Not allowed to read credentials","extensions":{"code":"FORBIDDEN"}}],"data":null}'
NOT_FOUND = b'{"errors":[{"message":"Credential not found","extensions":{"code":"NOT_FOUND"}}],"data":null}'
BAD_ID = (
    b'{"errors":[{"message":"Credential id must match ^cred_[a-z0-9_]+$",'
    b'"extensions":{"code":"BAD_USER_INPUT"}}],"data":null}'
)
UNAUTHENTICATED = b'{"errors":[{"message":"Token validation failed","extensions":{"code":"UNAUTHENTICATED"}}]}'


def verified(client_id: str) -> Verified:
    return Verified(
        client_id=ClientId(client_id),
        subject=client_id,
        scopes=frozenset(),
        organisation_number=None,
        roles=frozenset(),
        issued_at=Instant(0),
        expires_at=Instant(0),
        token_id="1",
        grant_id=None,
        key_id="k",
    )


def let_in(app: App, *, scopes: frozenset[str]) -> App:
    """Stand for a guard: whoever says who they are is believed."""
    assert scopes == frozenset()

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        scope["portvakt"] = verified(dict(scope["headers"])[b"x-client"].decode())
        await app(scope, receive, send)

    return guarded


def api(introspection: Introspection = Introspection.REFUSED) -> App:
    return breeze_api(USERS.get, CREDENTIALS, raise_it, let_in, introspection=introspection)


def raise_it(cause: BaseException) -> None:
    raise AssertionError("a resolver failed") from cause


async def ask(query: str, client: str = "oauth_full", *, app: App | None = None, **members: Any) -> Answer:
    body = json.dumps({"query": query, **members}).encode()
    headers = {"Content-Type": "application/json", "X-Client": client}
    return await call(app or api(), "POST", "/graphql", headers=headers, body=body)


async def test_the_seeds_query_is_answered_to_the_byte() -> None:
    answer = await ask(SEED_QUERY)

    assert answer.status == 200
    assert answer.body == (
        b'{"data":{"Me":{"_id":"user_abc123","userId":"integration@example.com","email":"integration@example.com"}}}'
    )
    assert answer.header("content-type") == "application/json"
    assert answer.header("content-length") == str(len(answer.body))


async def test_all_that_is_known_of_a_user() -> None:
    answer = await ask("{Me{first_name last_name status default_tenant{_id name}}}")

    assert answer.body.decode() == (
        '{"data":{"Me":{"first_name":"Inger","last_name":"Øst","status":"active",'
        '"default_tenant":{"_id":"tenant_1","name":"Fjord AS"}}}}'
    )


async def test_a_user_may_have_no_names_and_no_tenant() -> None:
    answer = await ask("{Me{first_name last_name default_tenant{name}}}", "oauth_limited")

    assert answer.json() == {"data": {"Me": {"first_name": None, "last_name": None, "default_tenant": None}}}


async def test_any_client_may_ask_who_it_is() -> None:
    assert (await ask("{Me{_id}}", "oauth_limited")).body == b'{"data":{"Me":{"_id":"user_lim"}}}'


async def test_a_credential_that_exists() -> None:
    answer = await ask('{Credential(_id:"cred_mail_1"){_id name}}')

    assert (answer.status, answer.body) == (
        200,
        b'{"data":{"Credential":{"_id":"cred_mail_1","name":"Mail server"}}}',
    )


async def test_the_seeds_error_for_an_unknown_credential_to_the_byte() -> None:
    answer = await ask('{Credential(_id:"cred_nothing"){_id name}}')

    assert (answer.status, answer.body) == (200, NOT_FOUND)


@pytest.mark.parametrize("credential", ["cred_mail_1", "cred_nothing"])
async def test_a_user_without_the_role_learns_nothing_of_what_exists(credential: str) -> None:
    answer = await ask(f'{{Credential(_id:"{credential}"){{name}}}}', "oauth_limited")

    assert (answer.status, answer.body) == (200, FORBIDDEN)


@pytest.mark.parametrize(
    "credential", ["", "cred_", "cred_Ä", "cred_A", "CRED_a", "cred_a\\n", " cred_a", "user_a", "cred_\\u0000"]
)
@pytest.mark.parametrize("client", ["oauth_full", "oauth_limited"])
async def test_an_id_of_another_form_is_bad_input_whoever_asks(credential: str, client: str) -> None:
    answer = await ask(f'{{Credential(_id:"{credential}"){{name}}}}', client)

    assert (answer.status, answer.body) == (200, BAD_ID)


async def test_an_id_may_come_as_a_variable() -> None:
    query = "query Q($id: ID!) { Credential(_id: $id) { name } }"

    assert (await ask(query, variables={"id": "cred_nothing"})).body == NOT_FOUND
    assert (await ask(query, variables={"id": 7})).body == BAD_ID


async def test_what_goes_wrong_stands_before_the_data_and_takes_all_of_it() -> None:
    answer = await ask('{Me{_id} Credential(_id:"cred_nothing"){name}}')

    assert answer.body == NOT_FOUND


@pytest.mark.parametrize("client", ["oauth_unknown", "oauth_deleted", "oauth_inactive"])
async def test_a_token_whose_user_is_gone_is_a_bad_token(client: str) -> None:
    answer = await ask(SEED_QUERY, client)

    assert (answer.status, answer.body) == (401, UNAUTHENTICATED)
    assert answer.header("www-authenticate") == 'Bearer error="invalid_token"'


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"])
async def test_any_method_but_post_is_refused_before_anybody_is_asked_who_they_are(method: str) -> None:
    answer = await call(api(), method, "/graphql", query="query={Me{_id}}")

    assert answer.status == 405
    assert answer.header("allow") == "POST"


@pytest.mark.parametrize("query", ["{__schema{types{name}}}", '{__type(name:"User"){name}}'])
async def test_Q7_introspection_is_off_unless_asked_for(query: str) -> None:
    refused = await ask(query)
    answered = await ask(query, app=api(Introspection.ANSWERED))

    assert (refused.status, "data" in refused.json()) == (400, False)
    assert (answered.status, "errors" in answered.json()) == (200, False)


async def test_Q7_a_misspelt_field_gets_no_suggestion() -> None:
    answer = await ask("{Me{emial}}")

    assert answer.body == (
        b'{"errors":[{"message":"Cannot query field \'emial\' on type \'User\'.",'
        b'"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}'
    )

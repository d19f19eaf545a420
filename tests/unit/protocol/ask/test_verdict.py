"""Whether an API refused the token, and whether a request may be sent twice. In doubt it is not."""

from __future__ import annotations

import json
import time

import pytest

from portvakt.model.provider import Api, ApiKind, TokenCheck
from portvakt.protocol.ask.verdict import READ_AT_MOST, is_graphql, may_repeat, says_unauthenticated
from portvakt.providers import PROVIDERS

GRAPHQL = Api(kind=ApiKind.GRAPHQL)  # UNKNOWN: nobody knows when it looks at the token
BREEZE = PROVIDERS["breeze"].api
PRISJAKT = PROVIDERS["prisjakt"].api
REST = PROVIDERS["standard"].api
REFUSAL = {"message": "Token validation failed", "extensions": {"code": "UNAUTHENTICATED"}}
DENIAL = {"message": "Not for you", "extensions": {"code": "FORBIDDEN"}}


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def test_the_providers_say_when_they_look_at_the_token() -> None:
    checks = {name: provider.api.token_check for name, provider in PROVIDERS.items()}

    before, unknown = TokenCheck.BEFORE_EXECUTION, TokenCheck.UNKNOWN
    assert checks == {"breeze": before, "luca": before, "prisjakt": before, "standard": unknown}


@pytest.mark.parametrize(
    ("api", "method", "media_type", "sent", "graphql"),
    [
        (BREEZE, "POST", "application/json", b"{}", True),
        (BREEZE, "GET", "", b"", True),
        (BREEZE, "POST", "multipart/form-data; boundary=x", b"--x--", True),
        (REST, "POST", "application/json", b'{"query":"{ a }"}', True),
        (REST, "POST", "Application/JSON ; charset=utf-8", b'{"query":"{ a }"}', True),
        (REST, "GET", "application/json", b'{"query":"{ a }"}', False),
        (REST, "POST", "text/plain", b'{"query":"{ a }"}', False),
        (REST, "POST", "", b'{"query":"{ a }"}', False),
        (REST, "POST", "application/json", b'{"name":"query"}', True),  # by its looks: only makes it read the reply
        (REST, "POST", "application/json", b'{"name":"a"}', False),
    ],
)
def test_a_graphql_request_is_known_by_the_api_else_by_its_looks(
    api: Api, method: str, media_type: str, sent: bytes, graphql: bool
) -> None:
    assert is_graphql(api, method, media_type, sent) is graphql


@pytest.mark.parametrize(
    "said",
    [
        {"errors": [REFUSAL]},
        {"errors": [REFUSAL], "data": None},
        {"data": {"Me": None}, "errors": [DENIAL, REFUSAL]},
        {"errors": [None, 1, "UNAUTHENTICATED", [REFUSAL], {}, {"extensions": None}, {"extensions": []}, REFUSAL]},
        {"errors": [{"extensions": {"code": "UNAUTHENTICATED", "more": [1]}}]},
    ],
    ids=["alone", "without data", "among others", "among nonsense", "without a message"],
)
def test_a_refusal_is_found_wherever_it_stands(said: object) -> None:
    assert says_unauthenticated(body(said))


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"null",
        b'"errors"',
        b'["errors"]',
        b'{"errors":',
        b'{"errors":[{"extensions":{"code":"UNAUTHENTICATED"}}]',
        b'{"errors":"\xff"}',
        b'{"errors":' + b"9" * 5000 + b"}",
        b'{"errors":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b"<html>UNAUTHENTICATED",
        body({"errors": REFUSAL}),
        body({"errors": {"0": REFUSAL}}),
        body({"errors": None}),
        body({"errors": []}),
        body({"errors": [DENIAL]}),
        body({"errors": [[REFUSAL]]}),
        body({"errors": [{"code": "UNAUTHENTICATED"}]}),
        body({"errors": [{"message": "UNAUTHENTICATED"}]}),
        body({"errors": [{"extensions": {"code": "unauthenticated"}}]}),
        body({"errors": [{"extensions": {"code": ["UNAUTHENTICATED"]}}]}),
        body({"errors": [{"extensions": "UNAUTHENTICATED"}]}),
        body([{"errors": [REFUSAL]}]),
        body({"data": {"errors": [REFUSAL]}}),
        body({"data": {"note": "UNAUTHENTICATED"}}),
    ],
    ids=lambda said: repr(said[:40]),
)
def test_what_only_looks_like_a_refusal_is_none(said: bytes) -> None:
    assert not says_unauthenticated(said)


def test_a_refusal_is_short_and_nothing_longer_is_looked_at() -> None:
    whole = body({"errors": [REFUSAL]}).ljust(READ_AT_MOST)
    began = time.perf_counter()

    assert says_unauthenticated(whole)
    assert not says_unauthenticated(whole + b" ")
    assert not says_unauthenticated(b'{"errors":[' + b"[" * 50_000_000)
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("api", [REST, GRAPHQL, BREEZE, PRISJAKT])
def test_a_safe_method_is_always_repeated(api: Api, method: str) -> None:
    # RFC 9110 §9.2.1
    assert may_repeat(api, method, b"", graphql=False, reply_body=None)
    assert may_repeat(api, method, b"", graphql=True, reply_body=b'{"data":{}}')


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "get", "QUERY", "", "PURGE"])
def test_any_other_method_is_repeated_only_where_nothing_was_begun(method: str) -> None:
    assert not may_repeat(REST, method, b'{"a":1}', graphql=False, reply_body=None)
    assert may_repeat(PRISJAKT, method, b'{"a":1}', graphql=False, reply_body=None)


@pytest.mark.parametrize(
    "query",
    [
        "{ Me { email } }",
        "query GetCurrentUser { Me { _id userId email } }",
        "query Q($id: ID!) { Credential(_id: $id) { name } } fragment F on Credential { name }",
        "\ufeff # what mutates\n query { mutations { subscriptionId mutation_id } }",
    ],
)
def test_a_query_is_repeated_wherever_it_was_refused(query: str) -> None:
    sent = body({"query": query, "variables": {"note": "mutation"}, "operationName": "mutation"})

    for said in (None, b"", b"<html>", b'{"errors":[]}', b'{"data":null}', b'{"data":{"Me":{}}}'):
        assert may_repeat(GRAPHQL, "POST", sent, graphql=True, reply_body=said)


CHANGES = [
    body({"query": "mutation { pay }"}),
    body({"query": "mutation M($a: Int) { pay(a: $a) }"}),
    body({"query": "mutation{pay}"}),
    body({"query": "\ufeffmutation{pay}"}),
    body({"query": ",,,mutation{pay}"}),
    body({"query": "#\rmutation{pay}"}),
    body({"query": "query A { a } mutation B { pay }", "operationName": "B"}),
    body({"query": "subscription { payments }"}),
    b'{"query":"\\u006d\\u0075\\u0074\\u0061\\u0074\\u0069\\u006f\\u006e { pay }"}',
    b'{"\\u0071uery":"mutation { pay }"}',
    body({"query": "mutation { pay }"}).decode().encode("utf-16"),
    b'{"query":"{ a }","query":"mutation { pay }"}',
]
UNCLEAR = [
    body({"query": "{ a } # mutation"}),
    body({"query": '{ a(note: "a mutation of mine") }'}),
    body([{"query": "{ a }"}]),
    body([{"query": "{ a }"}, {"query": "mutation { pay }"}]),
    body({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "ab"}}}),
    body({"query": "", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "ab"}}}),
    body({"query": " \n# kept by the server\n", "id": "pay"}),
    body({"query": None, "id": "pay"}),
    body({"query": ["{ a }"]}),
    body({"documentId": "pay"}),
    body("{ a }"),
    b"{ a }",
    b"query={a}",
    b"",
    b'{"query":"{ a }"',
    b'{"query":"{ a }\xff"}',
    b"[" * 100_000,
    b'{"query":"{ a }","n":' + b"9" * 5000 + b"}",
]


@pytest.mark.parametrize("sent", CHANGES + UNCLEAR, ids=lambda sent: repr(sent[:50]))
@pytest.mark.parametrize("said", [None, b"", b"{}", b'{"errors":[]}', b'{"data":null}'])
def test_what_may_change_something_is_not_repeated_where_nobody_knows(sent: bytes, said: bytes | None) -> None:
    assert not may_repeat(GRAPHQL, "POST", sent, graphql=True, reply_body=said)


@pytest.mark.parametrize("sent", CHANGES + UNCLEAR, ids=lambda sent: repr(sent[:50]))
def test_a_change_that_was_refused_before_it_began_is_repeated(sent: bytes) -> None:
    for said in (None, b"", b"<html>", b"[]", body({"errors": [REFUSAL]})):
        assert may_repeat(BREEZE, "POST", sent, graphql=True, reply_body=said)


@pytest.mark.parametrize("data", [None, {}, {"pay": None}, {"pay": {"id": 1}}, [], False])
def test_a_change_is_not_repeated_if_there_is_data_of_it(data: object) -> None:
    said = body({"errors": [REFUSAL], "data": data})

    assert not may_repeat(BREEZE, "POST", body({"query": "mutation { pay }"}), graphql=True, reply_body=said)
    assert may_repeat(BREEZE, "POST", body({"query": "{ a }"}), graphql=True, reply_body=said)


def test_what_a_rest_reply_calls_data_is_its_own_affair() -> None:
    assert may_repeat(PRISJAKT, "POST", b"{}", graphql=False, reply_body=b'{"data":{}}')


@pytest.mark.parametrize("sent", [b'{"query":"{ a }"}', b'{"query":"mutation { pay }"}'])
def test_a_rest_request_with_a_member_named_query_proves_nothing(sent: bytes) -> None:
    assert not may_repeat(REST, "POST", sent, graphql=False, reply_body=None)

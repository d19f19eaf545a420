from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from ariadne import QueryType, make_executable_schema
from graphql import GraphQLError

from asgi_driver import Answer, call
from portvakt.sandbox.graphql import Problem, graphql_view
from portvakt.server.call import Disconnected

if TYPE_CHECKING:
    from portvakt.sandbox.asgi import App, Scope

QUERY = QueryType()
SECRET = "s3cr3t_xyz789"
JSON = {"content-type": "application/json"}


@QUERY.field("broken")
def broken(*_: Any) -> str:
    raise RuntimeError(SECRET)


@QUERY.field("refused")
def refused(*_: Any) -> str:
    raise Problem("Not today", "CLOSED")


@QUERY.field("wrong")
def wrong(*_: Any) -> object:
    return {"a": SECRET}


@QUERY.field("nothing")
def nothing(*_: Any) -> None:
    return None


@QUERY.field("same")
def same(_root: None, _info: Any, text: str) -> str:
    return text


SCHEMA = make_executable_schema(
    "type Query { broken: String, refused: String, wrong: String, nothing: String!, same(text: String!): String!, "
    "many(of: [ID!]): String }",
    QUERY,
)


def view(log: list[BaseException] | None = None) -> App:
    return graphql_view(SCHEMA, lambda scope: None, (log if log is not None else []).append)


async def post(body: bytes, headers: dict[str, str] = JSON, *, app: App | None = None) -> Answer:
    return await call(app or view(), "POST", "/graphql", headers=headers, body=body)


async def ask(query: object, *, app: App | None = None, **members: object) -> Answer:
    return await post(json.dumps({"query": query, **members}).encode(), app=app)


def code(answer: Answer) -> str:
    """The code of the one error; the reply has the form that was agreed."""
    said = answer.json()
    assert list(said) in (["errors"], ["errors", "data"])
    for error in said["errors"]:
        assert list(error) == ["message", "extensions"]
        assert list(error["extensions"]) == ["code"]
        assert len(error["message"]) <= 300
    codes = {error["extensions"]["code"] for error in said["errors"]}
    assert len(codes) == 1
    return str(codes.pop())


async def test_success_is_data_alone() -> None:
    answer = await ask("{refused: __typename}", variables=None, operationName=None, extensions={"any": 1})

    assert (answer.status, answer.body) == (200, b'{"data":{"refused":"Query"}}')


async def test_the_operation_is_chosen_by_name() -> None:
    query = "query A {a:__typename} query B {b:__typename}"

    assert (await ask(query, operationName="B")).body == b'{"data":{"b":"Query"}}'
    for name in (None, "C"):
        answer = await ask(query, operationName=name)
        assert (answer.status, code(answer), "data" in answer.json()) == (400, "BAD_USER_INPUT", False)


async def test_what_a_resolver_refuses_is_told_as_it_is() -> None:
    log: list[BaseException] = []
    answer = await ask("{refused __typename}", app=view(log))

    assert answer.body == (
        b'{"errors":[{"message":"Not today","extensions":{"code":"CLOSED"}}],'
        b'"data":{"refused":null,"__typename":"Query"}}'
    )
    assert (answer.status, log) == (200, [])


async def test_what_a_resolver_did_not_expect_is_told_to_the_log_alone() -> None:
    log: list[BaseException] = []
    answer = await ask("{broken}", app=view(log))

    assert answer.body == (
        b'{"errors":[{"message":"Internal server error","extensions":{"code":"INTERNAL_SERVER_ERROR"}}],'
        b'"data":{"broken":null}}'
    )
    assert [type(cause) for cause in log] == [RuntimeError]


@pytest.mark.parametrize(("field", "cause"), [("wrong", GraphQLError), ("nothing", TypeError)])
async def test_a_value_that_does_not_fit_the_schema_is_our_fault_and_not_shown(field: str, cause: type) -> None:
    log: list[BaseException] = []
    answer = await ask(f"{{{field}}}", app=view(log))

    assert (answer.status, code(answer)) == (200, "INTERNAL_SERVER_ERROR")
    assert SECRET.encode() not in answer.body
    assert [type(one) for one in log] == [cause]


@pytest.mark.parametrize("variables", [{}, {"t": None}, {"t": 7}, {"t": ["a"]}, {"t": {"a": "b"}}])
async def test_a_variable_that_does_not_fit_is_bad_input(variables: dict[str, object]) -> None:
    answer = await ask("query($t: String!){same(text:$t)}", variables=variables)

    assert (answer.status, code(answer), "data" in answer.json()) == (400, "BAD_USER_INPUT", False)


async def test_Q10_many_variables_that_do_not_fit_are_told_shortly_and_without_their_values() -> None:
    names = [f"v{number}" for number in range(20)]
    query = (
        f"query({','.join(f'${name}:ID!' for name in names)}){{many(of:[{','.join(f'${name}' for name in names)}])}}"
    )
    value = {"None": [True, "s3cr3t" * 100, "å" * 1000]}

    answer = await ask(query, variables=dict.fromkeys(names, value))

    assert (answer.status, code(answer), len(answer.json()["errors"])) == (400, "BAD_USER_INPUT", 5)
    assert answer.json()["errors"][0]["message"] == "Variable $v0 needs a value of type ID!."
    assert len(answer.body) < 1000


@pytest.mark.parametrize("sign", ["å", "😀"])
async def test_Q10_errors_are_short_in_bytes_too(sign: str) -> None:
    answer = await ask("{" + " ".join(f'a{n}:same(text:{n},{n * "a"}x:"{sign * 500}")' for n in range(9)) + "}")
    unknown = await ask("query a{__typename} query b{__typename}", operationName=sign * 1000)

    assert code(answer) == "GRAPHQL_VALIDATION_FAILED"
    assert (unknown.status, code(unknown)) == (400, "BAD_USER_INPUT")
    assert len(answer.body) < 2500
    assert len(unknown.body) < 400


async def test_a_null_where_only_the_default_would_do_is_bad_input_too() -> None:
    log: list[BaseException] = []
    answer = await ask('query($t: String = "x"){same(text:$t)}', variables={"t": None}, app=view(log))

    assert (answer.status, code(answer), log) == (200, "BAD_USER_INPUT", [])
    assert answer.json()["data"] is None


@pytest.mark.parametrize(
    "query", ["", " ", "{", "}", "{same(text:}", "query {", "\x00", "{a}}", '{same(text:"\\ud800")}']
)
async def test_what_does_not_parse_is_no_graphql(query: str) -> None:
    answer = await ask(query)

    assert (answer.status, code(answer), "data" in answer.json()) == (400, "GRAPHQL_PARSE_FAILED", False)


@pytest.mark.parametrize(
    "query",
    ["{none}", "{same}", '{same(text:"a"){b}}', "mutation{a}", "subscription{a}", "type A{b:Int}", "{__typename@no}"],
)
async def test_what_is_not_valid_is_no_graphql(query: str) -> None:
    answer = await ask(query)

    assert (answer.status, code(answer), "data" in answer.json()) == (400, "GRAPHQL_VALIDATION_FAILED", False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'"{__typename}"',
        b"{}",
        b'{"query":null}',
        b'{"query":1}',
        b'{"query":["{__typename}"]}',
        b'{"query":"{__typename}","variables":[]}',
        b'{"query":"{__typename}","variables":"{}"}',
        b'{"query":"{__typename}","operationName":1}',
        b'{"query":"{__typename}"} x',
        b"query=%7B__typename%7D",
        b"{__typename}",
    ],
)
async def test_a_body_of_another_form_is_a_bad_request(body: bytes) -> None:
    answer = await post(body)

    assert (answer.status, code(answer), "data" in answer.json()) == (400, "BAD_REQUEST", False)


@pytest.mark.parametrize(
    "body",
    [
        b'{"query":"{a}","query":"{__typename}"}',
        b'{"query":"{__typename}","variables":{"a":1,"a":2}}',
        b'{"query":"{__typename}","variables":{"a":NaN}}',
        b'{"query":"{__typename}","variables":{"a":1e400}}',
        b'{"query":"{__typename}","variables":{"a":-Infinity}}',
        b'{"query":"{__typename}","variables":{"a":' + b"9" * 100_000 + b"}}",
    ],
)
async def test_T11_json_that_two_readers_could_read_differently_is_refused(body: bytes) -> None:
    assert code(await post(body)) == "BAD_REQUEST"


@pytest.mark.parametrize("deep", [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 20 + b"1" + b"}" * 20])
async def test_T11_deep_json_is_refused(deep: bytes) -> None:
    answer = await post(b'{"query":"{__typename}","variables":' + deep + b"}")

    assert (answer.status, code(answer)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "text", [b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\\ud800", b"\\udc00\\ud800", "{".encode("utf-16")]
)
async def test_T14_text_that_is_no_unicode_is_refused(text: bytes) -> None:
    answer = await post(b'{"query":"query($t:String!){same(text:$t)}","variables":{"t":"' + text + b'"}}')

    assert (answer.status, code(answer)) == (400, "BAD_REQUEST")


async def test_text_beyond_ascii_comes_back_as_it_was() -> None:
    answer = await ask("query($t:String!){same(text:$t)}", variables={"t": "blåbær 🫐\u0000"})

    assert answer.json() == {"data": {"same": "blåbær 🫐\u0000"}}


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON", "application/json;charset=UTF-8"])
async def test_T6_the_content_type_in_any_letter_case(kind: str) -> None:
    assert (await post(b'{"query":"{__typename}"}', {"content-type": kind})).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"content-type": "text/plain"}, 400),
        ({"content-type": "application/graphql"}, 400),
        ({"content-type": "application/x-www-form-urlencoded"}, 400),
        ({"content-type": "application/jsonp"}, 400),
        ({"content-type": "application/json, text/plain"}, 400),
        ({"content-type": "application/json; charset=utf-7"}, 400),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),
        ({**JSON, "content-encoding": "gzip"}, 415),
        ({**JSON, "content-encoding": "deflate, gzip"}, 415),
    ],
)
async def test_T6_T7_T17_T18_other_bodies_are_refused_unread(headers: dict[str, str], status: int) -> None:
    assert await unread(headers) == status


async def test_T24_the_answer_is_json_whatever_is_accepted() -> None:
    answer = await post(b'{"query":"{__typename}"}', {**JSON, "accept": "image/*"})

    assert (answer.status, answer.header("content-type")) == (200, "application/json")


@pytest.mark.parametrize("size", [1, 1000])
async def test_Q6_a_list_of_operations_is_refused_as_a_whole(size: int) -> None:
    answer = await post(json.dumps([{"query": "{__typename}"}] * size).encode())

    assert (answer.status, code(answer), len(answer.json()["errors"])) == (400, "BAD_REQUEST", 1)


@pytest.mark.parametrize(
    "query",
    [
        "{" + "__typename " * 1100 + "}",
        "{" + "a" * 20_000 + "}",
        "{" + "\n" * 100_000 + "__typename}",
        "{many(of:" + "[" * 480 + "]" * 480 + ")}",
        "{many(of:" + "[" * 9000 + ")}",
    ],
)
async def test_Q10_a_query_beyond_the_limits_is_refused(query: str) -> None:
    answer = await ask(query)

    assert (answer.status, code(answer)) == (400, "GRAPHQL_PARSE_FAILED")


async def test_Q10_deep_list_literals_in_variables_are_refused() -> None:
    deep: object = []
    for _ in range(14):
        deep = [deep]
    answer = await ask("query($v:[ID!]){many(of:$v)}", variables={"v": deep})

    assert (answer.status, code(answer)) == (400, "BAD_REQUEST")


async def test_Q10_errors_do_not_repeat_what_was_sent_at_length() -> None:
    name = "a" * 5000
    answer = await ask("query " + name + "{" + " ".join(f"same(text:$v{n})" for n in range(100)) + "}")

    assert code(answer) == "GRAPHQL_VALIDATION_FAILED"
    assert len(answer.body) < 3000


async def test_a_body_that_is_too_long_is_refused() -> None:
    whole = b'{"query":"{__typename}","variables":{"a":"' + b"a" * 262_144 + b'"}}'
    fits = whole.replace(b"a" * 262_144, b"a" * (262_144 - (len(whole) - 262_144)))
    assert len(fits) == 262_144

    assert (await post(fits)).status == 200
    assert (await post(whole)).status == 413
    assert code(await post(whole)) == "BAD_REQUEST"


@pytest.mark.parametrize("length", ["5000000", "262145", "0" * 50 + "262145", "9" * 5000, "-1", "1e3", "\u00b2", "1_0"])
async def test_Q10_a_body_that_announces_too_much_is_not_read(length: str) -> None:
    assert await unread({**JSON, "content-length": length}) == 413


async def test_a_body_that_announces_its_length_is_read() -> None:
    body = b'{"query":"{__typename}"}'

    assert (await post(body, {**JSON, "content-length": str(len(body))})).status == 200


async def unread(headers: dict[str, str]) -> int:
    """The status of an answer that was given without a look at the body."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("the body is read")

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await view()({"type": "http", "method": "POST", "headers": raw}, receive, send)
    return int(sent[0]["status"])


async def test_a_body_may_come_in_pieces_but_not_without_end() -> None:
    whole = b'{"query":"{__typename}"}'
    pieces = [whole[n : n + 1] for n in range(len(whole))]

    assert (await call(view(), "POST", "/graphql", headers=JSON, body=pieces)).status == 200
    assert (await call(view(), "POST", "/graphql", headers=JSON, body=[b" " * 65_536] * 1000)).status == 413


async def test_who_hangs_up_before_the_end_gets_no_answer() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        raise AssertionError(message)

    scope: Scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}
    with pytest.raises(Disconnected):
        await view()(scope, receive, send)


async def test_a_caller_who_may_not_come_in_is_told_before_the_body_is_read() -> None:
    def nobody(scope: Scope) -> object:
        raise Problem("Token validation failed", "UNAUTHENTICATED")

    log: list[BaseException] = []
    answer = await post(b"no json", app=graphql_view(SCHEMA, nobody, log.append))

    assert (answer.status, code(answer)) == (401, "UNAUTHENTICATED")

"""How a token is shown, and what is said where it is not good: no network, one request at a time."""

from typing import Any

import pytest

from access_tokens import AUDIENCE, NOW, a_key, a_token
from asgi_driver import Answer, call
from guard_builders import Clock, OwnKeys, a_guard, bearing
from portvakt.guard import Denied, Guard
from portvakt.model.nouns import Algorithm
from portvakt.providers.breeze import BREEZE

METADATA = 'resource_metadata="https://api.example/.well-known/oauth-protected-resource"'


async def api(scope: Any, receive: Any, send: Any) -> None:
    """An API that answers with who was let in."""
    body = repr(scope["portvakt"].client_id).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def ask(*headers: str, guard: Guard | None = None, query: str | bytes = b"", scopes: Any = ()) -> Answer:
    app = (guard or a_guard()).asgi(api, scopes=scopes)
    return await call(app, "GET", "/echo", headers=[("authorization", header) for header in headers], query=query)


def assert_refused(answer: Answer, status: int, code: str, challenge: str) -> None:
    assert (answer.status, answer.json()["error"]) == (status, code)
    assert answer.header("www-authenticate") == challenge
    assert answer.header("cache-control") == "no-store"
    assert answer.header("vary") == "Authorization"
    assert answer.header("content-type") == "application/json"
    assert answer.header("content-length") == str(len(answer.body))
    assert list(answer.json()) == ["error", "error_description"]


async def test_a_good_token_gets_in() -> None:
    answer = await ask("Bearer " + a_token())

    assert (answer.status, answer.body) == (200, b"'client_1'")


@pytest.mark.parametrize("scheme", ["bearer ", "BEARER ", "BeArEr ", "Bearer  ", "bearer    "])
async def test_B1_letter_case_and_spaces_of_the_scheme_do_not_matter(scheme: str) -> None:
    guard, token = a_guard(), a_token()

    for _ in range(2):  # also when it was seen before
        assert (await ask(scheme + token, guard=guard)).status == 200
    assert len(guard._seen) == 1


@pytest.mark.parametrize("headers", [(), ("Basic YTpi",), ("DPoP abc",), ("Negotiate",), ("",)])
async def test_B1_who_shows_no_token_gets_a_challenge_without_an_error(headers: tuple[str, ...]) -> None:
    assert_refused(await ask(*headers), 401, "missing_token", f"Bearer {METADATA}")


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer \u00e6", 'Bearer "a"'])
async def test_B1_what_is_not_one_token_is_an_invalid_request(value: str) -> None:
    assert_refused(await ask(value), 400, "invalid_request", f'Bearer error="invalid_request", {METADATA}')


async def test_B1_two_headers_are_refused_even_if_both_are_good() -> None:
    good = "Bearer " + a_token()

    for pair in ((good, good), (good, "Bearer x"), ("Basic YTpi", good)):
        assert_refused(await ask(*pair), 400, "invalid_request", f'Bearer error="invalid_request", {METADATA}')


async def test_B1_a_token_in_a_form_body_is_not_looked_at() -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}

    answer = await call(a_guard().asgi(api), "POST", "/", headers=form, body=f"access_token={a_token()}".encode())

    assert_refused(answer, 401, "missing_token", f"Bearer {METADATA}")


@pytest.mark.parametrize(
    "query",
    [
        "access_token={}",
        "a=b&access_token={}",
        "acc%65ss_token={}",
        "access_token",
        "%61ccess%5Ftoken={}",
        "a;access_token={}",
        "Access_Token={}",
        "access_token[]={}",
        "a;ACCESS_TOKEN%5B0%5D={}",
    ],
)
@pytest.mark.parametrize("header", [True, False])
async def test_B3_a_token_in_the_query_is_refused(query: str, header: bool) -> None:
    token = a_token()
    headers = ("Bearer " + token,) if header else ()

    answer = await ask(*headers, query=query.format(token))

    assert_refused(answer, 400, "invalid_request", f'Bearer error="invalid_request", {METADATA}')
    assert token not in answer.body.decode() + repr(answer.headers)


@pytest.mark.parametrize(
    "query", [b"a=1;b[]=2", b"my_access_token=1", b"access_token_hint=1", b"q=access_token", b"a=%20", b"\xff%zz"]
)
async def test_B3_other_queries_are_the_apis_own(query: bytes) -> None:
    assert (await ask("Bearer " + a_token(), query=query)).status == 200


async def test_B6_no_part_of_a_token_and_no_altered_token_is_good() -> None:
    guard = a_guard()
    token = a_token()
    assert (await ask("Bearer " + token, guard=guard)).status == 200
    altered = {token[:end] for end in range(1, len(token))}
    altered |= {token[start:] for start in range(1, len(token))}
    altered |= {token[:at] + token[at].swapcase() + token[at + 1 :] for at in range(len(token))}
    altered |= {
        token[:at] + chr(ord(token[at]) ^ (1 << bit)) + token[at + 1 :] for at in range(len(token)) for bit in range(7)
    }
    altered |= {token + token, token + "." + token, token + "=", token + ".", "." + token}

    for other in altered - {token}:
        with pytest.raises(Denied) as caught:
            await guard.verify([(b"authorization", b"Bearer " + other.encode())])
        assert caught.value.reply.status in {400, 401}  # 400: a space or another character that no token has
    assert len(guard._seen) == 1


async def test_J13_a_token_that_was_seen_before_ends_all_the_same() -> None:
    clock = Clock()
    for leeway in (0, 30):
        guard = a_guard(clock=clock, leeway=leeway)
        clock.now = NOW
        token = bearing(a_token())
        assert (await guard.verify(token)).client_id

        clock.advance(600 + leeway - 1)
        assert (await guard.verify(token)).client_id
        assert len(guard._seen) == 1
        clock.advance(1)
        with pytest.raises(Denied, match="401 invalid_token") as caught:
            await guard.verify(token)
        assert caught.value.refused.reason == f"expired {leeway} s ago"


async def test_J13_a_token_of_the_future_is_not_remembered_when_the_clock_is_set_right() -> None:
    clock = Clock()
    guard = a_guard(clock=clock)
    year = 365 * 24 * 3600
    token = bearing(a_token({"iat": NOW + year, "exp": NOW + year + 600}))
    clock.advance(year)
    assert (await guard.verify(token)).client_id

    clock.now = NOW
    for _ in range(2):
        with pytest.raises(Denied, match="401 invalid_token") as caught:
            await guard.verify(token)
        assert caught.value.refused.reason == f"iat is {year} s in the future"

    clock.advance(year)
    assert (await guard.verify(token)).client_id


async def test_J13_a_clock_that_is_set_back_a_little_costs_a_second_verification_and_no_more() -> None:
    clock = Clock()
    guard = a_guard(clock=clock)
    token = bearing(a_token({"iat": NOW - 10}))
    first = await guard.verify(token)

    clock.advance(-1)

    again = await guard.verify(token)
    assert again == first
    assert again is not first
    assert await guard.verify(token) is again


async def test_J15_a_token_that_was_seen_before_goes_with_its_key() -> None:
    clock, keys = Clock(), OwnKeys(a_key(1), a_key(2))
    guard = a_guard(clock=clock, keys=keys)
    token = bearing(a_token(key=a_key(2)))
    assert (await guard.verify(token)).client_id

    keys.publish(a_key(1))
    clock.advance(1)  # the keys are looked at once a second

    with pytest.raises(Denied, match="401 invalid_token"):
        await guard.verify(token)


async def test_a_new_key_of_the_same_process_is_known_at_once() -> None:
    keys = OwnKeys(a_key(1))
    guard = a_guard(keys=keys)
    assert (await guard.verify(bearing(a_token()))).client_id

    keys.publish(a_key(1), a_key(2))

    assert (await guard.verify(bearing(a_token(key=a_key(2))))).client_id


async def test_verified_tokens_are_remembered_up_to_a_bound() -> None:
    guard = a_guard()
    guard._seen._capacity = 3

    for number in range(5):
        await guard.verify(bearing(a_token({"jti": f"token-{number}"})))

    assert [verified.token_id for verified, *_ in guard._seen._verified.values()] == ["token-2", "token-3", "token-4"]


@pytest.mark.parametrize("scope", ["read", "read:x", "wri", "writer", "WRITE", "", "rite", "read:write"])
async def test_G2_a_scope_is_had_or_not(scope: str) -> None:
    answer = await ask("Bearer " + a_token({"scope": scope}), scopes={"write"})

    assert_refused(answer, 403, "insufficient_scope", f'Bearer error="insufficient_scope", scope="write", {METADATA}')


async def test_G2_all_scopes_are_needed() -> None:
    token = "Bearer " + a_token({"scope": "read write"})

    assert (await ask(token, scopes={"write", "read"})).status == 200
    answer = await ask(token, scopes={"write", "admin"})
    assert answer.status == 403
    assert 'scope="admin write"' in (answer.header("www-authenticate") or "")


async def test_G3_a_token_that_was_seen_on_one_route_does_not_open_another() -> None:
    guard = a_guard()
    token = "Bearer " + a_token({"scope": "read"})

    assert (await ask(token, guard=guard, scopes={"read"})).status == 200
    assert (await ask(token, guard=guard, scopes={"write"})).status == 403
    assert (await ask(token, guard=guard, scopes={"read"})).status == 200


async def test_a_refusal_says_nothing_that_the_token_says() -> None:
    guard = a_guard()
    with pytest.raises(Denied) as caught:
        await guard.verify(bearing(a_token({"iss": "canary"})))

    assert "canary" not in repr(caught.value.reply) + str(caught.value) + caught.value.reply.body.decode()
    assert caught.value.refused.reason.startswith("iss is another issuer")


BREEZE_REFUSAL = b'{"errors":[{"message":"Token validation failed","extensions":{"code":"UNAUTHENTICATED"}}]}'
BREEZE_METADATA = 'resource_metadata="https://api.example/.well-known/oauth-protected-resource/graphql"'


def a_breeze(**settings: Any) -> Guard:
    key = a_key(1, Algorithm.RS256)
    return a_guard(provider=BREEZE, audience=f"{AUDIENCE}/graphql", keys=OwnKeys(key), **settings)


def a_breeze_token(changes: dict[str, object] | None = None) -> str:
    audience: dict[str, object] = {"aud": f"{AUDIENCE}/graphql"}
    return a_token(audience | (changes or {}), key=a_key(1, Algorithm.RS256), typ="JWT", names_key=False)


@pytest.mark.parametrize("shown", ["Bearer", "Bearer a b", "Bearer x", "Bearer a.b.c", "expired", "at+jwt", "twice"])
async def test_breeze_says_token_validation_failed_to_the_byte(shown: str) -> None:
    headers = {
        "expired": ("Bearer " + a_breeze_token({"exp": NOW}),),
        "at+jwt": ("Bearer " + a_token({"aud": f"{AUDIENCE}/graphql"}, key=a_key(1, Algorithm.RS256)),),
        "twice": ("Bearer " + a_breeze_token(),) * 2,
    }.get(shown, (shown,))

    answer = await ask(*headers, guard=a_breeze())

    assert (answer.status, answer.body) == (401, BREEZE_REFUSAL)
    assert answer.header("www-authenticate") == f'Bearer error="invalid_token", {BREEZE_METADATA}'
    assert answer.header("content-type") == "application/json"


async def test_breeze_says_the_same_to_who_shows_nothing() -> None:
    answer = await ask(guard=a_breeze())

    assert (answer.status, answer.body) == (401, BREEZE_REFUSAL)
    assert answer.header("www-authenticate") == f"Bearer {BREEZE_METADATA}"


async def test_breeze_takes_its_own_tokens() -> None:
    assert (await ask("Bearer " + a_breeze_token(), guard=a_breeze())).status == 200


async def test_a_graphql_api_says_forbidden_and_bad_user_input() -> None:
    guard = a_guard(api="graphql")

    forbidden = await ask("Bearer " + a_token(), guard=guard, scopes={"read"})
    leaked = await ask("Bearer " + a_token(), guard=guard, query="access_token=x")

    assert forbidden.status == 403
    assert forbidden.json()["errors"][0]["extensions"] == {"code": "FORBIDDEN"}
    assert leaked.status == 400
    assert leaked.json()["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT"}


async def test_a_provider_with_graphql_may_be_asked_for_rest() -> None:
    assert (await ask(guard=a_breeze(api="rest"))).json()["error"] == "missing_token"


async def test_remembered_tokens_stay_where_the_same_keys_come_as_another_tuple() -> None:
    clock, keys = Clock(), OwnKeys(a_key())
    guard = a_guard(clock=clock, keys=keys)
    token = bearing(a_token())
    first = await guard.verify(token)

    keys.publish(a_key())
    clock.advance(1)

    assert await guard.verify(token) is first


async def test_the_operator_is_told_in_the_log_why_a_token_was_refused(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "portvakt.guard")
    token = a_token({"aud": "https://other.example"})

    with pytest.raises(Denied):
        await a_guard().verify(bearing(token))

    assert f"aud does not name this API, {AUDIENCE}" in caplog.text
    assert token not in caplog.text


@pytest.mark.parametrize(
    ("authorization", "says"),
    [
        ("Basic Y2xpZW50OnNlY3JldA==", "no bearer token: Basic credentials, which are for the token endpoint"),
        (a_token(), "no bearer token: a token without the word Bearer before it"),
        ("Digest canary", "no bearer token: another scheme than Bearer"),
        ("canary-without-a-scheme", "no bearer token: another scheme than Bearer"),
        ("", "no bearer token: another scheme than Bearer"),
        (None, "no bearer token"),
    ],
)
async def test_the_operator_is_told_what_stood_where_the_token_should_and_the_caller_is_not(
    authorization: str | None, says: str
) -> None:
    headers = [] if authorization is None else [(b"authorization", authorization.encode())]

    with pytest.raises(Denied) as caught:
        await a_guard().verify(headers)

    assert caught.value.refused.reason == says
    challenge = dict(caught.value.reply.headers)["www-authenticate"]
    assert caught.value.reply.status == 401
    assert "error" not in challenge  # RFC 6750 §3.1: no code where no token was shown
    assert "asic" not in challenge + caught.value.reply.body.decode()

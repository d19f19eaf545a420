"""What a token endpoint may reply, and what is made of it: tokens, a refusal, or an error that quotes nothing."""

from __future__ import annotations

import json

import pytest

from portvakt.model.decision import Exceeded, Granted, Refused, Tokens
from portvakt.model.message import Reply
from portvakt.model.values import Seconds, Secret
from portvakt.providers import PROVIDERS
from portvakt.providers.hear import LONGEST_LIFETIME, REPLY_LIMIT, ReplyError, hear

BREEZE, LUCA, PRISJAKT, STANDARD = (PROVIDERS[name] for name in ("breeze", "luca", "prisjakt", "standard"))
CANARY = "canary-4Rq9x7"
BREEZE_429 = (
    "Rate limit exceeded for OAuth token requests. Maximum 100 requests per hour allowed. Try again in 420 seconds."
)


def a_reply(status: int, members: object, **headers: str) -> Reply:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Reply(status, named, members if isinstance(members, bytes) else json.dumps(members).encode())


def tokens(**members: object) -> Tokens:
    """Return what is heard of a good reply with these members; one that is `...` is left out."""
    good = {"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 3600}
    sent = {name: value for name, value in (good | members).items() if value is not ...}
    heard = hear(STANDARD, a_reply(200, sent))
    assert isinstance(heard, Granted)
    return heard.answer


def problem(reply: Reply) -> str:
    """Return what is wrong with a reply; the text never quotes it."""
    with pytest.raises(ReplyError) as error:
        hear(STANDARD, reply)
    assert error.value.status == reply.status
    assert str(error.value) == f"the token endpoint's reply (HTTP {reply.status}) {error.value.problem}"
    assert CANARY not in str(error.value)
    return error.value.problem


def test_the_least_that_is_a_grant() -> None:
    assert tokens(token_type=..., expires_in=...) == Tokens(
        access_token=Secret("a.b.c"), token_type="Bearer", lifetime=None
    )


def test_everything_that_a_grant_may_say() -> None:
    heard = tokens(scope="read write", refresh_token="r", id_token="ignored", frobnicate={"a": [1]})

    assert heard == Tokens(
        access_token=Secret("a.b.c"), lifetime=Seconds(3600), scope="read write", refresh_token=Secret("r")
    )


@pytest.mark.parametrize("value", [None, 1, True, ["a"], {"a": 1}, "", "a b", "a\nb", "é", "a\x00", "a\x7f"])
def test_a_token_is_a_text_of_visible_characters(value: object) -> None:
    sent = {"access_token": value, "token_type": "Bearer", "more": CANARY}

    assert problem(a_reply(200, sent)) == "has a bad access_token: not a text of visible characters"


@pytest.mark.parametrize("value", [1, True, ["a"], "", f"{CANARY} {CANARY}"])
def test_a_refresh_token_is_one_too(value: object) -> None:
    sent = {"access_token": "a", "refresh_token": value}

    assert problem(a_reply(200, sent)) == "has a bad refresh_token: not a text of visible characters"


def test_a_refresh_token_that_is_null_is_none() -> None:
    assert tokens(refresh_token=None).refresh_token is None


@pytest.mark.parametrize("spelled", ["bearer", "Bearer", "BEARER"])
def test_a_token_type_is_heard_in_any_case(spelled: str) -> None:
    assert tokens(token_type=spelled).token_type == spelled


@pytest.mark.parametrize("value", ["mac", "DPoP", "", "bearer ", None, 1, ["Bearer"], CANARY])
def test_a_token_type_that_is_not_understood_is_no_grant(value: object) -> None:
    assert problem(a_reply(200, {"access_token": "a", "token_type": value})) == "has a token_type that is not bearer"


@pytest.mark.parametrize("value", [1, ["read"], {"a": "b"}, True, [CANARY]])
def test_a_scope_is_a_text(value: object) -> None:
    assert problem(a_reply(200, {"access_token": "a", "scope": value})) == "has a scope that is not a text"


@pytest.mark.parametrize(
    ("stated", "heard"),
    [(0, 0), (1, 1), ("3600", 3600), ("0", 0), (None, None), (LONGEST_LIFETIME, LONGEST_LIFETIME)],
)
def test_a_lifetime_is_a_number_or_its_digits(stated: object, heard: int | None) -> None:
    assert tokens(expires_in=stated).lifetime == heard


@pytest.mark.parametrize(
    "stated",
    [
        *(-1, LONGEST_LIFETIME + 1, 10**30, 3600.0, 1e400, float("nan"), True, False, [3600], {"seconds": 1}),
        *("", "-1", "1h", "3600.0", " 3600", "\u0663", "9" * 11, CANARY),
    ],
)
def test_an_absurd_lifetime_is_believed_by_nobody(stated: object) -> None:
    wrong = a_reply(200, {"access_token": "a", "expires_in": stated})

    assert problem(wrong) == "has an expires_in that is no number of seconds"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"access_token=a",
        b"<html>" + CANARY.encode(),
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"expires_in":' + b"9" * 9_999,
    ],
    ids=["nothing", "a form", "a page", "no UTF-8", "deep", "many digits"],
)
@pytest.mark.parametrize("status", [200, 302, 400, 401])
def test_what_is_no_json_is_an_error(sent: bytes, status: int) -> None:
    assert problem(a_reply(status, sent)) == "is not JSON"


@pytest.mark.parametrize("status", [200, 400, 429, 502])
def test_a_huge_reply_is_not_looked_at(status: int) -> None:
    assert problem(a_reply(status, b" " * (REPLY_LIMIT + 1))) == "is longer than 1 MiB"


def test_a_reply_of_the_longest_size_is_heard() -> None:
    sent = b'{"access_token":"a"}'.ljust(REPLY_LIMIT)

    assert isinstance(hear(STANDARD, a_reply(200, sent)), Granted)


@pytest.mark.parametrize("status", [200, 201, 204, 302, 400, 404])
@pytest.mark.parametrize("sent", [{}, [], "text", 1, None, {"error": 1}, {"error": None}, {"message": CANARY}])
def test_json_that_says_nothing_is_an_error(status: int, sent: object) -> None:
    assert problem(a_reply(status, sent)) == "holds neither an access token nor an error"


@pytest.mark.parametrize("status", [201, 400, 500])
def test_a_token_under_another_status_is_none(status: int) -> None:
    reply = a_reply(status, {"access_token": CANARY})

    if status >= 500:
        assert hear(STANDARD, reply) == Refused("server_error", "", status)
    else:
        assert problem(reply) == "holds neither an access token nor an error"


@pytest.mark.parametrize("status", [200, 400, 401, 403, 503])
def test_a_refusal_keeps_its_code_text_and_status(status: int) -> None:
    sent = {"error": "invalid_grant", "error_description": "It was used.", "error_uri": "https://x.example"}

    assert hear(STANDARD, a_reply(status, sent)) == Refused("invalid_grant", "It was used.", status)


@pytest.mark.parametrize("code", ["Invalid_Client", "INVALID_CLIENT", "invalid client", "x-own-code", "a" * 100])
def test_a_code_is_passed_on_as_it_is_spelled(code: str) -> None:
    assert hear(STANDARD, a_reply(401, {"error": code})) == Refused(code, "", 401)


@pytest.mark.parametrize("code", ["", "a" * 101, 'a"b', "a\\b", "a\nb", "\x1b[31m", "é", f"\r\n{CANARY}"])
def test_a_code_that_is_none_is_an_error(code: str) -> None:
    assert problem(a_reply(400, {"error": code})) == "holds neither an access token nor an error"


@pytest.mark.parametrize(("status", "heard"), [(429, "rate_limited"), (503, "server_error")])
def test_a_limit_or_a_fault_is_one_whatever_its_code(status: int, heard: str) -> None:
    said = hear(STANDARD, a_reply(status, {"error": "\x1b[31m"}))

    assert isinstance(said, Refused)
    assert (said.code, said.description) == (heard, "")


@pytest.mark.parametrize("text", [None, 1, ["a"], {"nb": "Feil"}])
def test_a_description_that_is_no_text_is_none(text: object) -> None:
    assert hear(STANDARD, a_reply(400, {"error": "e", "error_description": text})) == Refused("e", "", 400)


def test_a_long_description_is_cut() -> None:
    heard = hear(STANDARD, a_reply(400, {"error": "e", "error_description": "x" * 10_000}))

    assert isinstance(heard, Refused)
    assert len(heard.description) == 500


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
@pytest.mark.parametrize("sent", [b"<html>Bad Gateway</html>", b"", b"[]", b'{"message":"x"}', b"\xff"])
def test_a_page_of_a_gateway_is_a_fault_of_theirs(status: int, sent: bytes) -> None:
    assert hear(BREEZE, a_reply(status, sent)) == Refused("server_error", "", status)


def test_breezes_429_is_heard_with_its_numbers() -> None:
    reply = a_reply(429, {"error": "too_many_requests", "error_description": BREEZE_429}, retry_after="7")

    expected = Exceeded(100, Seconds(3600), Seconds(420))  # the text's, not the header's
    assert hear(BREEZE, reply) == Refused("rate_limited", BREEZE_429, 429, exceeded=expected)


def test_a_429_in_plain_text_is_heard_by_its_header() -> None:
    reply = a_reply(429, b"Too many requests from this IP, please try again later", retry_after="31")

    assert hear(BREEZE, reply) == Refused("rate_limited", "", 429, exceeded=Exceeded(100, Seconds(3600), Seconds(31)))
    assert hear(PRISJAKT, reply) == Refused("rate_limited", "", 429, exceeded=Exceeded(0, Seconds(0), Seconds(31)))


@pytest.mark.parametrize("after", [None, "", "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "1.5", "9" * 11, "\u0663", "soon"])
def test_a_429_that_says_no_seconds_has_no_numbers(after: str | None) -> None:
    headers = {} if after is None else {"retry_after": after}

    for sent in (b"slow down", b'{"error":"temporarily_unavailable"}', b'{"message":1}'):
        heard = hear(PRISJAKT, a_reply(429, sent, **headers))

        assert heard == Refused("rate_limited", "", 429)


@pytest.mark.parametrize(
    ("window", "seconds"),
    [("second", 1), ("minute", 60), ("hour", 3600), ("day", 86400), ("90 seconds", 90), ("week", 0)],
)
def test_a_window_is_read_as_it_is_spelled(window: str, seconds: int) -> None:
    text = f"Rate limit exceeded: at most 5 requests per {window}. Try again in 3 seconds."

    heard = hear(STANDARD, a_reply(429, {"error": "temporarily_unavailable", "error_description": text}))

    assert isinstance(heard, Refused)
    assert heard.exceeded == Exceeded(5, Seconds(seconds), Seconds(3))


def test_a_text_with_an_end_of_its_own_is_not_read_back() -> None:
    reply = a_reply(429, {"error": "too_many_requests", "error_description": BREEZE_429 + " Really."})

    heard = hear(BREEZE, reply)

    assert isinstance(heard, Refused)
    assert heard.exceeded is None

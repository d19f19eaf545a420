"""The request for a token, to the byte as the documents have it, and what is made of the reply."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from portvakt.model.decision import Exceeded, Granted, Refused, Tokens
from portvakt.model.message import Reply, Request
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import Body
from portvakt.model.values import Seconds, Secret
from portvakt.protocol.ask.authorize import CheckedCallback, check_callback, expect
from portvakt.protocol.ask.endpoint import AuthorizationEndpoint, TokenEndpoint, documented_endpoint
from portvakt.protocol.ask.token import (
    code_exchange,
    read_token_reply,
    refresh_request,
    revocation_request,
    spellings,
    token_request,
)
from portvakt.protocol.ask.wish import Wish
from portvakt.providers import PROVIDERS
from portvakt.providers.hear import LONGEST_LIFETIME, REPLY_LIMIT, ReplyError

BREEZE = documented_endpoint(PROVIDERS["breeze"], "https://system.upnxt.no")
PRISJAKT = documented_endpoint(PROVIDERS["prisjakt"], "https://auth.pj.nu")
STANDARD = documented_endpoint(PROVIDERS["standard"], "https://id.example")
CANARY = "canary-9Wd4"
WISH = Wish(client_id="me", client_secret=Secret("s"))


def a_wish(client_id: str = "me", secret: str = "s", *, scope: str = "", resource: str | None = None) -> Wish:
    return Wish(client_id=client_id, client_secret=Secret(secret), scope=scope, resource=resource)


def basic(request: Request) -> str:
    """Return what the request's Basic header spells."""
    scheme, _, encoded = dict(request.headers)["Authorization"].partition(" ")
    assert scheme == "Basic"
    return base64.b64decode(encoded, validate=True).decode("ascii")


def test_breeze_is_asked_as_its_document_asks() -> None:
    request = token_request(BREEZE, a_wish("oauth_abc123", "s3cr3t_xyz789"))

    sent = b'{"grant_type": "client_credentials", "client_id": "oauth_abc123", "client_secret": "s3cr3t_xyz789"}'
    headers = (("Accept", "application/json"), ("Content-Type", "application/json"))
    assert request == Request(method="POST", url="https://system.upnxt.no/oauth/token", headers=headers, body=sent)


def test_prisjakt_is_asked_as_its_document_asks() -> None:
    request = token_request(PRISJAKT, a_wish("YOUR_CLIENT_ID", "YOUR_CLIENT_SECRET"))

    sent = b"grant_type=client_credentials&client_id=YOUR_CLIENT_ID&client_secret=YOUR_CLIENT_SECRET"
    headers = (("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded"))
    assert request == Request(method="POST", url="https://auth.pj.nu/oauth2/token", headers=headers, body=sent)


def test_the_standard_is_asked_as_the_rfc_has_it() -> None:
    request = token_request(STANDARD, a_wish("s6BhdRkqt3", "gX1fBat3bV"))

    headers = (
        ("Accept", "application/json"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Authorization", "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"),  # RFC 6749 §2.3.1, the example
    )
    sent = b"grant_type=client_credentials"
    assert request == Request(method="POST", url="https://id.example/token", headers=headers, body=sent)


@pytest.mark.parametrize(
    ("credential", "encoded"),
    [
        (" %&+\u00a3\u20ac", "+%25%26%2B%C2%A3%E2%82%AC"),  # RFC 6749 App. B, the example
        ("a:b", "a%3Ab"),
        ("a=b/c?d#e", "a%3Db%2Fc%3Fd%23e"),
        ("%41", "%2541"),
        ('"\\{}|^`', "%22%5C%7B%7D%7C%5E%60"),
        ("AZaz09_-.", "AZaz09_-."),
    ],
)
def test_each_half_of_basic_is_form_encoded_before_they_are_joined(credential: str, encoded: str) -> None:
    assert basic(token_request(STANDARD, a_wish(credential, "s"))) == f"{encoded}:s"
    assert basic(token_request(STANDARD, a_wish("me", credential))) == f"me:{encoded}"


def test_a_body_carries_special_characters_as_its_format_says() -> None:
    wish = a_wish("a b&c=d", 'x"\\%+')

    assert json.loads(token_request(BREEZE, wish).body) == {
        "grant_type": "client_credentials",
        "client_id": "a b&c=d",
        "client_secret": 'x"\\%+',
    }
    sent = b"grant_type=client_credentials&client_id=a+b%26c%3Dd&client_secret=x%22%5C%25%2B"
    assert token_request(PRISJAKT, wish).body == sent


@pytest.mark.parametrize("endpoint", [BREEZE, PRISJAKT, STANDARD], ids=lambda it: it.provider.name)
def test_a_client_authenticates_in_one_way(endpoint: TokenEndpoint) -> None:
    request = token_request(endpoint, a_wish(secret="secret-in-one-place"))

    in_header = "Authorization" in dict(request.headers)
    assert in_header == (endpoint.authentication is ClientAuthentication.BASIC)
    assert in_header != (b"secret-in-one-place" in request.body)  # RFC 6749 §2.3: not more than one method


def test_a_scope_and_a_resource_are_asked_for_if_they_are_wished_for() -> None:
    wish = a_wish(scope="read write", resource="https://api.example/v1?a=b")

    assert token_request(STANDARD, wish).body == (
        b"grant_type=client_credentials&scope=read+write&resource=https%3A%2F%2Fapi.example%2Fv1%3Fa%3Db"
    )
    assert json.loads(token_request(replace(STANDARD, body=Body.JSON), wish).body) == {
        "grant_type": "client_credentials",
        "scope": "read write",
        "resource": "https://api.example/v1?a=b",
    }


def test_K2_neither_a_wish_nor_its_request_shows_the_secret() -> None:
    wish = a_wish(secret=CANARY)
    encoded = base64.b64encode(f"me:{CANARY}".encode()).decode()

    for endpoint in (BREEZE, PRISJAKT, STANDARD):
        shown = repr(wish) + repr(token_request(endpoint, wish))

        assert CANARY not in shown
        assert encoded not in shown


def a_reply(members: object, status: int = 200, content_type: str | None = "application/json", **more: str) -> Reply:
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    if content_type is not None:
        headers["content-type"] = content_type
    body = members if isinstance(members, bytes) else json.dumps(members).encode()
    return Reply(status, tuple(headers.items()), body)


GOOD = {"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 3600}


def tokens(members: dict[str, object], wish: Wish = WISH) -> Tokens:
    sent = {name: value for name, value in (GOOD | members).items() if value is not ...}
    heard = read_token_reply(STANDARD, wish, a_reply(sent))
    assert isinstance(heard, Granted)
    return heard.answer


def problem(reply: Reply) -> str:
    """Return what is wrong with a reply; the error never quotes it."""
    with pytest.raises(ReplyError) as error:
        read_token_reply(STANDARD, WISH, reply)
    assert CANARY not in str(error.value)
    assert error.value.status == reply.status
    return error.value.problem


def test_breezes_reply_is_read() -> None:
    sent = (
        b'{\n"access_token": "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9...",\n"token_type": "Bearer",\n"expires_in": 3600\n}'
    )

    heard = read_token_reply(BREEZE, WISH, a_reply(sent))

    token = Secret("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9...")
    assert heard == Granted(Tokens(access_token=token, lifetime=Seconds(3600), scope=""))


def test_prisjakts_reply_is_read() -> None:
    sent = b'{\n"access_token": "eyJhbGciOi.....",\n"expires_in": 86399,\n"scope": "",\n"token_type": "bearer"\n}'

    heard = read_token_reply(PRISJAKT, WISH, a_reply(sent))

    read = Tokens(access_token=Secret("eyJhbGciOi....."), lifetime=Seconds(86399), token_type="bearer", scope="")
    assert heard == Granted(read)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json;charset=UTF-8",
        "Application/JSON ; charset=utf-8",
        "application/token-response+json",
        " application/json",
    ],
)
def test_tokens_come_as_json(content_type: str) -> None:
    assert isinstance(read_token_reply(STANDARD, WISH, a_reply(GOOD, content_type=content_type)), Granted)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        ";",
        "text/html",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/json, application/json",
        "application/+json",
        "application/jwt",
        "application/json\u212a",
        f"text/{CANARY}",
    ],
)
def test_tokens_of_another_type_are_none(content_type: str | None) -> None:
    assert problem(a_reply(GOOD, content_type=content_type)) == "is not JSON, as its content type says"


@pytest.mark.parametrize("content_type", [None, "text/html", "text/plain"])
def test_a_refusal_may_come_in_any_type(content_type: str | None) -> None:
    heard = read_token_reply(STANDARD, WISH, a_reply({"error": "invalid_client"}, 401, content_type))

    assert heard == Refused("invalid_client", "", 401)


@pytest.mark.parametrize(("stated", "read"), [(1, 1), (3600, 3600), ("3600", 3600), (LONGEST_LIFETIME,) * 2])
def test_a_lifetime_is_read(stated: object, read: int) -> None:
    assert tokens({"expires_in": stated}).lifetime == read


@pytest.mark.parametrize("stated", [..., None])
@pytest.mark.parametrize("name", PROVIDERS)
def test_a_lifetime_that_is_not_stated_is_the_providers(name: str, stated: object) -> None:
    endpoint = documented_endpoint(PROVIDERS[name], "https://id.example")
    sent = {member: value for member, value in (GOOD | {"expires_in": stated}).items() if value is not ...}

    heard = read_token_reply(endpoint, WISH, a_reply(sent))

    assert isinstance(heard, Granted)
    assert heard.answer.lifetime == {"breeze": 3600, "luca": 3600, "prisjakt": 86400, "standard": 600}[name]


@pytest.mark.parametrize("stated", [0, "0", "0000"])
def test_a_token_that_has_ended_already_is_none(stated: object) -> None:
    assert problem(a_reply(GOOD | {"expires_in": stated})) == "has an expires_in of 0: a token that has ended"


@pytest.mark.parametrize(
    "stated",
    [
        -1,
        -3600,
        LONGEST_LIFETIME + 1,
        10**30,
        3600.5,
        1e400,
        float("nan"),
        True,
        False,
        "soon",
        "-1",
        "9" * 11,
        [1],
        {},
    ],
    ids=repr,
)
def test_an_absurd_lifetime_makes_no_token(stated: object) -> None:
    assert problem(a_reply(GOOD | {"expires_in": stated})) == "has an expires_in that is no number of seconds"


@pytest.mark.parametrize("token_type", [..., "bearer", "BEARER"])
def test_a_token_type_may_be_left_out_and_has_no_case(token_type: object) -> None:
    assert tokens({"token_type": token_type}).access_token == Secret("a.b.c")


@pytest.mark.parametrize("token_type", ["DPoP", "mac", "", "Bearer ", None, 1, True, ["Bearer"], CANARY], ids=repr)
def test_a_token_of_a_type_that_is_not_understood_is_none(token_type: object) -> None:
    assert problem(a_reply(GOOD | {"token_type": token_type})) == "has a token_type that is not bearer"


@pytest.mark.parametrize(
    ("wished", "said", "read"),
    [
        ("", ..., ""),
        ("", "", ""),
        ("", "read", "read"),
        ("read write", ..., "read write"),  # RFC 6749 §5.1: optional "if identical to the scope requested"
        ("read write", None, "read write"),
        ("read write", "read", "read"),
        ("read write", "", ""),
    ],
)
def test_a_scope_that_is_not_said_is_the_one_that_was_asked_for(wished: str, said: object, read: str) -> None:
    assert tokens({"scope": said}, a_wish(scope=wished)).scope == read


def test_the_last_of_two_members_counts_and_is_checked() -> None:
    good = b'{"access_token":"first","access_token":"a.b.c","expires_in":"soon","expires_in":60}'
    bad = b'{"access_token":"a.b.c","expires_in":60,"expires_in":"soon"}'

    heard = read_token_reply(STANDARD, WISH, a_reply(good))

    assert heard == Granted(Tokens(access_token=Secret("a.b.c"), lifetime=Seconds(60), scope=""))
    assert problem(a_reply(bad)) == "has an expires_in that is no number of seconds"


@pytest.mark.parametrize(
    "token", ["", " ", "a b", "a\r\nX-Injected: yes", "\u00e9", "a\x00", None, 1, True, ["a"], {}], ids=repr
)
def test_a_token_that_would_split_a_header_is_none(token: object) -> None:
    wrong = a_reply(GOOD | {"access_token": token})

    assert problem(wrong) == "has a bad access_token: not a text of visible characters"


@pytest.mark.parametrize("status", [200, 302, 400, 403, 404])
def test_a_page_is_no_answer(status: int) -> None:
    page = f"<!doctype html><title>{CANARY}</title>".encode()

    assert problem(a_reply(page, status, "text/html", location=f"https://{CANARY}.example/")) == "is not JSON"


@pytest.mark.parametrize("status", [201, 202, 204, 301, 302, 303, 307, 308, 400, 401, 404])
def test_tokens_under_another_status_than_200_are_none(status: int) -> None:
    elsewhere = a_reply(GOOD, status, location="https://evil.example/token")

    assert problem(elsewhere) == "holds neither an access token nor an error"


@pytest.mark.parametrize("content_type", ["application/json", "text/html"])
def test_a_reply_beyond_a_mebibyte_is_not_read(content_type: str) -> None:
    whole = json.dumps(GOOD).encode().ljust(REPLY_LIMIT)

    assert isinstance(read_token_reply(STANDARD, WISH, a_reply(whole)), Granted)
    assert problem(a_reply(whole + b" ", content_type=content_type)) == "is longer than 1 MiB"


def test_a_refusal_under_200_is_one() -> None:
    # what an older Luca did, with its own spelling
    refusal = {"error": "invalid_client", "error_descriptions": "Wrong secret"}

    assert read_token_reply(STANDARD, WISH, a_reply(refusal)) == Refused("invalid_client", "Wrong secret", 200)


def test_breezes_429_says_when_to_come_again() -> None:
    text = (
        "Rate limit exceeded for OAuth token requests. Maximum 100 requests per hour allowed. Try again in 420 seconds."
    )
    said = a_reply({"error": "too_many_requests", "error_description": text}, 429, retry_after="7")

    exceeded = Exceeded(100, Seconds(3600), Seconds(420))
    assert read_token_reply(BREEZE, WISH, said) == Refused("rate_limited", text, 429, exceeded=exceeded)


@pytest.mark.parametrize("said", [b"", b"Too many requests", b'{"error":"too_many_requests"}', b"<html>"])
def test_a_429_without_a_text_is_one_too(said: bytes) -> None:
    silent = read_token_reply(BREEZE, WISH, a_reply(said, 429, "text/plain"))
    timed = read_token_reply(BREEZE, WISH, a_reply(said, 429, "text/plain", retry_after="31"))

    assert silent == Refused("rate_limited", "", 429)
    assert timed == Refused("rate_limited", "", 429, exceeded=Exceeded(100, Seconds(3600), Seconds(31)))


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("said", [b"<html>Bad Gateway</html>", b"", b"null", json.dumps(GOOD).encode()])
def test_FT32_a_page_of_a_gateway_is_the_servers_fault(status: int, said: bytes) -> None:
    heard = read_token_reply(STANDARD, WISH, a_reply(said, status, "text/html"))

    assert heard == Refused("server_error", "", status)


LUCA = documented_endpoint(PROVIDERS["luca"], "https://go.lucaregnskap.no")
PUBLIC = Wish(client_id="me", client_secret=None)


def a_callback(wish: Wish = WISH) -> CheckedCallback:
    endpoint = AuthorizationEndpoint("https://id.example", "https://id.example/authorize", sends_iss=False)
    expected = expect(endpoint, wish, "https://app.example/back", bytes(64))
    checked = check_callback(expected, f"?code=c-1&state={expected.state.reveal()}")
    assert isinstance(checked, CheckedCallback)
    return checked


def sent(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(), strict_parsing=True))


def test_a_code_is_exchanged_with_the_verifier_and_the_redirect_uri_that_it_was_asked_with() -> None:
    assert sent(code_exchange(LUCA, WISH, a_callback())) == {
        "grant_type": "authorization_code",
        "client_id": "me",
        "client_secret": "s",
        "code": "c-1",
        "redirect_uri": "https://app.example/back",
        "code_verifier": "A" * 43,
    }


def test_a_public_client_names_itself_and_proves_nothing() -> None:
    for request in (
        code_exchange(STANDARD, PUBLIC, a_callback(PUBLIC)),
        refresh_request(STANDARD, PUBLIC, Secret("r-1"), None),
        revocation_request(STANDARD, PUBLIC, Secret("r-1")),
    ):
        assert sent(request)["client_id"] == "me"
        assert "client_secret" not in sent(request)
        assert "Authorization" not in dict(request.headers)


def test_a_reply_may_repeat_of_a_public_client_what_it_sent_in_each_spelling() -> None:
    assert set(spellings(PUBLIC, Secret('r"1'))) == {'r"1', "r%221", 'r\\"1'}


def test_a_refresh_is_the_same_request_each_time_and_asks_for_what_was_given() -> None:
    wish = a_wish(scope="read")
    request = refresh_request(STANDARD, wish, Secret("r-1"), "https://api.example")

    assert sent(request) == {
        "grant_type": "refresh_token",
        "refresh_token": "r-1",
        "resource": "https://api.example",
    }
    assert basic(request) == "me:s"
    assert refresh_request(STANDARD, wish, Secret("r-1"), "https://api.example") == request


def test_what_is_given_back_is_the_token_alone() -> None:
    request = revocation_request(STANDARD, WISH, Secret("r-1"))

    assert sent(request) == {"token": "r-1"}
    assert basic(request) == "me:s"


def test_K2_no_request_shows_what_it_carries() -> None:
    requests = (code_exchange(LUCA, WISH, a_callback()), refresh_request(LUCA, WISH, Secret(CANARY), None))

    assert all(secret not in repr(requests) for secret in (CANARY, "c-1", "A" * 43))

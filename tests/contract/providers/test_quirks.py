"""One test for each way in which a provider differs from the RFC, named after it, over `speak` and `hear`."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from builders import (
    CLIENT,
    NOW,
    PEPPER,
    WRONG,
    a_client,
    a_request,
    a_secret,
    a_signer,
    an_issuer,
)
from portvakt.model.decision import Exceeded, Granted, Refused, Tokens
from portvakt.model.message import Reply
from portvakt.model.nouns import Algorithm
from portvakt.model.provider import CodeRedirect, Metadata, Refresh
from portvakt.model.values import Instant, Seconds, Secret
from portvakt.protocol.answer.authorize import is_registered, send_back_code
from portvakt.protocol.answer.token import Authenticated, authenticate, issue
from portvakt.providers import PROVIDERS
from portvakt.providers.hear import ReplyError, hear
from portvakt.providers.speak import refuse_exceeded, speak
from portvakt.wire.errors import WireError
from portvakt.wire.token_request import read_token_request

BREEZE, LUCA, PRISJAKT, STANDARD = (PROVIDERS[name] for name in ("breeze", "luca", "prisjakt", "standard"))
JSON = [(b"content-type", b"application/json")]
FORM = [(b"content-type", b"application/x-www-form-urlencoded")]
TOKEN = Secret("eyJhbGciOi")


def granted(name: str) -> Tokens:
    issuer = an_issuer(name)
    facts = a_client()
    outcome = authenticate(issuer.provider, a_request(), facts, pepper=PEPPER, now=NOW)
    assert isinstance(outcome, Authenticated)
    decision = issue(issuer, a_request(), outcome, signer=a_signer(issuer.provider), jti="j", now=NOW)
    assert isinstance(decision, Granted)
    return decision.answer


def body_of(reply: Reply) -> bytes:
    return reply.body


def test_breeze_takes_a_token_request_as_json() -> None:
    body = json.dumps({"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": "s"}).encode()

    assert read_token_request(BREEZE, JSON, b"", body).client_id == CLIENT
    for other in (LUCA, PRISJAKT, STANDARD):
        with pytest.raises(WireError) as refused:
            read_token_request(other, JSON, b"", body)
        assert (refused.value.status, refused.value.code) == (400, "invalid_request")


def test_breeze_takes_a_token_request_as_a_form_too() -> None:
    request = read_token_request(BREEZE, FORM, b"", b"grant_type=client_credentials&client_id=a&client_secret=b")

    assert request.grant_type == "client_credentials"


def test_breeze_calls_a_missing_secret_an_invalid_request() -> None:
    body = b'{"grant_type":"client_credentials","client_id":"a"}'

    with pytest.raises(WireError) as refused:
        read_token_request(BREEZE, JSON, b"", body)

    assert (refused.value.code, refused.value.parameter) == ("invalid_request", "client_secret")


@pytest.mark.parametrize("name", ["luca", "prisjakt", "standard"])
def test_a_missing_secret_is_an_invalid_client_elsewhere(name: str) -> None:
    request = read_token_request(PROVIDERS[name], FORM, b"", b"grant_type=client_credentials&client_id=a")

    outcome = authenticate(PROVIDERS[name], request, a_client(), pepper=PEPPER, now=NOW)

    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.status) == ("invalid_client", 401)


def test_breeze_signs_under_a_bare_jwt_header() -> None:
    token = a_signer(BREEZE).sign({})
    rs256 = an_issuer("breeze")

    assert token.split(".")[0] == "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9"  # with the builder's ES256 key
    assert rs256.algorithm is Algorithm.RS256
    assert BREEZE.algorithms == (Algorithm.RS256,)


def test_breeze_says_too_many_requests_to_the_byte() -> None:
    said = refuse_exceeded(BREEZE, Exceeded(100, Seconds(3600), Seconds(420)))

    reply = speak(BREEZE, said)

    assert reply.status == 429
    assert reply.body == (
        b'{"error":"too_many_requests","error_description":"Rate limit exceeded for OAuth token requests. '
        b'Maximum 100 requests per hour allowed. Try again in 420 seconds."}'
    )
    assert ("retry-after", "420") in reply.headers


def test_breeze_tells_an_expired_secret_only_to_who_presents_it() -> None:
    facts = a_client(a_secret(expires_at=NOW))

    right = authenticate(BREEZE, a_request(), facts, pepper=PEPPER, now=NOW)
    wrong = authenticate(BREEZE, a_request(secret=WRONG), facts, pepper=PEPPER, now=NOW)
    unknown = authenticate(BREEZE, a_request(), None, pepper=PEPPER, now=NOW)

    assert isinstance(right, Refused)
    assert right.description == "Client secret has expired. Ask an administrator to rotate the secret."
    assert isinstance(wrong, Refused)
    assert wrong.description == "Invalid client credentials"
    assert wrong == unknown


def test_breeze_replies_with_three_members_to_the_byte() -> None:
    reply = speak(BREEZE, Granted(replace(granted("breeze"), access_token=TOKEN)))

    assert reply.body == b'{"access_token":"eyJhbGciOi","token_type":"Bearer","expires_in":3600}'


def test_breeze_refuses_wrong_credentials_to_the_byte() -> None:
    refused = authenticate(BREEZE, a_request(secret=WRONG), a_client(), pepper=PEPPER, now=NOW)

    assert isinstance(refused, Refused)
    assert body_of(speak(BREEZE, refused)) == (
        b'{"error":"invalid_client","error_description":"Invalid client credentials"}'
    )


def test_luca_exchanges_a_code_without_its_redirect_uri() -> None:
    assert LUCA.code_redirect is CodeRedirect.MAY_BE_OMITTED
    assert STANDARD.code_redirect is CodeRedirect.AS_SENT


def test_luca_gives_a_refresh_token_that_does_not_change() -> None:
    assert LUCA.refresh is Refresh.STATIC
    assert STANDARD.refresh is Refresh.ROTATING


def test_luca_requires_scope_and_redirect_uri() -> None:
    assert {"scope", "redirect_uri"} <= set(LUCA.authorize_requires)
    assert not {"scope", "redirect_uri"} & set(STANDARD.authorize_requires)


def test_luca_needs_no_code_challenge() -> None:
    assert "code_challenge" not in LUCA.authorize_requires
    assert "code_challenge" in STANDARD.authorize_requires


def test_luca_sends_the_scope_back_with_the_code() -> None:
    for provider, members in ((LUCA, ["code", "scope", "iss"]), (STANDARD, ["code", "iss"])):
        issuer = an_issuer(provider)
        back = send_back_code(issuer, "https://app.example/cb", code="c", scopes=("accounting",), state=None)
        assert [name for name, _ in parse_qsl(urlsplit(back.location).query)] == members


def test_luca_comes_back_to_any_loopback_port_of_a_confidential_client_in_tests() -> None:
    facts = a_client()
    client = replace(facts.client, redirect_uris=("http://127.0.0.1/callback",))

    for name, test, expected in (("luca", True, True), ("luca", False, False), ("standard", True, False)):
        issuer = replace(an_issuer(name), test=test)
        assert is_registered(issuer, client, "http://127.0.0.1:8765/callback") is expected


def test_luca_replies_with_four_members_to_the_byte() -> None:
    tokens = Tokens(access_token=TOKEN, refresh_token=Secret("pvk_rt_x"), token_type="bearer", lifetime=Seconds(3600))

    assert speak(LUCA, Granted(tokens)).body == (
        b'{"access_token":"eyJhbGciOi","refresh_token":"pvk_rt_x","token_type":"bearer","expires_in":3600}'
    )


def test_luca_of_old_sent_the_lifetime_as_text() -> None:
    heard = hear(LUCA, Reply(200, (), b'{"access_token":"a","token_type":"bearer","expires_in":"3600"}'))

    assert isinstance(heard, Granted)
    assert heard.answer.lifetime == 3600


def test_luca_of_old_refused_under_status_200() -> None:
    heard = hear(LUCA, Reply(200, (), b'{"error":"invalid_grant","error_descriptions":"the code is used"}'))

    assert heard == Refused("invalid_grant", "the code is used", 200)


def test_prisjakt_says_an_empty_scope_and_a_second_less_to_the_byte() -> None:
    tokens = granted("prisjakt")

    reply = speak(PRISJAKT, Granted(replace(tokens, access_token=TOKEN)))

    assert reply.body == b'{"access_token":"eyJhbGciOi","expires_in":86399,"scope":"","token_type":"bearer"}'


def test_prisjakt_refuses_a_requested_scope() -> None:
    issuer = an_issuer("prisjakt")
    outcome = authenticate(PRISJAKT, a_request(), a_client(scopes=("read",)), pepper=PEPPER, now=NOW)
    assert isinstance(outcome, Authenticated)

    refused = issue(issuer, a_request(scope="read"), outcome, signer=a_signer(PRISJAKT), jti="j", now=NOW)

    assert isinstance(refused, Refused)
    assert (refused.code, refused.status) == ("invalid_scope", 400)


def test_a_token_type_is_spelled_as_documented_and_heard_in_any_case() -> None:
    assert [value.token_type for value in (BREEZE, LUCA, PRISJAKT, STANDARD)] == [
        "Bearer",
        "bearer",
        "bearer",
        "Bearer",
    ]
    for spelled in ("bearer", "Bearer", "BEARER"):
        heard = hear(BREEZE, Reply(200, (), b'{"access_token":"a","token_type":"%s"}' % spelled.encode()))
        assert isinstance(heard, Granted)
    with pytest.raises(ReplyError):
        hear(BREEZE, Reply(200, (), b'{"access_token":"a","token_type":"mac"}'))


def test_metadata_is_published_by_all_and_documented_by_the_standard() -> None:
    assert {value.metadata for value in (BREEZE, LUCA, PRISJAKT)} == {Metadata.PUBLISHED}
    assert STANDARD.metadata is Metadata.DOCUMENTED


def test_the_standard_replies_with_the_scope_as_granted() -> None:
    tokens = Tokens(access_token=TOKEN, lifetime=Seconds(600), scope="read write")

    assert speak(STANDARD, Granted(tokens)).body == (
        b'{"access_token":"eyJhbGciOi","token_type":"Bearer","expires_in":600,"scope":"read write"}'
    )


def test_a_secret_that_expires_now_has_expired() -> None:
    for end, expected in ((NOW - 1, False), (NOW, False), (NOW + 1, True)):
        facts = a_client(a_secret(expires_at=Instant(end)))
        outcome = authenticate(STANDARD, a_request(), facts, pepper=PEPPER, now=NOW)
        assert isinstance(outcome, Authenticated) is expected

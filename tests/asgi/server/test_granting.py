"""What a token endpoint gives to who asks rightly."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from builders import NOW
from issuing import BREEZE, FORM, JSON, OWNER, PRISJAKT, STANDARD, basic, body, known, opened

if TYPE_CHECKING:
    from issuing import Serving

BREEZE_MAIN = known(BREEZE)


async def test_breeze_answers_the_documented_request(breeze: Serving) -> None:
    answer = await breeze.ask(BREEZE, body(BREEZE), JSON)

    token = answer.json()["access_token"]
    assert answer.body == b'{"access_token":"%s","token_type":"Bearer","expires_in":3600}' % token.encode()
    assert token.startswith("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.")
    claims = await opened(breeze, BREEZE, answer)
    jti = claims.pop("jti")
    assert len(jti) == 32
    assert claims == {
        "iss": BREEZE.url,
        "sub": BREEZE_MAIN.client_id,
        "aud": BREEZE.url + "/graphql",
        "client_id": BREEZE_MAIN.client_id,
        "iat": NOW,
        "exp": NOW + 3600,
        "roles": ["credentials:read"],
    }


async def test_prisjakt_answers_the_documented_request(prisjakt: Serving) -> None:
    answer = await prisjakt.ask(PRISJAKT, headers=[("accept", "application/json")])

    token = answer.json()["access_token"]
    assert answer.body == (
        b'{"access_token":"%s","expires_in":86399,"scope":"","token_type":"bearer"}' % token.encode()
    )
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    assert next(iter(header)) == "alg"
    assert header["typ"] == "at+jwt"
    claims = await opened(prisjakt, PRISJAKT, answer)
    assert (claims["iss"], claims["aud"]) == (PRISJAKT.url, PRISJAKT.api_url)
    assert claims["exp"] - claims["iat"] == 86400


async def test_the_standard_answers_with_the_scope_as_granted(standard: Serving) -> None:
    default = await standard.ask(STANDARD)
    asked = await standard.ask(STANDARD, body(STANDARD, scope="write read"))

    assert default.json() | {"access_token": ""} == {
        "access_token": "",
        "token_type": "Bearer",
        "expires_in": 600,
        "scope": "read",
    }
    assert list(asked.json()) == ["access_token", "token_type", "expires_in", "scope"]
    assert asked.json()["scope"] == "write read"
    assert (await opened(standard, STANDARD, asked))["scope"] == "write read"


async def test_T22_client_credentials_give_no_refresh_token_and_no_id_token(standard: Serving) -> None:
    answer = await standard.ask(STANDARD)

    assert not {"refresh_token", "id_token"} & answer.json().keys()


async def test_basic_works_at_each_of_them(breeze: Serving) -> None:
    sent = body(BREEZE, client_id=..., client_secret=...)

    assert (await breeze.ask(BREEZE, sent, authorization=BREEZE_MAIN.basic)).status == 200
    assert (await breeze.ask(BREEZE, sent, JSON, authorization=BREEZE_MAIN.basic)).status == 200


async def test_a_client_that_form_encodes_its_basic_credentials_is_the_same_client(standard: Serving) -> None:
    client = known(STANDARD)
    encoded = basic(client.client_id.replace("_", "%5F"), client.secret.replace("_", "%5f"))

    answer = await standard.ask(STANDARD, body(STANDARD, client_id=..., client_secret=...), authorization=encoded)

    assert answer.json()["access_token"]
    assert (await opened(standard, STANDARD, answer))["sub"] == client.client_id


@pytest.mark.parametrize(
    "spelled",
    [
        "Application/X-WWW-Form-Urlencoded",
        "application/x-www-form-urlencoded;charset=UTF-8",
        'application/x-www-form-urlencoded ; Charset="utf-8"',
    ],
)
async def test_a_content_type_in_any_letter_case_and_with_its_charset(standard: Serving, spelled: str) -> None:
    assert (await standard.ask(STANDARD, content_type=spelled)).status == 200


@pytest.mark.parametrize("accept", ["text/html", "image/*", ""])
async def test_T24_the_answer_is_json_whatever_is_accepted(standard: Serving, accept: str) -> None:
    answer = await standard.ask(STANDARD, headers=[("accept", accept)])

    assert (answer.status, answer.header("content-type")) == (200, "application/json")


@pytest.mark.parametrize("extra", [{"frobnicate": "1"}, {"scope": ""}, {"resource": ""}, {"code": "x"}])
async def test_T19_unknown_and_empty_parameters_are_ignored(standard: Serving, extra: dict[str, object]) -> None:
    answer = await standard.ask(STANDARD, body(STANDARD, **extra))

    assert (answer.status, answer.json()["scope"]) == (200, "read")


async def test_T3_any_other_query_is_ignored(standard: Serving) -> None:
    answer = await standard.ask(STANDARD, query="grant_type=password&client_id=x&scope=write&state=%ff")

    assert (answer.status, answer.json()["scope"]) == (200, "read")


async def test_T21_a_scope_repeated_counts_once_and_order_is_the_callers(standard: Serving) -> None:
    answer = await standard.ask(STANDARD, body(STANDARD, scope="write read write"))

    assert answer.json()["scope"] == "write read"


async def test_resource_may_be_named_if_it_is_the_issuers_api(standard: Serving) -> None:
    twice = f"&resource={STANDARD.audience}" * 2
    answer = await standard.ask(
        STANDARD, b"grant_type=client_credentials" + twice.encode(), authorization=known(STANDARD).basic
    )

    assert (await opened(standard, STANDARD, answer))["aud"] == STANDARD.audience


async def test_a_body_in_pieces_is_one_body(standard: Serving) -> None:
    client = known(STANDARD)
    pieces = [b"grant_type=client_", b"credentials", b"", b"&scope=read"]

    answer = await standard.ask(STANDARD, pieces, authorization=client.basic)

    assert answer.status == 200


async def test_A14_a_clients_token_is_never_a_users(breeze: Serving) -> None:
    answer = await breeze.ask(BREEZE)

    subject = (await opened(breeze, BREEZE, answer))["sub"]
    assert subject == BREEZE_MAIN.client_id
    assert OWNER.startswith("user_")
    assert not subject.startswith("user_")


async def test_every_token_has_an_id_of_its_own(standard: Serving) -> None:
    ids = {(await opened(standard, STANDARD, await standard.ask(STANDARD)))["jti"] for _ in range(20)}

    assert len(ids) == 20


async def test_a_token_request_is_one_line_of_the_log_with_its_client(standard: Serving) -> None:
    await standard.ask(STANDARD, query="hello=1")

    (line,) = standard.lines()
    assert {name: line[name] for name in ("event", "method", "path", "status", "address", "issuer", "client_id")} == {
        "event": "request",
        "method": "POST",
        "path": "/acme/token",
        "status": 200,
        "address": "192.0.2.1",
        "issuer": "acme",
        "client_id": known(STANDARD).client_id,
    }


async def test_a_refusals_reference_leads_to_its_reason_in_the_log(standard: Serving) -> None:
    answer = await standard.ask(STANDARD, body(STANDARD, client_secret="canary-4Rq9x7"), FORM)

    (line,) = standard.lines()
    assert line["request_id"] == answer.header("portvakt-reference")
    assert (line["status"], line["code"], line["reason"]) == (401, "invalid_client", "wrong secret")
    assert "client_id" not in line  # it was not proven

"""Every curl command that the documents of Breeze and Prisjakt show, run by curl, with the base URL swapped."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from programs import curl_json

Issuers = dict[str, Any]

# As the documents show them. `@BASE@`, `@ID@`, `@SECRET@` and `@TOKEN@` stand where their sample values stand.
BREEZE_TOKEN = """curl -X POST @BASE@/oauth/token \\
-H "Content-Type: application/json" \\
-d '{
"grant_type": "client_credentials",
"client_id": "@ID@",
"client_secret": "@SECRET@"
}'"""
BREEZE_ME = """curl -X POST @BASE@/graphql \\
-H "Authorization: Bearer @TOKEN@" \\
-H "Content-Type: application/json" \\
-d '{"query": "query GetCurrentUser { Me { _id userId email } }"}'"""
BREEZE_CREDENTIAL = """curl -X POST @BASE@/graphql \\
-H "Authorization: Bearer @TOKEN@" \\
-H "Content-Type: application/json" \\
-d '{"query": "{ Credential(_id: \\"@CREDENTIAL@\\") { _id name } }"}'"""
PRISJAKT_TOKEN = """curl -X POST '@BASE@/oauth2/token' \\
--header 'Content-Type: application/x-www-form-urlencoded' \\
--header 'Accept: application/json' \\
--data 'grant_type=client_credentials' \\
--data 'client_id=@ID@' \\
--data 'client_secret=@SECRET@'"""
PRISJAKT_ECHO = """curl -X GET '@BASE@/echo' \\
--header 'Accept: */*' \\
--header 'Authorization: Bearer @TOKEN@'"""


def filled(command: str, **values: str) -> str:
    for name, value in values.items():
        command = command.replace(f"@{name}@", value)
    assert "@" not in command.replace("@example.com", "")
    return command


def breeze_token(issuer: dict[str, str], client: dict[str, str] | None = None) -> tuple[int, str]:
    client = client or issuer
    return curl_json(
        filled(BREEZE_TOKEN, BASE=issuer["base_url"], ID=client["client_id"], SECRET=client["client_secret"])
    )


def token_of(answer: tuple[int, str]) -> str:
    status, body = answer
    assert status == 200, body
    token: str = json.loads(body)["access_token"]
    return token


def test_breeze_answers_the_token_request_of_its_guides_as_they_show(issuers: Issuers) -> None:
    status, body = breeze_token(issuers["breeze-test"])

    token = json.loads(body)["access_token"]
    assert status == 200
    assert token.startswith("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.")
    assert body == f'{{"access_token":"{token}","token_type":"Bearer","expires_in":3600}}'


def test_breeze_answers_the_first_api_call_as_its_guide_shows(issuers: Issuers) -> None:
    breeze = issuers["breeze-test"]
    token = token_of(breeze_token(breeze))

    status, body = curl_json(filled(BREEZE_ME, BASE=breeze["api_url"], TOKEN=token))

    assert status == 200
    found = re.fullmatch(r'\{"data":\{"Me":\{"_id":"(user_[a-z0-9]+)","userId":"([^"]+)","email":"([^"]+)"\}\}\}', body)
    assert found is not None, body
    assert found[2] == found[3] == "integration@example.com"


def test_breeze_shows_a_graphql_error_as_its_guide_shows(issuers: Issuers) -> None:
    breeze = issuers["breeze-test"]
    token = token_of(breeze_token(breeze))

    answer = curl_json(filled(BREEZE_CREDENTIAL, BASE=breeze["api_url"], TOKEN=token, CREDENTIAL="cred_nowhere"))

    assert answer == (
        200,
        '{"errors":[{"message":"Credential not found","extensions":{"code":"NOT_FOUND"}}],"data":null}',
    )


def test_breeze_shows_a_token_error_as_its_guide_shows(issuers: Issuers) -> None:
    breeze = issuers["breeze-test"]

    answer = breeze_token(breeze, {"client_id": "oauth_abc123", "client_secret": "s3cr3t_xyz789"})

    assert answer == (401, '{"error":"invalid_client","error_description":"Invalid client credentials"}')


def test_breeze_tells_who_has_an_expired_secret_to_ask_for_a_new_one(issuers: Issuers) -> None:
    breeze = issuers["breeze-test"]

    status, body = breeze_token(breeze, breeze["expired"])

    assert status == 401
    assert json.loads(body) == {
        "error": "invalid_client",
        "error_description": "Client secret has expired. Ask an administrator to rotate the secret.",
    }


@pytest.mark.parametrize("token", ["eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9...", "x"])
def test_breeze_refuses_a_bad_token_as_its_guide_shows(issuers: Issuers, token: str) -> None:
    answer = curl_json(filled(BREEZE_ME, BASE=issuers["breeze-test"]["api_url"], TOKEN=token))

    assert answer == (401, '{"errors":[{"message":"Token validation failed","extensions":{"code":"UNAUTHENTICATED"}}]}')


def test_breeze_forbids_what_the_roles_of_the_user_do_not_allow(issuers: Issuers) -> None:
    breeze = issuers["breeze-test"]
    limited = token_of(breeze_token(breeze, breeze["limited"]))
    ask = {"BASE": breeze["api_url"], "TOKEN": limited}

    _, forbidden = curl_json(filled(BREEZE_CREDENTIAL, **ask, CREDENTIAL="cred_abc123"))
    _, bad_input = curl_json(filled(BREEZE_CREDENTIAL, **ask, CREDENTIAL="CRED!"))
    _, me = curl_json(filled(BREEZE_ME, **ask))

    assert json.loads(forbidden)["errors"][0]["extensions"] == {"code": "FORBIDDEN"}
    assert json.loads(bad_input)["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT"}
    assert json.loads(me)["data"]["Me"]["email"] == "limited@example.com"


@pytest.mark.parametrize(("one", "other"), [("breeze-test", "breeze-production"), ("breeze-production", "breeze-test")])
def test_nothing_of_one_breeze_environment_works_in_the_other(issuers: Issuers, one: str, other: str) -> None:
    here, there = issuers[one], issuers[other]
    token = token_of(breeze_token(here))

    credentials = breeze_token(there, here)
    call = curl_json(filled(BREEZE_ME, BASE=there["api_url"], TOKEN=token))

    assert credentials == (401, '{"error":"invalid_client","error_description":"Invalid client credentials"}')
    assert call == (401, '{"errors":[{"message":"Token validation failed","extensions":{"code":"UNAUTHENTICATED"}}]}')


def test_prisjakt_answers_the_token_request_of_its_guide_as_it_shows(issuers: Issuers) -> None:
    prisjakt = issuers["prisjakt"]

    status, body = curl_json(
        filled(
            PRISJAKT_TOKEN,
            BASE=prisjakt["auth_url"],
            ID=prisjakt["client_id"],
            SECRET=prisjakt["client_secret"],
        )
    )

    token = json.loads(body)["access_token"]
    assert status == 200
    assert token.startswith("eyJhbGciOi")
    assert body == f'{{"access_token":"{token}","expires_in":86399,"scope":"","token_type":"bearer"}}'


def test_prisjakt_answers_the_api_call_of_its_guide_without_the_token(issuers: Issuers) -> None:
    prisjakt = issuers["prisjakt"]
    ask = {"ID": prisjakt["client_id"], "SECRET": prisjakt["client_secret"]}
    token = token_of(curl_json(filled(PRISJAKT_TOKEN, BASE=prisjakt["auth_url"], **ask)))

    status, body = curl_json(filled(PRISJAKT_ECHO, BASE=prisjakt["api_url"], TOKEN=token))

    received = json.loads(body)
    assert status == 200
    assert received["method"] == "GET"
    assert received["headers"]["accept"] == "*/*"
    assert received["headers"]["authorization"] == "Bearer ***"
    assert received["caller"] == {"client_id": prisjakt["client_id"], "scopes": []}
    assert token not in body


def test_prisjakt_refuses_a_bad_token_with_a_challenge(issuers: Issuers) -> None:
    prisjakt = issuers["prisjakt"]

    status, out = curl_json(filled(PRISJAKT_ECHO, BASE=prisjakt["api_url"], TOKEN="x") + " --include")

    assert status == 401
    assert 'www-authenticate: Bearer error="invalid_token"' in out

"""The request for a token that is shown with a client's credentials, as each provider's document spells it."""

from __future__ import annotations

import json
import shlex
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from builders import NOW, an_issuer
from portvakt.model.nouns import Client, ClientAuthentication, Issuer
from portvakt.model.values import ClientId, Secret, UserId
from portvakt.server.as_curl import code_url, token_request, variables

SECRET = Secret("pvk_cs_" + "Ab-_" * 12)
FOR_USERS = frozenset({"authorization_code", "refresh_token"})
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636, Appendix B
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def a_client(issuer: Issuer, **fields: Any) -> Client:
    known = {"id": ClientId("client_1"), "issuer": issuer.name, "name": "x", "owner": UserId("user_1")}
    return Client(**{**known, "created_at": NOW, **fields})


def words(provider: str, secret: Secret | None = SECRET, **fields: Any) -> list[str]:
    """Return the words of the curl command for a client of that provider's."""
    issuer = an_issuer(provider)
    request = token_request(issuer, a_client(issuer, **fields), secret, VERIFIER)
    return shlex.split(request.replace("\\\n", ""))


def opened(provider: str, **fields: Any) -> tuple[str, list[tuple[str, str]]]:
    """Return where a browser is to go for a code, and the parameters."""
    issuer = an_issuer(provider)
    url = code_url(issuer, a_client(issuer, **fields), VERIFIER, "state-1")
    return url.partition("?")[0].removeprefix(issuer.url), parse_qsl(urlsplit(url).query, strict_parsing=bool(url))


def test_breeze_asks_by_json() -> None:
    *_, header, flag, body = words("breeze")

    assert (header, flag) == ("Content-Type: application/json", "-d")
    assert json.loads(body) == {
        "grant_type": "client_credentials",
        "client_id": "client_1",
        "client_secret": SECRET.reveal(),
    }


def test_prisjakt_asks_by_a_form() -> None:
    assert words("prisjakt")[4:] == [
        "-d", "grant_type=client_credentials", "-d", "client_id=client_1", "-d", f"client_secret={SECRET.reveal()}"
    ]  # fmt: skip


@pytest.mark.parametrize("authentication", [ClientAuthentication.ANY_SECRET, ClientAuthentication.BASIC])
def test_the_standard_asks_by_header(authentication: ClientAuthentication) -> None:
    asked = words("standard", authentication=authentication)

    assert asked[4:] == ["-u", f"client_1:{SECRET.reveal()}", "-d", "grant_type=client_credentials"]


def test_a_client_that_may_use_the_body_alone_is_not_told_to_use_the_header() -> None:
    assert "-u" not in words("standard", authentication=ClientAuthentication.POST)


def test_an_application_of_lucas_redeems_a_code_as_the_document_says() -> None:
    asked = words("luca", grants=FOR_USERS, redirect_uris=("https://app.example/cb",))

    assert asked[4:] == [
        "-d", "grant_type=authorization_code", "-d", "code=$AUTHORIZATION_CODE",
        "-d", "client_id=client_1", "-d", f"client_secret={SECRET.reveal()}",
    ]  # fmt: skip


def test_a_public_client_has_a_verifier_and_no_secret() -> None:
    uri = "https://app.example/cb?a=1&b=2"
    asked = words("standard", None, grants=FOR_USERS, redirect_uris=(uri,), authentication=ClientAuthentication.NONE)

    assert asked[4:] == [
        "-d", "grant_type=authorization_code", "-d", "code=$AUTHORIZATION_CODE",
        "--data-urlencode", f"redirect_uri={uri}",
        "-d", f"code_verifier={VERIFIER}", "-d", "client_id=client_1",
    ]  # fmt: skip


def test_lucas_code_is_asked_for_as_the_document_says() -> None:
    uris = ("https://app.example/cb?a=1&b=2", "https://app.example/other")

    assert opened("luca", grants=FOR_USERS, redirect_uris=uris, scopes=("accounting",)) == (
        "/api/v1/oauth2/authorize",
        [
            ("client_id", "client_1"),
            ("redirect_uri", uris[0]),
            ("response_type", "code"),
            ("scope", "accounting"),
            ("state", "state-1"),
        ],
    )


@pytest.mark.parametrize("secret", [None, SECRET])
def test_the_code_is_asked_for_with_the_challenge_of_the_verifier_it_is_redeemed_with(secret: Secret | None) -> None:
    authentication = ClientAuthentication.NONE if secret is None else ClientAuthentication.POST
    fields = {"grants": FOR_USERS, "redirect_uris": ("https://a.example",), "authentication": authentication}

    path, asked = opened("standard", **fields)

    assert path == "/authorize"
    assert asked[-2:] == [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")]
    assert "scope" not in dict(asked)
    assert f"code_verifier={VERIFIER}" in words("standard", secret, **fields)


def test_a_client_that_gets_tokens_of_its_own_is_shown_no_url_and_a_guards_nothing_to_try() -> None:
    uris = ("https://app.example/cb",)

    assert opened("standard", grants=FOR_USERS | {"client_credentials"}, redirect_uris=uris) == ("", [])
    assert opened("standard") == ("", [])
    assert opened("luca", grants=FOR_USERS) == ("", [])
    assert words("luca", grants=frozenset()) == []


def test_a_public_client_has_no_secret_in_its_variables() -> None:
    issuer = an_issuer("standard")
    client = a_client(issuer)

    assert "SECRET" not in variables(issuer, client, None)
    assert f"PORTVAKT_CLIENT_SECRET={SECRET.reveal()}\n" in variables(issuer, client, SECRET)

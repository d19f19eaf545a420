"""The request for a token that is shown with a client's credentials, as each provider's document spells it."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from builders import NOW, an_issuer
from portvakt.model.nouns import Client, ClientAuthentication
from portvakt.model.values import ClientId, Secret, UserId
from portvakt.server.as_curl import token_request, variables

SECRET = Secret("pvk_cs_" + "Ab-_" * 12)
FOR_USERS = frozenset({"authorization_code", "refresh_token"})


def words(provider: str, secret: Secret | None = SECRET, **fields: Any) -> list[str]:
    """Return the words of the curl command for a client of that provider's."""
    issuer = an_issuer(provider)
    client = Client(
        **{
            "id": ClientId("client_1"),
            "issuer": issuer.name,
            "name": "x",
            "owner": UserId("user_1"),
            "created_at": NOW,
            **fields,
        }
    )
    return shlex.split(token_request(issuer, client, secret).replace("\\\n", ""))


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
        "-d", "code_verifier=$CODE_VERIFIER", "-d", "client_id=client_1",
    ]  # fmt: skip


def test_a_public_client_has_no_secret_in_its_variables() -> None:
    issuer = an_issuer("standard")
    client = Client(id=ClientId("client_1"), issuer=issuer.name, name="x", owner=UserId("user_1"), created_at=NOW)

    assert "SECRET" not in variables(issuer, client, None)
    assert f"PORTVAKT_CLIENT_SECRET={SECRET.reveal()}\n" in variables(issuer, client, SECRET)

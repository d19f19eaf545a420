"""Sending a browser to an issuer, and what it must bring back: nothing else is taken for the answer."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from portvakt.model.decision import Refused
from portvakt.model.values import Secret
from portvakt.protocol.ask.authorize import (
    CALLBACK_LIMIT,
    CallbackRefused,
    CheckedCallback,
    Expected,
    authorize_url,
    check_callback,
    expect,
)
from portvakt.protocol.ask.endpoint import AuthorizationEndpoint, documented_authorization
from portvakt.protocol.ask.wish import Wish, asked_scope
from portvakt.providers import PROVIDERS

if TYPE_CHECKING:
    from portvakt.protocol.ask.authorize import CheckedCallback as Checked

ISSUER = "https://id.example/acme"
CANARY = "canary-5Hs8"
BACK = "https://app.example/back"
RANDOM = bytes(range(64))
STATE = base64.urlsafe_b64encode(RANDOM[:32]).rstrip(b"=").decode()
VERIFIER = base64.urlsafe_b64encode(RANDOM[32:]).rstrip(b"=").decode()
ENDPOINT = AuthorizationEndpoint(ISSUER, f"{ISSUER}/authorize", sends_iss=True)
WISH = Wish(client_id="me", client_secret=None, scope="read write")
EXPECTED = expect(ENDPOINT, WISH, BACK, RANDOM)
GOOD = {"code": "c-1", "state": STATE, "iss": ISSUER}


def query(url: str) -> dict[str, str]:
    found = parse_qs(urlsplit(url).query, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values())
    return {name: values[0] for name, values in found.items()}


def came_back(_expected: Expected = EXPECTED, /, **changed: str | None) -> Checked | Refused:
    """Check a good callback with these parameters changed; None leaves one out."""
    said = {name: value for name, value in (GOOD | changed).items() if value is not None}
    return check_callback(_expected, f"{BACK}?{urlencode(said)}")


def refused(url: str, expected: Expected = EXPECTED) -> CallbackRefused:
    """Return why a callback is refused; the text never quotes it."""
    with pytest.raises(CallbackRefused) as caught:
        check_callback(expected, url)
    assert CANARY not in str(caught.value)
    assert caught.value.__context__ is None
    return caught.value


def test_the_browser_is_sent_with_all_that_the_answer_is_checked_by() -> None:
    url = authorize_url(ENDPOINT, EXPECTED, {"organisation_number": "312047152", "locale": "nb"})

    assert url.startswith(f"{ISSUER}/authorize?")
    assert query(url) == {
        "response_type": "code",
        "client_id": "me",
        "redirect_uri": BACK,
        "state": STATE,
        "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        "scope": "read write",
        "organisation_number": "312047152",
        "locale": "nb",
    }


def test_the_vector_of_RFC_7636_appendix_B() -> None:
    expected = replace(EXPECTED, verifier=Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))

    challenge = query(authorize_url(ENDPOINT, expected, {}))["code_challenge"]

    assert challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_what_is_not_asked_for_is_not_said() -> None:
    plain = expect(ENDPOINT, Wish(client_id="me", client_secret=None), BACK, RANDOM)
    of_an_api = replace(plain, resource="https://api.example/")

    assert "scope" not in query(authorize_url(ENDPOINT, plain, {}))
    assert "resource" not in query(authorize_url(ENDPOINT, plain, {}))
    assert query(authorize_url(ENDPOINT, of_an_api, {}))["resource"] == "https://api.example/"


def test_a_query_that_the_endpoint_has_is_kept() -> None:
    there = replace(ENDPOINT, url=f"{ISSUER}/authorize?tenant=7")

    assert query(authorize_url(there, EXPECTED, {}))["tenant"] == "7"


@pytest.mark.parametrize("name", ["state", "code_challenge", "code_challenge_method", "redirect_uri", "request"])
def test_nobody_adds_what_the_answer_is_checked_by(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is written by portvakt itself"):
        authorize_url(ENDPOINT, EXPECTED, {name: "mine", "locale": "nb"})


def test_K2_what_is_expected_and_what_came_show_no_secret() -> None:
    checked = came_back(code=f"{CANARY}-code")

    assert isinstance(checked, CheckedCallback)
    assert all(secret not in f"{EXPECTED!r} {checked!r}" for secret in (STATE, VERIFIER, CANARY))


def test_what_comes_back_right_is_a_code_for_one_exchange() -> None:
    checked = came_back()

    assert isinstance(checked, CheckedCallback)
    assert checked.code == Secret("c-1")
    assert checked.expected is EXPECTED


@pytest.mark.parametrize("url", ["/back?", "?", "http://10.0.0.1:8000/back?", f"{BACK}?tenant=1&"])
def test_only_the_query_counts_for_an_application_behind_a_proxy(url: str) -> None:
    assert isinstance(check_callback(EXPECTED, f"{url}{urlencode(GOOD)}#top"), CheckedCallback)


def test_nobody_else_makes_a_checked_callback() -> None:
    with pytest.raises(TypeError, match="only check_callback makes a CheckedCallback"):
        CheckedCallback(EXPECTED, Secret("c-1"), object())


@pytest.mark.parametrize(
    "issuer",
    [None, "", f"{ISSUER}/", "https://id.example", "https://ID.example/acme", "https://evil.example", ISSUER * 2],
)
@pytest.mark.parametrize("more", [{}, {"code": None, "error": "access_denied"}], ids=["code", "error"])
def test_X1_an_answer_of_another_issuer_or_of_none_is_refused(issuer: str | None, more: dict[str, str | None]) -> None:
    with pytest.raises(CallbackRefused, match="iss") as caught:
        came_back(EXPECTED, **{"iss": issuer, **more})

    assert not caught.value.foreign


def test_X1_an_issuer_that_is_not_said_to_name_itself_is_wrong_only_if_it_names_another() -> None:
    expected = replace(EXPECTED, requires_iss=False)

    assert isinstance(came_back(expected, iss=None), CheckedCallback)
    assert isinstance(came_back(expected), CheckedCallback)
    with pytest.raises(CallbackRefused, match="its iss is not the issuer that was asked"):
        came_back(expected, iss="https://evil.example")


@pytest.mark.parametrize("name", ["iss", "state", "code", "whatever"])
def test_X1_a_parameter_that_stands_twice_is_refused_even_if_both_are_equal(name: str) -> None:
    value = GOOD.get(name, CANARY)

    assert "each there once" in str(refused(f"{BACK}?{urlencode({**GOOD, name: value})}&{urlencode({name: value})}"))


@pytest.mark.parametrize("state", [None, "", STATE[:-1], STATE + "A", STATE.swapcase(), CANARY])
@pytest.mark.parametrize("more", [{}, {"code": None, "error": "access_denied"}], ids=["code", "error"])
def test_X3_another_state_is_refused_and_may_be_a_strangers(state: str | None, more: dict[str, str | None]) -> None:
    with pytest.raises(CallbackRefused, match="its state is not the one that was sent") as caught:
        came_back(EXPECTED, **{"state": state, **more})

    assert caught.value.foreign


@pytest.mark.parametrize(
    "url",
    [
        BACK,
        "",
        f"{BACK}?{CANARY}",
        f"{BACK}?code=%zz&{CANARY}=1",
        f"{BACK}?code=%ff{CANARY}",
        f"{BACK}?code=\udc80{CANARY}",
        f"{BACK}?{CANARY}=" + "x" * CALLBACK_LIMIT,
    ],
)
def test_what_is_no_answer_at_all_may_be_a_strangers(url: str) -> None:
    assert refused(url).foreign


@pytest.mark.parametrize(
    ("code", "error"),
    [(None, None), ("c-1", "access_denied"), ("", None), ("a b", None), ("c" * 4097, None), ("ø", None)],
)
def test_an_answer_is_a_code_or_an_error(code: str | None, error: str | None) -> None:
    with pytest.raises(CallbackRefused) as caught:
        came_back(code=code, error=error)

    assert not caught.value.foreign


def test_an_error_is_the_servers_refusal() -> None:
    assert came_back(code=None, error="access_denied", error_description="No.") == Refused("access_denied", "No.")
    assert came_back(code=None, error="server_error") == Refused("server_error")
    assert came_back(code=None, error='"\n') == Refused("invalid_request")
    long = came_back(code=None, error="server_error", error_description="x" * 5000)
    assert isinstance(long, Refused)
    assert len(long.description) == 500


def test_a_provider_is_logged_in_at_where_its_document_says() -> None:
    found = {name: documented_authorization(provider, "https://id.example") for name, provider in PROVIDERS.items()}

    assert found["breeze"] is found["prisjakt"] is None
    assert found["standard"] == AuthorizationEndpoint(
        "https://id.example", "https://id.example/authorize", sends_iss=True
    )
    luca = "https://id.example/api/v1/oauth2/authorize"
    assert found["luca"] == AuthorizationEndpoint("https://id.example", luca, sends_iss=True)


def test_the_real_luca_is_not_held_to_what_its_document_does_not_say() -> None:
    own = "https://go.lucaregnskap.no"

    found = documented_authorization(PROVIDERS["luca"], own)

    assert found == AuthorizationEndpoint(own, f"{own}/api/v1/oauth2/authorize", sends_iss=False)


@pytest.mark.parametrize(
    ("name", "scope", "asked"),
    [("luca", "", "accounting"), ("luca", "other", "other"), ("standard", "", ""), ("breeze", "", "")],
)
def test_the_scope_is_named_where_the_provider_wants_one(name: str, scope: str, asked: str) -> None:
    assert asked_scope(PROVIDERS[name], scope) == asked
    unknown = replace(PROVIDERS["luca"], scopes=None)
    assert asked_scope(unknown, "") == ""

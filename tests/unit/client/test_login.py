"""A log-in as a value, and as the text in which it is kept: read to the last member, or not at all."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from canary import Canaries
from logins import ACCESS, ISSUER, NOW, REFRESH, a_login
from portvakt.client.login import TEXT_LIMIT, Login, first_login
from portvakt.model.decision import Tokens
from portvakt.model.values import Seconds, Secret
from portvakt.protocol.ask.wish import Wish

CANARIES = Canaries([("access token", ACCESS), ("refresh token", REFRESH)])
WISH = Wish(client_id="client_abc", client_secret=None, scope="read")


def text(**changed: Any) -> str:
    """Return the text of a good log-in with these members; one that is `...` is left out."""
    members = json.loads(a_login().to_text()) | changed
    return json.dumps({name: value for name, value in members.items() if value is not ...})


@pytest.mark.parametrize(
    "login",
    [a_login(), a_login(refresh_token=None), a_login(resource="https://api.example"), a_login(asked_at=NOW, scope="")],
)
def test_what_was_written_is_read(login: Login) -> None:
    assert Login.from_text(login.to_text()) == login


WRONG = [
    "",
    "null",
    "[]",
    "{",
    text()[:-1],
    text() + text(),
    text(version=2),
    text(version="1"),
    text(more=1),
    *(text(**{name: ...}) for name in json.loads(text())),
    *(text(**{name: 5}) for name in ("issuer", "client_id", "access_token", "scope", "resource", "refresh_token")),
    *(text(**{name: None}) for name in ("issuer", "client_id", "access_token", "scope", "lifetime", "since")),
    *(text(**{name: -1}) for name in ("expires_at", "lifetime", "since", "asked_at")),
    *(text(**{name: True}) for name in ("expires_at", "lifetime", "since", "asked_at")),
    text(expires_at=1.5),
    text(expires_at=1 << 60),
    text(lifetime=1 << 30),
    text(access_token=""),
    text(access_token="a b"),
    text(refresh_token="a\nb"),
    text(scope="x" * TEXT_LIMIT),
    text().replace('"scope"', '"issuer"'),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_K2_what_is_no_log_in_is_refused_and_not_repeated(wrong: str) -> None:
    with pytest.raises(ValueError, match="this is not the text of a log-in") as caught:
        Login.from_text(wrong)

    assert CANARIES.find_in(("the error", f"{caught.value!r} {caught.value.__context__!r}".encode())) == []


@pytest.mark.parametrize("wrong", [None, 5, b"{}"])
def test_a_log_in_is_read_from_a_text(wrong: Any) -> None:
    with pytest.raises(TypeError, match="a log-in is read from a text"):
        Login.from_text(wrong)


def test_K2_a_log_in_shows_none_of_its_tokens() -> None:
    login = a_login()

    assert CANARIES.find_in(("what is shown", f"{login!r} {login} {login:}".encode())) == []
    with pytest.raises(TypeError, match="a Login is not pickled"):
        pickle.dumps(login)


@pytest.mark.parametrize(
    ("scope", "wanted", "serves"),
    [("read write", "read", True), ("read", "", True), ("read", "read write", False), ("", "read", True)],
)
def test_a_log_in_serves_what_it_was_given_for(scope: str, wanted: str, serves: bool) -> None:
    wish = Wish(client_id="client_abc", client_secret=None, scope=wanted)

    assert a_login(scope=scope).serves(wish) is serves


def test_a_log_in_for_one_api_serves_no_other() -> None:
    wish = Wish(client_id="client_abc", client_secret=None, resource="https://api.example")

    assert not a_login().serves(wish)
    assert a_login(resource="https://api.example").serves(wish)


@pytest.mark.parametrize(("came", "kept"), [("next", "next"), (None, REFRESH)])
def test_whatever_refresh_token_comes_takes_the_place_of_the_old_one(came: str | None, kept: str) -> None:
    tokens = Tokens(
        access_token=Secret("new"),
        lifetime=Seconds(600),
        scope="",
        refresh_token=None if came is None else Secret(came),
    )

    renewed = a_login(asked_at=NOW - 1).renewed(tokens, NOW)

    assert renewed == a_login(
        access_token=Secret("new"), expires_at=NOW + 600, lifetime=600, refresh_token=Secret(kept)
    )


def test_the_first_log_in_is_made_of_what_a_code_brought() -> None:
    tokens = Tokens(access_token=Secret("new"), lifetime=Seconds(600), scope="read", refresh_token=Secret("r-1"))

    login = first_login(tokens, WISH, ISSUER, NOW)

    assert (login.issuer, login.client_id, login.scope, login.since) == (ISSUER, "client_abc", "read", NOW)
    assert (login.expires_at, login.lifetime, login.refresh_token) == (NOW + 600, 600, Secret("r-1"))

"""What an application keeps while a browser is away: good for an hour, for one issuer, to the last member."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from canary import Canaries
from logins import CLIENT, ISSUER, NOW
from portvakt.client import Connection, LoginRefused, connect
from portvakt.client.begun import BACK_WITHIN, NotKeptHere, StartedLogin, kept_text, read_kept
from portvakt.protocol.ask.authorize import expect
from portvakt.protocol.ask.endpoint import AuthorizationEndpoint
from portvakt.protocol.ask.wish import Wish

WISH = Wish(client_id=CLIENT, client_secret=None, scope="read", resource="https://api.example")
ENDPOINT = AuthorizationEndpoint(ISSUER, f"{ISSUER}/authorize", sends_iss=True)
EXPECTED = expect(ENDPOINT, WISH, "https://app.example/back", bytes(range(64)))
KEPT = kept_text(EXPECTED, NOW)
CANARIES = Canaries(
    [("state", EXPECTED.state.reveal()), ("verifier", EXPECTED.verifier.reveal()), ("code", "c-canary-8Jw2Lp")]
)


def spelled(**changed: Any) -> str:
    members = json.loads(base64.urlsafe_b64decode(KEPT)) | changed
    whole = {name: value for name, value in members.items() if value is not ...}
    return base64.urlsafe_b64encode(json.dumps(whole).encode()).decode()


@pytest.mark.parametrize("later", [0, BACK_WITHIN - 1])
def test_what_was_kept_is_what_is_expected(later: int) -> None:
    assert read_kept(KEPT, NOW + later) == EXPECTED
    assert read_kept(spelled(resource=None), NOW).resource is None


def test_it_fits_into_a_cookie() -> None:
    assert len(KEPT) < 1024
    assert KEPT.isascii()


@pytest.mark.parametrize("moment", [NOW + BACK_WITHIN, NOW - 1])
def test_who_comes_back_too_late_begins_again(moment: int) -> None:
    with pytest.raises(NotKeptHere, match="came back too late: begin again"):
        read_kept(KEPT, moment)


WRONG = [
    "e30=",
    "W10=",
    "ø",
    KEPT[:-4],
    KEPT + "!",
    "A" * 9000,
    spelled(version=2),
    spelled(at="now"),
    spelled(at=True),
    spelled(state=""),
    spelled(requires_iss=0),
    spelled(resource=5),
    *(spelled(**{name: ...}) for name in ("version", "at", "issuer", "client_id", "redirect_uri", "requires_iss")),
    *(spelled(**{name: None}) for name in ("issuer", "client_id", "redirect_uri", "scope", "state", "verifier")),
]


def test_a_browser_that_began_nothing_is_told_so() -> None:
    with pytest.raises(NotKeptHere, match="this browser began no log-in here"):
        read_kept("", NOW)


@pytest.mark.parametrize("text", WRONG)
def test_K2_what_was_not_kept_so_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(NotKeptHere) as caught:
        read_kept(text, NOW)

    assert str(caught.value) == "what was kept is not what start_login gave"
    assert CANARIES.find_in(("the error", repr(caught.value.__context__).encode())) == []


def a_connection(**more: Any) -> Connection:
    return connect("standard", base_url=ISSUER, client_id=CLIENT, **more)


def test_K2_neither_half_of_a_log_in_is_shown() -> None:
    start = a_connection().start_login(redirect_uri="https://app.example/back")

    assert repr(start) == "StartedLogin()"
    assert start.kept not in f"{start}"


@pytest.mark.parametrize(
    ("redirect_uri", "more", "says"),
    [
        ("/back", {}, "redirect_uri is not the absolute URL of a page of yours"),
        ("", {}, "redirect_uri is not"),
        ("javascript:alert(1)", {}, "redirect_uri is not"),
        ("https://app.example/back#top", {}, "redirect_uri is not"),
        ("https://app.example/back", {"state": "mine"}, "state is written by portvakt itself"),
        ("https://app.example/back", {"locale": ""}, "locale is no parameter with a value"),
        ("https://app.example/back", {"Locale": "nb"}, "Locale is no parameter with a value"),
    ],
)
def test_a_log_in_that_cannot_be_is_not_begun(redirect_uri: str, more: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        a_connection().start_login(redirect_uri=redirect_uri, **more)


@pytest.mark.parametrize(("redirect_uri", "more"), [(None, {}), ("https://app.example/back", {"locale": 5})])
def test_what_is_no_text_is_told_as_that(redirect_uri: Any, more: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="is a text"):
        a_connection().start_login(redirect_uri=redirect_uri, **more)


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:5000/callback", "com.example.app:/back", "https://app.example/b?a=1"]
)
def test_a_browser_may_come_back_to_a_program_or_a_page(uri: str) -> None:
    assert isinstance(a_connection().start_login(redirect_uri=uri), StartedLogin)


@pytest.mark.parametrize("url", ["https://app.example/back?code=c-canary-8Jw2Lp&state=x", "?code=c-canary-8Jw2Lp"])
def test_K2_a_log_in_that_is_refused_shows_nothing_in_any_frame(url: str) -> None:
    import traceback

    connection = a_connection()
    kept = connection.start_login(redirect_uri="https://app.example/back").kept
    canaries = Canaries([("kept", kept), ("code", "c-canary-8Jw2Lp")])

    with pytest.raises(LoginRefused) as caught:
        connection.finish_login(url, kept)

    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = "".join(f"{frame.name} {frame.locals}" for frame in told.stack if "/src/portvakt/" in frame.filename)
    assert ours
    assert canaries.find_in(("our frames", ours.encode())) == []

"""`connect`: what it takes, where it leads, and what it says when it is called wrongly."""

from __future__ import annotations

import pickle
import ssl
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from canary import Canaries
from portvakt.client import (
    BadReply,
    ClientError,
    Connection,
    Login,
    RateLimited,
    TokenRefused,
    Unreachable,
    WrongTarget,
    connect,
)
from portvakt.client.arguments import Public
from portvakt.client.asking import No, Nothing
from portvakt.model.decision import Refused, Tokens
from portvakt.model.provider import Body
from portvakt.model.values import Seconds, Secret
from portvakt.providers import PROVIDERS

if TYPE_CHECKING:
    from portvakt.client.asking import Asker, Outcome

SECRET = "q3V9x0-ZrT_b1Lk7uMw8Yc2NhPfJdGaE5sXoKiQeRtU"
TOKEN = "wYp2nX8-kV4tJz6RmQb0HcLd9SfGa3EuI7oTx5CvBnM"
REFRESH_TOKEN = "pvk_rt_Zk3vQ8mW1xR6tY0uB5nC9dF2gH7jL4aS"
CANARIES = Canaries([("client secret", SECRET), ("token", TOKEN), ("refresh token", REFRESH_TOKEN)])


def a_login(**more: Any) -> Login:
    members: dict[str, Any] = {"issuer": "https://go.lucaregnskap.no", "client_id": "oauth_1", **more}
    return replace(
        Login(
            issuer="",
            client_id="",
            access_token=Secret(TOKEN),
            expires_at=2_000_000_000,
            lifetime=3600,
            scope="accounting",
            resource=None,
            refresh_token=Secret(REFRESH_TOKEN),
            since=1_700_000_000,
        ),
        **members,
    )


async def saved_later(_login: Login) -> None:
    """Look like a function that keeps a log-in."""


def connected(provider: str = "breeze", **more: Any) -> Connection:
    arguments: dict[str, Any] = {"client_id": "oauth_1", "client_secret": SECRET, **more}
    return connect(provider, **arguments)


def asker(connection: Connection) -> Asker:
    ask: Any = connection._source._ask
    found: Asker = ask.__self__
    return found


def token_url(connection: Connection) -> str:
    endpoint = asker(connection).endpoint
    assert endpoint is not None
    return endpoint.url


@pytest.mark.parametrize(
    ("arguments", "url", "api_url"),
    [
        ({"environment": "test"}, "https://system.upnxt.no/oauth/token", "https://system.upnxt.no"),
        ({"environment": "production"}, "https://system.idportal.no/oauth/token", "https://system.idportal.no"),
        ({"base_url": "http://127.0.0.1:8040/breeze-test"},) + ("http://127.0.0.1:8040/breeze-test",) * 2,
        ({"base_url": "https://b.example//"},) + ("https://b.example",) * 2,
        ({"provider": "prisjakt"}, "https://auth.pj.nu/oauth2/token", "https://api.pj.nu"),
        ({"provider": "prisjakt", "environment": "production"}, "https://auth.pj.nu/oauth2/token", "https://api.pj.nu"),
        (
            {"provider": "prisjakt", "base_url": "http://127.0.0.1:8040/prisjakt/"},
            "http://127.0.0.1:8040/prisjakt/auth/oauth2/token",
            "http://127.0.0.1:8040/prisjakt/api",
        ),
        (
            {"provider": "standard", "base_url": "https://id.example/standard"},
            "https://id.example/standard/token",
            "https://id.example/standard/api",
        ),
    ],
)
def test_each_environment_has_its_two_urls(arguments: dict[str, str], url: str, api_url: str) -> None:
    connection = connected(**arguments)

    assert connection.api_url == api_url
    assert token_url(connection) == (url if url.endswith("/token") else url + "/oauth/token")


def test_a_provider_is_asked_in_the_way_that_it_documents() -> None:
    breeze, prisjakt = asker(connected(environment="test")).endpoint, asker(connected("prisjakt")).endpoint

    assert breeze is not None
    assert prisjakt is not None
    assert (breeze.body, prisjakt.body) == (Body.JSON, Body.FORM)
    assert breeze.named
    assert prisjakt.named


@pytest.mark.parametrize(
    "issuer", ["https://id.example", "https://id.example/tenant", "http://127.0.0.1:8000", "https://id.example/"]
)
def test_an_issuer_is_found_by_its_metadata(issuer: str) -> None:
    connection = connected(issuer, api_url="https://api.example/v1/")

    assert asker(connection).endpoint is None
    assert asker(connection).issuer == issuer
    assert connection.api_url == "https://api.example/v1"
    assert repr(connection) == f"<portvakt connection to the issuer at {issuer}>"


def test_an_issuer_alone_does_not_name_its_api() -> None:
    connection = connected("https://id.example")

    with pytest.raises(ValueError, match=r"say connect\(\.\.\., api_url=\.\.\.\)"):
        _ = connection.api_url


def test_the_connection_says_where_it_leads() -> None:
    assert repr(connected(environment="test")) == "<portvakt connection to Breeze at https://system.upnxt.no>"


def test_it_has_one_auth() -> None:
    connection = connected(environment="test")

    assert connection.auth is connection.auth


WRONG = [
    (
        {"provider": "breze"},
        "no provider of that name; did you mean breeze? Else there are breeze, luca, prisjakt, standard, or",
    ),
    ({"provider": "Prisjakt"}, "no provider of that name; did you mean prisjakt? Else there are"),
    ({"provider": "LUKA"}, "no provider of that name; did you mean luca? Else there are breeze"),
    ({"provider": ""}, "no provider of that name; there are"),
    ({}, "which environment of Breeze: test or production? Or say base_url"),
    ({"environment": "staging"}, "Breeze has no such environment; there are test and production, or say base_url"),
    ({"environment": "Test"}, "Breeze has no such environment; did you mean test? Else there are"),
    ({"provider": "prisjakt", "environment": "x"}, "Prisjakt has no such environment; there is production, or say"),
    ({"base_url": "https://b.example/oauth/token"}, "base_url ends with /oauth/token, which is added to it: leave"),
    ({"base_url": "https://b.example/graphql/"}, "base_url ends with /graphql, which is added to it: leave that off"),
    ({"provider": "prisjakt", "base_url": "https://p.example/p/auth"}, "base_url ends with /auth, which is added"),
    ({"provider": "prisjakt", "base_url": "https://p.example/p/api"}, "base_url ends with /api, which is added"),
    ({"provider": "prisjakt", "base_url": "https://p.example/auth/oauth2/token"}, "ends with /auth/oauth2/token,"),
    ({"provider": "standard", "base_url": "https://id.example/token"}, "base_url ends with /token, which is added"),
    ({"environment": ""}, "Breeze has no such environment"),
    ({"environment": "test", "base_url": "https://b.example"}, "environment and base_url name two places"),
    ({"environment": "test", "api_url": "https://b.example"}, "Breeze's API is known: leave api_url out"),
    ({"base_url": "http://b.example"}, "base_url is plain http, which is for loopback only"),
    ({"base_url": "b.example"}, "base_url does not begin with https://"),
    ({"base_url": ""}, "base_url does not begin with https://"),
    ({"base_url": "https://b.example?x=1"}, "base_url has a query or a fragment"),
    ({"base_url": "https://u:p@b.example"}, "base_url holds a user name"),
    ({"base_url": "https://" + "b" * 3000}, "base_url is longer than 2048 characters"),
    ({"provider": "standard"}, "Standard OAuth 2.0 has no address of its own: say base_url, or give the issuer's URL"),
    ({"provider": "standard", "environment": "test"}, "Standard OAuth 2.0 has no address of its own"),
    ({"environment": "test", "login": "stored"}, "Breeze knows no log-in: leave login out"),
    ({"environment": "test", "client_secret": Public.CLIENT}, "client_secret is missing: Breeze gives nothing"),
    ({"provider": "luca", "client_secret": Public.CLIENT}, "client_secret is missing: Luca Regnskap gives nothing"),
    ({"provider": "luca", "on_renewed": print}, "on_renewed is for a log-in that is given as login="),
    ({"provider": "luca", "login": a_login(client_id="other")}, "login is another client's"),
    ({"provider": "luca", "login": a_login(issuer="https://id.example")}, "login is another issuer's"),
    ({"provider": "http://id.example"}, "the issuer's URL is plain http, which is for loopback only"),
    ({"provider": "https://id.example/?a"}, "the issuer's URL has a query or a fragment"),
    ({"provider": "https://id.example//"}, "the issuer's URL ends with a slash"),
    ({"provider": "https://id.example", "environment": "test"}, "leave environment and base_url out"),
    ({"provider": "https://id.example", "base_url": "https://b.example"}, "leave environment and base_url out"),
    ({"provider": "https://id.example", "api_url": "http://b.example"}, "api_url is plain http"),
    ({"client_id": ""}, "client_id is empty: is the variable set that it comes from?"),
    ({"client_secret": ""}, "client_secret is empty: is the variable set that it comes from?"),
    ({"client_secret": SECRET + "\n"}, "client_secret begins or ends with white space: strip the line"),
    ({"client_secret": " " + SECRET}, "client_secret begins or ends with white space"),
    ({"client_secret": SECRET + "\x00" + SECRET}, "client_secret holds characters that no credential has"),
    ({"client_secret": SECRET + "é"}, "client_secret holds characters that no credential has"),
    ({"client_secret": SECRET * 100}, "client_secret holds characters that no credential has, or is too long"),
    ({"client_id": "oauth_1\r\nX: y"}, "client_id holds characters that no credential has"),
    ({"environment": "test", "scope": 'read "write"'}, "scope"),
    ({"environment": "test", "scope": "read\nwrite"}, "scope"),
    ({"environment": "test", "scope": " read"}, "scope"),
    ({"environment": "test", "resource": ""}, "resource"),
    ({"environment": "test", "resource": "api"}, "resource"),
    ({"environment": "test", "resource": "https://api.example/#x"}, "resource"),
    ({"environment": "test", "resource": "https://api.example/ x"}, "resource"),
    ({"environment": "test", "max_wait": -1}, "max_wait must be 0 or more seconds"),
    ({"environment": "test", "max_wait": float("inf")}, "max_wait must be 0 or more seconds"),
    ({"environment": "test", "max_wait": float("nan")}, "max_wait must be 0 or more seconds"),
    ({"environment": "test", "max_wait": 10**400}, "max_wait must be 0 or more seconds"),
]

WRONG_TYPES = [
    ({"provider": None}, "provider"),
    ({"provider": ["breeze"]}, "provider"),
    ({"provider": b"breeze"}, "provider"),
    ({"environment": 5}, "environment"),
    ({"environment": ["test"]}, "environment"),
    ({"base_url": 5}, "base_url must be a text (str), not int"),
    ({"base_url": 0}, "base_url must be a text (str), not int"),
    ({"base_url": b"https://b.example"}, "base_url"),
    ({"provider": "https://id.example", "api_url": 5}, "api_url"),
    ({"client_id": None}, "client_id is None: is the variable set that it comes from?"),
    ({"client_id": 5}, "client_id must be a text (str), not int"),
    ({"client_secret": None}, "client_secret is None: is the variable set that it comes from?"),
    ({"client_secret": SECRET.encode()}, "client_secret must be a text (str), not bytes"),
    ({"environment": "test", "scope": ["read", "write"]}, "scope"),
    ({"environment": "test", "scope": None}, "scope"),
    ({"environment": "test", "resource": ["https://api.example"]}, "resource"),
    ({"environment": "test", "max_wait": "30"}, "max_wait must be a number of seconds, not "),
    ({"environment": "test", "max_wait": True}, "max_wait must be a number of seconds, not "),
    ({"environment": "test", "max_wait": None}, "max_wait must be a number of seconds, not "),
    ({"provider": "luca", "login": "kept"}, 'login is a Login, "stored", or None'),
    ({"provider": "luca", "login": a_login().to_text()}, "a text that was kept is read by Login.from_text"),
    ({"provider": "luca", "login": a_login(), "on_renewed": "save"}, "on_renewed is a plain function"),
    ({"provider": "luca", "login": a_login(), "on_renewed": saved_later}, "on_renewed is a plain function"),
    ({"environment": "test", "tls": True}, "tls must be an ssl.SSLContext, or None; not "),
    ({"environment": "test", "tls": "/etc/ca.pem"}, "tls must be an ssl.SSLContext, or None; not "),
]


@pytest.mark.parametrize(("arguments", "says"), WRONG)
def test_K2_a_wrong_argument_is_told_and_the_secret_is_not(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the text is compared below
        connected(**arguments)

    assert says in str(caught.value)
    assert shown(caught.value) == []


@pytest.mark.parametrize(("arguments", "says"), WRONG_TYPES)
def test_K2_an_argument_of_a_wrong_type_is_told_and_the_secret_is_not(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(TypeError) as caught:
        connected(**arguments)

    assert says in str(caught.value)
    assert shown(caught.value) == []


def shown(error: BaseException) -> list[object]:
    """Return what a traceback with all the locals of our own frames gives away."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = "".join(
        f"{frame.name} {frame.locals}" for frame in told.stack if "/portvakt/" in frame.filename.replace("\\", "/")
    )
    assert ours
    return [*CANARIES.find_in(("the traceback", ours.encode())), *CANARIES.find_in(("the text", str(error).encode()))]


@pytest.mark.parametrize("scope", ["", "read", "read write", "a:b/c!#$[]~"])
def test_a_scope_is_sent_as_it_was_written(scope: str) -> None:
    assert asker(connected(environment="test", scope=scope)).wish.scope == scope


@pytest.mark.parametrize("resource", ["https://api.example/v1?x=y", "urn:example:api"])
def test_a_resource_is_an_absolute_uri(resource: str) -> None:
    assert asker(connected(environment="test", resource=resource)).wish.resource == resource


@pytest.mark.parametrize("max_wait", [0, 0.5, 600])
def test_max_wait_is_a_number_of_seconds(max_wait: float) -> None:
    assert connected(environment="test", max_wait=max_wait)._calls._max_wait == max_wait


def test_trust_can_be_given() -> None:
    trust = ssl.create_default_context()

    assert asker(connected(environment="test", tls=trust)).trust is trust


class Scripted:
    """Answers with one outcome for ever."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.asked = 0

    async def __call__(self, seconds: float) -> Outcome:
        self.asked += 1
        return self.outcome


def with_outcome(outcome: Outcome) -> Connection:
    connection = connected(environment="test")
    connection._source._ask = Scripted(outcome)
    return connection


def a_grant() -> Tokens:
    return Tokens(access_token=Secret(TOKEN), lifetime=Seconds(3600), scope="")


async def test_a_token_is_had_in_both_ways_and_kept() -> None:
    connection = with_outcome(a_grant())

    token = connection.get_token()

    assert token.value == TOKEN
    assert connection.get_token() is token
    assert await connection.aget_token() is token


async def test_the_asynchronous_way_asks_too() -> None:
    assert (await with_outcome(a_grant()).aget_token()).value == TOKEN


@pytest.mark.parametrize("made", ["connection", "auth", "source", "calls", "asker", "wish", "token"])
def test_K2_nothing_that_connect_makes_shows_the_secret_or_is_pickled(made: str) -> None:
    connection = with_outcome(a_grant())
    token = connection.get_token()
    thing = {
        "connection": connection,
        "auth": connection.auth,
        "source": connection._source,
        "calls": connection._calls,
        "asker": asker(connected(environment="test")),
        "wish": asker(connected(environment="test")).wish,
        "token": token,
    }[made]

    said = f"{thing!r} {thing} {thing:}"

    assert CANARIES.find_in((made, said.encode())) == []
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        pickle.dumps(thing)


@pytest.mark.parametrize(
    "outcome", [No(Refused("invalid_client", "wrong", 401)), Nothing("the token endpoint answers 404", 400.0)]
)
async def test_K2_an_error_of_a_call_shows_nothing_in_any_frame(outcome: Outcome) -> None:
    import httpx2

    connection = with_outcome(outcome)

    with pytest.raises(ClientError) as blocking:
        connection.get_token()
    with pytest.raises(ClientError) as waiting:
        await connection.aget_token()
    with httpx2.Client(auth=connection.auth) as http, pytest.raises(ClientError) as calling:
        http.get(connection.api_url)

    for caught in (blocking, waiting, calling):
        told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        assert CANARIES.find_in(("the traceback", "".join(told.format()).encode())) == []


def test_K2_a_limit_of_the_api_shows_no_token_in_any_frame() -> None:
    import httpx2

    def limited(request: httpx2.Request) -> httpx2.Response:
        assert TOKEN in request.headers["authorization"]
        return httpx2.Response(429, headers={"retry-after": "3600"})

    connection = with_outcome(a_grant())
    transport = httpx2.MockTransport(limited)

    with httpx2.Client(auth=connection.auth, transport=transport) as http, pytest.raises(RateLimited) as caught:
        http.get(connection.api_url)
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)

    assert CANARIES.find_in(("the traceback", "".join(told.format()).encode())) == []


def test_the_issuer_at_a_path_like_its_api_is_let_be() -> None:
    assert connected("standard", base_url="https://id.example/api").api_url == "https://id.example/api/api"


def test_a_token_that_an_api_refused_is_let_go_of_once() -> None:
    connection = with_outcome(a_grant())
    first = connection.get_token()

    assert connection.refused(first)
    second = connection.get_token()

    assert second is not first
    assert connection.refused(first)  # another has seen to it
    assert not connection.refused(second)  # new ones are refused as well
    assert connection.get_token() is second


@pytest.mark.parametrize("thing", [None, TOKEN, f"Bearer {TOKEN}"])
def test_K2_what_is_no_Token_cannot_be_refused_and_is_not_repeated(thing: Any) -> None:
    with pytest.raises(TypeError, match=r"^refused takes the Token that get_token returned, not ") as caught:
        connected(environment="test").refused(thing)

    assert TOKEN not in str(caught.value)


def test_another_library_is_told_what_there_is_for_it() -> None:
    auth: Any = connected(environment="test").auth

    with pytest.raises(TypeError, match=r"is for httpx2 and httpx; for others there are get_token\(\) and refused"):
        auth(object())


def test_every_error_has_one_root() -> None:
    for error in (BadReply, RateLimited, TokenRefused, Unreachable, WrongTarget):
        assert issubclass(error, ClientError)
    assert not issubclass(ClientError, ValueError)


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_can_be_asked(name: str) -> None:
    assert connected(name, base_url="https://b.example").api_url.startswith("https://b.example")


@pytest.mark.parametrize("name", ["breeze", "prisjakt"])
def test_where_nobody_logs_in_no_log_in_begins(name: str) -> None:
    with pytest.raises(ValueError, match=r"nobody logs in at .*: it gives tokens to clients themselves"):
        connected(name, base_url="https://b.example").start_login(redirect_uri="https://app.example/back")

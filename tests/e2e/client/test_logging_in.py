"""A user lets an application act for them: the whole way, with a browser of forms, at a sandbox."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2
import pytest

from browsing import come_back
from canary import Canaries
from portvakt.client import (
    Connection,
    Login,
    LoginRefused,
    LoginRequired,
    TokenRefused,
    Unreachable,
    connect,
)

if TYPE_CHECKING:
    from played import Play

BACK = "http://127.0.0.1/callback"
COMPANIES = {"query": "{ companies { nodes { organisationNumber } } }"}


@dataclass(frozen=True)
class Client:
    """A client of one of the sandbox's issuers."""

    issuer: str
    public: bool = False

    def connect(self, play: Play, **more: Any) -> Connection:
        there = play.issuer(self.issuer)
        if self.public:
            return connect(there["provider"], base_url=there["base_url"], client_id=there["public_client_id"], **more)
        return play.connect(self.issuer, **more)

    def log_in(self, play: Play, user: int = 1, **more: str) -> Login:
        connection = self.connect(play)
        start = connection.start_login(redirect_uri=BACK, **more)
        return connection.finish_login(come_back(start.url, play.issuer(self.issuer)["users"][user]), start.kept)


LUCA, STANDARD, PUBLIC = Client("luca-test"), Client("standard"), Client("standard", public=True)
CLIENTS = [LUCA, STANDARD, PUBLIC]


@pytest.fixture(params=CLIENTS, ids=str)
def client(request: pytest.FixtureRequest) -> Client:
    found: Client = request.param
    return found


def ended(login: Login) -> Login:
    """Return the log-in as it is once its access token has ended."""
    return replace(login, expires_at=1)


def called(connection: Connection) -> int:
    luca = "luca" in connection.api_url
    with httpx2.Client(auth=connection.auth) as http:
        if luca:
            return http.post(f"{connection.api_url}/graphql", json=COMPANIES).status_code
        return http.get(f"{connection.api_url}/echo").status_code


def test_a_user_logs_in_the_api_answers_and_the_log_in_is_renewed(play: Play, client: Client) -> None:
    login = client.log_in(play)
    renewed: list[Login] = []

    first = client.connect(play, login=login)
    later = client.connect(play, login=ended(login), on_renewed=renewed.append)

    assert called(first) == called(later) == 200
    assert later.get_token().value != login.access_token.reveal()
    assert [one.access_token.reveal() for one in renewed] == [later.get_token().value]
    same = renewed[0].refresh_token == login.refresh_token
    assert same is (client == LUCA)  # static there, rotating at `standard`
    assert renewed[0].since == login.since


async def test_the_same_in_asyncio(play: Play) -> None:
    connection = PUBLIC.connect(play)
    start = await connection.astart_login(redirect_uri=BACK)
    back = await asyncio.to_thread(come_back, start.url, play.issuer("standard")["users"][0])

    login = await connection.afinish_login(back, start.kept)

    assert (await PUBLIC.connect(play, login=ended(login)).aget_token()).expires_at > login.since
    assert await connection.arevoke_login(login)


def test_an_issuers_url_is_enough_where_its_metadata_says_the_rest(play: Play) -> None:
    there = play.issuer("standard")
    who: dict[str, Any] = {"client_id": there["public_client_id"], "api_url": there["api_url"]}
    connection = connect(there["base_url"], **who)
    start = connection.start_login(redirect_uri=BACK)

    login = connection.finish_login(come_back(start.url, there["users"][1]), start.kept)

    assert called(connect(there["base_url"], login=ended(login), **who)) == 200


def test_the_company_that_is_asked_for_is_the_one(play: Play) -> None:
    number = play.issuer("luca-test")["users"][1]["organisations"][2]["organisation_number"]
    connection = LUCA.connect(play, login=LUCA.log_in(play, organisation_number=number, locale="en"))

    with httpx2.Client(auth=connection.auth) as http:
        answer = http.post(f"{connection.api_url}/graphql", json=COMPANIES).json()

    assert answer["data"]["companies"]["nodes"] == [{"organisationNumber": number}]


def test_a_log_in_is_kept_as_a_text_and_is_the_same_again(play: Play, client: Client) -> None:
    login = client.log_in(play)

    assert Login.from_text(login.to_text()) == login
    assert called(client.connect(play, login=Login.from_text(login.to_text()))) == 200


def test_a_user_who_says_no_is_told_as_that(play: Play, client: Client) -> None:
    connection = client.connect(play)
    start = connection.start_login(redirect_uri=BACK, **({} if client == LUCA else {"prompt": "consent"}))
    back = come_back(start.url, play.issuer(client.issuer)["users"][1], decision="deny")

    with pytest.raises(LoginRefused, match="access_denied") as refused:
        connection.finish_login(back, start.kept)

    assert refused.value.code == "access_denied"


def test_what_was_given_back_has_ended_and_a_user_must_log_in_again(play: Play, client: Client) -> None:
    login = client.log_in(play)

    assert client.connect(play).revoke_login(login)
    with pytest.raises(LoginRequired, match=r"has ended\. The user has to log in again: begin with start_login"):
        client.connect(play, login=ended(login)).get_token()


def test_a_log_in_for_less_than_is_asked_for_is_not_used(play: Play) -> None:
    login = replace(STANDARD.log_in(play), scope="read")

    with pytest.raises(LoginRequired, match="scope read, which is not what is asked for"):
        STANDARD.connect(play, login=login, scope="read write").get_token()


def test_a_secret_that_is_wrong_ends_no_log_in(play: Play) -> None:
    login = STANDARD.log_in(play)
    there = play.issuer("standard")
    who = {"client_id": there["client_id"], "client_secret": "another-one"}
    wrong = connect("standard", base_url=there["base_url"], login=ended(login), **who)

    with pytest.raises(TokenRefused) as refused:
        wrong.get_token()

    assert refused.value.code == "invalid_client"
    assert called(STANDARD.connect(play, login=ended(login))) == 200


@pytest.mark.parametrize(
    "spoil",
    [
        lambda url, issuer: url.replace("iss=", "iss_="),
        lambda url, issuer: url.replace(issuer, "luca-test"),
        lambda url, issuer: url.replace(issuer, f"{issuer}%2F"),
        lambda url, issuer: f"{url}&{urlsplit(url).query.rpartition('&')[2]}",
    ],
    ids=["missing", "another's", "with a slash", "twice"],
)
def test_X1_a_code_of_another_issuer_or_of_nobody_is_never_sent(play: Play, spoil: Any) -> None:
    connection = PUBLIC.connect(play)
    start = connection.start_login(redirect_uri=BACK)
    back = come_back(start.url, play.issuer("standard")["users"][1])
    assert "&iss=" in back

    with play.watched() as seen, pytest.raises(LoginRefused) as refused:
        connection.finish_login(spoil(back, "standard"), start.kept)

    assert refused.value.code == ""
    assert seen.tokens == []
    assert connection.finish_login(back, start.kept).refresh_token  # nothing was used up


def test_X3_what_was_begun_elsewhere_or_ended_before_is_refused(play: Play) -> None:
    user = play.issuer("standard")["users"][1]
    mine, other, luca = PUBLIC.connect(play), STANDARD.connect(play), LUCA.connect(play)
    of_mine, of_another_browser = (mine.start_login(redirect_uri=BACK) for _ in range(2))
    back = come_back(of_mine.url, user)

    with play.watched() as seen:
        for connection, kept in (
            (mine, of_another_browser.kept),
            (mine, other.start_login(redirect_uri=BACK).kept),
            (other, of_mine.kept),
            (luca, of_mine.kept),
            (mine, luca.start_login(redirect_uri=BACK).kept),
            (mine, ""),
            (mine, of_mine.kept[:-8]),
            (mine, "e30="),
        ):
            with pytest.raises(LoginRefused):
                connection.finish_login(back, kept)
    login = mine.finish_login(back, of_mine.kept)
    with play.watched() as seen_again, pytest.raises(LoginRefused, match="it was finished before"):
        mine.finish_login(back, of_mine.kept)

    assert seen.tokens == seen_again.tokens == []
    assert called(PUBLIC.connect(play, login=login)) == 200


def test_FT32_a_code_is_sent_once_whatever_comes_of_it(play: Play) -> None:
    connection = PUBLIC.connect(play)
    start = connection.start_login(redirect_uri=BACK)
    back = come_back(start.url, play.issuer("standard")["users"][1])
    elsewhere = connection._log_in()
    endpoint = elsewhere._asker.endpoint
    assert endpoint is not None
    elsewhere._asker.endpoint = replace(endpoint, url="http://127.0.0.1:9/token")

    with pytest.raises(Unreachable):
        connection.finish_login(back, start.kept)
    elsewhere._asker.endpoint = endpoint
    with play.watched() as seen, pytest.raises(LoginRefused, match="it was finished before"):
        connection.finish_login(back, start.kept)

    assert seen.tokens == []


def test_K1_K2_no_log_and_no_error_of_a_whole_log_in_holds_what_is_secret(
    play: Play, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "portvakt")
    connection = client.connect(play)
    start = connection.start_login(redirect_uri=BACK)
    back = come_back(start.url, play.issuer(client.issuer)["users"][1])
    login = connection.finish_login(back, start.kept)
    renewed: list[Login] = []
    client.connect(play, login=ended(login), on_renewed=renewed.append).get_token()
    connection.revoke_login(login)
    said = []
    for tried in (
        lambda: connection.finish_login(back, start.kept),
        lambda: connection.finish_login(back, "nothing"),
        lambda: client.connect(play, login=ended(login)).get_token(),
    ):
        with pytest.raises((LoginRefused, LoginRequired)) as caught:
            tried()
        said.append(f"{caught.value!r} {caught.value}")
    tokens = [token for one in (login, *renewed) for token in (one.access_token, one.refresh_token) if token]
    secrets = [("code", back.partition("code=")[2].partition("&")[0]), ("kept", start.kept)]
    secrets += [("token", token.reveal()) for token in tokens]

    told = f"{caplog.text} {said} {login!r} {login} {start!r} {renewed} {connection!r}"

    assert caplog.records
    assert Canaries(secrets).find_in(("what was said", told.encode())) == []
    assert json.loads(login.to_text())["access_token"] in login.to_text()  # by its name alone

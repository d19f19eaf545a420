"""What a caller does get to see: one clear error, with the moment from which it is worth trying again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx2
import pytest

from played import ASYNCIO, BLOCKING, DATA, LIFE, Play
from portvakt.client import RateLimited, TokenRefused, Unreachable
from programs import running, shell

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from played import Way
    from portvakt.client import ClientError

BREEZE = "breeze-test"
TOKENS_AN_HOUR = 100
CALLS_AN_HOUR = 3600
HOUR = 3600
FIRST_REST = 1.0  # seconds for which nobody asks after a first failure
MARGIN = 0.5
NEAR = 3  # seconds before a window's end: enough for a machine that is busy


def until_it_works(call: Callable[[], object], refusal: type[ClientError], seconds: float) -> None:
    """Call again and again until the refusal is over. Raises: the refusal, if it is not after so many seconds."""
    give_up_at = time.monotonic() + seconds
    while True:
        try:
            call()
        except refusal:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)
        else:
            return


@pytest.mark.parametrize(("issuer", "way"), [("breeze-test", BLOCKING), ("prisjakt", ASYNCIO)], ids=str)
def test_a_client_that_is_disabled_is_told_when_its_token_is_gone_and_works_once_it_is_enabled(
    play: Play, issuer: str, way: Way
) -> None:
    mine = play.client(issuer)
    with way.calling(play.connect(issuer, mine)) as call:
        with play.watched() as seen:
            call()
            play.administer(issuer, "client", "disable", mine["client_id"])
            meanwhile = call()
            play.turn(LIFE[issuer])
            for _ in range(3):
                with pytest.raises(TokenRefused) as refused:
                    call()
        with play.watched() as seen_again:
            play.administer(issuer, "client", "enable", mine["client_id"])
            until_it_works(call, TokenRefused, FIRST_REST + MARGIN)

    assert meanwhile == 200
    assert seen.tokens == [200, 401]  # one request for three calls
    assert (refused.value.code, refused.value.status) == ("invalid_client", 401)
    assert str(refused.value).endswith("Check client_id and client_secret, and that both belong to this environment.")
    assert seen_again.tokens == [200]


def test_credentials_of_the_other_environment_are_one_clear_refusal(play: Play) -> None:
    with play.watched() as seen, pytest.raises(TokenRefused) as refused:
        play.connect("breeze-production", play.issuer("breeze-test")).get_token()

    there = play.issuer("breeze-production")["base_url"]
    assert str(refused.value) == (
        f"Breeze at {there} refused to give a token (invalid_client: Invalid client credentials). "
        "Check client_id and client_secret, and that both belong to this environment."
    )
    assert seen.tokens == [401]


def test_a_token_quota_that_others_used_up_is_told_with_its_end_and_waited_out_when_that_is_near(play: Play) -> None:
    mine = play.client(BREEZE)
    ask = (
        "curl --silent --show-error --fail -o /dev/null -d grant_type=client_credentials"
        f" -u {mine['client_id']}:{mine['client_secret']}"
        f" {play.issuer(BREEZE)['base_url']}/oauth/token#[1-{TOKENS_AN_HOUR}]"
    )
    began = time.time()
    assert shell(ask).code == 0
    impatient, patient = play.connect(BREEZE, mine), play.connect(BREEZE, mine)

    with play.watched() as seen:
        for _ in range(3):
            with pytest.raises(RateLimited) as limited:
                impatient.get_token()
        play.turn(limited.value.retry_at - time.time() - NEAR)
        token = patient.get_token()

    assert began + HOUR - 1 <= limited.value.retry_at <= time.time() + HOUR + 1
    assert seen.tokens == [429, 429, 200]
    assert token.expires_at > time.time()


def test_an_api_quota_that_others_used_up_is_told_with_its_end_and_waited_out_when_that_is_near(play: Play) -> None:
    address = "127.0.0.2"  # each has a quota of its own
    began = time.time()
    url = f"{play.issuer(BREEZE)['base_url']}/graphql#[1-{CALLS_AN_HOUR}]"
    assert shell(f"curl --silent --show-error --interface {address} -o /dev/null {url}").code == 0

    with_token = play.connect(BREEZE)
    with_token.get_token()

    with (
        BLOCKING.calling(play.connect(BREEZE), local_address=address) as impatient,
        ASYNCIO.calling(with_token, local_address=address) as patient,
        play.watched() as seen,
    ):
        for _ in range(3):
            with pytest.raises(RateLimited) as limited:
                impatient()
        play.turn(limited.value.retry_at - time.time() - NEAR)
        status = patient()

    assert began + HOUR - 1 <= limited.value.retry_at <= time.time() + HOUR + 1
    assert status == 200
    assert seen.calls == [429, 429, 200]


def test_a_sandbox_that_stops_and_starts_between_calls_is_seen_only_while_it_is_away(tmp_path: Path) -> None:
    arguments = ("sandbox", "prisjakt", "--json", "--data", DATA, "--port")
    with running(*arguments, "0", cwd=tmp_path) as told:
        play = Play(tmp_path, told)
        connection = play.connect("prisjakt")
        begun = connection.get_token()
        cold = play.connect("prisjakt")
        with BLOCKING.calling(connection) as call:
            statuses = [call()]
    with BLOCKING.calling(connection) as call, pytest.raises(httpx2.ConnectError):
        call()
    with pytest.raises(Unreachable, match="no connection") as away:
        cold.get_token()
    told_at = time.time()
    again = running(*arguments, told["base_url"].rpartition(":")[2], cwd=tmp_path)
    with again as told, BLOCKING.calling(connection) as call:
        statuses.append(call())
        until_it_works(cold.get_token, Unreachable, FIRST_REST + MARGIN)

    assert statuses == [200, 200]
    assert connection.get_token() is begun
    assert told_at - 1 <= away.value.retry_at <= told_at + FIRST_REST + 1

"""No token: who is told what, when it is asked again, and what is waited out."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import pytest

from failing_frames import frames_of
from portvakt.client.asking import DEADLINE, Later, No, Nonsense, Nothing
from portvakt.client.errors import BadReply, ClientError, RateLimited, TokenRefused, Unreachable
from portvakt.model.decision import Refused
from times import BEGAN, Times
from token_issuer import HOUR, Issuer, landed

if TYPE_CHECKING:
    from portvakt.client.asking import Outcome
    from portvakt.client.source import TokenSource

WRONG = No(Refused("invalid_client", "Invalid client credentials", 401))
DOWN = Nothing("id.example: no connection")
HTML = Nonsense("the token endpoint's reply (HTTP 200) is not JSON")


@pytest.fixture
def times() -> Times:
    return Times()


def failure(source: TokenSource) -> ClientError:
    with pytest.raises(ClientError) as caught:
        source.get()
    return caught.value


def test_a_refusal_says_what_the_server_said_and_what_to_do(times: Times) -> None:
    error = failure(Issuer(times, WRONG).source())

    assert isinstance(error, TokenRefused)
    assert (error.code, error.description, error.status) == ("invalid_client", "Invalid client credentials", 401)
    assert str(error) == (
        "Standard at https://id.example refused to give a token (invalid_client: Invalid client credentials). "
        "Check client_id and client_secret, and that both belong to this environment."
    )


def test_a_refusal_for_an_expired_secret_is_not_told_to_be_a_wrong_one(times: Times) -> None:
    said = "Client secret has expired. Ask an administrator to rotate the secret."

    error = failure(Issuer(times, No(Refused("invalid_client", said, 401))).source())

    assert str(error) == f"Standard at https://id.example refused to give a token (invalid_client: {said[:-1]})."


def test_a_refusal_that_says_nothing_more_is_told_by_its_code(times: Times) -> None:
    error = failure(Issuer(times, No(Refused("access_denied", "", 403))).source())

    assert str(error) == "Standard at https://id.example refused to give a token (access_denied)."


@pytest.mark.parametrize("outcome", [WRONG, HTML])
def test_an_answer_that_stands_is_not_asked_for_twice(times: Times, outcome: Outcome) -> None:
    issuer = Issuer(times, outcome)

    failure(issuer.source())

    assert issuer.asked == [0.0]
    assert times.slept == []


def test_what_is_no_answer_is_a_bad_reply(times: Times) -> None:
    error = failure(Issuer(times, HTML).source())

    assert isinstance(error, BadReply)
    assert (
        str(error) == "Standard at https://id.example gave no token: the token endpoint's reply (HTTP 200) is not JSON"
    )


def test_FT32_no_answer_is_asked_for_three_times_and_then_told(times: Times) -> None:
    issuer = Issuer(times, DOWN, DOWN, DOWN)

    error = failure(issuer.source())

    assert isinstance(error, Unreachable)
    assert issuer.asked == [0.0, 1.0, 3.0]
    assert error.retry_at == BEGAN + 4
    assert not error.lasting
    assert str(error) == (
        "Standard at https://id.example gave no token: id.example: no connection. "
        "It is asked again from 2027-01-15 08:00:04 UTC on."
    )


def test_what_does_not_pass_by_itself_is_asked_for_once_and_promises_nothing(times: Times) -> None:
    issuer = Issuer(times, Nothing("id.example: its certificate is not trusted (why)", lasting=True))

    error = failure(issuer.source())

    assert isinstance(error, Unreachable)
    assert error.lasting
    assert issuer.asked == [0.0]
    assert str(error) == (
        "Standard at https://id.example gave no token: id.example: its certificate is not trusted (why)"
    )


def test_FT32_a_server_that_comes_back_is_noticed_by_nobody(times: Times) -> None:
    issuer = Issuer(times, DOWN, DOWN)

    assert issuer.source().get().value == "token-1"
    assert issuer.asked == [0.0, 1.0, 3.0]


def test_FT32_all_attempts_together_have_one_deadline(times: Times) -> None:
    issuer = Issuer(times, DOWN, DOWN, DOWN)
    issuer.takes = 6.0

    failure(issuer.source())

    assert issuer.deadlines == [DEADLINE, DEADLINE - 7]
    assert times.now <= DEADLINE + issuer.takes


@pytest.mark.parametrize("outcome", [WRONG, HTML])
def test_after_a_failure_nobody_asks_for_a_while_and_then_once(times: Times, outcome: Outcome) -> None:
    issuer = Issuer(times, *[outcome] * 8)
    source = issuer.source()

    for _ in range(1200):  # a caller each tenth of a second, for two minutes
        failure(source)
        times.pass_by(0.1)
        if not issuer.outcomes:
            break

    gaps = [round(later - earlier) for earlier, later in zip(issuer.asked, issuer.asked[1:], strict=False)]
    assert gaps == [1, 2, 4, 8, 16, 30, 30]


def test_who_comes_within_the_rest_gets_the_same_failure_at_once(times: Times) -> None:
    issuer = Issuer(times, WRONG)
    source = issuer.source()
    first = failure(source)
    times.pass_by(0.9)

    second = failure(source)

    assert type(second) is type(first)
    assert str(second) == str(first)
    assert second is not first
    assert issuer.asked == [0.0]


def test_the_rest_is_shorter_for_some_so_that_callers_part(times: Times) -> None:
    times.die = 0.999
    issuer = Issuer(times, WRONG)
    source = issuer.source()
    failure(source)
    times.pass_by(0.51)

    assert source.get().value == "token-1"


def test_a_token_ends_the_counting_of_failures(times: Times) -> None:
    issuer = Issuer(times, WRONG, WRONG, WRONG)
    source = issuer.source()
    for _ in range(3):
        failure(source)
        times.pass_by(30)
    source.refused(source.get())
    issuer.outcomes.append(WRONG)
    failure(source)

    times.pass_by(1)

    assert source.get().value == "token-2"


def test_an_error_is_each_callers_own(times: Times) -> None:
    issuer = Issuer(times, WRONG)
    source = issuer.source()
    issuer.open.clear()
    caught: list[ClientError] = []
    threads = [threading.Thread(target=lambda: caught.append(failure(source))) for _ in range(20)]
    for thread in threads:
        thread.start()

    issuer.open.set()
    for thread in threads:
        thread.join()

    assert issuer.asked == [0.0]
    assert len({id(error) for error in caught}) == len(threads)
    for error in caught:
        assert (error.__cause__, error.__context__) == (None, None)
        assert frames_of(error) == ["failure", "get", "_landed"]


@pytest.mark.parametrize("seconds", [1.0, 20.0, 30.0])
def test_a_429_within_max_wait_is_waited_out(times: Times, seconds: float) -> None:
    issuer = Issuer(times, Later(seconds))

    assert issuer.source(max_wait=30.0).get().value == "token-1"
    assert issuer.asked == [0.0, seconds]


def test_429s_that_do_not_say_how_long_are_waited_out_at_growing_intervals(times: Times) -> None:
    issuer = Issuer(times, *[Later(None)] * 4)

    issuer.source(max_wait=30.0).get()

    assert issuer.asked == [0.0, 1.0, 3.0, 7.0, 15.0]


def test_a_429_that_asks_for_no_wait_is_not_asked_again_at_once(times: Times) -> None:
    issuer = Issuer(times, Later(0.0))

    issuer.source().get()

    assert issuer.asked == [0.0, 1.0]


def test_all_the_waits_of_one_request_together_stay_within_max_wait(times: Times) -> None:
    issuer = Issuer(times, *[Later(12.0)] * 3)

    error = failure(issuer.source(max_wait=30.0))

    assert isinstance(error, RateLimited)
    assert issuer.asked == [0.0, 12.0, 24.0]
    assert error.retry_at == BEGAN + 36


def test_429s_without_end_that_do_not_say_how_long_are_told_with_the_moment_of_the_next_try(times: Times) -> None:
    issuer = Issuer(times, *[Later(None)] * 6)
    source = issuer.source(max_wait=30.0)

    error = failure(source)

    assert isinstance(error, RateLimited)
    assert issuer.asked == [0.0, 1.0, 3.0, 7.0, 15.0]
    assert error.retry_at == BEGAN + 15 + 16


def test_a_429_beyond_max_wait_is_told_at_once_with_the_moment_of_its_end(times: Times) -> None:
    issuer = Issuer(times, Later(1847.0))

    error = failure(issuer.source(max_wait=30.0))

    assert isinstance(error, RateLimited)
    assert times.slept == []
    assert error.retry_at == BEGAN + 1847
    assert str(error) == (
        "Standard at https://id.example gives no more tokens until 2027-01-15 08:30:47 UTC: longer than max_wait, 30 s"
    )


def test_a_429_beyond_max_wait_is_remembered_for_whoever_comes_later(times: Times) -> None:
    issuer = Issuer(times, Later(1847.0))
    source = issuer.source(max_wait=30.0)
    first = failure(source)

    for _ in range(100):
        times.pass_by(18)
        later = failure(source)
        assert isinstance(later, RateLimited)
        assert isinstance(first, RateLimited)
        assert later.retry_at == first.retry_at
    assert issuer.asked == [0.0]


def test_a_429_of_which_little_is_left_is_waited_out_by_whoever_comes_then(times: Times) -> None:
    issuer = Issuer(times, Later(1847.0))
    source = issuer.source(max_wait=30.0)
    failure(source)
    times.pass_by(1820)

    assert source.get().value == "token-1"
    assert issuer.asked == [0.0, 1847.0]
    assert times.slept == [27.0]


def test_who_waits_for_nothing_is_told_of_a_429_at_once(times: Times) -> None:
    issuer = Issuer(times, Later(1.0))

    error = failure(issuer.source(max_wait=0.0))

    assert isinstance(error, RateLimited)
    assert error.retry_at == BEGAN + 1


def test_a_429_of_years_is_told_all_the_same(times: Times) -> None:
    error = failure(Issuer(times, Later(1e15)).source())

    assert isinstance(error, RateLimited)
    assert "until Unix time 10000" in str(error)


def test_a_503_that_says_how_long_is_waited_for(times: Times) -> None:
    issuer = Issuer(times, Nothing("the token endpoint answers 503", 4.0))

    assert issuer.source().get().value == "token-1"
    assert issuer.asked == [0.0, 4.0]


def test_a_503_that_asks_for_more_than_the_deadline_is_told_and_believed(times: Times) -> None:
    issuer = Issuer(times, Nothing("the token endpoint answers 503", 120.0))
    source = issuer.source()

    error = failure(source)

    assert isinstance(error, Unreachable)
    assert error.retry_at == BEGAN + 120
    times.pass_by(119)
    failure(source)
    assert issuer.asked == [0.0]
    times.pass_by(1)
    assert source.get().value == "token-1"


def test_a_503_that_asks_for_days_is_believed_for_five_minutes(times: Times) -> None:
    error = failure(Issuer(times, Nothing("the token endpoint answers 503", 1e6)).source())

    assert isinstance(error, Unreachable)
    assert error.retry_at == BEGAN + 300


def test_FT31_while_the_token_is_good_nobody_notices_that_the_server_is_down(
    times: Times, caplog: pytest.LogCaptureFixture
) -> None:
    issuer = Issuer(times)
    source = issuer.source()
    first = source.get()
    issuer.outcomes = [DOWN] * 1000
    times.now = began = float(HOUR - 300)

    with caplog.at_level(logging.WARNING, "portvakt.client"):
        while times.now < HOUR - 10:
            assert source.get() is first
            landed(source)
            times.pass_by(0.5)

    probes = [moment - began for moment in issuer.asked[1:]]
    assert probes[:7] == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 61.0]
    assert len(probes) == 14
    assert times.slept == []
    assert len(caplog.messages) == len(probes)
    assert caplog.messages[0] == (
        "Standard at https://id.example gave no new token (id.example: no connection); "
        "the one at hand is good for 290 s"
    )


def test_FT31_at_the_tokens_end_there_is_one_clear_error_at_once(times: Times) -> None:
    issuer = Issuer(times)
    source = issuer.source()
    source.get()
    issuer.outcomes = [DOWN] * 1000
    times.now = HOUR - 10 - 0.5
    source.get()
    landed(source)
    times.pass_by(0.5)
    asked = len(issuer.asked)

    error = failure(source)

    assert isinstance(error, Unreachable)
    assert len(issuer.asked) == asked
    assert times.slept == []


def test_FT31_a_server_that_is_back_is_found_at_the_next_probe(times: Times) -> None:
    issuer = Issuer(times)
    source = issuer.source()
    source.get()
    issuer.outcomes = [DOWN, DOWN]
    times.now = HOUR - 300.0

    for _ in range(10):
        source.get()
        landed(source)
        times.pass_by(1)

    assert source.get().value == "token-2"
    assert len(issuer.asked) == 4


def test_a_429_beside_a_good_token_delays_nobody(times: Times) -> None:
    issuer = Issuer(times)
    source = issuer.source(max_wait=30.0)
    first = source.get()
    issuer.outcomes = [Later(100.0)]
    times.now = HOUR - 300.0

    source.get()
    landed(source)
    for _ in range(99):
        times.pass_by(1)
        assert source.get() is first

    assert len(issuer.asked) == 2
    assert times.slept == []
    times.pass_by(1)
    source.get()
    landed(source)
    assert source.get().value == "token-2"

"""A token is kept, renewed beside its use, and never used beyond its end."""

from __future__ import annotations

import asyncio
import logging
import pickle

import pytest

from portvakt.client.token import Token
from portvakt.model.values import Secret
from times import BEGAN, Times
from token_issuer import HOUR, Issuer, landed, values


@pytest.fixture
def times() -> Times:
    return Times()


def test_a_token_is_asked_for_once_and_kept(times: Times) -> None:
    issuer = Issuer(times)
    source = issuer.source()

    first = source.get()

    assert source.get() is first
    assert asyncio.run(source.aget()) is first
    assert issuer.asked == [0.0]
    assert (first.value, first.scope, first.expires_at) == ("token-1", "read", BEGAN + HOUR)


def test_nothing_is_asked_before_a_token_is_wanted(times: Times) -> None:
    issuer = Issuer(times)

    issuer.source()

    assert issuer.asked == []


def test_it_is_kept_until_five_minutes_before_its_end(times: Times) -> None:
    issuer = Issuer(times)
    source = issuer.source()
    first = source.get()
    times.pass_by(HOUR - 300 - 0.1)

    assert source.get() is first
    assert issuer.asked == [0.0]


def test_within_five_minutes_of_its_end_it_is_given_out_and_another_is_asked_for_once(times: Times) -> None:
    issuer = Issuer(times)
    source = issuer.source()
    first = source.get()
    times.pass_by(HOUR - 300)
    issuer.open.clear()

    given = [source.get() for _ in range(50)]
    given.append(asyncio.run(source.aget()))

    assert all(token is first for token in given)
    issuer.open.set()
    landed(source)
    assert source.get().value == "token-2"
    assert issuer.asked == [0.0, HOUR - 300]


def test_callers_that_began_together_renew_up_to_a_tenth_earlier(times: Times) -> None:
    times.die = 0.999
    issuer = Issuer(times)
    source = issuer.source()
    source.get()

    times.pass_by(HOUR - 330)
    source.get()
    assert issuer.asked == [0.0]

    times.pass_by(1)
    source.get()
    landed(source)
    assert issuer.asked == [0.0, HOUR - 329]


def test_at_its_end_everybody_waits_for_the_next(times: Times) -> None:
    issuer = Issuer(times)
    source = issuer.source()
    source.get()
    times.pass_by(HOUR - 10)

    assert source.get().value == "token-2"


def test_a_renewal_that_is_under_way_at_the_end_is_what_everybody_waits_for(times: Times) -> None:
    issuer = Issuer(times)
    source = issuer.source()
    source.get()
    times.pass_by(HOUR - 11)
    issuer.open.clear()
    source.get()
    times.pass_by(1)

    async def wait_for_it() -> str:
        waiting = asyncio.ensure_future(source.aget())
        await asyncio.sleep(0)
        issuer.open.set()
        return (await waiting).value

    assert asyncio.run(wait_for_it()) == "token-2"
    assert len(issuer.asked) == 2


@pytest.mark.parametrize(
    ("lifetime", "renewed_at", "ends_at"), [(1, 0.8, 0.9), (60, 48.0, 54.0), (86_399, 86_099, 86_389)]
)
def test_each_lifetime_has_its_two_windows(times: Times, lifetime: int, renewed_at: float, ends_at: float) -> None:
    issuer = Issuer(times, lifetime=lifetime)
    source = issuer.source()
    source.get()

    times.now = renewed_at - 0.01
    assert source.get().value == "token-1"
    assert len(issuer.asked) == 1

    times.now = renewed_at + 0.01
    issuer.open.clear()
    assert source.get().value == "token-1"
    issuer.open.set()
    landed(source)
    assert len(issuer.asked) == 2

    times.now += ends_at
    assert source.get().value == "token-3"


def test_tokens_of_a_second_are_given_to_those_who_waited_for_them(times: Times) -> None:
    issuer = Issuer(times, lifetime=1)
    issuer.takes = 3.0
    source = issuer.source()

    assert values(source.get(), source.get()) == ["token-1", "token-2"]
    assert len(issuer.asked) == 2


def test_a_lifetime_counts_from_the_moment_of_the_request(times: Times) -> None:
    issuer = Issuer(times)
    issuer.takes = 5.0
    source = issuer.source()

    token = source.get()

    assert token.expires_at == BEGAN + HOUR
    times.now = HOUR - 300 - 0.1
    assert source.get() is token
    assert len(issuer.asked) == 1
    times.now = HOUR - 300
    source.get()
    landed(source)
    assert len(issuer.asked) == 2


def test_a_wall_clock_that_is_set_changes_nothing(times: Times) -> None:
    issuer = Issuer(times)
    source = issuer.source()
    first = source.get()

    for set_by in (-1_000_000, 1_000_000):
        times.set_by = set_by
        assert source.get() is first
    assert issuer.asked == [0.0]


def test_a_refused_token_is_let_go_of_and_replaced(times: Times) -> None:
    issuer = Issuer(times)
    source = issuer.source()
    first = source.get()

    assert source.refused(first)

    assert source.get().value == "token-2"
    assert issuer.asked == [0.0, 0.0]


def test_a_late_refusal_of_an_old_token_does_not_cost_the_new_one(times: Times) -> None:
    issuer = Issuer(times)
    source = issuer.source()
    first = source.get()
    source.refused(first)
    second = source.get()

    assert source.refused(first)

    assert source.get() is second
    assert len(issuer.asked) == 2


def test_a_thousand_callers_that_are_refused_together_cost_one_token(times: Times) -> None:
    issuer = Issuer(times)
    source = issuer.source()
    first = source.get()

    renewed = [(source.refused(first), source.get())[1] for _ in range(1000)]

    assert {token.value for token in renewed} == {"token-2"}
    assert len(issuer.asked) == 2


def test_a_call_that_can_never_succeed_does_not_cost_a_token_each_time(times: Times) -> None:
    issuer = Issuer(times)
    source = issuer.source()

    for _ in range(HOUR):  # once a second, for an hour
        if source.refused(source.get()):
            source.get()
        times.pass_by(1)

    gaps = [later - earlier for earlier, later in zip(issuer.asked, issuer.asked[1:], strict=False)]
    assert gaps[:6] == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0]
    assert max(gaps) == 300.0
    assert len(issuer.asked) < 25


def test_while_refusals_are_in_vain_the_token_stays_for_other_calls(times: Times) -> None:
    source = Issuer(times).source()
    source.refused(source.get())
    token = source.get()

    assert not source.refused(token)
    assert source.get() is token


def test_five_minutes_without_a_refusal_make_good_what_was_in_vain_before(times: Times) -> None:
    issuer = Issuer(times)
    source = issuer.source()
    for _ in range(12):  # the last of them stops all others for five minutes
        assert source.refused(source.get())
        times.pass_by(300)
    times.pass_by(300)
    assert source.refused(source.get())
    times.pass_by(1)

    assert source.refused(source.get())


def test_what_is_in_vain_every_five_minutes_stays_so(times: Times) -> None:
    source = Issuer(times).source()
    for _ in range(12):
        assert source.refused(source.get())
        times.pass_by(300)

    assert source.refused(source.get())
    times.pass_by(299)
    assert not source.refused(source.get())


def test_after_a_new_token_was_accepted_refusals_count_from_the_beginning(times: Times) -> None:
    issuer = Issuer(times)
    source = issuer.source()
    for _ in range(5):
        source.refused(source.get())
        times.pass_by(60)
    source.refused(source.get())
    second = source.get()
    assert not source.refused(second)

    source.accepted_again()

    assert source.refused(second)
    source.get()
    times.pass_by(1)
    asked = len(issuer.asked)
    assert source.refused(source.get())
    source.get()
    assert len(issuer.asked) == asked + 1


def test_K2_a_token_shows_itself_nowhere(times: Times) -> None:
    token = Token(Secret("s3cr3t-t0k3n"), 1_800_000_000, "read write")

    assert repr(token) == str(token) == f"{token}" == "Token(***, expires_at=1800000000, scope='read write')"
    with pytest.raises(TypeError, match="a Token is not pickled"):
        pickle.dumps(token)
    assert token.value == "s3cr3t-t0k3n"
    assert token.authorization == "Bearer s3cr3t-t0k3n"


def test_K2_the_log_says_that_there_is_a_token_and_for_how_long(times: Times, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "portvakt.client"):
        Issuer(times).source().get()

    assert caplog.messages == ["Standard at https://id.example gave a token for 3600 s"]

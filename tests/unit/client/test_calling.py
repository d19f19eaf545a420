"""What an API says of its limits: waited out, kept in mind for the next call, told when it is too long."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from portvakt.client.address import place
from portvakt.client.calling import Calls, GetToken, Read, Send, Wait
from portvakt.client.errors import RateLimited
from portvakt.providers import PROVIDERS
from times import BEGAN, Times
from token_issuer import Issuer

if TYPE_CHECKING:
    from portvakt.model.provider import Api

HOME = "https://api.example"
BREEZE = PROVIDERS["breeze"].api
STANDARD = PROVIDERS["standard"].api
NOW = int(BEGAN)


@dataclass
class Driver:
    """Walks calls through their steps. `replies` are given in order, then 200s; `sent` are the moments of sending."""

    times: Times
    contract: Api = STANDARD
    max_wait: float = 30.0
    replies: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        times = self.times
        self.calls = Calls(
            Issuer(times).source(),
            self.contract,
            place(HOME),
            self.max_wait,
            now=times.counting,
            wall=times.wall,
            draw=times.draw,
        )

    def call(self) -> int:
        """Make a call and return the status of its last reply."""
        steps = self.calls.steps(httpx2.Request("GET", HOME))
        answer: Any = None
        status = 0
        while True:
            try:
                step = steps.send(answer)
            except StopIteration:
                return status
            answer = None
            if isinstance(step, GetToken):
                answer = self.calls.source.get()
            elif isinstance(step, Wait):
                assert step.seconds > 0
                self.times.rest(step.seconds)
            elif isinstance(step, Read):
                step.response.read()
            else:
                assert isinstance(step, Send)
                self.sent.append(self.times.now)
                status, headers = self.replies.pop(0) if self.replies else (200, {})
                answer = httpx2.Response(status, headers=headers, request=step.request)

    @property
    def refusal(self) -> RateLimited:
        with pytest.raises(RateLimited) as caught:
            self.call()
        return caught.value


@pytest.fixture
def times() -> Times:
    return Times()


@pytest.mark.parametrize(
    ("contract", "headers", "wait"),
    [
        (STANDARD, {"Retry-After": "7"}, 7.0),
        (STANDARD, {"Retry-After": "Fri, 15 Jan 2027 08:00:09 GMT"}, 9.0),
        (BREEZE, {"X-RateLimit-Reset": str(NOW + 11)}, 11.0),
        (BREEZE, {"Retry-After": "7", "X-RateLimit-Reset": str(NOW + 11)}, 7.0),
        (BREEZE, {"X-RateLimit-Reset": str(NOW + 500), "Date": "Fri, 15 Jan 2027 08:08:00 GMT"}, 20.0),
        (STANDARD, {"X-RateLimit-Reset": str(NOW + 11)}, 1.0),
        (STANDARD, {}, 1.0),
        (STANDARD, {"Retry-After": "soon"}, 1.0),
        (STANDARD, {"Retry-After": "0"}, 1.0),
        (BREEZE, {"X-RateLimit-Reset": str(NOW - 5)}, 1.0),
    ],
)
def test_a_429_is_waited_out_as_it_says(times: Times, contract: Api, headers: dict[str, str], wait: float) -> None:
    driver = Driver(times, contract, replies=[(429, headers)])

    assert driver.call() == 200
    assert driver.sent == [0.0, wait]


def test_429s_that_do_not_say_how_long_are_waited_out_at_growing_intervals(times: Times) -> None:
    driver = Driver(times, replies=[(429, {})] * 4)

    assert driver.call() == 200
    assert driver.sent == [0.0, 1.0, 3.0, 7.0, 15.0]


def test_callers_that_were_limited_together_come_back_one_by_one(times: Times) -> None:
    times.die = 0.5
    driver = Driver(times, replies=[(429, {})])

    driver.call()

    assert driver.sent == [0.0, 0.75]


def test_429s_without_end_are_told_once_max_wait_is_over(times: Times) -> None:
    driver = Driver(times, replies=[(429, {})] * 100)

    error = driver.refusal

    assert driver.sent == [0.0, 1.0, 3.0, 7.0, 15.0]
    assert BEGAN + 31 <= error.retry_at <= BEGAN + 32


@pytest.mark.parametrize(
    ("contract", "headers"),
    [(STANDARD, {"Retry-After": "90"}), (BREEZE, {"X-RateLimit-Reset": str(NOW + 90)})],
)
def test_a_429_beyond_max_wait_is_told_at_once(times: Times, contract: Api, headers: dict[str, str]) -> None:
    driver = Driver(times, contract, replies=[(429, headers)])

    error = driver.refusal

    assert times.slept == []
    assert BEGAN + 90 <= error.retry_at <= BEGAN + 91
    assert "longer than max_wait, 30 s" in str(error)


def test_it_is_remembered_and_nothing_is_sent_meanwhile(times: Times) -> None:
    driver = Driver(times, replies=[(429, {"Retry-After": "90"})])
    first = driver.refusal.retry_at

    for _ in range(5):
        times.pass_by(11)
        assert driver.refusal.retry_at == first

    assert driver.sent == [0.0]


def test_of_a_429_the_last_of_it_is_waited_out_by_the_next_call(times: Times) -> None:
    driver = Driver(times, replies=[(429, {"Retry-After": "90"})])
    _ = driver.refusal
    times.pass_by(65)

    assert driver.call() == 200
    assert driver.sent == [0.0, 90.0]


def test_waits_of_one_call_add_up_to_max_wait_at_most(times: Times) -> None:
    driver = Driver(times, replies=[(429, {"Retry-After": "20"}), (429, {"Retry-After": "20"})])

    _ = driver.refusal

    assert driver.sent == [0.0, 20.0]


def test_without_max_wait_a_429_is_an_error_at_once(times: Times) -> None:
    driver = Driver(times, max_wait=0.0, replies=[(429, {"Retry-After": "1"})])

    _ = driver.refusal

    assert times.slept == []


def left(limit: int, remaining: int, seconds: int) -> dict[str, str]:
    """Return Breeze's headers for so much of a quota, in a window that ends in so many seconds."""
    reset = str(NOW + seconds)
    return {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(remaining), "X-RateLimit-Reset": reset}


@pytest.mark.parametrize(
    ("headers", "held_back"),
    [
        (left(3600, 3599, 3600), 0.0),
        (left(3600, 360, 3600), 0.0),
        (left(3600, 359, 36), 0.1),
        (left(3600, 9, 5), 0.5),
        (left(3600, 9, 3600), 1.0),
        (left(3600, 0, 3600), 1.0),
        (left(100, 1, -5), 0.0),
        ({}, 0.0),
        ({"X-RateLimit-Limit": "many", "X-RateLimit-Remaining": "0"}, 0.0),
        ({"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "0"}, 0.0),
    ],
)
def test_when_little_of_the_quota_is_left_the_next_call_is_held_back(
    times: Times, headers: dict[str, str], held_back: float
) -> None:
    driver = Driver(times, BREEZE, replies=[(200, headers)])

    driver.call()
    driver.call()

    assert driver.sent == [0.0, held_back]


def test_that_calls_are_held_back_is_told_once_and_again_after_it_ended(
    times: Times, caplog: pytest.LogCaptureFixture
) -> None:
    low, plenty = left(3600, 9, 60), left(3600, 3599, 3600)
    driver = Driver(times, BREEZE, replies=[(200, one) for one in (plenty, low, low, plenty, low)])
    caplog.set_level(logging.INFO, "portvakt.client")

    told = [(driver.call(), len(caplog.messages))[1] for _ in range(5)]

    assert told == [0, 1, 1, 1, 2]
    assert caplog.messages[0] == ("the API takes 9 more requests until 2027-01-15 08:01:00 UTC: calls are held back")


def test_a_quota_that_is_back_holds_nobody_back(times: Times) -> None:
    driver = Driver(times, BREEZE, replies=[(200, left(3600, 0, 60)), (200, left(3600, 3599, 3600))])

    for _ in range(3):
        driver.call()

    assert driver.sent == [0.0, 1.0, 1.0]


def test_who_waits_for_nothing_is_not_held_back(times: Times, caplog: pytest.LogCaptureFixture) -> None:
    driver = Driver(times, BREEZE, max_wait=0.0, replies=[(200, left(3600, 0, 60))])
    caplog.set_level(logging.INFO, "portvakt.client")

    driver.call()
    driver.call()

    assert driver.sent == [0.0, 0.0]
    assert caplog.messages == []


def test_an_api_without_such_headers_is_not_believed_to_have_them(times: Times) -> None:
    driver = Driver(times, STANDARD, replies=[(200, left(3600, 0, 60))])

    driver.call()
    driver.call()

    assert driver.sent == [0.0, 0.0]

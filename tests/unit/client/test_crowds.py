"""However many wait, one request is sent; who leaves, leaves the others their token; no token goes astray."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from failing_frames import frames_of
from polling import until
from portvakt.client.asking import No
from portvakt.client.errors import TokenRefused
from portvakt.model.decision import Refused
from times import Times
from token_issuer import PATIENCE, Issuer, landed

if TYPE_CHECKING:
    from portvakt.client.source import TokenSource
    from portvakt.client.token import Token

WRONG = No(Refused("invalid_client", "", 401))


@pytest.fixture
def issuer() -> Issuer:
    """An issuer that answers once `open` is set."""
    issuer = Issuer(Times())
    issuer.open.clear()
    return issuer


async def test_FT33_ten_thousand_coroutines_on_a_cold_cache_send_one_request(issuer: Issuer) -> None:
    source = issuer.source()
    waiting = [asyncio.ensure_future(source.aget()) for _ in range(10_000)]
    await asyncio.sleep(0)  # each has begun to wait

    issuer.open.set()
    tokens = await asyncio.gather(*waiting)

    assert len(issuer.asked) == 1
    assert {id(token) for token in tokens} == {id(source.held.token)}


def test_FT33_two_hundred_threads_on_a_cold_cache_send_one_request(issuer: Issuer) -> None:
    source = issuer.source()
    together = threading.Barrier(201)
    tokens: list[Token] = []

    def caller() -> None:
        together.wait(PATIENCE)
        tokens.append(source.get())

    threads = [threading.Thread(target=caller) for _ in range(200)]
    for thread in threads:
        thread.start()
    together.wait(PATIENCE)
    issuer.open.set()
    for thread in threads:
        thread.join(PATIENCE)

    assert len(issuer.asked) == 1
    assert len(tokens) == 200
    assert {id(token) for token in tokens} == {id(source.held.token)}


def test_FT33_threads_and_event_loops_together_send_one_request(issuer: Issuer) -> None:
    source = issuer.source()
    together = threading.Barrier(26)
    tokens: list[Token] = []

    def caller() -> None:
        together.wait(PATIENCE)
        tokens.append(source.get())

    async def crowd() -> list[Token]:
        return await asyncio.gather(*(source.aget() for _ in range(100)))

    def loop() -> None:
        together.wait(PATIENCE)
        tokens.extend(asyncio.run(crowd()))

    threads = [threading.Thread(target=target) for target in [caller] * 20 + [loop] * 5]
    for thread in threads:
        thread.start()
    together.wait(PATIENCE)
    issuer.open.set()
    for thread in threads:
        thread.join(PATIENCE)

    assert len(issuer.asked) == 1
    assert len(tokens) == 520
    assert {id(token) for token in tokens} == {id(source.held.token)}


async def test_FT33_who_came_first_is_cancelled_and_the_others_get_their_token(issuer: Issuer) -> None:
    source = issuer.source()
    first = asyncio.ensure_future(source.aget())
    await asyncio.sleep(0)
    others = [asyncio.ensure_future(source.aget()) for _ in range(100)]
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.wait([first])
    issuer.open.set()

    assert {token.value for token in await asyncio.gather(*others)} == {"token-1"}
    assert first.cancelled()
    assert len(issuer.asked) == 1


async def test_when_all_are_cancelled_the_token_is_kept_for_the_next(issuer: Issuer) -> None:
    source = issuer.source()
    waiting = [asyncio.ensure_future(source.aget()) for _ in range(100)]
    await asyncio.sleep(0)

    for one in waiting:
        one.cancel()
    await asyncio.wait(waiting)
    issuer.open.set()
    landed(source)

    assert (await source.aget()).value == "token-1"
    assert len(issuer.asked) == 1


async def test_a_caller_that_gives_up_after_a_time_harms_nobody(issuer: Issuer) -> None:
    source = issuer.source()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await source.aget()
    issuer.open.set()

    assert (await source.aget()).value == "token-1"
    assert len(issuer.asked) == 1


def test_a_loop_that_ends_while_it_waits_leaves_the_request_to_the_others(issuer: Issuer) -> None:
    source = issuer.source()

    async def leave_without_it() -> None:
        asyncio.ensure_future(source.aget())  # noqa: RUF006  it is cancelled with the loop
        await until(lambda: bool(issuer.asked), PATIENCE)

    asyncio.run(leave_without_it())
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(source.get)
        issuer.open.set()

        assert other.result(PATIENCE).value == "token-1"
    assert len(issuer.asked) == 1


async def test_FT33_an_error_is_shared_by_those_who_wait_and_each_has_its_own(issuer: Issuer) -> None:
    issuer.outcomes = [WRONG]
    source = issuer.source()
    waiting = [asyncio.ensure_future(source.aget()) for _ in range(1000)]
    await asyncio.sleep(0)

    issuer.open.set()
    errors = await asyncio.gather(*waiting, return_exceptions=True)

    assert len(issuer.asked) == 1
    assert len({id(error) for error in errors}) == 1000
    for error in errors:
        assert isinstance(error, TokenRefused)
        assert (error.__cause__, error.__context__) == (None, None)
        assert frames_of(error) == ["aget", "_landed"]


async def test_a_thousand_clients_at_once_each_get_their_own_token() -> None:
    """CVE-2025-67490: requests of several clients that were under way together were answered with each other's."""
    times = Times()
    issuers = [Issuer(times, name=f"client-{number}") for number in range(1000)]
    sources = [issuer.source() for issuer in issuers]

    async def caller(number: int) -> tuple[str, str]:
        return f"client-{number}-1", (await sources[number].aget()).value

    seen = await asyncio.gather(*(caller(number) for number in [*range(1000), *reversed(range(1000))]))

    assert [pair for pair in seen if pair[0] != pair[1]] == []
    assert [issuer for issuer in issuers if len(issuer.asked) != 1] == []


def test_one_clients_failure_is_not_anothers() -> None:
    times = Times()
    wrong, right = Issuer(times, WRONG).source(), Issuer(times).source()

    with pytest.raises(TokenRefused):
        wrong.get()

    assert right.get().value == "token-1"
    assert not is_resting(right)


def is_resting(source: TokenSource) -> bool:
    return source._failure is not None

"""What goes on at a provider day and night, and a caller never sees: ends of tokens, new keys, new secrets."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from played import ASYNCIO, BLOCKING, LIFE
from portvakt.client import TokenRefused

if TYPE_CHECKING:
    from played import Play, Way
    from portvakt.client import Token

MANY_COROUTINES = 10_000
MANY_THREADS = 200
OVERLAP = 600  # seconds for which a new key is published before it signs


def test_a_token_that_ends_between_two_calls_costs_one_token_request_and_no_error(
    play: Play, issuer: str, way: Way
) -> None:
    with way.calling(play.connect(issuer)) as call, play.watched() as seen:
        first = [call() for _ in range(3)]
        play.turn(LIFE[issuer])
        after = [call() for _ in range(3)]

    assert (first, after) == ([200] * 3, [200] * 3)
    assert seen.tokens == [200, 200]
    assert seen.calls == [200, 200, 200, 401, 200, 200, 200]


def test_keys_that_rotate_are_not_seen(play: Play, issuer: str) -> None:
    with BLOCKING.calling(play.connect(issuer)) as call, play.watched() as seen:
        statuses = [call()]
        old = signing(play.administer(issuer, "keys", "rotate"))
        for seconds in (1, OVERLAP, LIFE[issuer], OVERLAP, LIFE[issuer]):
            play.turn(seconds)
            statuses.append(call())
        keys = play.administer(issuer, "keys", "list")

    assert statuses == [200] * 6
    assert set(seen.tokens) == {200}
    assert signing(keys) != old
    assert [key["state"] for key in keys["keys"] if key["kid"] == old] == ["retired"]


def signing(told: dict[str, Any]) -> str:
    (kid,) = (key["kid"] for key in told["keys"] if key["state"] == "signing")
    assert isinstance(kid, str)
    return kid


def test_an_old_secret_is_as_good_as_the_new_one_until_its_grace_ends(play: Play, issuer: str) -> None:
    mine = play.client(issuer)
    with ASYNCIO.calling(play.connect(issuer, mine)) as call, play.watched() as seen:
        statuses = [call()]
        grace = 2 * LIFE[issuer]
        rotated = play.administer(issuer, "client", "rotate-secret", mine["client_id"], "--grace", f"{grace}s")
        play.turn(LIFE[issuer])
        statuses.append(call())
        play.turn(LIFE[issuer])
        told = r"\(invalid_client.*(has expired|Check client_id and client_secret)"
        with pytest.raises(TokenRefused, match=told) as refused:
            call()
    with ASYNCIO.calling(play.connect(issuer, rotated)) as call:
        statuses.append(call())

    assert statuses == [200] * 3
    assert seen.tokens == [200, 200, 401]
    assert (refused.value.code, refused.value.status) == ("invalid_client", 401)


async def test_ten_thousand_coroutines_without_a_token_make_one_request(play: Play) -> None:
    connection = play.connect("breeze-test")

    with play.watched() as seen:
        tokens = await asyncio.gather(*(connection.aget_token() for _ in range(MANY_COROUTINES)))

    assert seen.tokens == [200]
    assert len({id(token) for token in tokens}) == 1


def test_two_hundred_threads_without_a_token_make_one_request(play: Play) -> None:
    connection = play.connect("breeze-test")
    together = threading.Barrier(MANY_THREADS)
    tokens: list[Token] = []

    def ask() -> None:
        together.wait(30)
        tokens.append(connection.get_token())

    with play.watched() as seen:
        threads = [threading.Thread(target=ask) for _ in range(MANY_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

    assert seen.tokens == [200]
    assert [token is tokens[0] for token in tokens] == [True] * MANY_THREADS

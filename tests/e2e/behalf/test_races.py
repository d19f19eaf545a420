"""Fifty at once over two processes, on each database: one code, one refresh token, one winner.

Whoever is told that the store did not answer within its second asks again, as clients do: on a busy machine that is
no verdict, and nothing else may be a fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from behalf_nodes import Client, at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from behalf_nodes import Place, Server
    from nodes import Answer

    Places = Callable[[int], Place]

MANY = 50
WINDOW = 10
ROUNDS = pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.long)])


def crowd(ask: Callable[[int], Answer], servers: list[Server]) -> list[Answer]:
    """Have `ask` called for the servers in turn, all together."""
    ports = [servers[number % len(servers)].port for number in range(MANY)]
    return at_once([lambda port=port: ask(port) for port in ports])


def split(answers: list[Answer], servers: list[Server]) -> tuple[list[Answer], list[Answer]]:
    """Return the granted and the refused ones; there is nothing else."""
    assert {answer.status for answer in answers} <= {200, 400}, [server.faults() for server in servers]
    refused = [answer for answer in answers if answer.status == 400]
    assert {answer.json()["error"] for answer in refused} <= {"invalid_grant"}
    return [answer for answer in answers if answer.status == 200], refused


@ROUNDS
@pytest.mark.timeout(300)
def test_I2_F2_one_code_and_one_token_give_one_success_and_end_with_the_replays(place: Places, rounds: int) -> None:
    here = place(0)
    client = Client(here.issuer)
    with here.servers(2) as started:
        servers = started.running
        one, other = servers
        for code, for_refresh in zip(here.codes(rounds), here.codes(rounds), strict=True):
            (won,), refused = split(crowd(lambda port, code=code: client.exchange(port, code), servers), servers)  # type: ignore[misc]
            assert len(refused) == MANY - 1
            assert client.refresh(other.port, won.json()["refresh_token"]).status == 400

            token = client.exchange(one.port, for_refresh).json()["refresh_token"]
            (won,), refused = split(crowd(lambda port, token=token: client.refresh(port, token), servers), servers)  # type: ignore[misc]
            assert len(refused) == MANY - 1
            assert client.refresh(other.port, won.json()["refresh_token"]).status == 400
        assert [server.faults() for server in servers] == [[], []]


@ROUNDS
@pytest.mark.timeout(300)
def test_F3_F7_in_the_window_there_is_one_successor_and_a_grandparent_ends_the_family(
    place: Places, rounds: int
) -> None:
    here = place(WINDOW)
    client = Client(here.issuer)
    with here.servers(2) as started:
        servers = started.running
        for code in here.codes(rounds):
            parent = client.exchange(servers[0].port, code).json()["refresh_token"]
            granted, refused = split(crowd(lambda port, token=parent: client.refresh(port, token), servers), servers)  # type: ignore[misc]
            assert refused == []
            (child,) = {answer.json()["refresh_token"] for answer in granted}

            generations = [parent if number % 4 < 2 else child for number in range(MANY)]
            asks = [
                lambda port=servers[number % 2].port, token=token: client.refresh(port, token)
                for number, token in enumerate(generations)
            ]
            granted, _ = split(at_once(asks), servers)

            newest = {answer.json()["refresh_token"] for answer in granted} - {child}
            assert len(newest) <= 1  # never two children of one
            assert all(client.refresh(servers[0].port, token).status == 400 for token in (parent, child, *newest))
        assert [server.faults() for server in servers] == [[], []]

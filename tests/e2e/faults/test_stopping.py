"""A server is told to stop while programs ask it for tokens."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from nodes import PATIENCE, Node, a_node, half_a_request, load_on, until
from raw_http import read_all, status

if TYPE_CHECKING:
    from nodes import Installed


def is_closed(node: Node) -> bool:
    return isinstance(node.get("/livez").error, ConnectionRefusedError)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_FT26_what_was_accepted_under_load_is_answered(on_sqlite: Installed, number: signal.Signals) -> None:
    with a_node(on_sqlite.shell) as node, load_on(node.port, on_sqlite.client, callers=4) as load:
        until(lambda: len(load.answers) > 40, "some load")

        code = node.stop(number)

        until(load.refused, "every caller met a closed port")
        answers = load.end()
    assert code == 0
    assert {(answer.status, str(answer.error or "")) for answer in answers} == {(200, "")}
    assert load.resets <= 1
    assert [answer.headers.get("connection") for answer in load.last.values()] == ["close"] * 4
    assert [line["unanswered"] for line in node.events("stopped")] == [0]


def test_FT26_one_that_drains_says_so_on_the_connections_that_it_has(on_sqlite: Installed) -> None:
    with a_node(on_sqlite.shell) as node:
        caller = node.caller(on_sqlite.client)
        assert caller.get("/readyz").status == 200

        node.process.terminate()

        answers = [caller.get("/readyz")]
        while "connection" not in answers[-1].headers:
            answers.append(caller.get("/readyz"))
        caller.close()
        assert node.process.wait(PATIENCE) == 0
    *before, last = answers
    assert sorted(answer.status for answer in before) == [answer.status for answer in before]  # 200s, then 503s
    assert (last.status, last.body, last.headers["connection"]) == (503, b'{"ready":false}', "close")


def test_FT26_a_request_in_flight_is_finished(on_sqlite: Installed) -> None:
    with a_node(on_sqlite.shell) as node:
        peer, rest = half_a_request(node, on_sqlite.client)

        node.process.terminate()
        until(lambda: is_closed(node), "nobody may connect")
        peer.sendall(rest)

        reply = read_all(peer)
        peer.close()
        assert node.process.wait(PATIENCE) == 0
    assert status(reply) == 200
    assert b"connection: close" in reply
    assert b'"access_token"' in reply


def test_FT26_a_second_signal_ends_at_once(on_sqlite: Installed) -> None:
    with a_node(on_sqlite.shell) as node:
        peer, _ = half_a_request(node, on_sqlite.client)
        node.process.terminate()
        until(lambda: is_closed(node), "nobody may connect")
        began = time.monotonic()

        code = node.stop()

        assert time.monotonic() - began < 3
        assert code == 1  # a request was cut
        assert read_all(peer) == b""
        peer.close()


def test_last_uses_are_written_at_the_stop(on_sqlite: Installed) -> None:
    with a_node(on_sqlite.shell) as node:
        assert node.token(on_sqlite.client).status == 200
        assert on_sqlite.last_use(on_sqlite.client) is None

        assert node.stop() == 0

    assert on_sqlite.last_use(on_sqlite.client) is not None

"""PostgreSQL goes away under a server that gives out tokens, and comes back."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from nodes import KEY_SET, METADATA, Installed, Load, Node, a_node, as_if_away, load_on, until

if TYPE_CHECKING:
    from services import PostgresProgram

pytestmark = pytest.mark.services

FRESH_FOR = 1.0 + 0.5  # as PostgresqlWatch has it; and what a request begun then may take on a busy machine


def is_back(node: Node, load: Load, since: float) -> bool:
    return any(answer.status == 200 for answer in load.since(since)) and node.get("/readyz").status == 200


def check_meanwhile(node: Node, load: Load, keys: bytes, gone: float) -> None:
    """Check what is answered while the database is away."""
    until(lambda: any(map(as_if_away, load.since(gone))), "503 for a token")
    assert node.get("/livez").status == 200
    assert node.get("/readyz").status == 503
    published = node.get(KEY_SET)
    assert (published.status, published.body) == (200, keys)
    assert published.took < 1
    assert node.get(METADATA).status == 200


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        pytest.param(signal.SIGINT, 0.0, id="restart -m fast"),
        pytest.param(signal.SIGKILL, 0.0, id="kill -9 of the postmaster"),
        pytest.param(signal.SIGINT, 4.0, id="stopped for some seconds", marks=pytest.mark.long),
    ],
)
def test_FT5_while_postgresql_is_away_callers_are_told_to_try_again(
    on_postgresql: Installed, program: PostgresProgram, sent: signal.Signals, seconds: float
) -> None:
    client = on_postgresql.client
    with a_node(on_postgresql.shell) as node, load_on(node.port, client, callers=3, pause=0.01) as load:
        keys = node.get(KEY_SET).body
        on_postgresql_before = len(load.answers)

        gone = time.monotonic()
        program.stop(sent)
        stopped = time.monotonic()
        check_meanwhile(node, load, keys, gone)
        until(lambda: time.monotonic() > gone + seconds, "the outage is over")
        check_meanwhile(node, load, keys, gone)
        restarted = time.monotonic()
        program.start()
        back = time.monotonic()
        until(lambda: is_back(node, load, back), "tokens again", seconds=5)

        answers = load.end()
        assert node.stop() == 0
    assert on_postgresql_before > 0
    assert [answer for answer in answers if not (answer.status == 200 or as_if_away(answer))] == []
    late = [answer for answer in answers if stopped + FRESH_FOR < answer.began < restarted]
    assert {answer.status for answer in late} <= {503}
    assert max(answer.took for answer in answers) < 1.5
    assert on_postgresql.last_use(client) is not None


def test_FT5_a_restart_loses_no_last_use(on_postgresql: Installed, program: PostgresProgram) -> None:
    with a_node(on_postgresql.shell) as node:
        assert node.token(on_postgresql.client).status == 200

        program.stop()
        program.start()

        assert node.stop() == 0
    assert on_postgresql.last_use(on_postgresql.client) is not None

"""A server is killed, flooded, or talks to nobody."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nodes import KEY_SET, Caller, a_node, load_on, until
from portvakt.guard import Guard

if TYPE_CHECKING:
    from nodes import Installed

MIB = 1 << 20
ALSO_POSTGRESQL = pytest.mark.parametrize(
    "anywhere",
    ["sqlite", pytest.param("postgresql", marks=[pytest.mark.services, pytest.mark.long])],
    indirect=True,
)


def bearer(token: str) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", f"Bearer {token}".encode())]


@ALSO_POSTGRESQL
def test_FT1_after_a_kill_under_load_nothing_is_locked_and_tokens_stay_good(anywhere: Installed) -> None:
    shell, port = anywhere.shell, anywhere.port
    with a_node(shell, port=port) as node, load_on(port, anywhere.client) as load:
        until(lambda: len(load.answers) > 40, "some load")
        keys = node.get(KEY_SET).body
        node.process.kill()
        answers = load.end()
    tokens = [answer.json()["access_token"] for answer in answers if answer.status == 200]

    with a_node(shell, port=port) as again:
        assert again.token(anywhere.client).status == 200
        assert again.get(KEY_SET).body == keys
        assert again.token(anywhere.new_client()).status == 200  # and so a change was written
        guard = Guard(issuer=f"http://127.0.0.1:{port}/acme", audience=f"http://127.0.0.1:{port}/acme/api")
        for verified in asyncio.run(verify_all(guard, tokens)):
            assert verified == anywhere.client["client_id"]
        assert again.stop() == 0
    assert len(tokens) > 40


async def verify_all(guard: Guard, tokens: list[str]) -> list[str]:
    return [(await guard.verify(bearer(token))).client_id for token in tokens]


def test_FT39_a_server_whose_log_nobody_reads_goes_on(on_sqlite: Installed) -> None:
    reader, writer = os.pipe()
    try:
        with a_node(on_sqlite.shell, errors=writer) as node:
            caller = node.caller(on_sqlite.client)
            answers = [caller.token() for _ in range(600)]  # some 280 bytes of log each: more than twice a pipe
            caller.close()
            assert node.stop() == 0
    finally:
        os.close(writer)
        os.close(reader)

    assert {answer.status for answer in answers} == {200}
    assert max(answer.took for answer in answers) < 1


@pytest.mark.parametrize(
    ("strangers", "tokens"), [(1_000, 400), pytest.param(5_000, 2_000, marks=pytest.mark.long)], ids=["few", "many"]
)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory, and has addresses, as Linux has them")
def test_E4_strangers_and_tokens_leave_nothing_behind(on_sqlite: Installed, strangers: int, tokens: int) -> None:
    with a_node(on_sqlite.shell) as node:
        callers = [Caller(node.port, on_sqlite.client, source=f"127.0.0.{number}") for number in range(1, 7)]
        for number in range(400):  # what a server makes once: threads, buffers, SQLite's pages
            callers[number % 6].token(f"client_warm{number}")
            callers[0].token()
        before = resident(node.process.pid)

        refused = {callers[number % 6].token(f"client_{number:016}").status for number in range(strangers)}
        granted = {callers[0].token().status for _ in range(tokens)}

        grown = resident(node.process.pid) - before
        for caller in callers:
            caller.close()
    assert refused == {401}
    assert granted == {200}
    assert grown < 5 * MIB, f"{grown / MIB:.1f} MiB"


def resident(pid: int) -> int:
    """Return the bytes that a process has in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")

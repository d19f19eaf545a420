"""Where a browser on this machine comes back to: one answer is taken, whoever else calls; nothing is repeated."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from logins import a_login
from portvakt.client import LoginRefused, Unreachable
from portvakt.client import loopback as room
from portvakt.client.logging_in import NotTheAnswer
from portvakt.client.loopback import Loopback, NobodyCameBack, NotFinished, listening

if TYPE_CHECKING:
    from portvakt.client import Login

CANARY = "canary-2Gk7"
GOOD = "/callback?code=good"


async def say(here: Loopback, octets: bytes) -> str:
    """Send these octets and return all that comes."""
    port = int(here.redirect_uri.rpartition(":")[2].partition("/")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(octets)
    answer = b""
    with contextlib.suppress(ConnectionError):  # it may be closed before all was read
        answer = await reader.read()
    writer.close()
    return answer.decode()


async def get(here: Loopback, target: str, *, host: str | None = None, method: str = "GET") -> str:
    own = here.redirect_uri.removeprefix("http://").partition("/")[0]
    return await say(here, f"{method} {target} HTTP/1.1\r\nHost: {own if host is None else host}\r\n\r\n".encode())


async def finish(url: str) -> Login:
    if url == GOOD:
        return a_login()
    if "denied" in url:
        raise LoginRefused("no", code="access_denied")
    if "wrong" in url:
        raise NotTheAnswer("its iss is not the issuer that was asked", foreign=False)
    if "away" in url:
        raise Unreachable("nobody there", retry_at=1)
    raise NotTheAnswer("its state is not the one that was sent", foreign=True)


async def test_the_browser_that_comes_back_ends_the_waiting_and_sees_a_page_that_may_be_closed() -> None:
    async with listening() as here:
        waiting = asyncio.create_task(here.login(finish))
        await asyncio.sleep(0)
        answer = await get(here, GOOD)
        login = await waiting

    assert login == a_login()
    assert answer.startswith("HTTP/1.1 200 OK\r\n")
    assert "You are logged in" in answer
    assert "You may close this page" in answer
    assert "Content-Security-Policy: default-src 'none'" in answer
    assert "Referrer-Policy: no-referrer" in answer
    assert "Cache-Control: no-store" in answer


async def test_it_listens_before_anybody_is_sent_there_and_on_this_machine_alone() -> None:
    async with listening() as here:
        assert here.redirect_uri.startswith("http://127.0.0.1:")
        assert here.redirect_uri.endswith("/callback")
        assert "404" in await get(here, GOOD)  # nobody waits yet


@pytest.mark.parametrize(
    ("target", "error"), [("denied", LoginRefused), ("wrong", NotTheAnswer), ("away", Unreachable)]
)
async def test_an_answer_that_is_none_or_a_no_ends_the_waiting_too(target: str, error: type[Exception]) -> None:
    async with listening() as here:
        waiting = asyncio.create_task(here.login(finish))
        await asyncio.sleep(0)
        answer = await get(here, f"/callback?{target}={CANARY}")
        with pytest.raises(error):
            await waiting

    assert answer.startswith("HTTP/1.1 400 ")
    assert "You are not logged in" in answer
    assert CANARY not in answer


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (OSError(28, "No space left on device", CANARY), "OSError within portvakt (No space left on device)"),
        (TimeoutError(CANARY), "TimeoutError within portvakt"),
        (asyncio.IncompleteReadError(CANARY.encode(), 99), "IncompleteReadError within portvakt"),
        (KeyError(CANARY), "KeyError within portvakt"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_fault_while_a_log_in_is_finished_ends_the_waiting_at_once(fault: Exception, said: str) -> None:
    async def fail(_url: str) -> Login:
        raise fault

    async with listening() as here:
        waiting = asyncio.create_task(here.login(fail))
        await asyncio.sleep(0)
        answer = await get(here, GOOD)
        with pytest.raises(NotFinished) as caught:
            await waiting

    assert str(caught.value) == f"the log-in was not finished: {said}. Begin again."
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert answer.startswith("HTTP/1.1 400 ")
    assert "You are not logged in" in answer
    assert CANARY not in answer


@pytest.mark.parametrize(
    ("target", "host", "method", "status"),
    [
        (f"/callback?code={CANARY}", None, "GET", "400"),
        ("/callback", None, "GET", "400"),
        (f"/{CANARY}", None, "GET", "404"),
        ("/favicon.ico", None, "GET", "404"),
        (f"{GOOD}/../x", "evil.example", "GET", "404"),
        (GOOD, "evil.example", "GET", "404"),
        (GOOD, "127.0.0.1", "GET", "404"),
        (GOOD, "", "GET", "404"),
        (GOOD, None, "POST", "404"),
        (f"{GOOD} {CANARY}", None, "GET", "404"),
    ],
)
async def test_X3_what_a_stranger_sends_is_answered_and_the_browser_still_waited_for(
    target: str, host: str | None, method: str, status: str
) -> None:
    async with listening() as here:
        waiting = asyncio.create_task(here.login(finish))
        await asyncio.sleep(0)

        answer = await get(here, target, host=host, method=method)

        assert answer.startswith(f"HTTP/1.1 {status} ")
        assert CANARY not in answer
        assert not waiting.done()
        await get(here, GOOD)
        assert await waiting == a_login()


@pytest.mark.parametrize("octets", [b"\x16\x03\x01\r\n\r\n", b"GET " + b"x" * 40_000, b"", b"GET / HTTP/1.1\r\n"])
async def test_what_is_no_request_or_too_long_ends_nothing(octets: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_HEAD_WITHIN", 0.05)
    async with listening() as here:
        waiting = asyncio.create_task(here.login(finish))
        await asyncio.sleep(0)
        await say(here, octets)
        await get(here, GOOD)

        assert await waiting == a_login()


async def test_one_who_says_nothing_keeps_nobody_waiting() -> None:
    async with listening() as here:
        waiting = asyncio.create_task(here.login(finish))
        port = int(here.redirect_uri.rpartition(":")[2].partition("/")[0])
        _, silent = await asyncio.open_connection("127.0.0.1", port)
        await get(here, GOOD)

        assert await waiting == a_login()
        silent.close()


async def test_two_who_come_back_at_once_are_one() -> None:
    began, go_on = asyncio.Event(), asyncio.Event()
    times = []

    async def slow(url: str) -> Login:
        times.append(url)
        began.set()
        await go_on.wait()
        return await finish(url)

    async with listening() as here:
        waiting = asyncio.create_task(here.login(slow))
        await asyncio.sleep(0)
        first = asyncio.create_task(get(here, GOOD))
        await began.wait()
        second = await get(here, GOOD)
        go_on.set()

        assert await waiting == a_login()
        assert "200 OK" in await first
        assert "404" in second
    assert times == [GOOD]


async def test_one_who_comes_after_the_end_changes_nothing() -> None:
    async with listening() as here:
        waiting = asyncio.create_task(here.login(finish))
        await asyncio.sleep(0)
        await get(here, GOOD)
        await get(here, "/callback?denied=1")

        assert await waiting == a_login()


async def test_nobody_is_waited_for_for_ever() -> None:
    async with listening() as here:
        with pytest.raises(NobodyCameBack, match=r"no browser came back within 0\.001 min: begin again"):
            await here.login(finish, 0.06)


async def test_so_many_callers_at_once_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_MOST", 1)
    async with listening() as here:
        port = int(here.redirect_uri.rpartition(":")[2].partition("/")[0])
        first = await asyncio.open_connection("127.0.0.1", port)
        while not here._callers:  # noqa: ASYNC110  it says nothing of a caller who is silent
            await asyncio.sleep(0)

        assert await get(here, "/") == ""
        first[1].close()
        while here._callers:  # noqa: ASYNC110  as above
            await asyncio.sleep(0)
        assert "404" in await get(here, "/")


async def test_a_port_can_be_named_and_is_refused_if_somebody_has_it() -> None:
    async with listening() as here:
        port = int(here.redirect_uri.rpartition(":")[2].partition("/")[0])
        with pytest.raises(OSError, match="in use"):
            async with listening(port):
                pass
    async with listening(port) as again:
        assert again.redirect_uri == here.redirect_uri

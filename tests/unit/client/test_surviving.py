"""What may happen to a request besides its answer: a fork, no thread to be had, a fault of our own."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from traceback import TracebackException
from typing import TYPE_CHECKING

import pytest

from portvakt.client.asking import Nothing
from portvakt.client.errors import Unreachable
from portvakt.client.source import TokenSource
from portvakt.model.decision import Tokens
from portvakt.model.values import Seconds, Secret
from raw_server import raw_server, response
from times import BEGAN, Times
from token_issuer import HOUR, PATIENCE, Issuer, landed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from portvakt.client.asking import Outcome
    from portvakt.client.token import Token

FORK = """
import os, sys, threading, warnings
warnings.simplefilter("ignore")  # a fork beside threads is what is being tried
from portvakt.client.source import TokenSource
from portvakt.model.decision import Tokens
from portvakt.model.values import Secret

parent, asked, go = os.getpid(), threading.Event(), threading.Event()

async def ask(seconds):
    if os.getpid() == parent:
        asked.set()
        go.wait(10)
    return Tokens(access_token=Secret(f"of-{os.getpid()}"), lifetime=3600)

source = TokenSource(ask, "the issuer", 30.0)
waiting = threading.Thread(target=source.get)
waiting.start()
assert asked.wait(10)
locked = sys.argv[1] == "locked"
if locked:  # by another thread, at the very moment of the fork
    held = threading.Thread(target=source._lock.acquire)
    held.start()
    held.join()
child = os.fork()
if child == 0:
    token = source.get()
    assert token.value == f"of-{os.getpid()}", token.value
    assert source.get() is token
    os._exit(7)
if locked:
    source._lock.release()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
go.set()
waiting.join(10)
assert source.get().value == f"of-{parent}"
print("both have theirs")
"""

KEPT = """
import os, warnings
warnings.simplefilter("ignore")
from portvakt.client.source import TokenSource
from portvakt.model.decision import Tokens
from portvakt.model.values import Secret

async def ask(seconds):
    assert os.getpid() == parent, "asked in the child"
    return Tokens(access_token=Secret("of-the-parent"), lifetime=3600)

parent = os.getpid()
source = TokenSource(ask, "the issuer", 30.0)
source.get()
child = os.fork()
if child == 0:
    os._exit(7 if source.get().value == "of-the-parent" else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
print("the child has it too")
"""


ENDS = """
import asyncio, sys
from portvakt.client.source import TokenSource
from portvakt.model.decision import Tokens
from portvakt.model.values import Secret

async def ask(seconds):
    if source.held.token.value:  # the renewal, which the program does not live to see
        print("asked", flush=True)
        await asyncio.sleep(60)
    return Tokens(access_token=Secret("t"), lifetime=3600)

moment = 0.0
source = TokenSource(ask, "the issuer", 30.0, now=lambda: moment)
source.get()
moment = 3400.0
assert source.get().value == "t"
"""


def said(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


AT_THE_END = """
import atexit, sys
from portvakt.client import connect

connection = connect("breeze", base_url=sys.argv[1], client_id="me", client_secret="s")
atexit.register(lambda: print(connection.get_token().scope or "a token"))
"""

NO_NAMES = """
import asyncio, socket, time
from portvakt.client import connect

answered = []
socket.getaddrinfo = lambda *_, **__: (time.sleep(20), answered.append(1))
connection = connect("breeze", base_url="https://id.example", client_id="me", client_secret="s")

async def main():
    try:
        await asyncio.wait_for(connection.aget_token(), 0.2)
    except TimeoutError:
        print("done", flush=True)

began = time.monotonic()
asyncio.run(main())
__import__("atexit").register(lambda: print("at once" if time.monotonic() - began < 10 else "late"))
"""


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("portvakt.client.source.threading.Thread.start", start)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("lock", ["free", "locked"])
def test_a_child_process_does_not_wait_for_its_parents_request(lock: str) -> None:
    assert said(FORK, lock) == "both have theirs"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_child_process_has_the_token_that_its_parent_had() -> None:
    assert said(KEPT) == "the child has it too"


def test_a_program_may_end_while_a_token_is_renewed() -> None:
    assert said(ENDS) in {"", "asked"}


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="a program that is ending may start no thread")
async def test_a_token_may_be_asked_for_when_the_program_ends() -> None:
    async with raw_server(response(b'{"access_token":"t","token_type":"Bearer","expires_in":60}')) as server:
        assert await asyncio.to_thread(said, AT_THE_END, server.url) == "a token"


def test_a_name_that_does_not_resolve_holds_up_no_programs_end() -> None:
    assert said(NO_NAMES).split("\n") == ["done", "at once"]


@pytest.mark.usefixtures("no_threads")
def test_where_no_thread_can_be_had_the_caller_is_told() -> None:
    issuer = Issuer(Times())

    with pytest.raises(Unreachable, match="no thread could be started") as caught:
        issuer.source().get()

    assert caught.value.retry_at == BEGAN
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert issuer.asked == []


@pytest.mark.usefixtures("no_threads")
async def test_where_no_thread_can_be_had_a_coroutine_is_told_too() -> None:
    with pytest.raises(Unreachable, match="no thread could be started"):
        await Issuer(Times()).source().aget()


def test_a_good_token_is_given_out_although_no_thread_can_renew_it(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = Issuer(Times())
    source = issuer.source()
    token = source.get()
    issuer.times.pass_by(HOUR - 300)

    with monkeypatch.context() as without:
        without.setattr("portvakt.client.source.threading.Thread", NoThread)
        assert source.get() is token
    assert source.get() is token

    landed(source)
    assert source.get().value == "token-2"


class NoThread:
    def __init__(self, **_: object) -> None:
        pass

    def start(self) -> None:
        raise RuntimeError("can't start new thread")


def flown() -> None:
    """Wait until the threads of all requests have ended."""
    for thread in threading.enumerate():
        if thread.name == "portvakt-token":
            thread.join(PATIENCE)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[threading.ExceptHookArgs]:
    """What was told of threads that failed."""
    told: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    return told


def test_a_fault_of_our_own_leaves_nobody_waiting_and_is_told(told: list[threading.ExceptHookArgs]) -> None:
    issuer = Issuer(Times(), KeyError("client_secret=s3cr3t"))
    source = issuer.source()

    with pytest.raises(Unreachable) as caught:
        source.get()
    flown()

    assert "KeyError within portvakt" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert [args.exc_type for args in told] == [KeyError]
    issuer.times.pass_by(1)
    assert source.get().value == "token-1"


async def test_a_fault_of_our_own_leaves_no_coroutine_waiting(told: list[threading.ExceptHookArgs]) -> None:
    with pytest.raises(Unreachable, match="ZeroDivisionError within portvakt"):
        await Issuer(Times(), ZeroDivisionError()).source().aget()
    flown()

    assert [args.exc_type for args in told] == [ZeroDivisionError]


def test_K1_a_fault_of_our_own_is_told_without_what_its_frames_held(told: list[threading.ExceptHookArgs]) -> None:
    async def ask(_seconds: float) -> Outcome:
        request = f"client_secret={'s3'}cr3t"
        try:
            return await sent(request)
        except KeyError:
            raise LookupError from None

    async def sent(content: str) -> Outcome:
        raise KeyError(len(content))

    with pytest.raises(Unreachable):
        TokenSource(ask, "the issuer", 30.0).get()
    flown()

    (args,) = told
    assert args.exc_value is not None
    shown = "".join(TracebackException.from_exception(args.exc_value, capture_locals=True).format())
    assert "in ask" in shown
    assert "s3cr3t" not in shown
    assert args.exc_value.__context__ is not None
    shown = "".join(TracebackException.from_exception(args.exc_value.__context__, capture_locals=True).format())
    assert "in sent" in shown
    assert "s3cr3t" not in shown


class Handler(logging.Handler):
    """A handler that does something itself, as one that sends the log to the API would."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self.act = act

    def emit(self, record: logging.LogRecord) -> None:
        self.act()


@pytest.fixture
def handling() -> Iterator[Callable[[Callable[[], object]], None]]:
    log = logging.getLogger("portvakt.client")
    handlers, level = list(log.handlers), log.level

    def handle(act: Callable[[], object]) -> None:
        log.addHandler(Handler(act))
        log.setLevel(logging.DEBUG)

    yield handle
    log.handlers[:] = handlers
    log.setLevel(level)


def test_a_handler_of_the_log_may_ask_for_a_token_itself(handling: Callable[[Callable[[], object]], None]) -> None:
    issuer = Issuer(Times())
    source = issuer.source()
    got: list[str] = []
    handling(lambda: got.append(source.get().value))

    assert in_time(source.get).value == "token-1"
    issuer.outcomes = [Nothing("down")]
    issuer.times.pass_by(HOUR - 250)
    assert in_time(source.get).value == "token-1"
    landed(source)

    assert got == ["token-1", "token-1"]


def test_a_handler_of_the_log_that_fails_keeps_nobody_waiting(
    handling: Callable[[Callable[[], object]], None], told: list[threading.ExceptHookArgs]
) -> None:
    handling(lambda: 1 / 0)

    assert in_time(Issuer(Times()).source().get).value == "token-1"
    flown()
    assert [args.exc_type for args in told] == [ZeroDivisionError]


def test_who_asks_from_within_the_request_is_told_and_does_not_wait_for_himself() -> None:
    errors: list[Unreachable] = []

    async def ask(_seconds: float) -> Outcome:
        with pytest.raises(Unreachable, match="asked for within the very request for it") as caught:
            source.get()  # as a handler of the HTTP library's log may
        errors.append(caught.value)
        return Tokens(access_token=Secret("t"), lifetime=Seconds(HOUR))

    source = TokenSource(ask, "the issuer", 30.0)

    assert in_time(source.get).value == "t"
    assert len(errors) == 1


def in_time(get: Callable[[], Token]) -> Token:
    """Return what `get` does, in a thread: a test must not wait for ever."""
    got: list[Token] = []
    waiting = threading.Thread(target=lambda: got.append(get()), daemon=True)
    waiting.start()
    waiting.join(PATIENCE)
    assert got
    return got[0]


def test_a_fault_after_the_landing_takes_nothing_from_those_who_waited(
    told: list[threading.ExceptHookArgs], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = asyncio.run

    def run_and_fail(flight: Coroutine[None, None, None]) -> None:
        run(flight)
        raise OSError("the loop would not close")

    monkeypatch.setattr("portvakt.client.source.asyncio.run", run_and_fail)

    assert Issuer(Times()).source().get().value == "token-1"
    flown()
    assert [args.exc_type for args in told] == [OSError]

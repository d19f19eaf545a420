"""The token that is held, and the one request for the next, however many threads and coroutines wait for it."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import threading
import traceback
import weakref
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from portvakt.client import clock
from portvakt.client.asking import DEADLINE, Later, Nothing
from portvakt.client.failing import error_of
from portvakt.client.token import Token
from portvakt.model.decision import Tokens
from portvakt.model.values import Secret
from portvakt.protocol.ask.timing import pause_after, windows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from portvakt.client.asking import Failed, Outcome

ATTEMPTS = 3
"""So often a request without an answer is sent before those who wait are told. Asking again costs nothing else."""

LONGEST_REST = 300.0
"""Seconds between two tokens asked for in vain; and so much of what a server that is down asks for is believed."""

_NEVER = -math.inf
_log = logging.getLogger("portvakt.client")


@dataclass(frozen=True, slots=True)
class Held:
    """A token and its windows, as moments of the counting clock."""

    token: Token
    renew_at: float
    usable_until: float


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no token, and until when nobody asks again.

    It is a value: each caller gets an exception of its own, with no frame of another's.
    """

    outcome: Failed
    until: float


NO_TOKEN = Held(Token(Secret(""), 0, ""), _NEVER, _NEVER)
Flight: TypeAlias = "Future[Token | Failure]"


class TokenSource:
    """Gives a token whenever one is wanted, and asks for one only when it must.

    `ask` asks once, within so many seconds, and raises nothing. `who` is how errors and the log call the issuer.
    `max_wait` is in seconds. `let_go` is told each token that an API refused. Every request runs in a thread of its
    own, so that nobody who waits owns it: a coroutine may be cancelled, an event loop may end, and the others still
    get their token.
    """

    def __init__(
        self,
        ask: Callable[[float], Awaitable[Outcome]],
        who: str,
        max_wait: float,
        *,
        now: Callable[[], float] = clock.counting,
        wall: Callable[[], float] = clock.wall,
        draw: Callable[[], float] = clock.draw,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        let_go: Callable[[Token], None] = lambda _token: None,
    ) -> None:
        self.held: Held = NO_TOKEN
        self._ask = ask
        self._who = who
        self._max_wait = max_wait
        self._now = now
        self._wall = wall
        self._draw = draw
        self._sleep = sleep
        self._let_go = let_go
        self._failures = 0  # in a row
        self._failure: Failure | None = None
        self._fruitless = 0  # tokens let go of in a row, with no word yet of the next
        self._fruitless_until = _NEVER
        self.begin_anew()
        _sources.add(self)

    def begin_anew(self) -> None:
        """Wait for no request: after a fork, the thread that sent it is not in the child."""
        self._lock = threading.Lock()
        self._flight: Flight | None = None
        self._pilot: threading.Thread | None = None  # in which that request runs

    def get(self) -> Token:
        """Return a token; wait for one if there is none. Raises: ClientError."""
        found = self._look()
        if isinstance(found, Future):
            if threading.current_thread() is self._pilot and not found.done():  # by a handler of a library's log
                found = Failure(Nothing("asked for within the very request for it"), self._now())
            else:
                found = found.result()
        return self._landed(found)

    async def aget(self) -> Token:
        """Do as `get`, in asyncio. Whoever is cancelled stops waiting, and that is all."""
        found = self._look()
        # A flight counts as running, so the cancellation of one who waits does not reach it.
        return self._landed(await asyncio.wrap_future(found) if isinstance(found, Future) else found)

    def refused(self, token: Token) -> bool:
        """Let go of a token that an API refused, if it is still the one that is held.

        Returns whether another is worth a try. Until one that was asked for after a refusal is accepted, nothing is
        let go of for a while, 1 s at first and 5 minutes at most, or a call that can never succeed would cost a token
        each time. Five minutes without a refusal after that while, and it begins at 1 s again.
        """
        with self._lock:
            if self.held.token is not token:
                return True
            now = self._now()
            if now < self._fruitless_until:
                return False
            if now >= self._fruitless_until + LONGEST_REST:  # what was in vain is long past
                self._fruitless = 0
            self.held = NO_TOKEN
            self._let_go(token)
            self._fruitless_until = now + min(LONGEST_REST, 2.0 ** min(self._fruitless, 10))
            self._fruitless += 1
            return True

    def accepted_again(self) -> None:
        """Note that a token which was asked for after a refusal was accepted."""
        with self._lock:
            self._fruitless, self._fruitless_until = 0, _NEVER

    def _look(self) -> Token | Failure | Flight:
        """Return the token, or what to wait for, or why there is none for now."""
        with self._lock:
            now = self._now()
            held = self.held
            if now < held.renew_at:
                return held.token
            usable = now < held.usable_until
            if self._flight is None or self._flight.done():
                rest = self._rest(now)
                if rest is not None and (usable or not self._is_waited_out(rest, now)):
                    return held.token if usable else rest
                wait = 0.0 if rest is None else rest.until - now
                self._flight = self._take_off(wait, attempts=1 if usable else ATTEMPTS)
            return held.token if usable else self._flight

    def _rest(self, now: float) -> Failure | None:
        """Return the failure after which nobody asks yet."""
        failure = self._failure
        return failure if failure is not None and now < failure.until else None

    def _is_waited_out(self, rest: Failure, now: float) -> bool:
        return isinstance(rest.outcome, Later) and rest.until - now <= self._max_wait

    def _landed(self, found: Token | Failure) -> Token:
        if isinstance(found, Token):
            return found
        retry_at = math.ceil(self._wall() + max(0.0, found.until - self._now()))
        raise error_of(found.outcome, self._who, retry_at, self._max_wait)

    def _take_off(self, wait: float, *, attempts: int) -> Flight:
        flight: Flight = Future()
        flight.set_running_or_notify_cancel()
        thread = threading.Thread(target=self._fly, args=(flight, wait, attempts), name="portvakt-token", daemon=True)
        try:
            self._pilot = thread
            thread.start()
        except RuntimeError:  # the program is ending, or may have no more threads
            flight.set_result(Failure(Nothing("no thread could be started for the request"), self._now()))
        return flight

    def _fly(self, flight: Flight, wait: float, attempts: int) -> None:
        try:
            asyncio.run(self._fly_and_land(flight, wait, attempts))
        except BaseException as error:
            _clear(error)
            if not flight.done():  # whatever it was, nobody is left waiting
                self._land(flight, self._now(), Nothing(f"{type(error).__name__} within portvakt"))
            raise

    async def _fly_and_land(self, flight: Flight, wait: float, attempts: int) -> None:
        """Land here, while the loop still runs: a name that does not resolve would hold up its end."""
        began, outcome = await self._asked(wait, attempts)
        self._land(flight, began, outcome)

    async def _asked(self, wait: float, attempts: int) -> tuple[float, Outcome]:
        """Ask until there is an answer that stands. Return it, and the moment before it was asked for."""
        await self._sleep(wait)
        waited = wait
        give_up_at = self._now() + DEADLINE
        for tries in range(1, 1_000):
            began = self._now()
            outcome = await self._ask(give_up_at - began)
            pause = pause_after(tries, self._draw())
            if isinstance(outcome, Later):
                pause = outcome.seconds or pause
                outcome = Later(pause)  # told with the moment of the next try, also where the 429 named none
                waited += pause
                give_up_at += pause
                if waited > self._max_wait:
                    break
            elif isinstance(outcome, Nothing):
                pause = outcome.seconds or pause
                if outcome.lasting or tries >= attempts or self._now() + pause >= give_up_at:
                    break
            else:
                break
            await self._sleep(pause)
        return began, outcome

    def _land(self, flight: Flight, began: float, outcome: Outcome) -> None:
        with self._lock:
            found = self._kept(began, outcome) if isinstance(outcome, Tokens) else self._failed(outcome)
            left = self.held.usable_until - self._now()
        try:  # without the lock: a handler of the log may want a token in its turn, or fail
            if isinstance(outcome, Tokens):
                _log.debug("%s gave a token for %d s", self._who, outcome.lifetime)
            elif left > 0:
                text = "%s gave no new token (%s); the one at hand is good for %d s"
                _log.warning(text, self._who, outcome.cause, left)
        finally:
            flight.set_result(found)

    def _kept(self, began: float, tokens: Tokens) -> Token:
        lifetime = tokens.lifetime
        assert lifetime is not None  # noqa: S101  read_token_reply states it
        until = windows(lifetime, self._draw())
        expires_at = int(self._wall() - (self._now() - began)) + lifetime
        token = Token(tokens.access_token, expires_at, tokens.scope or "")
        self.held = Held(token, began + until.renew_after, began + until.usable_for)
        self._failure, self._failures = None, 0
        return token

    def _failed(self, outcome: Failed) -> Failure:
        self._failures += 1
        now = self._now()
        rest = pause_after(self._failures, self._draw())
        if isinstance(outcome, Later):
            rest = outcome.seconds or rest
        elif isinstance(outcome, Nothing):
            rest = max(rest, min(outcome.seconds or 0.0, LONGEST_REST))
        self._failure = Failure(outcome, now + rest)
        return self._failure


def _clear(error: BaseException) -> None:
    """Empty the frames of a fault that is told as a thread's: what they held was a request and its secret."""
    fault: BaseException | None = error
    while fault is not None:
        traceback.clear_frames(fault.__traceback__)
        fault = fault.__cause__ or fault.__context__


_sources: weakref.WeakSet[TokenSource] = weakref.WeakSet()


def _after_fork() -> None:
    for source in list(_sources):
        source.begin_anew()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)

"""Logging a user in, between the browser that leaves and the browser that comes back."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from portvakt.client.address import NotPlain, place
from portvakt.client.asking import DEADLINE, GivenBack
from portvakt.client.begun import NotKeptHere, StartedLogin, kept_text, read_kept
from portvakt.client.errors import LoginRefused
from portvakt.client.failing import error_of
from portvakt.client.login import first_login
from portvakt.model.decision import Refused, Tokens
from portvakt.protocol.ask.authorize import (
    RANDOM_OCTETS,
    CallbackRefused,
    authorize_url,
    check_callback,
    expect,
)
from portvakt.protocol.ask.endpoint import AuthorizationEndpoint
from portvakt.protocol.ask.token import code_exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from portvakt.client.asking import Asker, Failed
    from portvakt.client.errors import ClientError
    from portvakt.client.login import Login
    from portvakt.model.values import Secret
    from portvakt.protocol.ask.authorize import CheckedCallback, Expected

_REMEMBERED = 1000
_OWN_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:/[!-~]*")  # RFC 8252 §7.1
_NAME = re.compile(r"[a-z0-9_.-]{1,100}")
ResultT = TypeVar("ResultT")


class LoggingIn:
    """Begins and ends log-ins of one client at one issuer, of which `who` is the name.

    `wall`: Unix seconds.
    """

    def __init__(self, asker: Asker, who: str, wall: Callable[[], float]) -> None:
        self._asker = asker
        self._who = who
        self._wall = wall
        self._ended: deque[Secret] = deque(maxlen=_REMEMBERED)
        self._lock = threading.Lock()

    async def start(self, redirect_uri: str, more: Mapping[str, str]) -> StartedLogin:
        """Return where to send a browser, and what to keep.

        Raises:
            ValueError: `redirect_uri` is no URL for that, or a parameter is none.
            ClientError: the issuer's metadata could not be had, or names no place to send it to.
        """
        _check_redirect_uri(redirect_uri)
        _check_more(more)
        found = await self._asker.authorization()
        if not isinstance(found, AuthorizationEndpoint):
            raise self._error(found)
        expected = expect(found, self._asker.wish, redirect_uri, os.urandom(RANDOM_OCTETS))
        return StartedLogin(authorize_url(found, expected, more), kept_text(expected, int(self._wall())))

    async def finish(self, callback_url: Secret, kept: Secret) -> Login:
        """Return the log-in that a browser brought back. Both texts are hidden: one holds the code, one the verifier.

        Raises:
            LoginRefused: it is not the answer to what was kept, or it says no.
            ClientError: the code was not exchanged. It is not tried again: a code is good once.
        """
        checked = self._checked(callback_url, kept)
        with self._lock:
            state = checked.expected.state
            if state in self._ended:
                raise LoginRefused(f"the log-in at {self._who} was refused: it was finished before")
            self._ended.append(state)
        now = int(self._wall())
        outcome = await self._asker.exchange(
            lambda endpoint: code_exchange(endpoint, self._asker.wish, checked),
            DEADLINE,
            checked.code,
            checked.expected.verifier,
        )
        if not isinstance(outcome, Tokens):
            raise self._error(outcome)
        return first_login(outcome, self._asker.wish, checked.expected.issuer, now)

    async def give_back(self, login: Login) -> bool:
        """End a log-in at its server; False: the server says of no place where that can be asked for.

        Raises: ClientError.
        """
        outcome = await self._asker.give_back(login.refresh_token or login.access_token)
        if outcome is None:
            return False
        if not isinstance(outcome, GivenBack):
            raise self._error(outcome)
        return True

    def _checked(self, callback_url: Secret, kept: Secret) -> CheckedCallback:
        problem, foreign = "", False
        try:
            expected = self._own(read_kept(kept.reveal(), int(self._wall())))
            found = check_callback(expected, callback_url.reveal())
        except NotKeptHere as error:
            problem = str(error)
        except CallbackRefused as error:
            problem, foreign = str(error), error.foreign
        if problem:  # raised outside of the `except`, whose error knows what was read
            raise NotTheAnswer(f"the log-in at {self._who} was refused: {problem}", foreign=foreign)
        if isinstance(found, Refused):
            said = self._asker.safe(found.description)
            text = f"the log-in at {self._who} was refused ({found.code}{f': {said}' if said else ''})"
            raise LoginRefused(text, code=found.code, description=said)
        return found

    def _own(self, expected: Expected) -> Expected:
        if (expected.issuer, expected.client_id) != (self._asker.issuer, self._asker.wish.client_id):
            raise NotKeptHere("it was begun at another issuer, or for another client")
        return expected

    def _error(self, failed: Failed) -> ClientError:
        return error_of(failed, self._who, int(self._wall()) + 1, DEADLINE)


class NotTheAnswer(LoginRefused):
    """What came back is not the answer. `foreign`: somebody else may have sent it, and the answer may yet come."""

    def __init__(self, text: str, *, foreign: bool) -> None:
        super().__init__(text)
        self.foreign = foreign


def in_a_thread(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Return the result of a coroutine, whatever event loop runs in this thread."""
    future: Future[ResultT] = Future()

    def run() -> None:
        try:
            future.set_result(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001  it is raised again, where the result is waited for
            future.set_exception(error)

    threading.Thread(target=run, name="portvakt-login", daemon=True).start()
    return future.result()


def _check_redirect_uri(text: str) -> None:
    if not isinstance(text, str):
        raise TypeError("redirect_uri is a text")
    if _OWN_SCHEME.fullmatch(text):
        return
    try:
        place(text)
    except NotPlain:
        raise ValueError("redirect_uri is not the absolute URL of a page of yours, as it was registered") from None


def _check_more(more: Mapping[str, str]) -> None:
    for name, value in more.items():
        if not isinstance(value, str):
            raise TypeError(f"{name} is a text")
        if not _NAME.fullmatch(name) or not value:
            raise ValueError(f"{name} is no parameter with a value")

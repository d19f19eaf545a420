"""The tokens of a log-in: used while they are good, renewed by whoever is first, kept before they are used.

A refresh token may be good once. So nobody sends one who does not have the log-in to themselves, whoever comes second
finds what the first one got, and what came back is kept before anything else is done with it.

What was sent and brought no answer is sent again at once only within the window in which the server promises the same
answer to the same request (`Provider.reissue_window`). After that it may be taken for a thief's, which would end the
access token at hand as well: that one is used to its end first. Then nothing is left to lose, and it is sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from portvakt.client.asking import Later, No, Nothing, Over
from portvakt.client.folder import LoginFileRefused, unlock
from portvakt.model.decision import INVALID_GRANT, Tokens
from portvakt.model.provider import Refresh
from portvakt.model.values import Seconds, Secret
from portvakt.protocol.ask.timing import Windows, windows
from portvakt.protocol.ask.token import refresh_request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from portvakt.client.asking import Asker, Outcome
    from portvakt.client.folder import LoginFile
    from portvakt.client.login import Login
    from portvakt.client.token import Token

_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.2


class NotKept(Exception):
    """A log-in could not be kept. The text says why."""


class Place(Protocol):
    """Where a log-in is kept. All but `alone` are for who is."""

    def alone(self, sleep: Callable[[float], Awaitable[None]]) -> contextlib.AbstractAsyncContextManager[None]:
        """Wait until nobody else has the log-in. Raises: LoginFileRefused."""

    def read(self) -> Login | None:
        """Return the log-in. Raises: LoginFileRefused."""

    def note(self, login: Login) -> None:
        """Keep that its refresh token is about to be sent, or was not taken. Raises: NotKept."""

    def keep(self, login: Login) -> None:
        """Keep a renewed log-in. Raises: NotKept."""

    def remove(self) -> None:
        """Forget it: it has ended. Raises: NotKept."""


class FilePlace:
    """A log-in in a file, which all processes of this user share."""

    def __init__(self, file: LoginFile) -> None:
        self._file = file

    @contextlib.asynccontextmanager
    async def alone(self, sleep: Callable[[float], Awaitable[None]]) -> AsyncIterator[None]:
        """Wait for the file's lock."""
        pause = _FIRST_PAUSE
        while (lock := self._file.lock()) is None:
            await sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)  # many wait for one that has a request to send
        try:
            yield
        finally:
            unlock(lock)

    def read(self) -> Login | None:
        """Read the file. Raises: LoginFileRefused."""
        return self._file.read()

    def keep(self, login: Login) -> None:
        """Write the file. Raises: NotKept."""
        try:
            self._file.write(login)
        except LoginFileRefused as error:
            raise NotKept(str(error)) from None

    note = keep

    def remove(self) -> None:
        """Remove the file. Raises: NotKept."""
        try:
            self._file.remove()
        except LoginFileRefused as error:
            raise NotKept(str(error)) from None


class HandedPlace:
    """A log-in that an application keeps: it is told of each renewed one before that is used."""

    def __init__(self, login: Login, on_renewed: Callable[[Login], object] | None) -> None:
        self._login: Login | None = login
        self._on_renewed = on_renewed

    @contextlib.asynccontextmanager
    async def alone(self, sleep: Callable[[float], Awaitable[None]]) -> AsyncIterator[None]:  # noqa: ARG002  a file waits
        """Wait for nobody: a connection sends one request at a time."""
        yield

    def read(self) -> Login | None:
        """Return the newest one."""
        return self._login

    def note(self, login: Login) -> None:
        """Keep it in memory: the application needs not hear of this."""
        self._login = login

    def keep(self, login: Login) -> None:
        """Tell the application, which keeps it. Raises: NotKept."""
        if self._on_renewed is not None:
            try:
                self._on_renewed(login)
            except Exception as error:  # noqa: BLE001  whatever it was, the log-in is not kept
                # Its text stays where it is: what a database says of a statement may hold the log-in.
                raise NotKept(f"on_renewed raised {type(error).__name__}") from None
        self._login = login

    def remove(self) -> None:
        """Forget it; the application hears of it by LoginRequired."""
        self._login = None


class Renewer:
    """Gives the tokens of a log-in, as `TokenSource` asks for them.

    `who` is how the issuer is called, `advice` what a user does who has to log in. `wall`: Unix seconds.
    """

    def __init__(
        self,
        asker: Asker,
        place: Place,
        *,
        who: str,
        advice: str,
        wall: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._asker = asker
        self._place = place
        self._who = who
        self._advice = advice
        self._wall = wall
        self._sleep = sleep
        self._refused = Secret("")
        self._unkept: tuple[Login, Login] | None = None  # what was sent, and what came of it

    def let_go(self, token: Token) -> None:
        """Note that the API refused a token: it is not given again, however long it may still live."""
        self._refused = Secret(token.value)

    async def ask(self, seconds: float) -> Outcome:
        """Return a token that is good, within `seconds`; ask for one only if nobody else just did."""
        ends = asyncio.get_running_loop().time() + seconds
        try:
            async with contextlib.AsyncExitStack() as stack:
                async with asyncio.timeout(seconds):
                    await stack.enter_async_context(self._place.alone(self._sleep))
                return await self._ask_alone(ends)
        except TimeoutError:
            return Nothing("another process has been renewing this log-in all the while", unsent=True)
        except LoginFileRefused as error:
            return Over(f"{self._who}: the log-in cannot be used: {error}", "")
        except NotKept as error:
            return Nothing(f"the log-in could not be kept: {error}", unsent=True)

    async def _ask_alone(self, ends: float) -> Outcome:
        login = self._place.read()
        if login is None:
            return Over(f"nobody is logged in at {self._who} for {self._asker.wish.client_id}", self._advice)
        if not login.serves(self._asker.wish):
            given = (
                f"the log-in at {self._who} is for {login.resource or 'no resource'}, scope {login.scope or 'unsaid'}"
            )
            return Over(f"{given}, which is not what is asked for", self._advice)
        login = self._kept_after_all(login)
        at_hand = self._at_hand(login)
        if at_hand is not None and self._is_fresh(login):
            return at_hand
        if login.refresh_token is None:
            return at_hand or Over(f"the log-in at {self._who} has ended", self._advice)
        if at_hand is not None and self._is_in_doubt(login):
            return at_hand
        return await self._renew(login, login.refresh_token, ends)

    async def _renew(self, login: Login, refresh_token: Secret, ends: float) -> Outcome:
        now = int(self._wall())
        sent = login if login.asked_at is not None else replace(login, asked_at=now)
        self._place.note(sent)  # before anything is sent: a disk that is full is found out while the token is good
        outcome = await self._asker.exchange(
            lambda endpoint: refresh_request(endpoint, self._asker.wish, refresh_token, login.resource),
            max(0.0, ends - asyncio.get_running_loop().time()),
            refresh_token,
        )
        if isinstance(outcome, Tokens):
            renewed = login.renewed(outcome, now)
            self._unkept = (login, renewed)
            self._place.keep(renewed)
            self._unkept = None
            self._refused = Secret("")
            return replace(outcome, refresh_token=None)
        if isinstance(outcome, No) and outcome.refused.code == INVALID_GRANT:
            self._place.remove()
            return Over(f"the log-in at {self._who} has ended", self._advice)
        if isinstance(outcome, No | Later) or (isinstance(outcome, Nothing) and outcome.unsent):
            self._place.note(login)  # it was not taken
        return outcome

    def _kept_after_all(self, login: Login) -> Login:
        """Return what could not be kept the last time, once it is, if nobody has come further meanwhile."""
        if self._unkept is None:
            return login
        before, renewed = self._unkept
        if login.refresh_token == before.refresh_token and login.access_token == before.access_token:
            self._place.keep(renewed)
            login = renewed
        self._unkept = None
        return login

    def _at_hand(self, login: Login) -> Tokens | None:
        """Return the access token with what is left of its life; None: it has ended, or the API refused it."""
        left = self._left(login)
        if login.access_token == self._refused or login.lifetime - left >= _windows(login).usable_for or left < 1:
            return None
        return Tokens(access_token=login.access_token, lifetime=Seconds(left), scope=login.scope)

    def _is_fresh(self, login: Login) -> bool:
        return login.lifetime - self._left(login) < _windows(login).renew_after

    def _left(self, login: Login) -> int:
        """Return the seconds that are left; a clock that was set back gives no token a longer life."""
        return min(int(login.expires_at - self._wall()), login.lifetime)

    def _is_in_doubt(self, login: Login) -> bool:
        """Whether the refresh token may have been used, too long ago to get the same answer again."""
        provider = self._asker.provider
        if login.asked_at is None or provider.refresh is Refresh.STATIC:
            return False
        window = (
            provider.reissue_window if self._asker.endpoint is not None else 0
        )  # a stranger's promises are not known
        return not 0 <= self._wall() - login.asked_at < window


def _windows(login: Login) -> Windows:
    """Return its windows, the first one as early as a source may come: what one renews, no other gives out."""
    return windows(Seconds(max(1, login.lifetime)), 1.0)

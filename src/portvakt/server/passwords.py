"""Passwords: Argon2id (RFC 9106), in a few threads of their own, so that log-ins cannot starve the token endpoint."""

from __future__ import annotations

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

if TYPE_CHECKING:
    from collections.abc import Callable

    from portvakt.model.values import Secret

ResultT = TypeVar("ResultT")

THREADS = 2
WAITING = 32
"""Log-ins that may wait for a thread; whoever comes after is told to come again."""

SHORTEST = 8
LONGEST = 256
"""Characters of a password (NIST SP 800-63B §5.1.1.2 asks for at least 8 and for no low ceiling)."""


class Busy(Exception):
    """More log-ins are waiting than can be served soon. 503: try again."""


class Passwords:
    """Makes and checks password hashes. Belongs to one event loop."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()  # RFC 9106 §4: the second recommended option
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="portvakt-password")
        self._under_way = 0
        self._dummy: str | None = None

    async def hash(self, password: Secret) -> str:
        """Return the hash of a new password, in the PHC format. Raises: Busy."""
        return await self._in_turn(lambda: self._hasher.hash(_canonical(password)))

    async def verify(self, known: str | None, password: Secret) -> bool:
        """Tell whether the password is the one of the hash.

        `known` None, for a user that there is not: the same work is done, so that the answer takes as long.

        Raises: Busy.
        """
        return await self._in_turn(lambda: self._verify(known, password))

    def close(self) -> None:
        """End the threads once they have nothing to do."""
        self._threads.shutdown(wait=False)

    def _verify(self, known: str | None, password: Secret) -> bool:
        if self._dummy is None:  # whoever asks first, so that it says nothing about whom they asked for
            self._dummy = self._hasher.hash("nobody's password")
        try:
            self._hasher.verify(known or self._dummy, _canonical(password))
        except (Argon2Error, InvalidHashError):
            return False
        return known is not None

    async def _in_turn(self, work: Callable[[], ResultT]) -> ResultT:
        if self._under_way >= THREADS + WAITING:
            raise Busy
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._under_way -= 1


def password_problem(password: Secret) -> str | None:
    """Return what is wrong with a new password, to be said after "The password"; None if nothing is."""
    length = len(_canonical(password))
    if length < SHORTEST:
        return f"has fewer than {SHORTEST} characters"
    if length > LONGEST:
        return f"has more than {LONGEST} characters"
    return None


def _canonical(password: Secret) -> str:
    """Return the form in which passwords are compared: NFC (RFC 8265 §4.2.2), since keyboards differ."""
    return unicodedata.normalize("NFC", password.reveal())

"""One way from a command to the server's rooms: what they raise becomes a line and an exit code."""

from __future__ import annotations

import contextlib
import getpass
import os
from typing import TYPE_CHECKING, TypeVar

from portvakt.cli.outcome import Exit, Stop
from portvakt.model.audit import ActorKind, By

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from portvakt.cli.options import Installation
    from portvakt.server.administration import Administration
    from portvakt.server.settings import Settings

AnswerT = TypeVar("AnswerT")

NOT_FOUND = 404  # RFC 9110 §15.5.5


def administer(installation: Installation, ask: Callable[[Administration], Awaitable[AnswerT]]) -> AnswerT:
    """Return what `ask` returns, given the installation's administration. Raises: Stop."""
    import asyncio  # --help needs neither loop nor database

    from portvakt.server.administration import Administration

    async def opened() -> AnswerT:
        async with Administration.open(installation.settings, clock=installation.clock) as administration:
            return await ask(administration)

    with explaining():
        require_schema(installation.settings)
        return asyncio.run(opened())


def at_the_command_line() -> By:
    """Return who types, for the audit log: their name on this machine."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container may have a number for which there is no name
        name = str(os.getuid())
    return By(kind=ActorKind.COMMAND, id=name)


def require_schema(settings: Settings) -> None:
    """Stop where the database lacks what this version needs. Raises: Stop, StoreUnavailable."""
    from portvakt.store import current

    with _naming_the_database():
        there = current(settings.database)
    if not there:
        raise Stop(Exit.REFUSED, "the database is not of this version; run: portvakt db upgrade")


def upgrade_database(settings: Settings) -> None:
    """Bring the database to this version. Raises: Stop."""
    from portvakt.store import upgrade

    with explaining(), _naming_the_database():
        upgrade(settings.database)


@contextlib.contextmanager
def _naming_the_database() -> Iterator[None]:
    """Turn the store's word against the database's URL, which never repeats it, into Stop."""
    try:
        yield
    except ValueError as error:
        raise Stop(Exit.SETTINGS, f"database: {error}") from None


@contextlib.contextmanager
def explaining() -> Iterator[None]:
    """Turn what the server's rooms raise into Stop, which says what is wrong and what to do."""
    from portvakt.jose.sealing import UnsealFailed
    from portvakt.server.act import Contended
    from portvakt.server.administration import Refusal
    from portvakt.server.http import CannotListen
    from portvakt.store import StoreUnavailable

    try:
        yield
    except Refusal as error:
        code = Exit.NOT_FOUND if error.refused.status == NOT_FOUND else Exit.REFUSED
        raise Stop(code, str(error)) from None
    except StoreUnavailable as error:
        text = f"{error}; is the database up, and does the setting `database` name the right one?"
        raise Stop(Exit.UNAVAILABLE, text) from None
    except Contended:
        raise Stop(Exit.UNAVAILABLE, "others changed the same at the same time; try again") from None
    except UnsealFailed:
        text = "the secret is not the one that the keys in this database were sealed with; give back the right one"
        raise Stop(Exit.SETTINGS, text) from None
    except CannotListen as error:
        raise Stop(Exit.REFUSED, f"{error}; --host and --port say where else to listen") from None

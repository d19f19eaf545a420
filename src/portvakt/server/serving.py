"""One installation, served until a signal asks to stop. SIGHUP has its settings read again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from portvakt.server import http
from portvakt.server.application import Application, Memory
from portvakt.server.clock import system_clock
from portvakt.server.log import Log
from portvakt.server.settings import SettingsRefused
from portvakt.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from portvakt.server.call import Receive, Scope, Send
    from portvakt.server.settings import Settings
    from portvakt.store import Store

UNTIL_RESTART = ("host", "port", "database", "secret")
"""Settings that stay as they were at the start."""


class ReadAgain(Protocol):
    """Reads the settings as the start did. Raises: SettingsRefused."""

    def __call__(self, **fixed: object) -> Settings:
        """`fixed`: settings by name that win over every other place."""
        ...


def run(
    settings: Settings, *, on_ready: Callable[[str], None] | None = None, read_again: ReadAgain | None = None
) -> int:
    """Serve an installation until a signal asks to stop; return the exit code.

    `on_ready` gets the base URL once requests are answered. With `read_again`, SIGHUP reloads the settings; without
    it, SIGHUP asks to stop.

    Raises:
        portvakt.server.http.CannotListen: the address is taken.
        StoreUnavailable: the database does not answer, or is behind this version's schema.
        portvakt.jose.sealing.UnsealFailed: the secret is not the one that the keys were sealed with.
    """
    log = Log(least=settings.log_level)
    served = Served(settings, log)

    async def serving() -> bool:
        return await http.serve(
            served.answer,
            host=settings.host,
            port=settings.port,
            log=log,
            start=lambda: served.start(read_again),
            end=served.end,
            on_ready=on_ready,
            on_draining=served.drain,
            on_hangup=None if read_again is None else served.reload_soon,
        )

    return http.run(serving, log)


class Served:
    """A store, and the application that answers from it: another one after each reload."""

    _store: Store
    _application: Application

    def __init__(self, settings: Settings, log: Log) -> None:
        self._settings = settings
        self._log = log
        self._memory = Memory()
        self._asked = asyncio.Event()
        self._reloading: asyncio.Task[None] | None = None

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request by the settings that hold when it comes, to its end."""
        await self._application(scope, receive, send)

    async def start(self, read_again: ReadAgain | None) -> None:
        """Open the store and begin. Raises: see `run`."""
        self._store = await open_store(self._settings.database)
        try:
            self._application = await self._started(self._settings)
        except BaseException:
            await self._store.close()
            raise
        if read_again is not None:
            self._reloading = asyncio.create_task(self._reload_when_asked(read_again))

    def reload_soon(self) -> None:
        """Reload once it is possible. Asked for several times meanwhile, it happens once."""
        self._asked.set()

    def drain(self) -> None:
        """Say from now on that no new work should come here."""
        if self._reloading is not None:
            self._reloading.cancel()  # or an application might come that knows of no end
        self._application.drain()

    async def end(self) -> None:
        """Write what is still in memory, and close the store."""
        await self._application.stop()
        await self._store.close()

    async def _started(self, settings: Settings) -> Application:
        application = Application(
            issuers=settings.every_issuer,
            store=self._store,
            secret=settings.secret,
            clock=system_clock,
            log=self._log,
            trusted_proxies=settings.trusted_proxies,
            memory=self._memory,
            mail=settings.mail,
        )
        await application.start()
        return application

    async def _reload_when_asked(self, read_again: ReadAgain) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                await self._reload(read_again)
            except SettingsRefused as refused:
                self._log.event("error", "reload_refused", problems=[str(problem) for problem in refused.problems])
            except Exception as error:  # noqa: BLE001 - whatever it was, what is served goes on being served
                self._log.failure("reload_failed", error)

    async def _reload(self, read_again: ReadAgain) -> None:
        settings, after_restart = await asyncio.to_thread(self._read, read_again)
        fresh = await self._started(settings)
        # What the old one is still answering ends on it: it is cut off from nothing.
        old, self._application, self._settings = self._application, fresh, settings
        self._log.keep_to(settings.log_level)
        await old.stop()
        self._log.event(
            "warning" if after_restart else "info",
            "reloaded",
            issuers=[issuer.name for issuer in settings.every_issuer],
            after_restart=after_restart,
        )
        http.settle()

    def _read(self, read_again: ReadAgain) -> tuple[Settings, list[str]]:
        """Return the settings to serve by, and the names of those that changed and have to wait for a restart."""
        kept = {name: getattr(self._settings, name) for name in UNTIL_RESTART}
        read = read_again()
        waiting = [name for name, value in kept.items() if getattr(read, name) != value]
        if waiting:  # the URLs that follow from host and port follow from those in force
            read = read_again(host=kept["host"], port=kept["port"])
        return replace(read, **kept), waiting

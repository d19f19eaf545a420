"""What is served follows the settings once they are read again: in this process; `tests/e2e/faults` has it whole."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest

from asgi_driver import call
from portvakt.jose.sealing import UnsealFailed
from portvakt.server import http, serving
from portvakt.server.log import Log
from portvakt.server.settings import Settings, load
from portvakt.store import StoreUnavailable, upgrade
from settings_files import ENVIRON, loaded, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACME = '[issuers.acme]\nprovider = "standard"\nlifetime = {}\n'


class Heard(Log):
    """A log that tells what is written in it, and when."""

    def __init__(self, path: Path) -> None:
        super().__init__(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        self.heard = asyncio.Event()
        self.said: list[tuple[str, dict[str, Any]]] = []

    def event(self, level: str, event: str, **members: object) -> None:
        super().event(level, event, **members)
        self.said.append((event, members))
        self.heard.set()


class Installed:
    """An installation in a folder, and what is told of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = Heard(folder / "log")
        upgrade(self.settings(600).database)

    def settings(self, lifetime: int, more: str = "") -> Settings:
        return loaded(self.folder, f'database = "sqlite:///portvakt.db"\n{more}{ACME.format(lifetime)}')

    def read_again(self, **fixed: object) -> Settings:
        return load(fixed, ENVIRON, self.folder / "portvakt.toml")

    async def asked(self, served: serving.Served, event: str) -> dict[str, Any]:
        """Ask for a reload; return what the log says of it."""
        self.log.said.clear()
        served.reload_soon()
        while event not in dict(self.log.said):
            self.log.heard.clear()
            await self.log.heard.wait()
        return dict(self.log.said)[event]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installed]:
    monkeypatch.setattr(http, "settle", lambda: None)  # the collector is not this server's alone
    made = Installed(tmp_path)
    yield made
    made.log.close()


async def status(served: serving.Served, path: str) -> int:
    return (await call(served.answer, "GET", path, headers={"host": "127.0.0.1:8040"})).status


async def test_FT26_what_is_served_follows_the_settings(installed: Installed) -> None:
    served = serving.Served(installed.settings(600), installed.log)
    await served.start(installed.read_again)
    keys = "/second/.well-known/jwks.json"
    before = await status(served, keys)

    installed.settings(60, more='port = 8041\n[issuers.second]\nprovider = "breeze"\n')
    reloaded = await installed.asked(served, "reloaded")
    after = await status(served, keys)
    written(installed.folder, "port = 0")
    refused = await installed.asked(served, "reload_refused")
    (installed.folder / "portvakt.toml").unlink()
    (installed.folder / "portvakt.toml").mkdir()
    await installed.asked(served, "reload_refused")
    still = await status(served, keys)
    served.drain()
    draining = await status(served, "/readyz")
    await served.end()

    assert (before, after, still, draining) == (404, 200, 200, 503)
    assert (reloaded["issuers"], reloaded["after_restart"]) == (["second", "acme", "portvakt"], ["port"])
    assert "port" in refused["problems"][0]


async def test_FT26_a_fault_while_settings_are_read_changes_nothing(installed: Installed) -> None:
    def fails(**_: object) -> Settings:
        raise StoreUnavailable("gone")

    served = serving.Served(installed.settings(600), installed.log)
    await served.start(fails)

    failed = await installed.asked(served, "reload_failed")

    assert failed["error"] == "StoreUnavailable"
    assert await status(served, "/acme/.well-known/jwks.json") == 200
    served.drain()
    await served.end()


async def test_another_installations_secret_starts_nothing(installed: Installed) -> None:
    first = serving.Served(installed.settings(600), installed.log)
    await first.start(None)
    first.drain()
    await first.end()
    path = installed.folder / "portvakt.toml"
    other = load({}, {"PORTVAKT_SECRET": "q3V9x0-ZrT_b1Lk7uMw8Yc2NhPfJdGaE5sXoKiQeRtU"}, path)

    with pytest.raises(UnsealFailed):
        await serving.Served(other, installed.log).start(None)

"""What all tests share: databases, each one fresh, migrated and gone at the end, and the watch for leaked secrets."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from leak_watch import LeakWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from services import PostgresServer


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(LeakWatch(config), "leak-watch")


@pytest.fixture(scope="session")
def plant(pytestconfig: pytest.Config) -> Callable[[str, str], str]:
    """`plant(name, secret)` gives the secret back, and fails the run if a log or database file holds it at the end."""
    watch: LeakWatch = pytestconfig.pluginmanager.getplugin("leak-watch")
    return watch.plant


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL; see `services`. Skips, or fails under PORTVAKT_REQUIRE_SERVICES=1, where there is none."""
    from services import ServiceMissing, postgres

    try:
        with postgres() as server:
            yield server
    except ServiceMissing as missing:
        if os.environ.get("PORTVAKT_REQUIRE_SERVICES") == "1":
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a migrated PostgreSQL database of this test's own."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    from portvakt.store import upgrade

    path = tmp_path_factory.mktemp("template") / "template.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """The URL of a migrated SQLite file of this test's own."""
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'portvakt.db')}"

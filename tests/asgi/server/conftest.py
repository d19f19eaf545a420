"""Servers over a file that has users, clients of each kind, and keys."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from builders import NOW
from issuing import BREEZE, EVERY, PRISJAKT, SEALING, STANDARD, a_copy, population, serving
from portvakt.model.change import Applied
from portvakt.server.keys import ensure_key
from portvakt.store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from issuing import Serving


@pytest.fixture(scope="session")
def populated_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with everything that `EVERY` issuer needs, to copy."""
    path = a_copy(migrated_file, tmp_path_factory.mktemp("populated"))

    async def populate() -> None:
        store = await open_store(f"sqlite:///{path}")
        for issuer in EVERY:
            assert await store.apply(population(issuer)) == Applied()
            await ensure_key(store, issuer, key=SEALING, clock=lambda: NOW)
        await store.close()

    asyncio.run(populate())
    return path


@pytest.fixture
def database(populated_file: Path, tmp_path: Path) -> Path:
    """A database of this test's own."""
    return a_copy(populated_file, tmp_path)


@pytest.fixture
async def breeze(database: Path) -> AsyncIterator[Serving]:
    async with serving(database, [BREEZE]) as served:
        yield served


@pytest.fixture
async def prisjakt(database: Path) -> AsyncIterator[Serving]:
    async with serving(database, [PRISJAKT]) as served:
        yield served


@pytest.fixture
async def standard(database: Path) -> AsyncIterator[Serving]:
    async with serving(database, [STANDARD]) as served:
        yield served


@pytest.fixture(scope="module")
def shared_database(populated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_copy(populated_file, tmp_path_factory.mktemp("shared"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(shared_database: Path) -> AsyncIterator[Serving]:
    """One server for all tests of a module that change nothing; they run in the module's event loop."""
    async with serving(shared_database, EVERY) as served:
        yield served


@pytest.fixture
def everyone(shared: Serving) -> Serving:
    """The shared server with all its windows new."""
    shared.application.windows.clear()
    shared.application._failures.clear()
    return shared

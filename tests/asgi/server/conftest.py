"""Servers over a file that has users, clients of each kind, and keys."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from administered import ACME, OTHER, OWN, Administered
from builders import NOW
from issuing import BREEZE, EVERY, LUCA, PRISJAKT, SEALING, STANDARD, a_copy, population, serving
from people_served import people_of, quick
from portvakt.model.change import Applied
from portvakt.server.keys import ensure_key
from portvakt.store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from issuing import Serving
    from people_served import Served


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


@pytest.fixture(scope="session")
def peopled_file(populated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with people who log in, and applications that ask for them."""
    path = a_copy(populated_file, tmp_path_factory.mktemp("peopled"))

    async def populate() -> None:
        store = await open_store(f"sqlite:///{path}")
        for issuer in (LUCA, STANDARD):
            assert await store.apply(people_of(issuer)) == Applied()
        await store.close()

    asyncio.run(populate())
    return path


@pytest.fixture
async def people(peopled_file: Path, tmp_path: Path) -> AsyncIterator[Served]:
    """A server of the issuers at which people log in, over a database of this test's own."""
    async with serving(a_copy(peopled_file, tmp_path), [LUCA, STANDARD]) as served:
        yield quick(served)


@pytest.fixture
async def administered(database: Path) -> AsyncIterator[Administered]:
    """A server with people of every role, and the administration's API."""
    async with serving(database, [OWN, ACME, OTHER]) as served:
        made = Administered(served)
        await made.fill()
        yield made

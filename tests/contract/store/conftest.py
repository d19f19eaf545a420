"""One suite, run on SQLite and on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from portvakt.store import Store, open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BOTH = [
    pytest.param("sqlite_url", id="sqlite"),
    pytest.param("postgres_url", id="postgresql", marks=pytest.mark.services),
]


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    opened = await open_store(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def another_store(database_url: str) -> AsyncIterator[Store]:
    """A second node on the same database."""
    opened = await open_store(database_url)
    yield opened
    await opened.close()

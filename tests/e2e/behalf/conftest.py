"""Installations with people, on SQLite and on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from behalf_nodes import Place
from nodes import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from services import PostgresServer


@pytest.fixture
def on_sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'portvakt.db'}"


@pytest.fixture
def on_postgresql(postgres_server: PostgresServer) -> Iterator[str]:
    with postgres_server.database(migrated=False) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[int], Place]:
    """Make an installation whose servers answer again for so many seconds."""
    database: str = request.getfixturevalue(f"on_{request.param}")

    def make(window: int) -> Place:
        found = Place(tmp_path, database, free_port(), window)
        found.settle()
        return found

    return make

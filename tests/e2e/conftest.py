"""A sandbox for all tests of this folder, as a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from programs import running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the sandbox's first line says. Its clock is at rest: tests that turn it start one of their own."""
    folder = tmp_path_factory.mktemp("sandbox")
    with running("sandbox", "--json", "--port", "0", "--data", "data", cwd=folder) as told:
        yield told


@pytest.fixture(scope="session")
def issuers(sandbox: dict[str, Any]) -> dict[str, Any]:
    """The sandbox's issuers by name."""
    found: dict[str, Any] = sandbox["issuers"]
    return found

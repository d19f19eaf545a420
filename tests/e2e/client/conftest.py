"""A sandbox for each module, whose clock its tests turn on and never back, and the ways of calling its APIs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from played import DATA, WAYS, Play
from programs import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from played import Way


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    folder = tmp_path_factory.mktemp("play")
    with running("sandbox", "--json", "--port", "0", "--data", DATA, cwd=folder) as told:
        yield Play(folder, told)


@pytest.fixture(params=WAYS, ids=str)
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    return found


@pytest.fixture(params=["breeze-test", "prisjakt", "standard"])
def issuer(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name

"""Folders to run the command in."""

from __future__ import annotations

import shutil
import socket
from typing import TYPE_CHECKING

import pytest

from shell import Shell

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        chosen: int = free.getsockname()[1]
        return chosen


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `portvakt init --yes` ran, to copy."""
    folder = tmp_path_factory.mktemp("installation")
    Shell(folder).run("init", "--yes")
    return folder


@pytest.fixture
def installed(installation: Path, tmp_path: Path) -> Shell:
    shutil.copytree(installation, tmp_path, dirs_exist_ok=True)
    return Shell(tmp_path)

"""An installation with one client, made once and copied for each test; on SQLite or on PostgreSQL."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from nodes import Installed, a_node, free_port
from shell import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services import PostgresProgram, PostgresServer


def install(shell: Shell) -> Installed:
    shell.run("init", "--yes")
    made = Installed(shell, {}, free_port())
    made.configure()
    with a_node(shell) as node:  # which makes the signing keys
        assert node.stop() == 0
    return Installed(shell, made.new_client(), made.port)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(Shell(tmp_path_factory.mktemp("installation")))


@pytest.fixture
def on_sqlite(template: Installed, tmp_path: Path) -> Installed:
    shutil.copytree(template.shell.folder, tmp_path, dirs_exist_ok=True)
    copied = Installed(Shell(tmp_path), template.client, free_port())
    copied.configure()
    return copied


@pytest.fixture
def on_postgresql(tmp_path: Path, postgres_server: PostgresServer) -> Iterator[Installed]:
    with postgres_server.database(migrated=False) as url:
        yield install(Shell(tmp_path, PORTVAKT_DATABASE=url))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def anywhere(request: pytest.FixtureRequest) -> Installed:
    found: Installed = request.getfixturevalue(f"on_{request.param}")
    return found


@pytest.fixture
def program(postgres_server: PostgresServer) -> PostgresProgram:
    if postgres_server.program is None:
        pytest.skip("the server of PORTVAKT_TEST_POSTGRES_URL is not ours to stop")
    return postgres_server.program

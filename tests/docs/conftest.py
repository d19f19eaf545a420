"""A sandbox for the samples of all pages; none of them turns its clock."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from programs import running

if TYPE_CHECKING:
    from collections.abc import Iterator


_CLIENTS = (("BREEZE", "breeze-test"), ("PORTVAKT", "breeze-test"), ("NOTES", "standard"), ("LUCA", "luca-test"))


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the first line of a sandbox of all providers says."""
    with running("sandbox", "--json", "--port", "0", cwd=tmp_path_factory.mktemp("pages")) as told:
        yield told


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch, sandbox: dict[str, Any]) -> None:
    """The environment of a reader: `portvakt` on the path, the sandbox's credentials in the variables of the pages."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.setenv("SESSION_KEY", "of-a-test")
    issuers = sandbox["issuers"]
    for name, issuer in _CLIENTS:
        monkeypatch.setenv(f"{name}_CLIENT_ID", issuers[issuer]["client_id"])
        monkeypatch.setenv(f"{name}_CLIENT_SECRET", issuers[issuer]["client_secret"])

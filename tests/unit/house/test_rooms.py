"""The arrows between rooms are real: a wrong import and an unknown room fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LINT = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command(['--no-cache']))"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def lint(copy: Path) -> subprocess.CompletedProcess[str]:
    path = {"PYTHONPATH": str(copy / "src")}
    return subprocess.run(
        [sys.executable, "-c", LINT], cwd=copy, env=os.environ | path, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("room", "line", "contract"),
    [
        ("client", "import portvakt.guard", "A room imports only the rooms below it"),
        ("guard", "import portvakt.store", "Only server, sandbox and cli touch the store"),
        ("jose", "import portvakt.wire", "jose and store know no messages"),
        ("protocol/admit", "import portvakt.protocol.answer", "The parts of protocol know nothing of each other"),
        ("wire", "import time", "The core does no I/O, reads no clock, writes no log and draws no randomness"),
    ],
)
def test_a_wrong_import_breaks_its_contract(copy: Path, room: str, line: str, contract: str) -> None:
    with (copy / "src/portvakt" / room / "__init__.py").open("a") as file:
        file.write(f"\n{line}\n")

    done = lint(copy)

    assert done.returncode == 1
    assert f"{contract} BROKEN" in done.stdout


def test_an_unknown_room_is_refused(copy: Path) -> None:
    (copy / "src/portvakt/attic").mkdir()
    (copy / "src/portvakt/attic/__init__.py").write_text("")

    done = lint(copy)

    assert done.returncode == 1
    assert "portvakt.attic" in done.stdout

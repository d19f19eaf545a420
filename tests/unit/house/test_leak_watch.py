"""The watch for leaked secrets fails a run that leaks: shown with runs of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

CONFTEST = """
import pytest
from leak_watch import LeakWatch

def pytest_configure(config):
    config.pluginmanager.register(LeakWatch(config), "leak-watch")

@pytest.fixture
def plant(pytestconfig):
    return pytestconfig.pluginmanager.getplugin("leak-watch").plant
"""
SECRET = "pvk_cs_" + "a" * 49
TESTS = {
    "log": f"import logging\ndef test(): logging.getLogger('x').warning('oh %s', '{SECRET}')",
    "jsonl": f"def test(tmp_path): (tmp_path / 'log.jsonl').write_text('{SECRET}')",
    "wal": f"def test(tmp_path): (tmp_path / 'some.db-wal').write_text('{SECRET}')",
    "planted": "def test(tmp_path, plant): (tmp_path / 'stderr.txt').write_text(plant('pw', 'hunter2-hunter2')[::-1])",
    "nothing": f"def test(tmp_path, plant): (tmp_path / 'shown-once.txt').write_text('{SECRET}')",
}


def run(folder: Path, what: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(TESTS[what])
    quiet = (
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "xdist",
        f"--basetemp={folder / 'base'}",
        f"--rootdir={folder}",
    )
    tests = str(Path(__file__).parent.parent.parent)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *quiet, *arguments, str(folder)],
        cwd=folder,
        env={**inherited, "PYTHONPATH": tests, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.mark.parametrize(
    ("what", "processes", "code", "said"),
    [
        ("log", 0, 1, "pvk_cs_aaa… in the test's log, by its shape"),
        ("jsonl", 0, 1, "log.jsonl, by its shape"),
        ("wal", 1, 1, "some.db-wal, by its shape"),
        ("planted", 1, 1, "stderr.txt, reversed"),
        ("nothing", 0, 0, "1 passed"),
    ],
)
def test_K1_a_run_that_writes_a_secret_fails_without_repeating_it(
    what: str, processes: int, code: int, said: str
) -> None:
    with tempfile.TemporaryDirectory() as name:  # outside of this run's own folder, which is watched too
        ended = run(Path(name), what, f"-n{processes}")

    assert ended.returncode == code, ended.stdout + ended.stderr
    assert said in ended.stdout
    assert SECRET not in ended.stdout
    assert "hunter2" not in ended.stdout

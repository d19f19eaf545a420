"""No test leaves a secret in a log or a database file: watched for the whole run, in each of its processes.

A whole client secret, a whole token, or what a test planted (the fixture `plant`) fails the test whose log it is
found in, and the run whose temporary folders hold it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from canary import PLANTED, Canaries, Finding, leaks_in, records_under

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


class LeakWatch:
    """A plugin of pytest: one in each process of a run, of which the first looks into the files of all."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._canaries = Canaries()
        self._found: list[Finding] = []

    def plant(self, name: str, secret: str) -> str:
        """Remember a secret for this process's logs, and for the files of the run; return it."""
        self._canaries.plant(name, secret)
        (self._folder / PLANTED).write_text(json.dumps(self._canaries.planted), encoding="utf-8")
        return secret

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        logged = "".join(text for title, text in report.sections if title.startswith("Captured log")).encode()
        found = [*leaks_in(("the test's log", logged)), *self._canaries.find_in(("the test's log", logged))]
        if found:
            report.sections = [section for section in report.sections if not section[0].startswith("Captured log")]
            report.outcome = "failed"
            report.longrepr = _told(found)
        return report

    @pytest.hookimpl(trylast=True)  # after xdist has seen its processes end
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(self._config, "workerinput"):
            return
        canaries = Canaries()
        for planted in self._folder.rglob(PLANTED):
            for name, secret in json.loads(planted.read_text(encoding="utf-8")).items():
                canaries.plant(name, secret)
        records = records_under(self._folder)
        self._found = [*leaks_in(*records), *canaries.find_in(*records)]
        if self._found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._found:
            terminalreporter.section("secrets were written (K1, K5)", red=True)
            terminalreporter.line(_told(self._found))

    @property
    def _folder(self) -> Path:
        factory: pytest.TempPathFactory = self._config._tmp_path_factory  # type: ignore[attr-defined]
        return factory.getbasetemp()


def _told(found: list[Finding]) -> str:
    return "\n".join(f"{one.name} in {one.where}, {one.form}" for one in found)

"""The command as it is typed: in a folder, through a shell's eyes (exit code, two streams, files)."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from portvakt.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

READY_WITHIN = 30
BYTECODE = Path(tempfile.gettempdir()) / "portvakt-tests-bytecode"  # PYTHONDONTWRITEBYTECODE would cost a second each


class Shell:
    """Runs `portvakt` in a folder, with nothing of our own environment that it reads.

    `apart`: as a process of its own, as people run it; else in this one, which is the same and ten times as fast.
    """

    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder = folder
        foreign = ("PORTVAKT_", "PYTHONDONTWRITEBYTECODE")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.environ = {**inherited, "PYTHONPYCACHEPREFIX": str(BYTECODE), **environ}

    def run(
        self, *arguments: str, code: int = 0, apart: bool = False, given: str = ""
    ) -> subprocess.CompletedProcess[str]:
        ended = self._apart(arguments) if apart else self._here(arguments, given)
        assert ended.returncode == code, (ended.returncode, ended.stdout, ended.stderr)
        return ended

    def _apart(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "portvakt.cli", *arguments],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=READY_WITHIN,
            check=False,
        )

    def _here(self, arguments: Sequence[str], given: str = "") -> subprocess.CompletedProcess[str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name in [name for name in os.environ if name.startswith("PORTVAKT_")]:
                patch.delenv(name)
            for name, value in self.environ.items():
                if name.startswith("PORTVAKT_"):
                    patch.setenv(name, value)
            patch.setattr("sys.stdin", io.StringIO(given))
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(arguments)
        return subprocess.CompletedProcess(list(arguments), code, out.getvalue(), err.getvalue())

    def json(self, *arguments: str, apart: bool = False, given: str = "") -> Any:
        ended = self.run(*arguments, "--json", apart=apart, given=given)
        assert ended.stderr == ""
        (line,) = ended.stdout.splitlines()
        return json.loads(line)

    def complaint(self, *arguments: str, code: int) -> str:
        ended = self.run(*arguments, code=code)
        assert ended.stdout == ""
        (line,) = ended.stderr.splitlines()
        return line

    @contextlib.contextmanager
    def serving(self, port: int) -> Iterator[dict[str, Any]]:
        with (
            (self.folder / "serve.log").open("wb") as log,
            subprocess.Popen(
                [sys.executable, "-m", "portvakt.cli", "serve", "--json", "--port", str(port)],
                cwd=self.folder,
                env=self.environ,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            ) as server,
        ):
            assert server.stdout is not None
            try:
                first = server.stdout.readline()
                assert first, (self.folder / "serve.log").read_text()
                yield json.loads(first)
                server.send_signal(signal.SIGTERM)
                assert server.wait(READY_WITHIN) == 0
                assert server.stdout.read() == ""
            finally:
                server.kill()


def token(url: str, **body: str) -> tuple[int, dict[str, Any]]:
    """Ask as the document of Breeze does: JSON in the body."""
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def asked(url: str, client: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return token(
        url,
        grant_type="client_credentials",
        client_id=client["client_id"],
        client_secret=client["client_secret"],
    )

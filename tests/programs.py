"""Programs run as a user runs them: `portvakt` in a folder, curl in a shell, a sandbox or server beside the test."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PORTVAKT = (sys.executable, "-m", "portvakt.cli")
PATIENCE = 30.0


@dataclass(frozen=True)
class Done:
    """How a program ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return what it printed, read as JSON."""
        return json.loads(self.out)


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment without anything of portvakt's own, and with `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PORTVAKT_")}
    return kept | more


def portvakt(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None, given: str | None = None) -> Done:
    """Run a command to its end in the folder `cwd`."""
    return _run([*PORTVAKT, *arguments], cwd=cwd, env=environment(**(env or {})), given=given)


def shell(command: str, **variables: str) -> Done:
    """Run a command in a shell, with `variables` in its environment."""
    return _run(["/bin/sh", "-c", command], env={**os.environ, **variables})


def curl(command: str, **variables: str) -> Done:
    """Run a curl command in a shell, quietly. After its output stand, on a line, the status and the media type."""
    more = r""" --silent --show-error --max-time 10 --write-out '\n%{http_code} %{content_type}'"""
    return shell(command + more, **variables)


def curl_json(command: str, **variables: str) -> tuple[int, str]:
    """Run a curl command; return the status and the body."""
    done = curl(command, **variables)
    assert done.code == 0, done.err
    body, _, last = done.out.rpartition("\n")
    return int(last.split(" ")[0]), body


@contextlib.contextmanager
def running(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """Run a server until the end of the `with`; give the JSON object on its first line of output.

    Its standard error goes to `stderr.txt` in `cwd`. At the end it must stop by itself, with exit code 0.
    """
    with (cwd / "stderr.txt").open("ab") as errors:
        process = subprocess.Popen(
            [*PORTVAKT, *arguments], cwd=cwd, env=environment(**(env or {})), stdout=subprocess.PIPE, stderr=errors
        )
    try:
        yield json.loads(_first_line(process, cwd))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, (cwd / "stderr.txt").read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _first_line(process: subprocess.Popen[bytes], cwd: Path) -> bytes:
    assert process.stdout is not None
    give_up_at = time.monotonic() + PATIENCE
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, give_up_at - time.monotonic()))
        piece = os.read(process.stdout.fileno(), 65536) if ready else b""
        assert piece, f"{shlex.join(map(str, process.args))} did not start: {(cwd / 'stderr.txt').read_text()}"  # type: ignore[arg-type]
        line += piece
    return line


def _run(command: list[str], *, env: Mapping[str, str], cwd: Path | None = None, given: str | None = None) -> Done:
    done = subprocess.run(
        command, cwd=cwd, env=env, input=given or "", capture_output=True, text=True, timeout=60, check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)

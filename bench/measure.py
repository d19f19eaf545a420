"""What every bench does: a server on one core, the load on another, and the limit measured around each run."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HERE = Path(__file__).resolve().parent
SERVER_CORE, LOAD_CORE = 0, 1
LIMIT_SECONDS = 1.0

_LIMIT = f"""
import os, time
os.sched_setaffinity(0, {{{SERVER_CORE}}})
from cryptography.hazmat.primitives.asymmetric import rsa, padding
from cryptography.hazmat.primitives.hashes import SHA256
key, how, hash_ = rsa.generate_private_key(65537, 2048), padding.PKCS1v15(), SHA256()
message, count, end = b"x" * 500, 0, time.perf_counter() + {LIMIT_SECONDS}
began = time.perf_counter()
while time.perf_counter() < end:
    key.sign(message, how, hash_); count += 1
print(count / (time.perf_counter() - began))
"""


@dataclass(frozen=True)
class Scale:
    """How much is measured: rounds of so many seconds, and crowds of so many."""

    rounds: int = 7
    seconds: float = 4.0
    threads: int = 200
    coroutines: int = 10_000
    imports: int = 41


QUICK = Scale(rounds=2, seconds=1.0, threads=20, coroutines=500, imports=3)
"""Enough to see that a bench runs; what it prints is no result."""


@dataclass(frozen=True)
class Target:
    """A request to repeat on so many connections: `text` is the whole HTTP request."""

    name: str
    port: int
    text: str
    connections: int = 32


def limit() -> float:
    """Return how many RSA-2048 signatures a second the server's core makes now."""
    done = subprocess.run([sys.executable, "-c", _LIMIT], capture_output=True, text=True, check=True)
    return float(done.stdout)


def load(target: Target, *, seconds: float) -> dict[str, Any]:
    """Load a target from the other core; every answer must be 200."""
    wish = {
        "request": target.text,
        "port": target.port,
        "seconds": seconds,
        "connections": target.connections,
        "core": LOAD_CORE,
    }
    done = subprocess.run(
        [sys.executable, str(HERE / "load.py")], input=json.dumps(wish), capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    if set(found["statuses"]) != {"200"}:
        raise SystemExit(f"{target.name}: not every answer was 200: {found['statuses']}")
    return found


def compare(targets: Sequence[Target], scale: Scale) -> dict[str, dict[str, float]]:
    """Run the targets in turn, the limit measured before and after each run; return medians by target's name."""
    for target in targets:
        load(target, seconds=1.0)  # warm
    runs: dict[str, list[dict[str, float]]] = {target.name: [] for target in targets}
    for number in range(scale.rounds):
        for target in targets:
            before = limit()
            found = load(target, seconds=scale.seconds)
            bound = (before + limit()) / 2
            runs[target.name].append(
                {"rate": found["rate"], "limit": bound, "ratio": found["rate"] / bound, "p99_ms": found["p99_ms"]}
            )
            print(
                f"  round {number + 1}: {target.name}: {found['rate']:.0f}/s, {found['rate'] / bound:.2f} of the limit"
            )
    return {
        name: {key: statistics.median(run[key] for run in found) for key in found[0]} for name, found in runs.items()
    }


@contextlib.contextmanager
def server(
    *command: str, cwd: Path, core: int = SERVER_CORE, **more: str
) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str], float]]:
    """Run a server on a core, with `more` in its environment; give its first line, its process, and how long it took.

    That is the seconds until it was ready.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PORTVAKT_")} | more
    began = time.perf_counter()
    with (cwd / "server.log").open("ab") as log:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            cwd=cwd,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit((cwd / "server.log").read_text()[-2000:])
        yield json.loads(line), process, time.perf_counter() - began
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        assert process.stdout is not None
        process.stdout.close()


def megabytes(process: subprocess.Popen[str]) -> float:
    """Return a process's resident memory."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def http(method: str, path: str, headers: Mapping[str, str], body: str) -> str:
    """Return an HTTP request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body.encode())}", "", body])


def machine(*packages: str) -> str:
    """Return what this was measured on, with the versions of these packages."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    return f"{model}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}"


def scaled(scale: Scale) -> str:
    """Say what the figures of `compare` are."""
    return (
        f"{scale.rounds} rounds of {scale.seconds:.0f} s, the limit for {LIMIT_SECONDS:.0f} s before and after each; "
        "medians."
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    first, *others = (f"| {' | '.join(line)} |" for line in (head, *rows))
    return "\n".join([first, "|---" * len(head) + "|", *others])


AIMED = ("what", "at least", "measured")
"""The head of a table of aims."""

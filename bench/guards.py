"""A guarded GraphQL query over HTTP beside the signing rate of its core; and a token that was verified before."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from measure import AIMED, HERE, Scale, Target, compare, http, machine, scaled, server, table
from tokens import fetch

QUERY = '{"query": "query GetCurrentUser { Me { _id userId email } }"}'
BATCHES, REPEATS = 40, 5_000


def bench(scale: Scale) -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory(prefix="portvakt-bench-") as name:
        folder = Path(name)
        with server(sys.executable, str(HERE / "unlimited_sandbox.py"), cwd=folder) as (told, _, _):
            issuer = told["issuers"]["breeze-test"]
            port = int(told["base_url"].rpartition(":")[2])
            token = _token(issuer)
            headers = {
                "Host": f"127.0.0.1:{port}",
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
            }
            target = Target("GraphQL Me", port, http("POST", "/breeze-test/graphql", headers, QUERY))
            found = compare([target], scale)["GraphQL Me"]
            seen = asyncio.run(_seen(issuer, token))
    print(f"\n{machine('cryptography', 'httptools', 'uvloop', 'SQLAlchemy', 'ariadne', 'graphql-core')}")
    print(f"{scaled(scale)}\n")
    shown = f"{found['ratio']:.2f} ({found['rate']:.0f}/s of {found['limit']:.0f}/s; p99 {found['p99_ms']:.1f} ms)"
    print(
        table(
            AIMED,
            [
                ("a guarded GraphQL `Me` over HTTP, warm", "1.5 of the limit", shown),
                ("verifying a token seen before", "≤ 2 µs", f"{seen:.2f} µs"),
            ],
        )
    )


def _token(issuer: dict[str, str]) -> str:
    members = {name: issuer[name] for name in ("client_id", "client_secret")}
    body = json.dumps({"grant_type": "client_credentials", **members}).encode()
    answer = fetch(issuer["base_url"] + "/oauth/token", body, {"Content-Type": "application/json"})
    token: str = json.loads(answer)["access_token"]
    return token


async def _seen(issuer: dict[str, str], token: str) -> float:
    """Return the microseconds that a guard takes for a token that it verified before: the median of the batches."""
    from portvakt.guard import Guard  # noqa: PLC0415  only here

    guard = Guard(issuer=issuer["base_url"], audience=issuer["api_url"] + "/graphql", provider="breeze")
    headers = [(b"host", b"127.0.0.1"), (b"authorization", b"Bearer " + token.encode())]
    await guard.verify(headers)
    took = []
    for _ in range(BATCHES):
        began = time.perf_counter()
        for _ in range(REPEATS):
            await guard.verify(headers)
        took.append((time.perf_counter() - began) / REPEATS * 1e6)
    return statistics.median(took)

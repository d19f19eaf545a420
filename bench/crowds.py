"""Many who want a token at once while there is none: how often each client asks for one, as the server counts."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from others import ID, SCOPES, SECRET, authlib, authlib_async, httpx_auths, microsofts, oauthlibs, ours
from tokens import fetch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from measure import Scale
    from others import Where

TICK = 0.005
ENDED: dict[str, str | int] = {"access_token": "old", "token_type": "Bearer", "expires_at": 1}


@dataclass(frozen=True)
class Crowd:
    """One client that all of a crowd share. `thread` and `coroutine` make it, and return what each of them does.

    `name` is in the table, `key` in the paths at the server, `what` says what is called.
    """

    name: str
    key: str
    what: str
    thread: Callable[[Where, str], Callable[[], object]] | None
    coroutine: Callable[[Where, str], Callable[[], Awaitable[object]]] | None


@dataclass(frozen=True)
class Counted:
    """How many token requests came, in how many seconds; `stood`: the longest that the event loop stood still."""

    requests: int
    seconds: float
    stood: float | None = None

    def __str__(self) -> str:
        stood = "" if self.stood is None else f", the loop held up for {self.stood * 1000:.0f} ms"
        return f"{self.requests:,} ({self.seconds:.1f} s{stood})"


@dataclass(frozen=True)
class Line:
    """What was counted of one client; None: it has no such way."""

    crowd: Crowd
    threads: Counted | None
    coroutines: Counted | None

    def row(self) -> tuple[str, str, str, str]:
        """Return its line of the table."""
        return self.crowd.name, str(self.threads or "-"), str(self.coroutines or "-"), self.crowd.what


def measured(where: Where, scale: Scale) -> list[Line]:
    """Let a crowd want a token of each client, ours first."""
    lines = []
    for crowd in CROWDS:
        threads = coroutines = None
        if crowd.thread is not None:
            key = f"{crowd.key}-threads"
            took = in_threads(crowd.thread(where, key), scale.threads)
            threads = Counted(_requests(where, key), took)
        if crowd.coroutine is not None:
            key = f"{crowd.key}-coroutines"
            took, stood = asyncio.run(_in_coroutines(crowd.coroutine, where, key, scale.coroutines))
            coroutines = Counted(_requests(where, key), took, stood)
        lines.append(Line(crowd, threads, coroutines))
        print(f"  {crowd.name}: {threads}; {coroutines or 'no asyncio'}", flush=True)
    return lines


def in_threads(call: Callable[[], object], count: int) -> float:
    """Call from so many threads at once; return the seconds until the last is done. Every call must succeed."""
    barrier = threading.Barrier(count + 1)
    failed: list[BaseException] = []

    def one() -> None:
        barrier.wait()
        try:
            call()
        except Exception as error:  # noqa: BLE001  told below
            failed.append(error)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    barrier.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    if failed:
        raise SystemExit(f"{len(failed)} of {count} threads got no token: {failed[0]!r}")
    return time.perf_counter() - began


async def _in_coroutines(
    make: Callable[[Where, str], Callable[[], Awaitable[object]]], where: Where, key: str, count: int
) -> tuple[float, float]:
    call = make(where, key)
    ticking = asyncio.create_task(_longest_pause())
    await asyncio.sleep(TICK * 4)
    began = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(count)))
    took = time.perf_counter() - began
    await asyncio.sleep(TICK * 4)  # its turn comes after a long hold-up too
    ticking.cancel()
    return took, await ticking


async def _longest_pause() -> float:
    longest, last = 0.0, time.perf_counter()
    try:
        while True:
            await asyncio.sleep(TICK)
            now = time.perf_counter()
            longest, last = max(longest, now - last - TICK), now
    except asyncio.CancelledError:
        return longest


def _requests(where: Where, key: str) -> int:
    counts: dict[str, int] = json.loads(fetch(f"{where.http}/counts", None, {}))
    return counts.get(key, 0)


# --- What each does ---------------------------------------------------------------------------------------------------


def _ours(where: Where, key: str) -> Callable[[], object]:
    return ours(where, key).get_token


def _ours_async(where: Where, key: str) -> Callable[[], Awaitable[object]]:
    return ours(where, key).aget_token


def _authlib_cold(where: Where, key: str) -> Callable[[], object]:
    client = authlib(where, key)

    def call() -> object:
        return client.token or client.fetch_token()

    return call


def _authlib_async_cold(where: Where, key: str) -> Callable[[], Awaitable[object]]:
    client = authlib_async(where, key)

    async def call() -> object:
        return client.token or await client.fetch_token()

    return call


def _authlib_ended(where: Where, key: str) -> Callable[[], object]:
    call: Callable[[], object] = authlib(where, key, dict(ENDED)).ensure_active_token
    return call


def _authlib_async_ended(where: Where, key: str) -> Callable[[], Awaitable[object]]:
    client = authlib_async(where, key, dict(ENDED))

    async def call() -> object:
        return await client.ensure_active_token(client.token)

    return call


def _httpx_auth(where: Where, key: str) -> Callable[[], object]:
    auth, request = httpx_auths(where, key), httpx.Request("GET", where.http)
    return lambda: next(auth.sync_auth_flow(request))


def _httpx_auth_async(where: Where, key: str) -> Callable[[], Awaitable[object]]:
    auth, request = httpx_auths(where, key), httpx.Request("GET", where.http)

    async def call() -> object:
        return await anext(auth.async_auth_flow(request))

    return call


def _oauthlib(where: Where, key: str) -> Callable[[], object]:
    session = oauthlibs()

    def call() -> object:
        return session.token or session.fetch_token(where.token_url(key), client_id=ID, client_secret=SECRET)

    return call


def _msal(where: Where, key: str) -> Callable[[], object]:
    application = microsofts(where, key)

    def call() -> Any:
        return application.acquire_token_for_client(scopes=SCOPES)["access_token"]

    return call


CROWDS = (
    Crowd("portvakt", "ours", "`get_token()`, `await aget_token()`", _ours, _ours_async),
    Crowd(
        "Authlib, no token yet",
        "authlib-cold",
        "`client.token or client.fetch_token()`: the first token is its caller's to fetch",
        _authlib_cold,
        _authlib_async_cold,
    ),
    Crowd(
        "Authlib, the token ended",
        "authlib-ended",
        "`ensure_active_token()`, as its `request()` does: under a lock in asyncio, under none in threads",
        _authlib_ended,
        _authlib_async_ended,
    ),
    Crowd(
        "httpx-auth",
        "httpx-auth",
        "its auth, as httpx drives it: one after the other asks; in asyncio the loop waits for the answer",
        _httpx_auth,
        _httpx_auth_async,
    ),
    Crowd(
        "requests-oauthlib",
        "requests-oauthlib",
        "`session.token or session.fetch_token(...)`: all tokens are its caller's to fetch",
        _oauthlib,
        None,
    ),
    Crowd("MSAL", "msal", "`acquire_token_for_client(...)`, which looks into its cache and then asks", _msal, None),
)

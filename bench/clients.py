"""The client beside clients that others wrote: a token that is held, a request, a crowd without a token, an import."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
import timeit
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import crowds
import httpx
import httpx2
import imports
import requests
from httpx_auth import OAuth2
from measure import AIMED, HERE, LOAD_CORE, SERVER_CORE, Scale, machine, server, table
from others import SCOPES, SECRET, Where, authlib, authlib_async, httpx_auths, microsofts, oauthlibs, ours

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

REQUEST = ("HTTP library", "alone, µs", "client", "with it, µs", "its share, µs")
IMPORT = ("module", "ms beyond", "HTTP library", "ms of that", "packages that come with it")
BATCHES, REPEATS = 6, 5_000
TURNS, REQUESTS = 6, 100
PACKAGES = ("httpx2", "httpx", "requests", "authlib", "httpx-auth", "requests-oauthlib", "oauthlib", "msal")
SWITCHES = (
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
)
"""What a shell may have that leads one of the libraries elsewhere."""

ROOMS = "portvakt.client", "portvakt.jose", "portvakt.model", "portvakt.protocol", "portvakt.providers", "portvakt.wire"
"""The rooms of portvakt that a client may load."""


def bench(scale: Scale) -> None:
    """Measure and print the tables."""
    for name in SWITCHES:
        os.environ.pop(name, None)
    os.sched_setaffinity(0, {SERVER_CORE})
    loaded = imports.measured(scale.imports)
    with tempfile.TemporaryDirectory(prefix="portvakt-bench-") as name:
        folder = Path(name)
        answers = (sys.executable, str(HERE / "answers.py"), str(folder))
        with server(*answers, cwd=folder, core=LOAD_CORE) as (told, _, _):
            where = Where(**told)
            held = asyncio.run(_held(where, scale))
            asked = asyncio.run(_asked(where, scale))
            crowd = crowds.measured(where, scale)
    print(f"\n{machine(*PACKAGES)}\n")
    print(table(AIMED, _aims(held, asked, crowd, loaded)))
    print("\n### A token that is held\n")
    print(table(("client", "µs", "what is called, and what it does"), [one.row() for one in held]))
    print("\n### One authorised request over loopback\n")
    print(table(REQUEST, [one.row() for one in asked if one.bare is not None]))
    print("\n### A crowd without a token\n")
    print(
        table(
            ("client", f"{scale.threads} threads", f"{scale.coroutines:,} coroutines", "what each calls"),
            [one.row() for one in crowd],
        )
    )
    print("\n### Import\n")
    print(table(IMPORT, _imports(loaded)))


def _aims(
    held: list[Held], asked: list[Asked], crowd: list[crowds.Line], loaded: list[imports.Import]
) -> list[tuple[str, str, str]]:
    mine = loaded[0]
    strangers = [name for name in mine.packages if name not in ROOMS]
    share = next(one for one in asked if one.name == "portvakt")
    assert crowd[0].threads is not None
    assert crowd[0].coroutines is not None
    threads, coroutines = crowd[0].threads.requests, crowd[0].coroutines.requests
    return [
        ("a cached token out of `get_token()`", "≤ 0.5 µs", f"{held[0].micros:.2f} µs"),
        ("an authorised request beyond the bare `httpx2.Client`", "-", f"{share.beyond:.0f} µs"),
        ("token requests of many threads, of many coroutines, without a token", "1, 1", f"{threads}, {coroutines}"),
        ("`import portvakt.client` beyond `import httpx2`", "≤ 80 ms", f"{mine.module_ms:.0f} ms"),
        ("packages that it loads beyond the rooms of a client", "none", ", ".join(strangers) or "none"),
    ]


def _imports(loaded: list[imports.Import]) -> list[tuple[str, ...]]:
    return [
        (
            f"`{one.module}`",
            f"{one.module_ms:.0f}",
            f"`{one.library}`",
            f"{one.library_ms:.0f}",
            ", ".join(one.packages),
        )
        for one in loaded
    ]


# --- A token that is held ---------------------------------------------------------------------------------------------


@dataclass
class Held:
    """An expression that gets at the token that is held; `waits`: it is awaited. `micros`: the median of batches."""

    name: str
    expression: str
    what: str
    names: dict[str, Any]
    waits: bool = False
    batches: list[float] = field(default_factory=list)

    @property
    def micros(self) -> float:
        """Microseconds for each."""
        return statistics.median(self.batches)

    async def run(self, repeats: int) -> None:
        """Measure one batch."""
        if not self.waits:
            took = timeit.timeit(self.expression, globals=self.names, number=repeats)
        else:
            call: Callable[[], Awaitable[object]] = eval(f"lambda: {self.expression}", self.names)  # noqa: S307  ours
            began = time.perf_counter()
            for _ in range(repeats):
                await call()
            took = time.perf_counter() - began
        self.batches.append(took / repeats * 1e6)

    def row(self) -> tuple[str, str, str]:
        """Return its line."""
        return self.name, f"{self.micros:.2f}", f"`{'await ' * self.waits}{self.expression}`: {self.what}"


async def _held(where: Where, scale: Scale) -> list[Held]:
    """Get each client a token, then the token out of each, in turn."""
    clients = await _holders(where)
    for number in range(scale.rounds * BATCHES + 1):
        for one in clients:
            await one.run(REPEATS)
            if not number:  # warm
                one.batches.clear()
    return clients


async def _holders(where: Where) -> list[Held]:
    mine = ours(where, "held-ours")
    mine.get_token()
    library = authlib(where, "held-authlib")
    library.fetch_token()
    waiting = authlib_async(where, "held-authlib-async")
    await waiting.fetch_token()
    auth = httpx_auths(where, "held-httpx-auth")
    next(auth.sync_auth_flow(httpx.Request("GET", where.http)))
    session = oauthlibs()
    session.fetch_token(where.token_url("held-oauthlib"), client_secret=SECRET)
    app = microsofts(where, "held-msal")
    app.acquire_token_for_client(scopes=SCOPES)
    checks = "as its `request()` does: whether the token has ended"
    return [
        Held("portvakt", "connection.get_token()", "whether it is time for a new one", {"connection": mine}),
        Held("portvakt, asyncio", "connection.aget_token()", "the same", {"connection": mine}, waits=True),
        Held("Authlib", "client.ensure_active_token()", checks, {"client": library}),
        Held(
            "Authlib, asyncio",
            "client.ensure_active_token(client.token)",
            f"{checks}, under a lock",
            {"client": waiting},
            waits=True,
        ),
        Held(
            "httpx-auth",
            "OAuth2.token_cache.get_token(auth.state)",
            "as its auth does: under a lock, whether it has ended",
            {"OAuth2": OAuth2, "auth": auth},
        ),
        Held("requests-oauthlib", "session.token", "a look-up: not whether it has ended", {"session": session}),
        Held(
            "requests-oauthlib, with oauthlib",
            "client.add_token(URL)",
            f"{checks}; makes the header",
            {"client": session._client, "URL": "https://api.example/"},  # noqa: SLF001  there is no other way to it
        ),
        Held(
            "MSAL",
            "app.acquire_token_for_client(scopes=SCOPES)",
            "searches its cache for one that has not ended",
            {"app": app, "SCOPES": SCOPES},
        ),
    ]


# --- One request ------------------------------------------------------------------------------------------------------


@dataclass
class Asked:
    """One request with one client. `bare`: the same without it. `turns`: the microseconds of each turn."""

    library: str
    name: str
    ask: Callable[[], Any]
    bare: Asked | None = None
    waits: bool = False
    turns: list[float] = field(default_factory=list)

    @property
    def beyond(self) -> float:
        """Microseconds beyond the same without the client: the median of the turns' differences."""
        assert self.bare is not None
        return statistics.median(mine - bare for mine, bare in zip(self.turns, self.bare.turns, strict=True))

    async def once(self) -> float:
        """Send one request; return the microseconds."""
        began = time.perf_counter()
        answer = self.ask()
        if self.waits:
            answer = await answer
        took = time.perf_counter() - began
        if answer.status_code != httpx.codes.OK:
            raise SystemExit(f"{self.name}: {answer.status_code}")
        return took * 1e6

    def row(self) -> tuple[str, ...]:
        """Return its line."""
        assert self.bare is not None
        alone, whole = statistics.median(self.bare.turns), statistics.median(self.turns)
        return self.library, f"{alone:.0f}", self.name, f"{whole:.0f}", f"{self.beyond:.0f}"


async def _asked(where: Where, scale: Scale) -> list[Asked]:
    """Send the same request with each, one after the other within a library; a turn's figure is its median."""
    mine = ours(where, "asked-ours")
    api = mine.api_url + "/echo"
    groups = [_on_httpx2(where, mine, api), _on_httpx(where, mine, api), _on_requests(where, api)]
    groups.append(await _on_asyncio(where, mine, api))
    for number in range(scale.rounds * TURNS + 1):
        for group in groups:
            took = [[await one.once() for one in group] for _ in range(REQUESTS)]
            for one, micros in zip(group, zip(*took, strict=True), strict=True):
                if number:  # the first is to warm
                    one.turns.append(statistics.median(micros))
    return [one for group in groups for one in group]


HEADERS = {"Authorization": f"Bearer {'x' * 43}"}
"""What a bare library sends: as many octets as the others."""


def _on_httpx2(where: Where, mine: Any, api: str) -> list[Asked]:
    bare = httpx2.Client(headers=HEADERS)
    authorised = httpx2.Client(auth=mine.auth)
    library = authlib(where, "asked-authlib")
    library.fetch_token()
    alone = Asked("httpx2", "", lambda: bare.get(api))
    return [
        alone,
        Asked("httpx2", "portvakt", lambda: authorised.get(api), alone),
        Asked("httpx2", "Authlib", lambda: library.get(api), alone),
    ]


def _on_httpx(where: Where, mine: Any, api: str) -> list[Asked]:
    bare = httpx.Client(headers=HEADERS)
    authorised = httpx.Client(auth=mine.auth)
    theirs = httpx.Client(auth=httpx_auths(where, "asked-httpx-auth"))
    alone = Asked("httpx", "", lambda: bare.get(api))
    return [
        alone,
        Asked("httpx", "portvakt", lambda: authorised.get(api), alone),
        Asked("httpx", "httpx-auth", lambda: theirs.get(api), alone),
    ]


def _on_requests(where: Where, api: str) -> list[Asked]:
    bare, plain = requests.Session(), requests.Session()
    bare.headers.update(HEADERS)
    session = oauthlibs()
    session.fetch_token(where.token_url("asked-oauthlib"), client_secret=SECRET)
    app = microsofts(where, "asked-msal")

    def with_msal() -> requests.Response:
        token = app.acquire_token_for_client(scopes=SCOPES)["access_token"]
        return plain.get(api, headers={"Authorization": f"Bearer {token}"})

    alone = Asked("requests", "", lambda: bare.get(api))
    return [
        alone,
        Asked("requests", "requests-oauthlib", lambda: session.get(api), alone),
        Asked("requests", "MSAL", with_msal, alone),
    ]


async def _on_asyncio(where: Where, mine: Any, api: str) -> list[Asked]:
    bare = httpx2.AsyncClient(headers=HEADERS)
    authorised = httpx2.AsyncClient(auth=mine.auth)
    library = authlib_async(where, "asked-authlib-async")
    await library.fetch_token()
    alone = Asked("httpx2, asyncio", "", lambda: bare.get(api), waits=True)
    return [
        alone,
        Asked("httpx2, asyncio", "portvakt, asyncio", lambda: authorised.get(api), alone, waits=True),
        Asked("httpx2, asyncio", "Authlib, asyncio", lambda: library.get(api), alone, waits=True),
    ]

"""A sandbox: a folder with settings, seed and database, and a server over it that plays the named providers."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import shutil
import socket
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from portvakt.jose.sealing import derive
from portvakt.model.provider import Quota
from portvakt.model.values import Seconds
from portvakt.providers import PROVIDERS
from portvakt.providers.toml import LARGEST, ProviderRefused, load_provider
from portvakt.sandbox.certificates import CA_FILE, KEY_FILE, authority_in, server_context
from portvakt.sandbox.claim import LOCK, claimed
from portvakt.sandbox.clock_route import CLOCK_PATH, clock_route
from portvakt.sandbox.people import operate
from portvakt.sandbox.seed import SEED_CHARACTERS, Seed, Sower
from portvakt.sandbox.stage import PLAYED, apis, settings_of, sow, sow_api_key
from portvakt.server import http
from portvakt.server.application import PEPPER, Application
from portvakt.server.clock import TurnableClock
from portvakt.server.desk import ADMIN
from portvakt.server.log import Log
from portvakt.server.private_files import PRIVATE, require_own_file, require_own_folder, write_over
from portvakt.server.settings import SettingsRefused, load
from portvakt.server.settings_providers import is_provider_file, provider_problems
from portvakt.server.settings_sources import Wrong, read_named_bytes, shown_path
from portvakt.store import open_store, upgrade

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Sequence

    from portvakt.model.nouns import Issuer
    from portvakt.model.provider import Provider
    from portvakt.sandbox.asgi import Receive, Scope, Send
    from portvakt.server.settings import Settings
    from portvakt.store import Store

HOST = "127.0.0.1"
STATE = "sandbox.json"
LOG = "log.jsonl"
KEPT = ("seed", "portvakt.db", LOG, LOCK, KEY_FILE)
"""What a start goes on with; all else in the folder is written anew."""

UNLIMITED = Quota(10**9, Seconds(3600))
"""A quota that is counted and never used up; the sandbox's `prisjakt` has it, so that its cost shows."""


class NotPlayed(ValueError):
    """A provider is not known, or cannot be played beside the others. The text says what would do."""


@dataclass(frozen=True, slots=True)
class Part:
    """A provider to play, and the file that describes it, where a company wrote one."""

    provider: Provider
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox that is ready to be served: over https if it has `tls`."""

    folder: Path
    base_url: str
    port: int
    settings: Settings
    seed: Seed
    tls: ssl.SSLContext | None = None


@contextlib.contextmanager
def prepared(
    providers: Sequence[str], *, port: int, data: Path | None, seed: str | None, tls: bool = False
) -> Iterator[Sandbox]:
    """Make or open a sandbox's folder. Without `data` it is a temporary one that goes at the end.

    `port` 0: a free one. `seed` None: the folder's own, else a random one. `tls`: https by the folder's own CA.

    Raises:
        NotPlayed: see there.
        portvakt.server.settings.SettingsRefused: a file that is named describes no provider.
        portvakt.server.http.CannotListen: the port is taken.
        portvakt.server.private_files.NotOurs: others may write in the folder, or made what is in it.
        portvakt.sandbox.claim.InUse: a sandbox is running in the folder.
        portvakt.sandbox.certificates.NoAuthority: the folder's CA is broken.
        ValueError: the folder was made from another seed.
        OSError: the folder cannot be made or written.
    """
    cast = _cast(providers)
    folder = data or Path(tempfile.mkdtemp(prefix="portvakt-sandbox-"))
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        require_own_folder(folder)
        for name in KEPT:
            require_own_file(folder / name)
        port = port or _free_port()
        base_url = f"{'https' if tls else 'http'}://{HOST}:{port}"
        with claimed(folder, base_url):
            sandbox = _opened(folder, cast, base_url, port, seed)
            yield replace(sandbox, tls=_context(folder)) if tls else sandbox
            _write_state(folder, base_url, offset=0)
    finally:
        if data is None:
            shutil.rmtree(folder, ignore_errors=True)


def _cast(names: Sequence[str]) -> dict[str, Part]:
    """Return who is played, by name. Raises: NotPlayed, SettingsRefused if a file describes no provider."""
    cast: dict[str, Part] = {}
    for name in names or PLAYED:
        if is_provider_file(name):
            part = _described(Path(name))
        elif name in PLAYED:
            part = Part(PROVIDERS[name])
        else:
            raise NotPlayed(_refusal(name))
        played = part.provider.name
        if cast.get(played, part) != part:
            raise NotPlayed(f"two of the files describe {played}; give one of them another name")
        cast[played] = part
    return cast


def _described(path: Path) -> Part:
    try:
        content = read_named_bytes(Path(), str(path), private=False, largest=LARGEST)
        provider = load_provider(content)
    except Wrong as error:
        raise NotPlayed(f"the argument {shown_path(path)}: {error}") from None
    except ProviderRefused as refused:
        raise SettingsRefused(provider_problems(path, refused)) from None
    if provider.name in [issuer for issuers in PLAYED.values() for issuer in issuers]:
        raise NotPlayed(f"{shown_path(path)}: {provider.name} is an issuer of the sandbox's own; choose another name")
    return Part(provider, content)


def _opened(folder: Path, cast: dict[str, Part], base_url: str, port: int, seed: str | None) -> Sandbox:
    grown = Seed(_seed_of(folder, seed))
    write_over(folder / "portvakt.secret", grown.installation_secret().reveal())
    write_over(folder / "portvakt.toml", _settings_text(cast, base_url, port))
    for name, part in cast.items():
        if part.content is not None:
            write_over(folder / f"{name}.toml", part.content.decode())  # commands with --data read it there
    settings = load({}, {}, folder / "portvakt.toml")
    upgrade(settings.database)
    _write_state(folder, base_url, offset=0)
    return Sandbox(folder, base_url, port, settings, grown)


def _context(folder: Path) -> ssl.SSLContext:
    now = datetime.now(UTC)
    return server_context(authority_in(folder, now), folder, now)


def run(sandbox: Sandbox, *, on_ready: Callable[[dict[str, object]], None]) -> int:
    """Serve a sandbox until a signal asks to stop; return the exit code.

    `on_ready` gets what `--json` prints, once requests are answered. The log is `log.jsonl` in the folder.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    log = Log(os.open(sandbox.folder / LOG, flags, PRIVATE))
    play = _Play(sandbox, log)

    def ready(_url: str) -> None:
        trusted = {} if sandbox.tls is None else {"ca_file": str((sandbox.folder / CA_FILE).absolute())}
        on_ready({"ready": True, "base_url": sandbox.base_url, **trusted, "issuers": play.told, "admin": play.admin})

    async def serving() -> bool:
        return await http.serve(
            play,
            host=HOST,
            port=sandbox.port,
            log=log,
            start=play.start,
            end=play.end,
            on_ready=ready,
            on_draining=play.drain,
            ssl=sandbox.tls,
        )

    return http.run(serving, log)


class _Play:
    """A sandbox while it is served: the application over its store, and what was sown."""

    def __init__(self, sandbox: Sandbox, log: Log) -> None:
        self.told: dict[str, dict[str, object]] = {}
        self.admin: dict[str, object] = {}
        self._sandbox = sandbox
        self._log = log
        self._clock = TurnableClock()
        self._opened: list[tuple[Store, Application]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._opened[0][1](scope, receive, send)

    async def start(self) -> None:
        """Open the store, sow what is not there yet, and start the application."""
        settings = self._sandbox.settings
        store = await open_store(settings.database)
        issuers = [_as_played(issuer) for issuer in settings.issuers]
        application = Application(
            issuers=(*issuers, replace(settings.own, test=True)),
            store=store,
            secret=settings.secret,
            clock=self._clock,
            log=self._log,
        )
        self._opened.append((store, application))
        pepper = derive(settings.secret, PEPPER)
        sowers = [Sower(self._sandbox.seed, issuer, pepper, self._clock()) for issuer in issuers]
        for sower in sowers:
            issuer = sower.issuer
            played = sow(sower, self._sandbox.base_url)
            for changes in played.plots:
                await store.apply(changes)  # lost where the folder holds them already
            self.told[issuer.name] = played.told
            application.mount(apis(application, store, issuer, self._sandbox.seed, self._log))
        own = Sower(self._sandbox.seed, settings.own, pepper, self._clock())
        operators = operate(own, self._sandbox.base_url + ADMIN)
        await store.apply(operators.changes)  # lost, as above
        (self.admin,) = operators.told
        application.mount({self._sandbox.base_url + CLOCK_PATH: clock_route(self._clock, self._turned)})
        await application.start()
        for sower in sowers:
            self.told[sower.issuer.name] = await sow_api_key(sower, application, store, self.told[sower.issuer.name])

    async def end(self) -> None:
        """Stop the application and close the store."""
        for store, application in self._opened:
            await application.stop()
            await store.close()

    def drain(self) -> None:
        """Say that no new work should come."""
        for _, application in self._opened:
            application.drain()

    def _turned(self) -> None:
        _write_state(self._sandbox.folder, self._sandbox.base_url, offset=self._clock.offset)


def _write_state(folder: Path, base_url: str, *, offset: int) -> None:
    """Say where the sandbox is and what its clock says, for commands with `--data`."""
    write_over(folder / STATE, json.dumps({"url": base_url, "pid": os.getpid(), "offset": offset}))


def _refusal(name: str) -> str:
    meant = difflib.get_close_matches(name[:64].lower(), PLAYED, n=1)
    hint = f"did you mean {meant[0]}?" if meant else f"there are {', '.join(PLAYED)}"
    return f"{name!r} cannot be played; {hint}"


def _as_played(issuer: Issuer) -> Issuer:
    """Return the issuer as one where nothing is real, whatever it plays.

    But for the console: there one that plays production looks as production does.
    """
    quota = UNLIMITED if issuer.provider.name == "prisjakt" else issuer.token_quota
    return replace(issuer, test=not issuer.name.endswith("-production"), token_quota=quota)


def _settings_text(cast: dict[str, Part], base_url: str, port: int) -> str:
    lines = [
        "# Written by `portvakt sandbox` at each start.",
        f'url = "{base_url}"',
        f'host = "{HOST}"',
        f"port = {port}",
        'database = "sqlite:///portvakt.db"',
        'secret_file = "portvakt.secret"',
    ]
    for part in cast.values():
        for name, table in settings_of(part.provider, base_url).items():
            lines += ["", f"[issuers.{name}]", *(f'{key} = "{value}"' for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _seed_of(folder: Path, wanted: str | None) -> str:
    if wanted is not None and not (0 < len(wanted) <= SEED_CHARACTERS and wanted.isprintable()):
        raise ValueError(f"a seed is 1 to {SEED_CHARACTERS} printable characters")
    path = folder / "seed"
    if path.exists():
        kept = path.read_text(encoding="utf-8").strip()
        if wanted not in (None, kept):
            raise ValueError(f"{folder} was made from another seed; name another folder, or leave --seed out")
        return kept
    text = wanted or Seed.random().text
    write_over(path, text)
    return text


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port

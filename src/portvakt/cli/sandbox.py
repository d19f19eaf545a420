"""`portvakt sandbox` and `portvakt clock`."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from portvakt.cli.options import Data, Json, sandbox_state
from portvakt.cli.outcome import Exit, Stop, say, say_json

DEFAULT_URL = "http://127.0.0.1:8040"
_PATIENCE = 5.0
_LENGTH = re.compile(r"([+-])([0-9]{1,9})(s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def sandbox(
    *,
    providers: Annotated[list[str] | None, typer.Argument(metavar="[PROVIDER]...", help="Whom to play; all.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 8040,
    data: Annotated[str | None, typer.Option(metavar="DIR", help="Keep everything there; else it goes.")] = None,
    seed: Annotated[str | None, typer.Option(metavar="S", help="The same seed gives the same credentials.")] = None,
    as_json: Json = False,
) -> None:
    """Play the named providers on this machine, with seeded credentials and a clock that can be turned."""
    try:
        from portvakt.sandbox import run as sandboxes  # noqa: PLC0415  the base installation has no server
    except ModuleNotFoundError as error:
        raise Stop(Exit.REFUSED, f"{error.name} is missing: pip install 'portvakt[sandbox]'") from error
    from portvakt.server.http import CannotListen  # noqa: PLC0415

    def announce(told: dict[str, object]) -> None:
        if as_json:
            say_json(told)
        else:
            _show(told)

    folder = None if data is None else Path(data)
    try:
        with sandboxes.prepared(providers or (), port=port, data=folder, seed=seed) as ready:
            code = sandboxes.run(ready, on_ready=announce)
    except CannotListen as error:
        raise Stop(Exit.REFUSED, f"{error}; --port 0 takes a free one") from error
    except ValueError as error:
        raise Stop(Exit.USAGE, str(error)) from error
    if code:
        raise typer.Exit(code)


def clock(
    turn: Annotated[str, typer.Argument(metavar="+55m|show|reset", help="By how much; s, m, h or d.")] = "show",
    *,
    url: Annotated[str, typer.Option(help="The running sandbox.")] = DEFAULT_URL,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Turn the clock of a running sandbox, or show it."""
    if data is not None:
        url = str(sandbox_state(Path(data)).get("url"))
    told = _ask(url, _wish(turn))
    if as_json:
        say_json(told)
        return
    shown = datetime.fromtimestamp(told["now"], UTC).strftime("%Y-%m-%d %H:%M:%S")
    say(f"{shown} UTC, {told['offset']:+} s from the real time" if told["offset"] else f"{shown} UTC, the real time")


def _wish(turn: str) -> dict[str, object] | None:
    if turn == "show":
        return None
    if turn == "reset":
        return {"reset": True}
    found = _LENGTH.fullmatch(turn)
    if found is None:
        raise Stop(Exit.USAGE, "the clock turns by +N or -N and s, m, h or d, such as +55m; or say show or reset")
    return {"advance": int(found[1] + found[2]) * _UNITS[found[3]]}


def _ask(url: str, wish: dict[str, object] | None) -> dict[str, int]:
    import urllib.error  # noqa: PLC0415  only to turn a clock
    import urllib.request  # noqa: PLC0415

    if not url.startswith("http://"):
        raise Stop(Exit.USAGE, "--url is that of a sandbox, http://127.0.0.1:PORT")
    body = None if wish is None else json.dumps(wish).encode()
    request = urllib.request.Request(  # noqa: S310  http only, as was just seen
        url.rstrip("/") + "/sandbox/clock", data=body, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE) as reply:  # noqa: S310
            told: dict[str, int] = json.loads(reply.read(1024))
    except urllib.error.HTTPError as error:
        raise Stop(Exit.REFUSED, f"the sandbox at {url} refused that turn of its clock") from error
    except (OSError, ValueError) as error:
        raise Stop(Exit.UNAVAILABLE, f"no sandbox answers at {url}; start one with: portvakt sandbox") from error
    return told


def _show(told: dict[str, object]) -> None:
    say(f"The sandbox answers at {told['base_url']}; Ctrl-C stops it.")
    issuers = told["issuers"]
    assert isinstance(issuers, dict)  # noqa: S101  made by `run`
    for name, issuer in issuers.items():
        say()
        say(name)
        for key, value in issuer.items():
            if isinstance(value, dict):
                value = "  ".join(f"{inner}={text}" for inner, text in value.items())  # noqa: PLW2901
            say(f"  {key:14} {', '.join(value) if isinstance(value, list) else value}")

"""Options that many commands share, and what follows from them: settings, and the issuer that is meant."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from portvakt.cli.outcome import Exit, Stop

if TYPE_CHECKING:
    from portvakt.model.nouns import Issuer
    from portvakt.server.clock import Clock
    from portvakt.server.settings import Settings

DEFAULT_CONFIG = "portvakt.toml"
STATE = "sandbox.json"
CA_FILE = "ca.pem"

Json = Annotated[bool, typer.Option("--json", help="Write the result as JSON.")]
Config = Annotated[str | None, typer.Option("--config", metavar="FILE", help="The settings; default portvakt.toml.")]
Data = Annotated[str | None, typer.Option("--data", metavar="DIR", help="A sandbox's folder, instead of --config.")]
IssuerName = Annotated[
    str | None, typer.Option("--issuer", metavar="NAME", help="Which issuer; may be left out if there is only one.")
]


@dataclass(frozen=True)
class Installation:
    """What an administering command is about: settings, the issuer that is meant, and what time it is there."""

    settings: "Settings"
    issuer: "Issuer"
    clock: "Clock"


def installation(config: str | None, data: str | None, issuer: str | None) -> Installation:
    """Return the installation that the options name. Raises: Stop, SettingsRefused."""
    settings = load_settings(config, data)
    return Installation(settings, choose_issuer(settings, issuer), _clock(data))


def _clock(data: str | None) -> "Clock":
    """Return the system's clock, or as a sandbox has turned it: to its secrets no other time counts."""
    from portvakt.server.clock import TurnableClock  # --help needs none of the server

    clock = TurnableClock()
    if data is not None and (Path(data) / STATE).exists():
        offset = sandbox_state(Path(data)).get("offset")
        clock.advance(offset if isinstance(offset, int) else 0)
    return clock


def sandbox_state(folder: Path) -> dict[str, object]:
    """Return what a sandbox says of itself in its folder: `url`, `pid` and its clock's `offset`. Raises: Stop."""
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        state = None
    if not isinstance(state, dict) or not isinstance(state.get("url"), str):
        raise Stop(Exit.NOT_FOUND, f"{folder} is no folder of a sandbox")
    return state


def config_path(config: str | None, data: str | None = None) -> Path:
    """Return the file that holds the settings. Raises: Stop if both ways of naming it are used."""
    if config is not None and data is not None:
        raise Stop(Exit.USAGE, "--config and --data name two installations; give one of them")
    if data is not None:
        return Path(data) / DEFAULT_CONFIG
    return Path(config or DEFAULT_CONFIG)


def load_settings(config: str | None, data: str | None = None, **arguments: object) -> "Settings":
    """Load the settings. Raises: Stop, SettingsRefused."""
    from portvakt.server.settings import load  # --help needs none of it

    return load(arguments, os.environ, config_path(config, data))


def choose_issuer(settings: "Settings", name: str | None) -> "Issuer":
    """Return the issuer of that name; the only one that is configured if none is given. Raises: Stop."""
    known = {issuer.name: issuer for issuer in settings.every_issuer}
    listed = ", ".join(known)
    if name is None:
        if len(settings.issuers) == 1:
            return settings.issuers[0]
        raise Stop(Exit.USAGE, f"which issuer? Say --issuer NAME; there are {listed}")
    for issuer in known.values():
        if issuer.name == name:
            return issuer
    raise Stop(Exit.NOT_FOUND, f"there is no issuer of that name; there are {listed}")

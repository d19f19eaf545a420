"""A portvakt.toml written and loaded, or what is said against it."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import pytest

from portvakt.server.settings import Problem, Settings, SettingsRefused, load

if TYPE_CHECKING:
    from pathlib import Path

SECRET = secrets.token_urlsafe(32)
ENVIRON = {"PORTVAKT_SECRET": SECRET}


def written(folder: Path, text: str) -> Path:
    path = folder / "portvakt.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def loaded(folder: Path, text: str, *, environ: dict[str, str] | None = None, **arguments: object) -> Settings:
    return load(arguments, ENVIRON if environ is None else environ, written(folder, text))


def problems(
    folder: Path, text: str, *, environ: dict[str, str] | None = None, **arguments: object
) -> tuple[Problem, ...]:
    with pytest.raises(SettingsRefused) as refused:
        loaded(folder, text, environ=environ, **arguments)
    return refused.value.problems


def told(folder: Path, text: str, *, environ: dict[str, str] | None = None, **arguments: object) -> list[str]:
    name = str(folder) + os.sep
    return [str(problem).replace(name, "") for problem in problems(folder, text, environ=environ, **arguments)]

"""Providers that companies describe themselves: a file beside portvakt.toml, named by its issuers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.providers.toml import LARGEST, ProviderRefused, load_provider
from portvakt.server.settings_sources import Problem, read_named_bytes, shown_path, spell

if TYPE_CHECKING:
    from pathlib import Path

    from portvakt.model.provider import Provider


def is_provider_file(name: str) -> bool:
    """Whether a provider is named by its file."""
    return name.endswith(".toml")


class ProviderFiles:
    """The files that issuers name, each read once: what is wrong with one goes to `problems` once."""

    def __init__(self, folder: Path, problems: list[Problem]) -> None:
        self._folder = folder
        self._problems = problems
        self._read: dict[str, Provider | None] = {}

    def read(self, name: str) -> Provider | None:
        """Return the provider that a file describes; None if it is wrong. Raises: Wrong if it cannot be read."""
        if name not in self._read:
            content = read_named_bytes(self._folder, name, private=False, largest=LARGEST)
            self._read[name] = self._loaded(self._folder / name, content)
        return self._read[name]

    def _loaded(self, path: Path, content: bytes) -> Provider | None:
        try:
            return load_provider(content)
        except ProviderRefused as refused:
            self._problems.extend(provider_problems(path, refused))
            return None


def provider_problems(path: Path, refused: ProviderRefused) -> tuple[Problem, ...]:
    """Return what is wrong with a provider's file, each by file and line."""
    name = shown_path(path)
    return tuple(
        Problem(f"{name}:{misfit.line}", f"{spell(misfit.path)}: {misfit.text}" if misfit.path else misfit.text)
        for misfit in refused.misfits
    )

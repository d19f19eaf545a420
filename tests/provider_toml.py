"""A provider written out as TOML, every key of it: what the loader reads back."""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Any

from portvakt.model.provider import Quota
from portvakt.providers.toml_keys import ANY, KEYS

if TYPE_CHECKING:
    from portvakt.model.provider import Provider

MINIMAL = 'name = "acme"\ntitle = "Acme"\n'


def written(provider: Provider) -> str:
    """Return a provider as TOML; all but its evidence."""
    lines = [f"{'.'.join(path)} = {value_of(provider, path)}" for path in KEYS if ANY not in path]
    for environment in provider.environments:
        lines += [f"[environments.{environment.name}]", f'issuer_url = "{environment.issuer_url}"']
        lines += [f'api_url = "{environment.api_url}"']
    return "\n".join(lines) + "\n"


def value_of(provider: Provider, path: tuple[str, ...]) -> str:
    """Return what stands at a key, as TOML."""
    value: Any = provider
    for name in path:
        value = getattr(value, name)
    if value is None:
        return '"any"' if path == ("scopes",) else '"off"'
    return _toml(value)


def _toml(value: object) -> str:
    if isinstance(value, Quota):
        words = {1: "second", 60: "minute", 3600: "hour", 86400: "day"}
        return f'"{value.limit}/{words.get(value.window, f"{value.window}s")}"'
    if isinstance(value, frozenset):
        return _toml(tuple(sorted(value, key=str)))
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value.value if isinstance(value, Enum) else value)

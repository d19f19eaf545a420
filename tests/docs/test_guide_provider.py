"""The guide to describing a provider: its table is the vocabulary, its samples work."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pages import ROOT, Page
from portvakt.guard import Guard
from portvakt.providers import PROVIDERS
from portvakt.providers.places import OF_THE_INSTALLATION
from portvakt.providers.toml import LARGEST, LONGEST_LINE, load_provider
from portvakt.providers.toml_keys import ANY, KEYS
from portvakt.providers.toml_values import MOST_ENTRIES
from provider_toml import value_of
from settings_files import loaded, told

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

GUIDE = Page("docs/guide-provider.md")
ROW = re.compile(r"^\| `([a-zA-Z_.]+)` \| (.+?) \| (.+?) \| (.+) \|$", re.MULTILINE)
SMALLEST, ISSUER = GUIDE.blocks("toml")


def default_of(path: tuple[str, ...]) -> str:
    if path in (("name",), ("title",)):
        return "must be said"
    return "none" if ANY in path else f"`{value_of(PROVIDERS['standard'], path)}`"


def test_the_table_has_every_key_with_what_may_stand_there_and_what_the_standard_has() -> None:
    rows = [(key, takes, default) for key, takes, default, _ in ROW.findall(GUIDE.text)]

    assert rows == [
        (".".join(path).replace(ANY, "NAME"), reader.takes, default_of(path)) for path, reader in KEYS.items()
    ]


def test_the_bounds_and_places_that_are_named_are_those_of_the_code() -> None:
    assert f"{LARGEST // 1024} KiB" in GUIDE.text
    assert f"{LONGEST_LINE:,} bytes" in " ".join(GUIDE.text.split())
    assert f"at most {MOST_ENTRIES} entries" in GUIDE.text
    assert all(f"`{place}`" in GUIDE.text for place in OF_THE_INSTALLATION)
    assert all(f'`"{name}"`' in GUIDE.text for name in PROVIDERS)


def test_the_smallest_file_is_served_by_the_issuer_that_is_shown(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(SMALLEST)

    (issuer,) = loaded(tmp_path, ISSUER).issuers

    assert (issuer.name, issuer.provider.title, issuer.lifetime) == ("acme", "Acme", 1800)


def test_a_misspelt_key_is_told_as_shown(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(SMALLEST.replace("lifetime", "lifetim"))

    (line,) = told(tmp_path, ISSUER)

    assert f"portvakt: {line}\n" in GUIDE.text


def test_the_example_is_a_provider_and_the_guard_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = (ROOT / "docs/examples/acme.toml").read_bytes()
    (tmp_path / "acme.toml").write_bytes(example)
    monkeypatch.chdir(tmp_path)
    there: dict[str, object] = {}

    exec(GUIDE.block("python", "load_provider"), there)  # the guide's own sample

    assert isinstance(there["guard"], Guard)
    assert there["acme"] == load_provider(example)


def test_the_example_differs_from_every_provider_that_portvakt_knows() -> None:
    acme = load_provider((ROOT / "docs/examples/acme.toml").read_bytes())
    differing = {
        name: [path for path in KEYS if ANY not in path and value_of(acme, path) != value_of(provider, path)]
        for name, provider in PROVIDERS.items()
    }

    assert all(len(paths) > 15 for paths in differing.values())


def test_every_command_and_link_is_there(tmp_path: Path) -> None:
    assert GUIDE.unknown_commands(tmp_path) == []
    assert GUIDE.dead_links() == []

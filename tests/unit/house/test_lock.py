"""The locks: hashes for all, an address for none, and in step with what they were made from."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[3]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENTRIES = [entry for entry in re.split(r"^(?=\w)", LOCK, flags=re.MULTILINE) if "==" in entry]

PEERS = ROOT / "tests" / "peers"
NPM_LOCK = json.loads((PEERS / "package-lock.json").read_text(encoding="utf-8"))
NPM_ENTRIES = {name: entry for name, entry in NPM_LOCK["packages"].items() if name}


def wanted() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    lines = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *(one for e in extras for one in e),
    ]
    return [one for one in map(Requirement, lines) if one.name != "portvakt"]


def test_it_holds_no_address() -> None:
    assert re.findall(r"\w+://\S+|--\S*(?:index|find-links)\S*", LOCK) == []


def test_every_entry_has_hashes() -> None:
    assert ENTRIES
    assert [entry for entry in ENTRIES if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("requirement", wanted(), ids=str)
def test_it_satisfies_pyproject(requirement: Requirement) -> None:
    versions = dict(re.findall(r"^(\S+)==([^\s;]+)", LOCK, flags=re.MULTILINE))

    assert canonicalize_name(requirement.name) in versions, "run ./dev lock"
    assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)], prereleases=True)


def addresses(value: Any) -> list[str]:
    """Return every text in a JSON value that names a host, but for where a package asks for money."""
    if isinstance(value, dict):
        return [found for name, inner in value.items() if name != "funding" for found in addresses(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in addresses(inner)]
    return [value] if isinstance(value, str) and "://" in value else []


def test_the_peers_lock_holds_no_address() -> None:
    assert NPM_LOCK["lockfileVersion"] == 3
    assert addresses(NPM_LOCK) == []
    assert "://" not in (PEERS / ".npmrc").read_text(encoding="utf-8")


def test_every_peer_has_a_hash() -> None:
    assert NPM_ENTRIES
    assert [name for name, entry in NPM_ENTRIES.items() if not entry.get("integrity", "").startswith("sha512-")] == []


def test_the_peers_lock_is_of_their_package_json() -> None:
    asked = json.loads((PEERS / "package.json").read_text(encoding="utf-8"))["dependencies"]

    assert NPM_LOCK["packages"][""]["dependencies"] == asked, "run ./dev lock"

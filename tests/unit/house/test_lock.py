"""requirements.lock: hashes for all, an address for none, and in step with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[3]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENTRIES = [entry for entry in re.split(r"^(?=\w)", LOCK, flags=re.MULTILINE) if "==" in entry]


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

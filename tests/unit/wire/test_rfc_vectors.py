from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from portvakt.wire.basic import parse_basic
from portvakt.wire.form import parse_form
from portvakt.wire.issuer_url import well_known
from portvakt.wire.www_authenticate import bearer_challenge, parse_bearer

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "wire.json").read_text("utf-8"))
KEYS = {
    "basic": {"from", "header", "client_id", "client_secret"},
    "form": {"from", "body", "fields"},
    "bearer": {"from", "header", "token"},
    "challenge": {"from", "members", "header"},
    "well_known": {"from", "issuer", "suffix", "url"},
}


def test_the_file_names_its_source_and_holds_nothing_that_is_not_tried() -> None:
    assert set(VECTORS) == {"source", "licence", *KEYS}
    for kind, keys in KEYS.items():
        assert VECTORS[kind]
        assert all(set(case) == keys for case in VECTORS[kind])


@pytest.mark.parametrize("case", VECTORS["basic"], ids=lambda case: case["from"])
def test_basic(case: dict[str, str]) -> None:
    assert parse_basic(case["header"].encode()) == (case["client_id"], case["client_secret"])


@pytest.mark.parametrize("case", VECTORS["form"], ids=lambda case: case["from"])
def test_form(case: dict[str, Any]) -> None:
    assert parse_form(case["body"].encode()) == case["fields"]


@pytest.mark.parametrize("case", VECTORS["bearer"], ids=lambda case: case["from"])
def test_bearer(case: dict[str, str]) -> None:
    assert parse_bearer([case["header"].encode()]) == case["token"]


@pytest.mark.parametrize("case", VECTORS["challenge"], ids=lambda case: case["from"])
def test_challenge(case: dict[str, Any]) -> None:
    assert bearer_challenge(**case["members"]) == case["header"]


@pytest.mark.parametrize("case", VECTORS["well_known"], ids=lambda case: case["from"])
def test_well_known(case: dict[str, str]) -> None:
    assert well_known(case["issuer"], case["suffix"]) == case["url"]

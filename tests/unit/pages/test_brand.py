"""Whose page it is: the name, the mark or logo, and whether it counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pages_read import page
from pages_shown import BRAND, SAMPLES, log_in
from portvakt.pages.views import Brand


def test_a_test_environment_says_so_on_the_page_and_in_its_title() -> None:
    assert "Testmiljø" in page(SAMPLES["log_in"]).text
    assert "[Test]" in page(SAMPLES["log_in"]).text
    assert "Test" not in page(SAMPLES["log_in_live"]).text


def test_a_logo_takes_the_place_of_the_mark() -> None:
    logo = "data:image/png;base64,iVBORw0KGgo="
    found = page(replace(log_in(), brand=replace(BRAND, logo=logo)))

    assert [a for tag, a in found.tags if tag == "img"] == [{"class": "logo", "src": logo, "alt": ""}]


def test_a_name_with_nothing_to_see_still_has_a_mark() -> None:
    assert page(replace(log_in(), brand=Brand(name="\u202e", root=""))).tags


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": "red"},
        {"colour": "#fff"},
        {"colour": "#12345g"},
        {"colour": "#123456;}"},
        {"logo": "https://cdn.example/logo.png"},
        {"logo": "data:image/svg+xml;base64,PHN2Zz4="},
        {"logo": "data:image/png;base64,<script>"},
        {"logo": "data:image/png;base64," + "A" * 90_000},
        {"root": "/luca/"},
        {"root": "luca"},
        {"root": "//evil.example"},
    ],
)
def test_W4_a_brand_is_a_plain_colour_a_raster_and_a_path(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"colour|logo|root"):
        Brand(**{"name": "Acme", "root": "", **wrong})


LISTS = ("/connected", "/api-keys", "/sessions")


@pytest.mark.parametrize(
    ("name", "links"),
    [
        ("home", ["/logout", "/account", *LISTS, *LISTS]),
        ("home_no_keys", ["/logout", "/account", "/connected", "/sessions", "/connected", "/sessions"]),
        ("sessions_alone", ["/logout", "/account", *LISTS]),
        ("log_out", ["/account"]),
    ],
)
def test_pages_link_to_each_other_under_the_issuers_root(name: str, links: list[str]) -> None:
    root = SAMPLES[name].brand.root

    assert [a["href"] for tag, a in page(SAMPLES[name]).tags if tag == "a"] == [root + link for link in links]

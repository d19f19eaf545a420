"""A brand may choose any colour, and its pages stay readable."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portvakt.pages.colour import DARK_CARD, DARK_PAGE, LIGHT_CARD, LIGHT_PAGE, contrast, shades


@pytest.mark.parametrize(("one", "other", "ratio"), [("#000000", "#ffffff", 21), ("#777777", "#ffffff", 4.48)])
def test_contrast_is_what_wcag_says(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.005)


@given(st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}"))
def test_every_colour_has_shades_that_can_be_read(colour: str) -> None:
    for shade, surfaces in zip(shades(colour), ((LIGHT_PAGE, LIGHT_CARD), (DARK_PAGE, DARK_CARD)), strict=True):
        assert contrast(shade.on_fill, shade.fill) >= 4.5
        assert all(contrast(shade.ink, surface) >= 4.5 for surface in surfaces)
        assert all(contrast(shade.rim, surface) >= 3 for surface in surfaces)


def test_a_colour_that_can_be_read_is_used_as_it_is() -> None:
    assert shades("#0f5c4d")[0].fill == shades("#0f5c4d")[0].rim == shades("#0f5c4d")[0].ink == "#0f5c4d"


def test_a_bright_colour_stays_bright_within_a_darker_rim() -> None:
    light, dark = shades("#ffdd00")

    assert light.fill == dark.fill == "#ffdd00"
    assert light.on_fill == "#000000"
    assert light.rim == light.ink != light.fill


def test_the_surfaces_are_those_of_the_stylesheet() -> None:
    style = files("portvakt.pages").joinpath("style.css").read_text()

    light, dark = (re.search(pattern, style, re.DOTALL) for pattern in (r":root \{.*?\}", r"@media.*?:root \{.*?\}"))

    assert light
    assert dark
    assert f"--page: {LIGHT_PAGE};" in light[0]
    assert f"--card: {LIGHT_CARD};" in light[0]
    assert f"--page: {DARK_PAGE};" in dark[0]
    assert f"--card: {DARK_CARD};" in dark[0]

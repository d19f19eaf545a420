"""One accent colour, made readable: shades of it that keep the contrast of WCAG 2.2 in light and in dark."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

LIGHT_PAGE, LIGHT_CARD = "#f4f5f7", "#ffffff"
DARK_PAGE, DARK_CARD = "#0f1216", "#181c22"
"""The surfaces of style.css."""

BLACK, WHITE = "#000000", "#ffffff"
TEXT = 4.5  # WCAG 2.2 §1.4.3
CALM = 6.0  # on dark surfaces thin strokes look weaker than their ratio says
SEEN = 1.2  # a fill, inside its rim
EDGE = 3.0  # WCAG 2.2 §1.4.11


@dataclass(frozen=True, slots=True)
class Shades:
    """`fill` for buttons, `on_fill` for the text on them, `rim` for their border; `ink` for links and focus.

    A bright fill stays as bright as the brand has it: its rim is what stands out from a light surface.
    """

    fill: str
    on_fill: str
    rim: str
    ink: str


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def luminance(colour: str) -> float:
    """Return the relative luminance of #rrggbb (WCAG 2.2, "relative luminance")."""
    shares = [part / 255 for part in _channels(colour)]
    linear = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)  # noqa: PLR2004  sRGB's own
    red, green, blue = linear
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _shaded(colour: str, towards: str, against: tuple[str, ...], least: float) -> str:
    """Return the nearest shade of a colour that has the contrast with all of `against`."""
    start, end = _channels(colour), _channels(towards)
    for step in range(33):
        mixed = "#" + "".join(f"{round(a + (b - a) * step / 32):02x}" for a, b in zip(start, end, strict=True))
        if all(contrast(mixed, other) >= least for other in against):
            return mixed
    raise AssertionError("the surfaces leave no room for an accent")


@lru_cache(maxsize=64)  # colours come from the settings, not from requests
def shades(colour: str) -> tuple[Shades, Shades]:
    """Return the shades of an accent for light and for dark."""
    light, dark = (LIGHT_PAGE, LIGHT_CARD), (DARK_PAGE, DARK_CARD)
    fill = _shaded(colour, BLACK, light, SEEN)
    ink = _shaded(colour, BLACK, light, TEXT)
    rim = fill if all(contrast(fill, surface) >= EDGE for surface in light) else ink
    dark_fill = _shaded(colour, WHITE, dark, EDGE)
    dark_ink = _shaded(colour, WHITE, dark, CALM)
    return Shades(fill, _on(fill), rim, ink), Shades(dark_fill, _on(dark_fill), dark_fill, dark_ink)


def _on(fill: str) -> str:
    """Return black or white, whichever is easier to read; one of them always has the contrast of text."""
    return max((WHITE, BLACK), key=lambda text: contrast(text, fill))

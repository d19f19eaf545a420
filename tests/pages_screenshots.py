"""Pictures of every page, in both languages, on a phone and on a desktop, in light and in dark.

`./dev screenshots FOLDER [NAME …]` writes them to FOLDER as NAME.LOCALE.SIZE.SCHEME.png; with names, those pages alone.
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path
from typing import Literal

from pages_browser import PHONE, WIDE, BrowserMissing, browser, serving
from pages_shown import SAMPLES
from portvakt.pages.locale import LOCALES

SIZES = {"phone": PHONE, "desktop": WIDE}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def take(folder: Path, names: list[str]) -> int:
    """Take the pictures; return how many there are. Raises BrowserMissing."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = 0
    with serving() as server, browser() as chromium:
        for (size, (width, height)), scheme in product(SIZES.items(), SCHEMES):
            context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            page = context.new_page()
            for name, locale in product(names or SAMPLES, LOCALES):
                page.goto(server.at(name, locale))
                page.screenshot(path=folder / f"{name}.{locale}.{size}.{scheme}.png", full_page=True)
                taken += 1
            context.close()
    return taken


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the exit code."""
    unknown = [name for name in arguments[1:] if name not in SAMPLES]
    if not arguments or unknown:
        sys.stderr.write(f"./dev screenshots FOLDER [NAME …], where NAME is one of: {', '.join(SAMPLES)}\n")
        return 2
    try:
        taken = take(Path(arguments[0]), arguments[1:])
    except BrowserMissing as why:
        sys.stderr.write(f"{why}\n")
        return 1
    sys.stdout.write(f"{taken} pictures in {arguments[0]}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

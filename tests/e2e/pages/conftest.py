"""A Chromium and a server of sample pages, one of each for all tests of this folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pages_browser import WIDE, BrowserMissing, browser, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from pages_browser import PageServer


@pytest.fixture(scope="module")  # not longer: an event loop runs in this thread meanwhile, and others' tests need one
def chromium() -> Iterator[Browser]:
    """A real browser. Skips, or fails under PORTVAKT_REQUIRE_SERVICES=1, where there is none."""
    try:
        with browser() as running:
            yield running
    except BrowserMissing as missing:
        if os.environ.get("PORTVAKT_REQUIRE_SERVICES") == "1":
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def pages() -> Iterator[PageServer]:
    """Every sample page, under its own headers."""
    with serving() as server:
        yield server


@pytest.fixture
def page(chromium: Browser, pages: PageServer) -> Iterator[Page]:
    """A tab of this test's own, in a browser that runs no script; what was posted before is forgotten."""
    pages.posted.clear()
    pages.after = "/done"
    context = chromium.new_context(viewport={"width": WIDE[0], "height": WIDE[1]}, java_script_enabled=False)
    yield context.new_page()
    context.close()

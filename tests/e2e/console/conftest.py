"""An installation with an operator and an issuer that plays Breeze's test environment, served; and a real browser."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from console_served import OPERATOR, PASSWORD, SETTINGS, USER, Running
from nodes import a_node, free_port
from pages_browser import WIDE, BrowserMissing, browser
from shell import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    shell = Shell(tmp_path_factory.mktemp("console"))
    port = free_port()
    shell.run("init", "--yes", "--email", OPERATOR)
    (shell.folder / "portvakt.toml").write_text(SETTINGS.format(port=port))
    for name, text in (("boss", PASSWORD), ("user", "another pass phrase")):
        (shell.folder / name).write_text(text)
        (shell.folder / name).chmod(0o600)
    shell.run("user", "set-password", OPERATOR, "--issuer", "portvakt", "--password-file", "boss")
    shell.run("user", "create", "--email", "nobody@example.com", "--issuer", "portvakt", "--password-file", "user")
    shell.run("user", "create", "--email", USER, "--issuer", "breeze-test")
    with a_node(shell, port=port):
        yield Running(shell, f"http://127.0.0.1:{port}")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real browser. Skips, or fails under PORTVAKT_REQUIRE_SERVICES=1, where there is none."""
    try:
        with browser() as started:
            yield started
    except BrowserMissing as missing:
        if os.environ.get("PORTVAKT_REQUIRE_SERVICES") == "1":
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A tab of this test's own, in a browser that runs no script."""
    context = chromium.new_context(
        viewport={"width": WIDE[0], "height": WIDE[1]}, java_script_enabled=False, locale="en-GB"
    )
    page = context.new_page()
    page.set_default_timeout(10_000)
    yield page
    context.close()

"""A browser and a server of sample pages, so that pages are looked at under their own headers."""

from __future__ import annotations

import shutil
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pages_shown import SAMPLES
from portvakt.pages.render import render
from portvakt.pages.static import CACHE_CONTROL, FILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser

    from portvakt.pages.console import ConsoleView
    from portvakt.pages.locale import Locale
    from portvakt.pages.views import View

BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")
WIDE, PHONE, NARROW = (1280, 900), (390, 844), (360, 640)


class BrowserMissing(Exception):
    """There is no browser, and the message says what would give one."""


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a Chromium that finds no host but this machine. Raises BrowserMissing."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        raise BrowserMissing("Pages are looked at in Chromium: apt-get install chromium-headless-shell")
    # As root Chromium starts only without its sandbox; it is shown nothing but our own pages.
    arguments = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield running
        finally:
            running.close()


class PageServer(ThreadingHTTPServer):
    """Serves `views` at /NAME/LOCALE, and what the pages load; notes what is posted, and answers it with `after`.

    `leads_to`: where /callback sends the user on.
    """

    daemon_threads = True

    def __init__(self, views: Mapping[str, View | ConsoleView]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.views = views
        self.asked: list[str] = []
        self.posted: list[tuple[str, str]] = []
        self.after = "/done"
        self.leads_to = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def at(self, name: str, locale: Locale) -> str:
        return f"{self.url}/{name}/{locale}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PageServer

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the base names it
        """Say nothing."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.server.asked.append(path)
        *_, name, last = ["", *path.split("/")]
        if path == "/callback":
            self._answer(303, (("location", self.server.leads_to),), b"")
        elif last in FILES:
            media, body = FILES[last]
            self._answer(200, (("content-type", media), ("cache-control", CACHE_CONTROL)), body)
        elif name in self.server.views:
            locale: Locale = "nb" if last == "nb" else "en"
            other = f"/{name}/{'en' if locale == 'nb' else 'nb'}"
            reply = render(self.server.views[name], locale, other_language=other)
            self._answer(reply.status, reply.headers, reply.body)
        else:
            self._answer(200, (("content-type", "text/plain"),), b"done")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.posted.append((self.path, body))
        self._answer(303, (("location", self.server.after),), b"")

    def _answer(self, status: int, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
        self.send_response(status)
        for name, value in (*headers, ("content-length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(views: Mapping[str, View | ConsoleView] = SAMPLES) -> Iterator[PageServer]:
    """Serve sample pages on loopback."""
    with PageServer(views) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()

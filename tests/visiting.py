"""People at a running server: their plain form posts, a place that browsers are sent back to, a real browser's walk."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2

from html_pages import Page

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from html_pages import Form

PATIENCE = 20.0


class Visitor:
    """Somebody who logs in and answers by plain form posts. Cookies are kept, redirects followed one by one."""

    def __init__(self, verify: ssl.SSLContext | bool = True) -> None:
        self._http = httpx2.Client(verify=verify, timeout=PATIENCE, trust_env=False)
        self._at = ""

    def close(self) -> None:
        self._http.close()

    def get(self, url: str) -> Page:
        return self._ask("GET", urljoin(self._at, url))

    def submit(self, form: Form, **fields: str) -> Page:
        parts = urlsplit(self._at)
        headers = {"origin": f"{parts.scheme}://{parts.netloc}"}
        return self._ask("POST", urljoin(self._at, form.action), data={**form.fields, **fields}, headers=headers)

    def log_in(self, page: Page, user: dict[str, Any]) -> Page:
        """Fill in a page's log-in form; return where that leads."""
        return self.get(self.submit(page.form("/login"), email=user["email"], password=user["password"]).location)

    def asked(self, url: str, user: dict[str, Any]) -> Page:
        """Follow an authorization URL to where the user is asked."""
        page = self.get(url)
        return self.log_in(page, user) if page.has_form("/login") else page

    def agree(self, url: str, user: dict[str, Any], *, organisation: str | None = None) -> str:
        """Follow an authorization URL and agree; return the redirect to the client."""
        page = self.asked(url, user)
        if page.status == 303:
            return page.location
        form = page.form("/consent")
        offered = form.choices.get("organisation", [])
        chosen = {"organisation": organisation or offered[0]} if offered else {}
        return self.submit(form, decision="allow", **chosen).location

    def _ask(self, method: str, url: str, **more: Any) -> Page:
        reply = self._http.request(method, url, **more)
        self._at = url
        return Page(reply.status_code, list(reply.headers.multi_items()), reply.text)


def code_in(location: str) -> str:
    (code,) = parse_qs(urlsplit(location).query)["code"]
    return code


class _Callback(BaseHTTPRequestHandler):
    server: Listener

    def do_GET(self) -> None:
        self.server.came.put(self.path)
        self.send_response(200)
        self.send_header("content-type", "text/plain")
        self.end_headers()
        self.wfile.write(b"Thank you. You may close this window.")

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the base names it
        """Say nothing."""


class Listener(ThreadingHTTPServer):
    """Where an application on this machine waits for its code; `came` holds the paths with which browsers came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Callback)
        self.came: Queue[str] = Queue()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/callback"

    def next(self) -> str:
        """Return the URL with which the next browser came."""
        while True:
            path = self.came.get(timeout=PATIENCE)
            if path.startswith("/callback"):
                return urljoin(self.url, path)


@contextmanager
def listening() -> Iterator[Listener]:
    with Listener() as listener:
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield listener
        finally:
            listener.shutdown()
            thread.join()


def apart(walk: Callable[[], object]) -> None:
    """Walk in a thread of its own: a browser's driver keeps its thread's event loop to itself."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(walk).result()

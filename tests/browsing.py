"""A user with a browser that runs no script: logs in, chooses a company, says yes or no, and is sent back."""

from __future__ import annotations

import html
import re
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2

if TYPE_CHECKING:
    from pathlib import Path

_FIELD = re.compile(r"<input\b[^>]*>")
_ACTION = re.compile(r'<form\b[^>]*\baction="([^"]*)"')


def come_back(url: str, user: dict[str, Any], *, decision: str = "allow", organisation: str | None = None) -> str:
    """Follow an authorization URL as a user of the sandbox's would, and return where the browser is sent at the end.

    `user` is one of the `users` of the sandbox's first line. `organisation`: the first one that is offered.
    """
    with httpx2.Client() as http:
        page = http.get(url)
        while page.status_code == 200:
            fields = {name: value for name, value, is_choice in _fields(page.text) if not is_choice}
            if "email" in fields:
                fields |= {"email": user["email"], "password": user["password"]}
            else:
                offered = [value for name, value, is_choice in _fields(page.text) if is_choice]
                fields["decision"] = decision
                if offered:
                    fields["organisation"] = organisation or offered[0]
            page = _post(http, page, fields)
            while page.status_code == 303 and _is_here(page):
                page = http.get(_absolute(page, page.headers["location"]))
        assert page.status_code == 303, (page.status_code, page.text)
        return str(page.headers["location"])


def opener(folder: Path, user: dict[str, Any], **variables: str) -> str:
    """Return what the variable BROWSER names: a program that does what a user does with a URL, and comes back."""
    script = folder / "browser.py"
    script.write_text(
        "import sys\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "import httpx2\n"
        "from browsing import come_back\n"
        f"page = httpx2.get(come_back(sys.argv[1], {user!r}, **{variables!r}))\n"
        f"open({str(folder / 'page.html')!r}, 'w').write(page.text)\n"
    )
    return f"{sys.executable} {script} %s"


def _post(http: httpx2.Client, page: Any, fields: dict[str, str]) -> Any:
    action = _ACTION.search(page.text)
    assert action is not None, page.text
    parts = urlsplit(str(page.url))
    origin = f"{parts.scheme}://{parts.netloc}"
    return http.post(_absolute(page, html.unescape(action[1])), data=fields, headers={"origin": origin})


def _fields(text: str) -> list[tuple[str, str, bool]]:
    """Return name, value and whether it is one of several, of each field of the first form that has any."""
    found = []
    form = next(form for form in re.findall(r"<form\b.*?</form>", text, re.DOTALL) if "name=" in form)
    for tag in _FIELD.findall(form):
        said = dict(re.findall(r'\b([a-z]+)="([^"]*)"', tag))
        if "name" in said:
            found.append((said["name"], html.unescape(said.get("value", "")), said.get("type") == "radio"))
    return found


def _is_here(page: Any) -> bool:
    location = str(page.headers["location"])
    return location.startswith("/") or urlsplit(location).netloc == urlsplit(str(page.url)).netloc


def _absolute(page: Any, location: str) -> str:
    parts = urlsplit(str(page.url))
    return location if "://" in location else f"{parts.scheme}://{parts.netloc}{location}"

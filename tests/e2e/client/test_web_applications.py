"""The guide's web applications, each with its framework's own sessions: a user leaves, comes back and is acted for."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2
import pytest

from browsing import come_back
from pages import Page, at
from portvakt.client import Login
from programs import environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from played import Play

GUIDE = Page("docs/guide-client.md")
FRAMEWORKS = {"Starlette": "starlette_app", "Flask": "flask_app", "Django": "urlpatterns"}

DJANGO = """
import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of-a-test",
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
)
django.setup()
"""

SERVED = """
import os
import httpx2

saved = {}

def save(user, text):
    saved[user] = text
    with open("saved.json", "w") as file:
        file.write(text)

"""

ENDING = """
from wsgiref.simple_server import WSGIRequestHandler, make_server

class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass
"""


def a_sample(framework: str, told: dict[str, Any]) -> str:
    """Return the guide's application of a framework, at a sandbox, with a user who logged in to it."""
    connecting = at(GUIDE.block("python", "def companies()"), told)
    return "\n".join([SERVED, connecting, at(GUIDE.block("python", FRAMEWORKS[framework]), told)])


PROGRAM = {
    "Starlette": """
import uvicorn
from starlette.types import ASGIApp

class Known:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app
    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            scope["session"]["user"] = "kari"
        await self.app(scope, receive, send)

starlette_app.user_middleware.append(Middleware(Known))
config = uvicorn.Config(starlette_app, host="127.0.0.1", port=0, log_level="warning", lifespan="off")
server = uvicorn.Server(config)
import asyncio, socket
sock = socket.create_server(("127.0.0.1", 0))
print(sock.getsockname()[1], flush=True)
asyncio.run(server.serve(sockets=[sock]))
""",
    "Flask": ENDING
    + """
@flask_app.before_request
def known():
    flask.session["user"] = "kari"

with make_server("127.0.0.1", 0, flask_app, handler_class=Quiet) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
""",
    "Django": ENDING
    + """
from django.core.wsgi import get_wsgi_application

class Known:
    def __init__(self, get_response):
        self.get_response = get_response
    def __call__(self, request):
        request.session["user"] = "kari"
        return self.get_response(request)

settings.MIDDLEWARE.append(Known.__module__ + ".Known")
with make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
""",
}


class Application:
    """One of the guide's applications, as a process of its own."""

    def __init__(self, framework: str, play: Play, folder: Path) -> None:
        there = play.issuer("luca-test")
        before = DJANGO if framework == "Django" else ""
        program = "\n".join([before, a_sample(framework, play.told), PROGRAM[framework]])
        (folder / "application.py").write_text(program)
        self.user = there["users"][1]
        self.folder = folder
        variables = environment(
            LUCA_CLIENT_ID=there["client_id"], LUCA_CLIENT_SECRET=there["client_secret"], SESSION_KEY="of-a-test"
        )
        line = [sys.executable, "application.py"]
        with (folder / "stderr.txt").open("w") as errors:
            self.process = subprocess.Popen(line, cwd=folder, env=variables, stdout=-1, stderr=errors, text=True)
        assert self.process.stdout is not None
        port = self.process.stdout.readline().strip()
        assert port, (folder / "stderr.txt").read_text()
        self.url = f"http://127.0.0.1:{port}"

    def browser(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.url)

    def end(self) -> None:
        assert self.process.stdout is not None
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(params=FRAMEWORKS)
def application(request: pytest.FixtureRequest, play: Play, tmp_path: Path) -> Iterator[Application]:
    found = Application(request.param, play, tmp_path)
    yield found
    found.end()


def test_a_user_is_sent_away_comes_back_and_is_acted_for(application: Application, play: Play) -> None:
    with application.browser() as browser:
        leaving = browser.get("/connect")
        back = come_back(leaving.headers["location"], application.user)
        done = browser.get(back)
    login = Login.from_text((application.folder / "saved.json").read_text())
    luca = play.connect("luca-test", login=login)

    assert leaving.status_code in (302, 303)
    assert back.startswith(f"{application.url}/callback?")
    assert (done.status_code, urlsplit(done.headers["location"]).path) == (leaving.status_code, "/"), (
        application.folder / "stderr.txt"
    ).read_text()
    with httpx2.Client(auth=luca.auth) as http:
        answer = http.post(f"{luca.api_url}/graphql", json={"query": "{ companies { nodes { name } } }"})
    assert len(answer.json()["data"]["companies"]["nodes"]) == 1


def test_X3_another_browser_a_replay_and_a_user_who_says_no_get_nothing(application: Application) -> None:
    with application.browser() as browser, application.browser() as other:
        back = come_back(browser.get("/connect").headers["location"], application.user)
        other.get("/connect")
        in_another, without_any = other.get(back), httpx2.get(back)
        first, again = browser.get(back), browser.get(back)
        no = come_back(browser.get("/connect").headers["location"], application.user, decision="deny")
        denied = browser.get(no)

    assert [reply.status_code for reply in (in_another, without_any, again, denied)] == [400] * 4
    assert first.status_code in (302, 303)
    assert "access_denied" in denied.text
    assert all("pvk_ac_" not in reply.text for reply in (in_another, without_any, again, denied))

"""Either HTTP library is enough, neither is told plainly, and a client loads nothing of a server."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from portvakt import client
from portvakt.client import library

HIDE = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

HIDDEN = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Hidden())
"""

EVERYTHING = (
    HIDE
    + """
import asyncio, http.server, importlib, json, threading

class Server(http.server.BaseHTTPRequestHandler):
    given, seen = 0, []

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        Server.given += 1
        self.say(200, {"access_token": f"t-{Server.given}", "token_type": "Bearer", "expires_in": 3600})

    def do_GET(self):
        token = self.headers["authorization"]
        Server.seen.append(token)
        self.say(401 if token == "Bearer t-1" else 200, {})

    def say(self, status, members):
        body = json.dumps(members).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

from portvakt.client import connect
from portvakt.client.library import http_library

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
connection = connect("standard", base_url=f"http://127.0.0.1:{server.server_port}", client_id="c", client_secret="s")
library = importlib.import_module(sys.argv[2])
assert http_library() is library
with library.Client(auth=connection.auth) as client:
    assert client.get(connection.api_url).status_code == 200

async def main():
    async with library.AsyncClient(auth=connection.auth) as client:
        assert (await client.get(connection.api_url)).status_code == 200

asyncio.run(main())
server.shutdown()
assert not HIDDEN & set(sys.modules), HIDDEN
print(json.dumps(Server.seen))
"""
)

NEITHER = (
    HIDE
    + """
from portvakt.client import connect
try:
    connect("breeze", environment="test", client_id="c", client_secret="s")
except ModuleNotFoundError as error:
    print(error.name, "|", error)
"""
)

LOADED = """
import sys
import portvakt.client
print(" ".join(sorted(name for name in sys.modules if name.startswith("portvakt.") or name in FOREIGN)))
""".replace(
    "FOREIGN",
    repr({"sqlalchemy", "alembic", "httptools", "uvloop", "graphql", "typer", "rich", "cryptography", "starlette"}),
)


def said(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(("hidden", "there"), [("httpx2,httpcore2", "httpx"), ("httpx,httpcore", "httpx2")])
def test_either_library_alone_does_everything(hidden: str, there: str) -> None:
    assert json.loads(said(EVERYTHING, hidden, there)) == ["Bearer t-1", "Bearer t-2", "Bearer t-2"]


def test_without_any_library_connect_says_what_to_install() -> None:
    assert said(NEITHER, "httpx2,httpx") == "httpx2 | portvakt.client needs an HTTP library: pip install httpx2"


def test_a_library_that_misses_something_of_its_own_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ModuleNotFoundError("No module named 'h11'", name="h11")

    monkeypatch.setattr(library, "import_module", broken)

    with pytest.raises(ModuleNotFoundError, match="h11"):
        list(library.installed())


def test_a_client_loads_nothing_of_a_server() -> None:
    loaded = said(LOADED).split()

    rooms = {name.split(".")[1] for name in loaded if name.startswith("portvakt.")}
    assert rooms <= {"client", "protocol", "providers", "jose", "wire", "model"}
    assert {name for name in loaded if name.startswith("portvakt.protocol.")} <= {
        "portvakt.protocol.ask",
        "portvakt.protocol.ask.endpoint",
        "portvakt.protocol.ask.timing",
        "portvakt.protocol.ask.token",
        "portvakt.protocol.ask.verdict",
        "portvakt.protocol.ask.wish",
    }
    assert [name for name in loaded if not name.startswith("portvakt.")] == []
    of_log_ins = ("begun", "folder", "logging_in", "login", "renewing")
    assert not {f"portvakt.client.{name}" for name in of_log_ins} & set(loaded)  # before somebody logs in


def test_every_public_name_is_there_and_no_other() -> None:
    assert {name: getattr(client, name).__name__ for name in client.__all__} == {name: name for name in client.__all__}
    with pytest.raises(AttributeError, match=r"has no attribute .Logins"):
        client.Logins  # noqa: B018  the look-up is what is tested

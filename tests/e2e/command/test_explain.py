"""`portvakt explain`, as it is typed, about a server that runs: the right request that it shows is right."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx2
import pytest

from programs import curl_json

if TYPE_CHECKING:
    from shell import Shell

ISSUER = ("--issuer", "standard")
JSON = "application/json"


def told(shell: Shell, reference: str, *more: str) -> dict[str, Any]:
    said: dict[str, Any] = shell.json("explain", reference, *more)
    return said


def credentials(client: dict[str, Any]) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": client["client_id"],
        "client_secret": client["client_secret"],
    }


def raw_reference(port: int, head: str, body: bytes) -> str:
    """Send a request whose body follows its head in a packet of its own; return the reply's reference."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode())
        connection.sendall(body)
        reply = b"".join(iter(lambda: connection.recv(65_536), b""))
    lines = reply.decode().split("\r\n")
    return next(line.partition(": ")[2] for line in lines if line.lower().startswith("portvakt-reference"))


def test_the_request_that_explain_shows_is_right(shell: Shell, port: int) -> None:
    shell.environ["PORTVAKT_PORT"] = str(port)
    shell.run("init", "--yes")
    client = shell.json("client", "create", *ISSUER, "--name", "x", "--scope", "read")
    other = shell.json("client", "create", "--issuer", "breeze", "--name", "y")
    root = f"http://127.0.0.1:{port}/standard"
    sent = credentials(client)
    with shell.serving(port):
        as_json = raw_reference(
            port,
            f"POST /standard/token HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: {JSON}\r\n",
            json.dumps(sent).encode(),
        )
        refused = {
            "json": as_json,
            "scope": httpx2.post(f"{root}/token", data={**sent, "scope": "write"}).headers["portvakt-reference"],
            "other": httpx2.post(f"{root}/token", data=credentials(other)).headers["portvakt-reference"],
            "wrong": httpx2.post(f"{root}/token", data={**sent, "client_secret": "no"}).headers["portvakt-reference"],
        }
    # Recorded at the stop, and read by the next start's side.
    said = {name: told(shell, reference) for name, reference in refused.items()}
    with shell.serving(port):
        for name, secret in (("json", client), ("scope", client), ("other", other), ("wrong", client)):
            status, body = curl_json(said[name]["curl"], CLIENT_SECRET=secret["client_secret"])

            assert (name, status) == (name, 200), body

    assert {name: one["near"] for name, one in said.items()} == {
        "json": "body",
        "scope": "scope",
        "other": "other_issuer",
        "wrong": "",
    }
    assert said["json"]["client_id"] == client["client_id"]
    assert said["scope"]["hints"] == {"lacking": ["write"], "grant_type": "client_credentials"}
    assert client["client_secret"] not in json.dumps(said)


def test_what_was_refused_of_a_client_is_listed_a_page_at_a_time(installed: Shell, port: int) -> None:
    client = installed.json("client", "create", *ISSUER, "--name", "x")
    installed.environ["PORTVAKT_PORT"] = str(port)
    body = urlencode({**credentials(client), "scope": "nothing"})
    with installed.serving(port):
        url = f"http://127.0.0.1:{port}/standard/token"
        form = {"content-type": "application/x-www-form-urlencoded"}
        references = [httpx2.post(url, content=body, headers=form).headers["portvakt-reference"] for _ in range(3)]
    of = ("explain", "--client", client["client_id"], *ISSUER, "--limit", "2")

    first = installed.json(*of)
    second = installed.json(*of, "--before", str(first["next"]))
    shown = installed.run(*of).stdout
    explained = installed.run("explain", references[0]).stdout

    listed = [one["reference"] for one in [*first["refusals"], *second["refusals"]]]
    assert (listed, second["next"]) == (references[::-1], None)
    assert f"There are more: --before {first['next']}" in shown
    assert references[2] in shown
    assert "cause       The client may not ask for: nothing." in explained
    assert "curl http" in explained
    assert told(installed, references[0], *ISSUER) == told(installed, references[0])


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        (("explain",), 2, "give the reference of a refusal, or --client ID"),
        (("explain", "0000-1", "--client", "client_x"), 2, "give the reference of a refusal"),
        (("explain", "0000-1"), 4, "There is no such refusal."),
        (("explain", "0000-1", "--issuer", "nobody"), 4, "there is no issuer of that name"),
        (("explain", "--client", "client_x", *ISSUER), 4, "There is no such client."),
        (("explain", "--client", "client_x", *ISSUER, "--before", "x"), 2, "--before must be"),
    ],
)
def test_what_cannot_be_explained_is_one_line(installed: Shell, line: tuple[str, ...], code: int, says: str) -> None:
    assert says in installed.complaint(*line, code=code)

"""The README is executed: what it tells a newcomer to type works, in its order, in an empty folder."""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from pages import Page, at
from programs import PATIENCE, Done, curl_json, portvakt, running, shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

README = Page("README.md")
ME = {"data": {"Me": {"email": "integration@example.com"}}}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run(words: list[str], folder: Path, **swapped: str) -> Done:
    words = [swapped.get(word, word) for word in words[1:]]
    done = portvakt(*words, cwd=folder)
    assert done.code == 0, (words, done.err)
    return done


@pytest.fixture
def api(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """The README's FastAPI application under uvicorn; gives its port and the issuer's."""
    code = README.block("python", "Guard(")
    assert len([line for line in code.splitlines() if line]) <= 10
    log = (tmp_path / "notes.log").open("wb")
    issuer_port, api_port = free_port(), free_port()
    code = code.replace("http://127.0.0.1:8040/standard/api", f"http://127.0.0.1:{api_port}")  # as it says, below that
    code += README.block("python", "guard.metadata")
    (tmp_path / "notes.py").write_text(code.replace("8040", str(issuer_port)))
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "notes:app", "--port", str(api_port), "--log-level", "warning"],
        cwd=tmp_path,
        stderr=log,
    )
    try:
        give_up_at = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", api_port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < give_up_at
        yield api_port, issuer_port
    finally:
        process.terminate()
        process.wait(PATIENCE)
        log.close()


def test_the_two_commands_stand_near_the_top() -> None:
    top = README.text[: len(README.text) // 3]

    assert "./dev demo" in top
    assert "./dev test" in top


def test_what_the_readme_says_to_type_serves_an_api_behind_a_guard(tmp_path: Path, api: tuple[int, int]) -> None:
    api_port, port = api
    init, create, serve = (
        README.commands("portvakt init")[0],
        README.commands("portvakt client create")[0],
        README.commands("portvakt serve"),
    )
    (curl,) = (words for words in README.commands("curl"))
    said = run(init, tmp_path).out
    settings = tmp_path / "portvakt.toml"
    said_there = settings.read_text().replace("8040", str(port)).replace("# port", "port")
    settings.write_text(
        said_there.replace('# api_url = "https://api.example.com', f'api_url = "http://127.0.0.1:{api_port}')
    )
    client = json.loads(run([*create, "--json"], tmp_path).out)
    pair = f"{client['client_id']}:{client['client_secret']}"

    with running(*serve[0][1:], "--json", cwd=tmp_path):
        ask = shlex.join(curl).replace("CLIENT_ID:CLIENT_SECRET", pair).replace("8040", str(port))
        status, body = curl_json(ask)
        token = json.loads(body)["access_token"]
        notes = f"curl http://127.0.0.1:{api_port}/notes"
        with_token = curl_json(f"{notes} -H 'Authorization: Bearer {token}'")
        without = curl_json(f"{notes} --include")
        challenge = re.search(r'www-authenticate: Bearer resource_metadata="([^"]+)"', without[1])
        assert challenge is not None
        metadata = curl_json(f"curl {challenge[1]}")
        for beginning in ("portvakt client list", "portvakt client rotate", "portvakt keys", "portvakt check"):
            run(README.commands(beginning)[0], tmp_path, CLIENT_ID=client["client_id"])
        both = curl_json(ask)
        run(README.commands("portvakt client disable")[0], tmp_path, CLIENT_ID=client["client_id"])
        disabled = curl_json(ask)

    assert (status, json.loads(body)["scope"]) == (200, "read")
    assert with_token == (200, json.dumps({"asked_by": client["client_id"]}, separators=(",", ":")))
    assert without[0] == 401
    assert json.loads(metadata[1])["authorization_servers"] == [f"http://127.0.0.1:{port}/standard"]
    assert both[0] == 200
    assert disabled[0] == 401
    *told, password = (shlex.split(line) for line in said.splitlines() if line.startswith("  portvakt"))
    assert told == [create, serve[0]]
    assert password[:3] == ["portvakt", "user", "set-password"]
    logged = (tmp_path / "notes.log").read_text()
    assert "portvakt.guard:refused: no bearer token" in logged
    assert "httpx" not in logged


@pytest.mark.usefixtures("reader")
def test_the_readmes_call_of_an_api_calls_it(sandbox: dict[str, Any]) -> None:
    seen: dict[str, Any] = {}

    exec(compile(at(README.block("python", "connect("), sandbox), README.name, "exec"), seen)

    assert seen["me"] == ME


@pytest.mark.usefixtures("reader")
def test_the_readmes_token_at_a_shell_is_shown(sandbox: dict[str, Any]) -> None:
    typed = at(README.block("sh", "portvakt inspect"), sandbox)
    for name in ("CLIENT_ID", "CLIENT_SECRET"):
        typed = typed.replace(f"={name}", f"=$PORTVAKT_{name}")

    done = shell(typed)

    assert done.code == 0, done.err
    assert f"{sandbox['base_url']}/breeze-test" in done.out


def test_the_readme_names_no_command_and_no_file_that_is_not_there(tmp_path: Path) -> None:
    assert README.unknown_commands(tmp_path) == []
    assert README.dead_links() == []

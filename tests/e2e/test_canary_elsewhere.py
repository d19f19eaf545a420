"""Canaries in a sandbox with its APIs, in commands' arguments, in settings, and in a crash (K1, K2, K6, FT28)."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from canary import Canaries
from hostile_requests import request, requests_with
from portvakt.protocol.credentials import mint_secret
from programs import running
from shell import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = mint_secret(bytes(range(50, 82))).reveal()
ROOT = "q3V9x0-ZrT_b1Lk7uMw8Yc2NhPfJdGaE5sXoKiQeRtU"
TOKEN = f"eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.{ROOT * 3}.{ROOT[::-1] * 8}"
PASSWORD = "hunter2-4f9a7c"
URL = f"postgresql://u:{PASSWORD}@127.0.0.1:1/n"
CANARIES = Canaries([("secret", SECRET), ("root", ROOT), ("token", ROOT[::-1] * 2), ("password", PASSWORD)])

# The canaries are the same in each process that shares the tests, so their names are in no test's name.
PLANTED = pytest.mark.parametrize("planted", [SECRET, ROOT, TOKEN, URL], ids=["secret", "root", "token", "url"])


def ask(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 10) as peer:
        peer.sendall(sent)
        peer.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: peer.recv(65_536), b""))


# A sandbox


def queries(text: str) -> Iterator[dict[str, Any]]:
    """Yield bodies of GraphQL requests with a text in every place."""
    name = text.replace("-", "_").replace(".", "_")
    for query in (
        text,
        f"{{ {name} }}",
        f"{{ Me {{ {name} }} }}",
        f'{{ Credential(_id: "{text}") {{ _id }} }}',
        f"{{ Credential(_id: {name}) {{ _id }} }}",
        f'{{ Credential(_id: "{text}" {{ _id }} }}',
        f'{{ Credential({name}: "x") {{ _id }} }}',
        f"query {name} {{ Me {{ _id }} }} query {name} {{ Me {{ _id }} }}",
        f"{{ Me {{ ...{name} }} }}",
        f"{{ Me {{ ... on {name} {{ _id }} }} }}",
        f"{{ Me @{name} {{ _id }} }}",
        f"query (${name}: Int) {{ Me {{ _id }} }}",
        f"query ($x: {name}) {{ Me {{ _id }} }}",
        f"# {text}\n{{ Me",
    ):
        yield {"query": query}
    by_id = "query ($id: ID!) { Credential(_id: $id) { _id } }"
    for value in (text, [text], {text: text}, {"a": [text]}):
        yield {"query": by_id, "variables": {"id": value}}
    yield {"query": by_id, "variables": {text: text}}
    yield {"query": by_id, "variables": text}
    yield {"query": "{ Me { _id } }", "operationName": text}
    yield {"query": "{ Me { _id } }", text: text}
    yield {"query": [text]}


def test_K1_a_sandbox_and_its_APIs_repeat_no_secret(tmp_path: Path) -> None:
    seed = "a-seed-" + secrets.token_urlsafe(24)
    canaries = Canaries([("seed", seed)])
    replies: list[bytes] = []
    with running("sandbox", "--json", "--port", "0", "--seed", seed, "--data", "data", cwd=tmp_path) as told:
        port = urlsplit(told["base_url"]).port
        assert port is not None
        host = f"127.0.0.1:{port}"
        test = told["issuers"]["breeze-test"]
        client = {name: test[name] for name in ("client_id", "client_secret")}
        canaries.plant("secret", client["client_secret"])
        canaries.plant("expired secret", test["expired"]["client_secret"])
        body = json.dumps({"grant_type": "client_credentials", **client}).encode()
        kind = {"Content-Type": "application/json"}
        target = urlsplit(test["base_url"]).path + "/oauth/token"
        reply = ask(port, request(target, host, body, kind))
        token = json.loads(reply.partition(b"\r\n\r\n")[2])["access_token"]
        canaries.plant("token", token.rpartition(".")[2])

        graphql, echo = (
            urlsplit(test["base_url"]).path + "/graphql",
            urlsplit(told["issuers"]["prisjakt"]["api_url"]).path,
        )
        apis = (graphql, f"{echo}/echo")
        for text in (seed, client["client_secret"], token):
            hostile = requests_with(text, client["client_id"], host, issuer=urlsplit(test["base_url"]).path, apis=apis)
            replies += [ask(port, sent) for _, sent in hostile]
            for path in (graphql, "/sandbox/clock"):
                for members in (*queries(text), {"advance": text}, {text: 1}):
                    fields = kind | {"Authorization": f"Bearer {token}"}
                    replies.append(ask(port, request(path, host, json.dumps(members).encode(), fields)))
            for bearer in (text[:-1], token + text, f"{text}.{text}.{text}"):
                for path, query in ((graphql, b'{"query":"{ Me { _id } }"}'), (apis[1], b"")):
                    replies.append(ask(port, request(path, host, query, kind | {"Authorization": f"Bearer {bearer}"})))
    (tmp_path / "data" / "portvakt.secret").rename(tmp_path / "root")
    canaries.plant("root", (tmp_path / "root").read_text().strip())
    (tmp_path / "root").unlink()
    (tmp_path / "data" / "seed").unlink()

    for told_by_api in (
        b'"BAD_USER_INPUT"',
        b'"GRAPHQL_VALIDATION_FAILED"',
        b'"UNAUTHENTICATED"',
        b'error="invalid_token"',
    ):
        assert any(told_by_api in reply for reply in replies), told_by_api
    assert canaries.find_in(tmp_path, b"\n".join(replies)) == []


# Commands and settings


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    folder = tmp_path_factory.mktemp("canary")
    shell = Shell(folder)
    shell.run("init", "--yes")
    return shell


def commands(text: str) -> Iterator[tuple[str, ...]]:
    """Yield command lines with a text where none belongs."""
    issuer = ("--issuer", "breeze")
    create = ("client", "create", *issuer, "--name", "x")
    yield from ((text,), (f"--{text}",), (f"--{text}=1",), ("client", text), ("db", text), ("clock", text))
    yield from (("sandbox", text), ("sandbox", "--port", text), ("clock", "--url", text), ("clock", "--data", text))
    yield from (("clock", "--url", f"http://{text}.invalid"), ("keys", "list", "--issuer", text))
    for command in ("show", "disable", "enable", "rotate-secret"):
        yield from (
            ("client", command, text),
            ("client", command, *issuer, text),
            ("client", command, *issuer, "x", text),
        )
        yield ("client", command, "--issuer", text, "x")
    yield from ((*create, "--auth", text), (*create, "--expires", text), (*create, "--owner", text))
    yield from ((*create, "--scope", text), (*create, "--default-scope", text), (*create, f"--{text}"))
    yield from (("client", "list", *issuer, "--limit", text), ("client", "list", f"--after={text}", text))
    yield ("client", "rotate-secret", *issuer, "x", "--grace", text)
    for option in ("--config", "--data"):
        yield from (("check-config", option, text), ("client", "list", option, text), ("db", "upgrade", option, text))
    yield from (("serve", "--config", text), ("serve", "--port", text), ("serve", "--host", f"{text}/"))
    yield from (("init", "--yes", "--config", f"{text}/x.toml"), ("init", "--yes", "--database", f"x{text}"))
    yield from (("init", "--yes", "--config", "y.toml", "--email", text), ("init", "--yes", text))


@PLANTED
def test_FT28_K6_no_command_repeats_a_secret_that_was_typed_in_the_wrong_place(shell: Shell, planted: str) -> None:
    for arguments in commands(planted):
        for more in ((), ("--json",)):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("sys.argv", ["portvakt"])
                ended = shell._here([*arguments, *more])

            said = (ended.stdout + ended.stderr).encode()
            where = [word.replace(planted, "…") for word in arguments]
            assert CANARIES.find_in(said) == [], where
            assert ended.returncode != 0, where


def lines_of_a_caller(text: str) -> Iterator[tuple[str, ...]]:
    """Yield lines of the commands for whoever calls an API, with a text where none belongs."""
    here = "http://127.0.0.1:1"
    yield from (("token", text), ("token", "breeze", text), ("token", f"https://{text}"), ("token", here, f"-{text}"))
    for option in ("environment", "base-url", "client-id", "client-secret", "secret", "max-wait", "ca-file", text):
        yield from (("token", "breeze", f"--{option}", text), ("token", "breeze", f"--{option}={text}"))
    for option in ("secret-file", "environment", "base-url", "max-wait", "ca-file"):
        yield ("token", "standard", f"--{option}", text, "--client-id", "x", "--scope", f'"{text}')
    for option in ("scope", "resource"):
        yield ("token", "standard", "--base-url", here, f"--{option}", f'"{text} #')
    yield from (("inspect", text), ("inspect", "--issuer", text), ("inspect", "--issuer", here, "--provider", text))
    yield from (("inspect", "--issuer", f"{here}/{text}"), ("inspect", "--issuer", here, "--audience", text))
    yield from (("inspect", "--issuer", here, "--ca-file", text), ("inspect", f"--{text}"), ("inspect", "--json", text))


@PLANTED
def test_K1_K6_no_caller_is_shown_a_secret_or_a_token_again(tmp_path: Path, planted: str) -> None:
    shell = Shell(tmp_path, PORTVAKT_CLIENT_ID="client_1", PORTVAKT_CLIENT_SECRET=planted)
    on_standard_input = (planted, f"Bearer {planted}", f'{{"access_token":"{planted}"}}', f"{planted} {planted}")
    shown = [(("inspect", *more), given) for more in ((), ("--json",)) for given in on_standard_input]
    for arguments, given in (*((line, TOKEN) for line in lines_of_a_caller(planted)), *shown):
        ended = shell._here(arguments, given=given)

        where = [word.replace(planted, "…") for word in arguments]
        assert "Traceback" not in ended.stderr, where
        assert CANARIES.find_in((ended.stdout + ended.stderr).encode()) == [], where
        assert ended.returncode != 0, where


def documents(text: str) -> Iterator[str]:
    """Yield portvakt.toml with a text where none belongs."""
    issuer = '[issuers.x]\nprovider = "standard"\n'
    for key in ("database", "host", "log_level", "port", "url", "trusted_proxies", "secret", "secret_file", "unknown"):
        yield f'{key} = "{text}"'
        yield f'{key} = ["{text}"]'
        yield f'{key} = {{ a = "{text}" }}'
    for key in ("provider", "url", "api_url", "algorithm", "lifetime", "quotas", "unknown"):
        yield f'[issuers.x]\n{key} = "{text}"'
    yield f'{issuer}quotas = {{ token = "{text}", "{text}" = "off" }}'
    yield from (f'"{text}" = 1', f'["{text}"]\na = 1', f'[issuers."{text}"]\na = 1', f'[issuers.x."{text}"]\na = 1')
    yield from (text, f"a = {text}", f'a = "{text}', f'a = "{text}\\q"', f"a = '{text}'\na = '{text}'", f"[{text}")
    yield f'"{text}" = 1\n"{text}" = 2'
    yield f"# {text}\nport = 0"


@PLANTED
def test_FT28_no_settings_repeat_a_secret_in_the_wrong_key(tmp_path: Path, planted: str) -> None:
    shell = Shell(tmp_path)
    for document in documents(planted):
        (tmp_path / "portvakt.toml").write_text(document)
        (tmp_path / "portvakt.toml").chmod(0o600)
        for arguments in (("check-config",), ("check-config", "--json")):  # the others say the same
            ended = shell._here(arguments)

            assert ended.returncode == 3, document
            assert CANARIES.find_in((ended.stdout + ended.stderr).encode()) == [], document.replace(planted, "…")


@PLANTED
def test_FT28_no_variables_repeat_a_secret_in_the_wrong_place(tmp_path: Path, planted: str) -> None:
    (tmp_path / "portvakt.toml").write_text("")
    names = (
        "DATABASE",
        "HOST",
        "LOG_LEVEL",
        "PORT",
        "URL",
        "TRUSTED_PROXIES",
        "SECRET_FILE",
        "DATABASE_FILE",
        "UNKNOWN",
    )
    for name in (*names, planted.upper().replace("=", "")):
        shell = Shell(tmp_path, **{f"PORTVAKT_{name}": planted})
        for arguments in (("check-config",), ("check-config", "--json")):
            ended = shell._here(arguments)

            assert ended.returncode == 3, name
            assert CANARIES.find_in((ended.stdout + ended.stderr).encode()) == [], name


@pytest.mark.parametrize("password", ["hunter2%zz-4f9a7c", "hunter2 4f9a7c", "hunter2'4f9a7c", "hunter2\\4f9a7c"])
def test_K1_a_databases_address_that_no_driver_takes_is_not_repeated(tmp_path: Path, password: str) -> None:
    canaries = Canaries([("password", password), ("end", "4f9a7c@127.0.0.1")])
    url = f"postgresql://u:{password}@127.0.0.1:1/n"
    (tmp_path / "portvakt.toml").write_text("")
    shell = Shell(tmp_path, PORTVAKT_DATABASE=url, PORTVAKT_SECRET=ROOT)

    for arguments in (("check-config",), ("client", "list"), ("db", "upgrade"), ("serve", "--port", "1")):
        ended = shell._here(arguments)

        assert "Traceback" not in ended.stderr
        assert canaries.find_in((ended.stdout + ended.stderr).encode()) == [], arguments


CRASH = """
import sys
import portvakt.server.settings_issuers as issuers
import portvakt.server.settings_values as values
from portvakt.cli import main

def crash(*_):
    raise RuntimeError("a fault of ours")

setattr(*{"issuers": (issuers, "_check_together", crash), "values": (values, "_bits", crash)}[sys.argv[1]])
sys.exit(main(["check-config"]))
"""


@pytest.mark.parametrize("where", ["issuers", "values"])
def test_K2_a_crash_among_the_settings_shows_where_and_not_what(tmp_path: Path, where: str) -> None:
    (tmp_path / "portvakt.toml").write_text('[issuers.x]\nprovider = "standard"\n')
    shell = Shell(tmp_path, PORTVAKT_DATABASE=URL, PORTVAKT_SECRET=ROOT)

    ended = subprocess.run(
        [sys.executable, "-c", CRASH, where], cwd=tmp_path, env=shell.environ, capture_output=True, check=False
    )

    assert b"RuntimeError: a fault of ours" in ended.stderr
    assert CANARIES.find_in(ended.stdout + ended.stderr) == []

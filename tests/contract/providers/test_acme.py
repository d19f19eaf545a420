"""A company's own provider, docs/examples/acme.toml: a server and a sandbox answer as the file says, byte for byte."""

from __future__ import annotations

import json
import shutil
import socket
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from pages import ROOT
from programs import running
from shell import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLE = ROOT / "docs" / "examples" / "acme.toml"
BY_CLIENT = {"grant_type": "client_credentials"}


class Served:
    """A running server with an issuer of the example, and clients to ask it with."""

    def __init__(self, shell: Shell, url: str) -> None:
        self.shell = shell
        self.url = url

    def client(self) -> dict[str, str]:
        scopes = ("--scope=parcels:read", "--scope=parcels:write", "--default-scope=parcels:read")
        made = self.shell.json("client", "create", "--issuer", "acme", "--name", "Mine", *scopes)
        return {"client_id": made["client_id"], "client_secret": made["client_secret"]}

    def ask(self, path: str = "/id/v2/token", **sent: Any) -> httpx2.Response:
        return httpx2.post(self.url + path, **sent)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("acme")
    shell = Shell(folder)
    shell.run("init", "--yes")
    shutil.copy(EXAMPLE, folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/acme"
    with (folder / "portvakt.toml").open("a") as settings:
        settings.write(f'\n[issuers.acme]\nprovider = "acme.toml"\nurl = "{url}"\napi_url = "{url}/freight"\n')
    with shell.serving(port):
        yield Served(shell, url)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("played")
    shutil.copy(EXAMPLE, folder)
    with running("sandbox", "./acme.toml", "--json", "--port", "0", "--data", "data", cwd=folder) as told:
        yield {**told["issuers"]["acme"], "folder": folder, "url": told["base_url"]}


@pytest.mark.parametrize("path", ["/id/v2/token", "/id/v1/token"])
@pytest.mark.parametrize("form", ["json", "data"])
def test_the_token_endpoint_takes_both_bodies_at_both_paths(served: Served, path: str, form: str) -> None:
    client = served.client()

    reply = served.ask(path, **{form: {**BY_CLIENT, **client}})

    assert reply.status_code == 200
    assert client["client_id"].startswith("acme-")


def test_the_reply_has_the_members_of_the_file_in_its_order_and_spelling(served: Served) -> None:
    reply = served.ask(json={**BY_CLIENT, **served.client()})

    token = reply.json()["access_token"]
    assert reply.content == (
        b'{"token_type":"BEARER","access_token":"%s","expires_in":1770,"scope":"parcels:read"}' % token.encode()
    )


def test_a_token_lives_longer_than_is_stated_and_is_for_the_api_of_the_file(served: Served) -> None:
    token = served.ask(json={**BY_CLIENT, **served.client()}).json()["access_token"]

    inspected = json.loads(served.shell.run("inspect", "--json", given=token).stdout)
    claims, header = inspected["claims"], inspected["header"]

    assert claims["exp"] - claims["iat"] == 1800
    assert claims["aud"] in (f"{served.url}/freight/v3", [f"{served.url}/freight/v3"])
    assert (header["alg"], header["typ"]) == ("ES256", "at+jwt")


def test_wrong_credentials_get_the_text_of_the_file(served: Served) -> None:
    reply = served.ask(json={**BY_CLIENT, **served.client(), "client_secret": "wrong"})

    assert reply.status_code == 401
    assert reply.content == (
        b'{"error":"invalid_client","error_description":'
        b'"Unknown key or wrong secret. See the developer pages of Acme Freight."}'
    )


def test_a_missing_secret_is_an_invalid_request(served: Served) -> None:
    reply = served.ask(json={**BY_CLIENT, "client_id": served.client()["client_id"]})

    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")


def test_past_the_quota_stand_the_code_text_and_numbers_of_the_file(served: Served) -> None:
    client = served.client()

    statuses = [served.ask(json={**BY_CLIENT, **client}).status_code for _ in range(20)]
    reply = served.ask(json={**BY_CLIENT, **client})

    seconds = reply.headers["retry-after"]
    assert statuses == [200] * 20
    assert reply.status_code == 429
    assert reply.content == (
        b'{"error":"slow_down","error_description":"At most 20 tokens per minute. The next one in %s seconds."}'
        % seconds.encode()
    )


def test_the_paths_of_the_standard_are_not_answered(served: Served) -> None:
    assert served.ask("/token", json={**BY_CLIENT, **served.client()}).status_code == 404


def test_metadata_name_the_endpoints_and_scopes_of_the_file(served: Served) -> None:
    document = httpx2.get(f"{served.url}/.well-known/oauth-authorization-server").json()

    assert document["token_endpoint"] == f"{served.url}/id/v2/token"
    assert document["authorization_endpoint"] == f"{served.url}/id/authorize"
    assert document["scopes_supported"] == ["parcels:read", "parcels:write"]


def test_a_request_for_a_code_needs_what_the_file_says(served: Served) -> None:
    scopes = ("--scope=parcels:read", "--redirect-uri=http://127.0.0.1/callback")
    client = served.shell.json("client", "create", "--issuer", "acme", "--name", "An app", *scopes)
    asked = {"client_id": client["client_id"], "response_type": "code"}

    without = httpx2.get(f"{served.url}/id/authorize", params=asked)
    page = httpx2.get(f"{served.url}/id/authorize", params={**asked, "redirect_uri": "http://127.0.0.1/callback"})

    assert (without.status_code, page.status_code) == (400, 200)  # the standard takes the only one that is registered
    assert "redirect_uri" in without.text
    assert "Acme Freight" in page.text


def test_a_sandbox_plays_the_file_and_its_api_answers_with_the_files_texts_and_headers(played: dict[str, Any]) -> None:
    client = {name: played[name] for name in ("client_id", "client_secret")}
    api = played["api_url"] + "/v3"

    token = httpx2.post(played["base_url"] + "/id/v2/token", json={**BY_CLIENT, **client}).json()["access_token"]
    let_in = httpx2.get(api, headers={"authorization": f"Bearer {token}"})
    refused = httpx2.get(api, headers={"authorization": "Bearer x"})

    assert api == played["url"] + "/acme/freight/v3"
    assert (let_in.status_code, let_in.headers["x-acme-limit"], let_in.headers["x-acme-left"]) == (200, "600", "599")
    assert let_in.json()["caller"]["scopes"] == ["parcels:read", "parcels:write"]
    assert (refused.status_code, refused.json()["error_description"]) == (401, "No valid token came with this request.")


def test_an_expired_secret_gets_the_text_of_the_file(played: dict[str, Any]) -> None:
    folder: Path = played["folder"]
    shell = Shell(folder)
    scopes = ("--scope=parcels:read", "--default-scope=parcels:read")
    client = shell.json("client", "create", "--data", "data", "--owner", "me@example.com", "--name", "Mine", *scopes)
    shell.run("client", "rotate-secret", client["client_id"], "--grace", "1h", "--data", "data")
    shell.run("clock", "+2h", "--data", "data")

    reply = httpx2.post(
        played["base_url"] + "/id/v2/token",
        json={**BY_CLIENT, "client_id": client["client_id"], "client_secret": client["client_secret"]},
    )

    assert reply.content == (
        b'{"error":"invalid_client","error_description":'
        b'"This secret has expired. Make a new one on the developer pages."}'
    )

"""The administration's API of an installation as people run it: a client's whole life, and what strangers send."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from nodes import until

if TYPE_CHECKING:
    from shell import Shell

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)
SETTINGS = """\
[checks]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 412, 413, 414, 415, 428, 429]
missing_required_header.expected-statuses = [400, 401, 403, 428, 429]

[parameters]
{parameters}
"""

FEW = 5
WITHIN_THE_QUOTA = "45/s"  # which answers 429 to more than 3,000 a minute, whatever is asked


class Api:
    """The API of a running server, and its token endpoints, as a program of the operator's asks them."""

    def __init__(self, base_url: str, program: dict[str, Any]) -> None:
        self.base_url = base_url
        self.url = f"{base_url}/admin/api/v1"
        self.http = httpx2.Client(base_url=self.url)
        status, said = self.token("portvakt", program["client_id"], program["client_secret"])
        assert status == 200, said
        self.bearer = str(said["access_token"])
        self.http.headers["authorization"] = f"Bearer {self.bearer}"

    def close(self) -> None:
        self.http.close()

    def token(self, issuer: str, client_id: str, secret: str) -> tuple[int, dict[str, Any]]:
        sent = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        reply = httpx2.post(f"{self.base_url}/{issuer}/token", data=sent)
        return reply.status_code, reply.json()

    def works(self, client_id: str, secret: str) -> bool:
        return self.token("standard", client_id, secret)[0] == 200

    def ask(self, method: str, path: str, sent: object = None, **headers: str) -> dict[str, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = self.http.request(method, path, json=sent, headers=named)
        assert reply.is_success, reply.text
        said: dict[str, Any] = reply.json() if reply.content else {}
        return said


def a_program(shell: Shell) -> dict[str, Any]:
    """Return the credentials of a program that administers, which the operator made."""
    scopes = ("--scope", "portvakt:read", "--scope", "portvakt:manage")
    default = ("--default-scope", "portvakt:read", "--default-scope", "portvakt:manage")
    made: dict[str, Any] = shell.json(
        "client", "create", "--issuer", "portvakt", "--name", "Automation", *scopes, *default
    )
    return made


def test_a_clients_life_by_the_api_alone(installed: Shell, port: int) -> None:
    program = a_program(installed)
    with installed.serving(port) as told, contextlib.closing(Api(told["base_url"], program)) as api:
        new = api.ask("POST", "/issuers/standard/clients", {"name": "Breezer", "scopes": ["read"]})
        client, first = f"/issuers/standard/clients/{new['client_id']}", new["client_secret"]
        works = [api.works(new["client_id"], first)]

        second = api.ask("POST", f"{client}/secrets", {"grace": 86_400})["client_secret"]
        works += [api.works(new["client_id"], first), api.works(new["client_id"], second)]
        third = api.ask("POST", f"{client}/secrets", {"grace": 0})
        works += [api.works(new["client_id"], third["client_secret"])]
        until(lambda: not api.works(new["client_id"], first), "the end of the first", seconds=1)
        until(lambda: not api.works(new["client_id"], second), "the end of the second", seconds=1)
        newest = next(secret for secret in third["secrets"] if secret["state"] == "live")
        api.ask("POST", f"{client}/secrets/{newest['id']}/revoke", {"confirm": "Breezer"})
        until(lambda: not api.works(new["client_id"], third["client_secret"]), "the revocation", seconds=1)
        api.ask("DELETE", client, if_match="*")
        log = api.ask("GET", f"/issuers/standard/audit?client={new['client_id']}")["items"]

    assert works == [True, True, True, True]
    acts = [line["act"] for line in reversed(log)]
    assert acts[:2] == ["client.created", "secret.created"]
    assert sorted(acts[2:-2]) == ["secret.created", "secret.created", "secret.ended", "secret.ended", "secret.ended"]
    assert acts[-2:] == ["secret.revoked", "client.deleted"]
    assert {line["actor"] for line in log} == {program["client_id"]}


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "examples", [pytest.param(FEW, id="few"), pytest.param(100, id="many", marks=pytest.mark.long)]
)
def test_no_request_gets_a_fault_or_an_answer_that_the_document_does_not_show(
    installed: Shell, port: int, examples: int
) -> None:
    program = a_program(installed)
    with installed.serving(port) as told, contextlib.closing(Api(told["base_url"], program)) as api:
        ran = fuzz(api, installed.folder, known(api), examples)

    assert ran.returncode == 0, ran.stdout[-8000:]


def known(api: Api) -> dict[str, str]:
    """Make one of each thing, so that what is asked reaches something; return the parameters that name them."""
    api.ask("POST", "/issuers/standard/organisations", {"organisation": "312047152", "name": "Bakeriet AS"})
    user = api.ask("POST", "/issuers/standard/users", {"email": "kari@example.no"})
    api.ask("POST", "/issuers/standard/organisations/312047152/members", {"user": "kari@example.no"})
    client = api.ask("POST", "/issuers/standard/clients", {"name": "Breezer"})
    return {
        "path.issuer": "standard",
        "path.client_id": client["client_id"],
        "path.secret_id": client["secrets"][0]["id"],
        "path.user_id": user["user_id"],
        "path.organisation": "312047152",
    }


def fuzz(api: Api, folder: Path, parameters: dict[str, str], examples: int) -> subprocess.CompletedProcess[str]:
    """Have Schemathesis ask for everything that the document shows, rightly and wrongly."""
    spelled = "\n".join(f'"{name}" = "{value}"' for name, value in parameters.items())
    (folder / "schemathesis.toml").write_text(SETTINGS.format(parameters=spelled))
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            *("--config-file", "schemathesis.toml", "run", f"{api.url}/openapi.json", "--url", api.url),
            *("--header", f"Authorization: Bearer {api.bearer}", "--checks", ",".join(CHECKS)),
            *("--phases", "coverage,fuzzing", "--max-examples", str(examples), "--seed", "1"),
            *("--continue-on-failure", "--no-color", "--exclude-operation-id", "setPassword"),
            *("--warnings", "off", "--generation-database", "none"),
            *(("--rate-limit", WITHIN_THE_QUOTA) if examples > FEW else ()),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )

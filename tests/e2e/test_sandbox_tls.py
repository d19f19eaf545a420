"""`portvakt sandbox --tls` as its clients see it: curl, and portvakt's own commands."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from programs import PATIENCE, PORTVAKT, curl, curl_json, environment, portvakt, running, shell

if TYPE_CHECKING:
    from collections.abc import Iterator

PATHS = {"breeze": "/oauth/token", "prisjakt": "/oauth2/token", "standard": "/token"}
PATH_OF_API = {"breeze": "/graphql", "prisjakt": "/echo", "standard": "/echo"}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A sandbox that serves https, in a temporary folder."""
    with running("sandbox", "--tls", "--json", "--port", "0", cwd=tmp_path_factory.mktemp("tls")) as line:
        yield line
    assert not Path(line["ca_file"]).parent.exists()


def issuer_url(issuer: dict[str, Any]) -> str:
    url: str = issuer.get("auth_url", issuer["base_url"])
    return url


def token_of(told: dict[str, Any], name: str) -> str:
    issuer = told["issuers"][name]
    _, body = curl_json(
        f"curl --cacert {told['ca_file']} {issuer_url(issuer)}{PATHS[issuer['provider']]}"
        f" -u {issuer['client_id']}:{issuer['client_secret']} -d grant_type=client_credentials"
    )
    token: str = json.loads(body)["access_token"]
    return token


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def call(told: dict[str, Any], name: str, token: str) -> int:
    issuer = told["issuers"][name]
    query = """-H 'Content-Type: application/json' -d '{"query":"{ Me { email } }"}'"""
    status, _ = curl_json(
        f"curl --cacert {told['ca_file']} {issuer['api_url']}{PATH_OF_API[issuer['provider']]}"
        f" -H 'Authorization: Bearer {token}' {query if issuer['provider'] == 'breeze' else ''}"
    )
    return status


@pytest.mark.parametrize("name", ["breeze-test", "breeze-production", "prisjakt", "standard"])
def test_every_provider_gives_a_token_over_https_that_its_api_takes(told: dict[str, Any], name: str) -> None:
    token = token_of(told, name)
    claims = claims_of(token)

    assert claims["iss"] == issuer_url(told["issuers"][name])
    assert claims["aud"].startswith(told["issuers"][name]["api_url"])
    assert claims["aud"].startswith("https://127.0.0.1:")
    assert call(told, name, token) == 200


def test_every_address_that_is_told_or_published_is_https(told: dict[str, Any]) -> None:
    ca, standard = told["ca_file"], told["issuers"]["standard"]
    metadata = curl_json(f"curl --cacert {ca} {standard['base_url']}/.well-known/oauth-authorization-server")
    resource = curl_json(f"curl --cacert {ca} {told['base_url']}/.well-known/oauth-protected-resource/standard/api")
    challenge = curl(f"curl --cacert {ca} -i {standard['api_url']}/echo").out

    assert list(told) == ["ready", "base_url", "ca_file", "issuers", "admin"]
    assert told["base_url"].startswith("https://127.0.0.1:")
    assert metadata[0] == resource[0] == 200
    assert json.loads(metadata[1])["issuer"] == standard["base_url"] == f"{told['base_url']}/standard"
    assert json.loads(resource[1])["authorization_servers"] == [standard["base_url"]]
    said = json.dumps({**told, "issuers": [{**one, "redirect_uris": []} for one in told["issuers"].values()]})
    assert "https://" in challenge
    assert [text for text in (said, metadata[1], resource[1], challenge) if "http://" in text] == []


def test_curl_refuses_it_without_the_ca_and_gets_nothing_by_plain_http(told: dict[str, Any]) -> None:
    without = curl(f"curl {told['base_url']}/livez")
    plain = curl(f"curl {told['base_url'].replace('https', 'http')}/livez")

    assert (without.code, "certificate" in without.err) == (60, True)
    assert plain.code != 0


def test_openssls_strictest_reading_finds_nothing_wrong(told: dict[str, Any]) -> None:
    place = told["base_url"].removeprefix("https://")
    done = shell(
        f"openssl s_client -connect {place} -CAfile {told['ca_file']} -x509_strict -verify_ip 127.0.0.1"
        " -verify_return_error </dev/null"
    )

    assert "Verify return code: 0 (ok)" in done.out
    assert shell(f"openssl s_client -connect {place} -tls1_1 -cipher ALL@SECLEVEL=0 </dev/null").code != 0


def test_the_clock_turns_by_the_folder_and_by_the_address_with_its_ca(tmp_path: Path) -> None:
    with running("sandbox", "breeze", "--tls", "--json", "--port", "0", "--data", "d", cwd=tmp_path) as told:
        address = ("--url", told["base_url"])
        token = token_of(told, "breeze-test")
        before = call(told, "breeze-test", token)
        by_folder = portvakt("clock", "+30m", "--data", "d", "--json", cwd=tmp_path)
        by_file = portvakt("clock", "+30m", *address, "--ca-file", "d/ca.pem", "--json", cwd=tmp_path)
        by_variable = portvakt("clock", *address, "--json", cwd=tmp_path, env={"SSL_CERT_FILE": told["ca_file"]})
        after = call(told, "breeze-test", token)
        listed = portvakt("client", "list", "--data", "d", "--issuer", "breeze-test", cwd=tmp_path)
        untrusted = portvakt("clock", *address, cwd=tmp_path)
        plain = portvakt("clock", "--url", told["base_url"].replace("https", "http"), cwd=tmp_path)

    assert [done.json()["offset"] for done in (by_folder, by_file, by_variable)] == [1800, 3600, 3600]
    assert (before, after, listed.code) == (200, 401, 0)
    assert (untrusted.code, "is not trusted; name the sandbox's ca.pem with --ca-file" in untrusted.err) == (5, True)
    assert (plain.code, "its URL begins with https" in plain.err) == (5, True)


def test_what_is_wrong_with_how_an_https_sandbox_is_named_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("text")
    (tmp_path / "sandbox.json").write_text('{"url": "https://127.0.0.1:1"}')
    url = ("--url", "https://127.0.0.1:1")

    for file in ("nowhere.pem", "text.pem", "."):
        done = portvakt("clock", *url, "--ca-file", file, cwd=tmp_path)
        assert (done.code, done.err) == (4, f"portvakt: there is no certificate in {file}; name the sandbox's ca.pem\n")
    assert portvakt("clock", "--data", ".", cwd=tmp_path).code == 4
    assert portvakt("clock", *url, cwd=tmp_path).code == 5
    for more in (url, ("--ca-file", "text.pem")):
        both = portvakt("clock", "--data", ".", *more, cwd=tmp_path)
        assert (both.code, "leave --url and --ca-file out" in both.err) == (2, True)


def test_a_folder_may_be_started_with_and_without_tls_and_keeps_its_ca(tmp_path: Path) -> None:
    arguments = ("sandbox", "prisjakt", "--json", "--port", "0", "--data", "d")
    lines, trusted = [], []
    for more in ((), ("--tls",), (), ("--tls",)):
        with running(*arguments, *more, cwd=tmp_path) as told:
            lines.append(told)
            if more:
                trusted.append(Path(told["ca_file"]).read_text())
                token_of(told, "prisjakt")
            turned = portvakt("clock", "+1h", "--data", "d", cwd=tmp_path)
            assert turned.code == 0, turned.err

    assert [line["base_url"].partition(":")[0] for line in lines] == ["http", "https", "http", "https"]
    assert ["ca_file" in line for line in lines] == [False, True, False, True]
    assert len({line["issuers"]["prisjakt"]["client_secret"] for line in lines}) == 1
    assert lines[1]["ca_file"] == lines[3]["ca_file"] == str(tmp_path / "d" / "ca.pem")
    assert trusted[0] == trusted[1]


def test_K6_a_broken_ca_stops_the_start_with_tls_only(tmp_path: Path) -> None:
    arguments = ("sandbox", "prisjakt", "--port", "0", "--data", "d")
    (tmp_path / "d").mkdir(mode=0o700)
    (tmp_path / "d" / "ca.key").touch(0o600)

    broken = portvakt(*arguments, "--tls", cwd=tmp_path)
    (tmp_path / "d" / "ca.key").chmod(0o644)
    readable = portvakt(*arguments, "--tls", cwd=tmp_path)
    with running(*arguments, "--json", cwd=tmp_path) as told:
        assert told["base_url"].startswith("http://")

    assert (broken.code, broken.err) == (
        1, "portvakt: d/ca.key is no CA that the sandbox made; remove it, and trust the next ca.pem\n"
    )  # fmt: skip
    assert (readable.code, "others may read d/ca.key" in readable.err) == (1, True)


def test_what_a_reader_gets_to_see_works_as_it_is_pasted(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*PORTVAKT, "sandbox", "standard", "--tls", "--port", "0", "--data", "a folder"],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    overdue = threading.Timer(PATIENCE, process.kill)
    overdue.start()
    with process:
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line.strip())
                if line.startswith("  portvakt clock"):
                    break
            status, body = curl_json(next(line for line in lines if line.startswith("curl --cacert '/")))
            clock = shell(f"{shlex.join(PORTVAKT)} {lines[-1].removeprefix('portvakt ')}")
        finally:
            overdue.cancel()
            process.terminate()

    assert (status, "access_token" in body) == (200, True)
    assert (clock.code, "+3600 s from the real time" in clock.out) == (0, True)
    file = shlex.quote(str(tmp_path / "a folder" / "ca.pem"))
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
    assert [name for name in names if not any(line.endswith(f"export {name}={file}") for line in lines)] == []

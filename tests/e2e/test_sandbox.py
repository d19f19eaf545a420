"""The sandbox as a program: what it prints, what it keeps, how its clock turns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from programs import curl_json, portvakt, running

if TYPE_CHECKING:
    from pathlib import Path


def breeze_token(issuer: dict[str, Any]) -> str:
    _, body = curl_json(
        f"curl {issuer['base_url']}/oauth/token -u {issuer['client_id']}:{issuer['client_secret']}"
        " -d grant_type=client_credentials"
    )
    token: str = json.loads(body)["access_token"]
    return token


def me(issuer: dict[str, Any], token: str) -> tuple[int, str]:
    query = """-H 'Content-Type: application/json' -d '{"query":"{ Me { email } }"}'"""
    return curl_json(f"curl {issuer['api_url']}/graphql -H 'Authorization: Bearer {token}' {query}")


def test_the_first_line_names_every_issuer_with_what_a_client_needs(sandbox: dict[str, Any]) -> None:
    issuers = sandbox["issuers"]
    base = sandbox["base_url"]

    assert sandbox["ready"] is True
    assert list(issuers) == ["breeze-test", "breeze-production", "prisjakt", "standard"]
    assert issuers["breeze-test"].keys() == issuers["breeze-production"].keys()
    assert list(issuers["breeze-test"]) == [
        "provider", "base_url", "api_url", "client_id", "client_secret", "expired", "limited"
    ]  # fmt: skip
    assert issuers["breeze-test"]["client_id"].startswith("oauth_")
    assert issuers["breeze-test"]["client_id"] != issuers["breeze-production"]["client_id"]
    assert (issuers["prisjakt"]["auth_url"], issuers["prisjakt"]["api_url"]) == (
        f"{base}/prisjakt/auth",
        f"{base}/prisjakt/api",
    )
    assert issuers["standard"]["api_url"] == f"{base}/standard/api"


def test_a_token_expires_when_the_clock_is_turned(tmp_path: Path) -> None:
    with running("sandbox", "breeze", "--json", "--port", "0", "--data", "d", cwd=tmp_path) as told:
        breeze = told["issuers"]["breeze-test"]
        token = breeze_token(breeze)
        before = me(breeze, token)
        turned = portvakt("clock", "+55m", "--url", told["base_url"], "--json", cwd=tmp_path).json()
        meanwhile = me(breeze, token)
        portvakt("clock", "+5m", "--data", "d", cwd=tmp_path)
        after = me(breeze, token)
        anew = me(breeze, breeze_token(breeze))

    assert turned["offset"] == 3300
    assert (before[0], meanwhile[0]) == (200, 200)
    assert after == (401, '{"errors":[{"message":"Token validation failed","extensions":{"code":"UNAUTHENTICATED"}}]}')
    assert anew[0] == 200


def test_a_restart_on_the_same_folder_prints_the_same_and_takes_the_old_token(tmp_path: Path) -> None:
    arguments = ("sandbox", "breeze", "--json", "--port", "0", "--data", "d")
    with running(*arguments, cwd=tmp_path) as first:
        pass
    with running(*arguments, cwd=tmp_path) as second:
        status, _ = me(second["issuers"]["breeze-test"], breeze_token(second["issuers"]["breeze-test"]))

    def credentials(told: dict[str, Any]) -> list[str]:
        return [issuer[key] for issuer in told["issuers"].values() for key in ("client_id", "client_secret")]

    assert credentials(first) == credentials(second)
    assert status == 200


def test_the_same_seed_gives_the_same_credentials_in_another_folder(tmp_path: Path) -> None:
    told = []
    for folder in ("a", "b"):
        arguments = ("sandbox", "prisjakt", "--json", "--port", "0", "--data", folder, "--seed", "spring")
        with running(*arguments, cwd=tmp_path) as line:
            told.append(line["issuers"]["prisjakt"])

    assert told[0]["client_secret"] == told[1]["client_secret"]
    other = portvakt("sandbox", "prisjakt", "--port", "0", "--data", "a", "--seed", "autumn", cwd=tmp_path)
    assert (other.code, "another seed" in other.err) == (2, True)


def test_a_provider_that_cannot_be_played_is_said_and_nothing_starts(tmp_path: Path) -> None:
    for name in ("luca", "lucca"):
        done = portvakt("sandbox", name, "--port", "0", cwd=tmp_path)

        assert done.code == 2
        assert "breeze, prisjakt, standard" in done.err


def test_a_client_made_by_command_beside_a_running_sandbox_works_at_once(tmp_path: Path) -> None:
    with running("sandbox", "breeze", "--json", "--port", "0", "--data", "d", cwd=tmp_path) as told:
        breeze = told["issuers"]["breeze-test"]
        made = portvakt(
            "client", "create", "--data", "d", "--issuer", "breeze-test", "--name", "Mine",
            "--owner", "me@example.com", "--json", cwd=tmp_path,
        ).json()  # fmt: skip
        status, body = me(breeze, breeze_token({**breeze, **made}))
        disabled = portvakt(
            "client", "disable", made["client_id"], "--data", "d", "--issuer", "breeze-test", cwd=tmp_path
        )
        refused, _ = curl_json(
            f"curl {breeze['base_url']}/oauth/token -u {made['client_id']}:{made['client_secret']}"
            " -d grant_type=client_credentials"
        )

    assert (status, json.loads(body)) == (200, {"data": {"Me": {"email": "me@example.com"}}})
    assert disabled.code == 0, disabled.err
    assert refused == 401


def test_a_client_made_in_a_turned_future_lives_in_it(tmp_path: Path) -> None:
    with running("sandbox", "breeze", "--json", "--port", "0", "--data", "d", cwd=tmp_path) as told:
        breeze = told["issuers"]["breeze-test"]
        portvakt("clock", "+300d", "--data", "d", cwd=tmp_path)
        options = ("--data", "d", "--issuer", "breeze-test", "--json")
        made = portvakt("client", "create", "--name", "Later", *options, "--owner", "a@b.no", cwd=tmp_path).json()
        token = breeze_token({**breeze, **made})
        shown = portvakt("client", "show", made["client_id"], *options, cwd=tmp_path).json()

    assert token
    assert shown["secrets"][0]["state"] == "live"


def test_the_clock_says_what_is_wrong_with_how_it_is_turned(tmp_path: Path) -> None:
    assert portvakt("clock", "fast", cwd=tmp_path).code == 2
    assert portvakt("clock", "--data", "nowhere", cwd=tmp_path).code == 4
    assert portvakt("clock", "--url", "https://id.example", cwd=tmp_path).code == 2
    assert portvakt("clock", "--url", "http://127.0.0.1:1", cwd=tmp_path).code == 5


def test_the_clock_is_not_turned_by_a_page_or_by_nonsense(sandbox: dict[str, Any]) -> None:
    clock = f"{sandbox['base_url']}/sandbox/clock"
    for refused in (
        "-d '{\"advance\":60}'",  # as a form: what a page of another origin can send
        "-H 'Content-Type: application/json' -d '{\"advance\":1.5}'",
        "-H 'Content-Type: application/json' -d '{\"advance\":true}'",
        "-H 'Content-Type: application/json' -d '{\"advance\":99999999999}'",
        "-H 'Content-Type: application/json' -d '[1]'",
        "-H 'Content-Type: application/json' -d 'x'",
    ):
        assert curl_json(f"curl {clock} {refused}")[0] == 400
    assert curl_json(f"curl -X DELETE {clock}")[0] == 405

    status, body = curl_json(f"curl {clock}")

    assert (status, json.loads(body)["offset"]) == (200, 0)

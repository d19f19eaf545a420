"""The sandbox as a program: what it prints, what it keeps, how its clock turns."""

from __future__ import annotations

import html
import json
import re
import shlex
import socket
import subprocess
import threading
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx2
import pytest

from programs import PATIENCE, PORTVAKT, curl_json, environment, portvakt, running, shell
from shell import Shell
from visiting import Visitor

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
    assert list(issuers) == ["breeze-test", "breeze-production", "luca-test", "prisjakt", "standard"]
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
    assert issuers["luca-test"]["api_url"] == f"{base}/luca-test/api/v1"
    assert list(issuers["luca-test"]) == [
        "provider", "base_url", "api_url", "client_id", "client_secret", "redirect_uris", "api_key", "users"
    ]  # fmt: skip
    assert list(issuers["standard"]) == [
        "provider", "base_url", "api_url", "client_id", "client_secret", "public_client_id", "redirect_uris", "users"
    ]  # fmt: skip
    assert list(sandbox["admin"]) == ["url", "email", "password"]
    assert sandbox["admin"]["url"] == f"{base}/admin"


def test_its_root_leads_to_each_issuer_and_to_the_console(sandbox: dict[str, Any]) -> None:
    page = httpx2.get(f"{sandbox['base_url']}/", headers={"accept-language": "nb"})

    assert page.status_code == 200
    assert "Dette er en sandkasse" in page.text
    assert set(sandbox["issuers"]) == set(re.findall("<bdi>([a-z-]+)</bdi>", page.text))
    assert [one["base_url"] for one in sandbox["issuers"].values()] == re.findall("<code>(.*?)</code>", page.text)
    assert re.findall('<li><a href="([^"]+)"', page.text) == ["/luca-test/account", "/standard/account", "/admin"]


def test_the_operator_of_the_first_line_makes_a_client_that_the_sandboxs_api_knows(sandbox: dict[str, Any]) -> None:
    """Both steps of the document: the token by the curl that is shown, and then the first call."""
    visitor, admin = Visitor(), sandbox["admin"]
    try:
        visitor.log_in(visitor.get(visitor.get(admin["url"]).location), admin)
        form = visitor.get("/admin/breeze-test/clients/new?owner=integration%40example.com").form("/new")
        page = visitor.submit(form, name="Made on the console")
    finally:
        visitor.close()
    found = re.search(r'<textarea id="curl"[^>]*>([^<]*)</textarea>', page.text)
    assert found
    status, body = curl_json(html.unescape(found[1]))

    assert status == 200
    issuer = sandbox["issuers"]["breeze-test"]
    assert me(issuer, json.loads(body)["access_token"])[1] == '{"data":{"Me":{"email":"integration@example.com"}}}'


@pytest.mark.parametrize("name", ["luca-test", "standard"])
def test_an_application_is_asked_for_on_any_port_of_this_machine(sandbox: dict[str, Any], name: str) -> None:
    """A public client's port is free by RFC 8252, and Luca's is because nothing in a sandbox is real."""
    issuer = sandbox["issuers"][name]
    client_id = issuer.get("public_client_id", issuer["client_id"])
    path = {"luca-test": "/api/v1/oauth2/authorize", "standard": "/authorize"}[name]
    asked = {"client_id": client_id, "response_type": "code", "redirect_uri": "http://127.0.0.1:9999/callback"}

    status = [
        curl_json(f"curl '{issuer['base_url']}{path}?{urlencode({**asked, **more})}'")[0]
        for more in ({}, {"redirect_uri": "http://127.0.0.1:9999/other"})
    ]

    assert status == [200, 400]  # the page to log in on, and the one that says why there is none


@pytest.mark.parametrize("name", ["luca-test", "standard"])
def test_the_first_line_names_users_with_one_company_and_with_several(sandbox: dict[str, Any], name: str) -> None:
    users = sandbox["issuers"][name]["users"]

    assert [list(user) for user in users] == [["email", "password", "locale", "organisations"]] * len(users)
    assert {(user["locale"], len(user["organisations"])) for user in users} == {("nb", 1), ("en", 3)}
    companies = [organisation for user in users for organisation in user["organisations"]]
    assert [list(company) for company in companies] == [["organisation_number", "name"]] * len(companies)


def test_lucas_api_is_there_and_keeps_its_gate(sandbox: dict[str, Any]) -> None:
    query = """-H 'Content-Type: application/json' -d '{"query":"{ saleInvoices { nodes { id } } }"}'"""
    url = f"{sandbox['issuers']['luca-test']['api_url']}/graphql"

    status, body = curl_json(f"curl {url} -H 'Authorization: Bearer x' {query}")

    assert (status, json.loads(body)["errors"][0]["extensions"]) == (401, {"code": "UNAUTHENTICATED"})


def test_lucas_api_takes_the_personal_api_key_until_it_is_revoked(tmp_path: Path) -> None:
    query = """-H 'Content-Type: application/json' -d '{"query":"{ companies { nodes { organisationNumber } } }"}'"""
    arguments = ("sandbox", "luca", "--json", "--data", "d", "--port")
    with running(*arguments, "0", cwd=tmp_path) as first:
        port = first["base_url"].rpartition(":")[2]
    with running(*arguments, port, cwd=tmp_path) as second:
        luca = second["issuers"]["luca-test"]
        curl = f"curl {luca['api_url']}/graphql -H 'Authorization: Bearer {luca['api_key']}' {query}"
        _, body = curl_json(curl)
        user = luca["users"][0]
        of = ("--data", "d", "--user", user["email"])
        shell = Shell(tmp_path)
        (key,) = shell.json("api-key", "list", *of)["api_keys"]
        shell.json("api-key", "revoke", *of, key["id"])
        shell.json("clock", "+5s", "--data", "d")
        status, _ = curl_json(curl)

    numbers = [{"organisationNumber": company["organisation_number"]} for company in user["organisations"]]
    assert json.loads(body)["data"]["companies"]["nodes"] == numbers
    assert first["issuers"]["luca-test"]["api_key"] == luca["api_key"]
    assert status == 401


def test_E1_the_path_of_an_apis_metadata_is_no_way_round_its_quota(sandbox: dict[str, Any]) -> None:
    breeze = sandbox["issuers"]["breeze-test"]
    metadata = f"{sandbox['base_url']}/.well-known/oauth-protected-resource/breeze-test/graphql"
    query = """-H 'Content-Type: application/json' -d '{"query":"{ Me { email } }"}'"""

    read = curl_json(f"curl {metadata}")
    asked = [
        curl_json(f"curl {metadata} -H 'Authorization: Bearer {token}' {query}")
        for token in ("x", breeze_token(breeze))
    ]

    assert (read[0], json.loads(read[1])["resource"]) == (200, f"{breeze['api_url']}/graphql")
    assert asked == [(405, ""), (405, "")]


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
    done = portvakt("sandbox", "acme", "--port", "0", cwd=tmp_path)

    assert done.code == 2
    assert "there are breeze, luca, prisjakt, standard" in done.err


@pytest.mark.parametrize(
    ("typed", "meant"), [("BREEZE", "breeze"), ("lucca", "luca"), ("prisjakt.no", "prisjakt"), ("Standard", "standard")]
)
def test_a_provider_that_is_nearly_named_is_offered(tmp_path: Path, typed: str, meant: str) -> None:
    done = portvakt("sandbox", typed, "--port", "0", cwd=tmp_path)

    assert (done.code, done.err) == (2, f"portvakt: {typed!r} cannot be played; did you mean {meant}?\n")


def test_a_provider_that_is_named_twice_is_played_once(tmp_path: Path) -> None:
    with running("sandbox", "prisjakt", "prisjakt", "--json", "--port", "0", cwd=tmp_path) as told:
        assert list(told["issuers"]) == ["prisjakt"]


def test_a_folder_is_one_sandboxs_at_a_time(tmp_path: Path) -> None:
    arguments = ("sandbox", "prisjakt", "--port", "0", "--data", "d")
    with running(*arguments, "--json", cwd=tmp_path) as told:
        written = (tmp_path / "d" / "portvakt.toml").read_text()
        second = portvakt(*arguments, cwd=tmp_path)
        process = json.loads((tmp_path / "d" / "sandbox.json").read_text())["pid"]

        assert (tmp_path / "d" / "portvakt.toml").read_text() == written
    who = f"{told['base_url']}, process {process}"
    assert (second.code, second.err) == (
        1, f"portvakt: a sandbox is running in d: {who}; stop it, or name another folder\n"
    )  # fmt: skip


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


@pytest.mark.parametrize(("turn", "seconds"), [("-2h", -7200), ("-2d", -172_800), ("-90s", -90), ("-2m", -120)])
def test_the_clock_turns_back_in_every_unit(tmp_path: Path, turn: str, seconds: int) -> None:
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n" + b'{"now":1000,"offset":-10}'
    asked: list[bytes] = []

    told_by(reply, tmp_path, turn, seen=asked)

    assert json.loads(asked[0].rpartition(b"\r\n\r\n")[2]) == {"advance": seconds}


def test_what_only_looks_like_a_turn_is_told_and_help_is_help(tmp_path: Path) -> None:
    mixed, short, whole = (portvakt("clock", word, cwd=tmp_path) for word in ("-1h30m", "-h", "--help"))

    assert (mixed.code, mixed.out) == (2, "")
    assert "such as +55m" in mixed.err
    assert "Turn the clock" in short.out
    assert (short.code, short.out.strip()) == (0, whole.out.strip())


def test_a_reader_is_shown_where_each_issuer_is_and_what_its_clients_are(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*PORTVAKT, "sandbox", "--port", "0"], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        shown = list(iter(process.stdout.readline, "Try\n"))
        process.terminate()
    base = shown[0].split()[4].rstrip(";")
    rows = [line.split() for line in shown]

    assert [row[1] for row in rows if row[:1] == ["base_url"] and len(row) == 2] == [
        f"{base}/{name}" for name in ("breeze-test", "breeze-production", "luca-test", "prisjakt", "standard")
    ]
    assert sum(" limited " in line and "without a role" in line for line in shown) == 2
    assert sum(" expired " in line and "its secret has expired" in line for line in shown) == 2


def test_the_clock_says_what_is_wrong_with_how_it_is_turned(tmp_path: Path) -> None:
    assert portvakt("clock", "fast", cwd=tmp_path).code == 2
    assert portvakt("clock", "--data", "nowhere", cwd=tmp_path).code == 4
    assert portvakt("clock", "--url", "ftp://id.example", cwd=tmp_path).code == 2
    assert portvakt("clock", "--url", "http://127.0.0.1:1", cwd=tmp_path).code == 5
    for url in ("http://[::1", "http://127.0.0.1:8199 x/", "http://127.0.0.1:x", "http://", "http://h:0", "http://h?a"):
        done = portvakt("clock", "--url", url, cwd=tmp_path)
        assert (done.code, done.err) == (
            2,
            "portvakt: --url is that of a sandbox, http://127.0.0.1:PORT, or https with --tls\n",
        )


@pytest.mark.parametrize("state", ["[]", "{}", '{"url": 1}', "x", "[" * 100_000])
def test_a_folder_whose_state_is_none_is_no_folder_of_a_sandbox(tmp_path: Path, state: str) -> None:
    (tmp_path / "sandbox.json").write_text(state)

    done = portvakt("clock", "--data", ".", cwd=tmp_path)

    assert (done.code, done.err) == (4, "portvakt: . is no folder of a sandbox\n")


NOT_A_CLOCK = {
    "a list": "[]",
    "an empty object": "{}",
    "a text for now": '{"now": "1", "offset": 0}',
    "a fraction": '{"now": 1.5, "offset": 0}',
    "a year that is none": '{"now": 99999999999999999999, "offset": 0}',
    "before 1970": '{"now": -1, "offset": 0}',
    "no offset": '{"now": 1}',
    "nothing": "",
    "a hole": "[" * 1024,
}


@pytest.mark.parametrize("body", NOT_A_CLOCK.values(), ids=NOT_A_CLOCK.keys())
def test_what_answers_nonsense_is_no_sandbox(tmp_path: Path, body: str) -> None:
    reply = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()

    assert told_by(reply, tmp_path) == (5, "what answers at URL is no sandbox; name yours with --url or --data")


def test_other_servers_and_what_is_no_http_are_told_from_a_sandbox(tmp_path: Path) -> None:
    not_found = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

    assert told_by(not_found, tmp_path) == (5, "what answers at URL is no sandbox; name yours with --url or --data")
    assert told_by(b"hello\r\n", tmp_path) == (5, "no sandbox answers at URL; start one with: portvakt sandbox")


def told_by(reply: bytes, folder: Path, *turn: str, seen: list[bytes] | None = None) -> tuple[int, str]:
    """Ask a server that says `reply` for its clock; return the exit code and the line, its address being URL."""

    def answer(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            received = connection.recv(4096)
            while turn and not received.endswith(b"}"):
                received += connection.recv(4096)
            if seen is not None:
                seen.append(received)
            connection.sendall(reply)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)
        answering = threading.Thread(target=answer, args=(listening,))
        answering.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        done = portvakt("clock", *turn, "--url", url, cwd=folder)
        answering.join()
    assert done.err.count("\n") == (0 if turn else 1)
    return done.code, done.err.strip().removeprefix("portvakt: ").replace(url, "URL")


def test_K6_a_folder_that_others_may_write_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    folder.chmod(0o777)

    done = portvakt("sandbox", "--port", "0", "--data", "d", cwd=tmp_path)

    assert (done.code, done.err) == (1, "portvakt: others may write to d; run: chmod go-w d\n")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["seed", "log.jsonl", "portvakt.db", "sandbox.lock", "ca.key"])
def test_K6_a_link_in_the_folder_is_not_followed(tmp_path: Path, name: str) -> None:
    (tmp_path / "d").mkdir(mode=0o700)
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "d" / name).symlink_to(tmp_path / "theirs")

    done = portvakt("sandbox", "--port", "0", "--data", "d", cwd=tmp_path)

    assert (done.code, done.err) == (1, f"portvakt: d/{name} is a link or no file at all; remove it\n")
    assert (tmp_path / "theirs").read_text() == "theirs"


def test_K6_links_in_the_place_of_what_is_written_anew_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir(mode=0o700)
    (tmp_path / "theirs").write_text("theirs")
    names = ("portvakt.secret", "portvakt.toml", "sandbox.json")
    for name in (*names, *(name + ".new" for name in names)):
        (tmp_path / "d" / name).symlink_to(tmp_path / "theirs")

    with running("sandbox", "prisjakt", "--json", "--port", "0", "--data", "d", cwd=tmp_path):
        assert not [name for name in names if (tmp_path / "d" / name).is_symlink()]

    assert (tmp_path / "theirs").read_text() == "theirs"
    written = (*names, "seed", "portvakt.db", "log.jsonl")
    assert {(tmp_path / "d" / name).stat().st_mode & 0o777 for name in written} == {0o600}


def test_a_folder_that_is_none_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "d").write_text("a file")

    done = portvakt("sandbox", "--port", "0", "--data", "d", cwd=tmp_path)

    assert (done.code, done.err) == (1, "portvakt: cannot write to d: File exists\n")


def _until_the_clock(out: IO[str]) -> list[str]:
    lines: list[str] = []
    while not (lines and lines[-1].startswith("  portvakt clock")):
        line = out.readline()
        assert line, lines
        lines.append(line.rstrip("\n"))
    return lines


def test_what_a_reader_gets_to_see_works_as_it_is_pasted(tmp_path: Path) -> None:
    """The lines come through a pipe at once, and the first command to try gives a token."""
    process = subprocess.Popen(
        [*PORTVAKT, "sandbox", "breeze", "standard", "--port", "0"],
        cwd=tmp_path, env=environment(PYTHONUNBUFFERED=""), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    overdue = threading.Timer(PATIENCE, process.kill)
    overdue.start()
    with process:
        try:
            assert process.stdout is not None
            lines = _until_the_clock(process.stdout)
            status, body = curl_json(next(line for line in lines if line.startswith("  curl ")).strip())
            asks = next(line for line in lines if "response_type=code" in line).split()[0]
            page = shell(f"curl -s {shlex.quote(asks)}")
            clock = shell(f"{shlex.join(PORTVAKT)} {lines[-1].strip().removeprefix('portvakt ')}")
        finally:
            overdue.cancel()
            process.terminate()

    assert lines[0].startswith("The sandbox answers at http://127.0.0.1:")
    assert [line for line in lines if line and not line.startswith(" ")][2:] == [
        "breeze-test", "breeze-production", "standard", "administration", "Try"
    ]  # fmt: skip
    assert {line.split()[0] for line in lines if line.startswith("  ")} == {
        "base_url", "log-in", "token", "API", "client", "expired", "limited", "public", "back", "user", "curl", asks,
        "portvakt", "console", "operator", "312047152", "313580261", "314661907", "316804179",
    }  # fmt: skip
    assert (status, "access_token" in body) == (200, True)
    assert 'name="password"' in page.out
    assert (clock.code, "+3600 s from the real time" in clock.out) == (0, True)


def test_the_clock_is_not_turned_by_a_page_or_by_nonsense(sandbox: dict[str, Any]) -> None:
    clock = f"{sandbox['base_url']}/sandbox/clock"
    for refused in (
        "-d '{\"advance\":60}'",  # as a form: what a page of another origin can send
        "-H 'Content-Type: application/json' -d '{\"advance\":1.5}'",
        "-H 'Content-Type: application/json' -d '{\"advance\":true}'",
        "-H 'Content-Type: application/json' -d '{\"advance\":99999999999}'",
        "-H 'Content-Type: application/json' -d '{\"advance\":-2000000000}'",  # before 1970
        "-H 'Content-Type: application/json' -d '{\"advance\":-1500000000}'",  # before 2000
        "-H 'Content-Type: application/json' -d '[1]'",
        "-H 'Content-Type: application/json' -d 'x'",
    ):
        assert curl_json(f"curl {clock} {refused}")[0] == 400
    assert curl_json(f"curl -X DELETE {clock}")[0] == 405

    status, body = curl_json(f"curl {clock}")

    assert (status, json.loads(body)["offset"]) == (200, 0)

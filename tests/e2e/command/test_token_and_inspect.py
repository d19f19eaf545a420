"""`portvakt token` and `portvakt inspect` as they are typed, against a sandbox."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from canary import Canaries
from programs import PATIENCE, PORTVAKT, environment, portvakt, running, shell
from shell import asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from programs import Done

README = Path(__file__).parents[3] / "README.md"
NAMES = ("breeze-test", "breeze-production", "prisjakt", "standard")


def issuer_url(issuer: dict[str, Any]) -> str:
    return str(issuer.get("auth_url", issuer["base_url"]))


def audience(issuer: dict[str, Any]) -> str:
    return str(issuer["api_url"]) + ("/graphql" if issuer["provider"] == "breeze" else "")


def credentials(issuer: dict[str, Any]) -> dict[str, str]:
    return {"PORTVAKT_CLIENT_ID": issuer["client_id"], "PORTVAKT_CLIENT_SECRET": issuer["client_secret"]}


def token_of(issuer: dict[str, Any], *more: str, cwd: Path, **variables: str) -> Done:
    line = ("token", issuer["provider"], "--base-url", issuer["base_url"], *more)
    return portvakt(*line, cwd=cwd, env=credentials(issuer) | variables)


def inspected(issuer: dict[str, Any], token: str, *more: str, cwd: Path, **variables: str) -> Done:
    line = ("inspect", "--issuer", issuer_url(issuer), "--provider", issuer["provider"], "--json", *more)
    return portvakt(*line, cwd=cwd, given=token, env=variables)


@pytest.mark.parametrize("name", NAMES)
def test_a_token_of_each_provider_is_verified(issuers: dict[str, Any], name: str, tmp_path: Path) -> None:
    issuer = issuers[name]

    got = token_of(issuer, cwd=tmp_path)
    good = inspected(issuer, got.out, "--audience", audience(issuer), cwd=tmp_path)
    elsewhere = inspected(issuer, got.out, "--audience", "https://api.example", cwd=tmp_path)

    assert (got.code, got.err) == (0, "")
    assert len(got.out.split()) == 1
    assert good.code == 0
    assert good.json()["verified"] is True
    assert good.json()["kind"] == ("bare-jwt" if issuer["provider"] == "breeze" else "access-token")
    assert good.json()["claims"]["client_id"] == issuer["client_id"]
    assert elsewhere.code == 1
    assert elsewhere.json()["problem"] == "aud does not name this API, https://api.example"


def test_a_token_comes_by_an_issuers_url_alone(issuers: dict[str, Any], tmp_path: Path) -> None:
    issuer = issuers["standard"]

    line = ("token", issuer["base_url"], "--scope", "read", "--json")
    got = portvakt(*line, cwd=tmp_path, env=credentials(issuer)).json()

    assert list(got) == ["access_token", "token_type", "expires_at", "scope"]
    assert (got["token_type"], got["scope"]) == ("Bearer", "read")
    assert time.time() < got["expires_at"] <= time.time() + 600
    assert inspected(issuer, got["access_token"], cwd=tmp_path).json()["claims"]["scope"] == "read"


def test_one_is_piped_into_the_other_as_the_help_says(issuers: dict[str, Any], tmp_path: Path) -> None:
    issuer = issuers["breeze-test"]
    token = "$PORTVAKT token breeze --base-url $BASE_URL"
    variables = {"PORTVAKT": shlex.join(PORTVAKT), "BASE_URL": issuer["base_url"]}

    shown = shell(f"{token} | $PORTVAKT inspect", **variables, **credentials(issuer))
    refused = shell(
        f"{token} | $PORTVAKT inspect", **variables, **credentials(issuer) | {"PORTVAKT_CLIENT_SECRET": "x"}
    )

    assert (shown.code, shown.err) == (0, "")
    assert f"client_id  {issuer['client_id']}" in shown.out
    assert "Nothing was verified" in shown.out
    assert (refused.code, refused.out) == (1, "")
    first, second = sorted(refused.err.splitlines())
    assert "refused to give a token (invalid_client" in first
    assert "there is no token on standard input" in second
    for command in ("token", "inspect"):
        assert "| portvakt inspect" in portvakt(command, "--help", cwd=tmp_path).out


def test_what_the_readme_says_to_type_shows_a_token(sandbox: dict[str, Any], issuers: dict[str, Any]) -> None:
    issuer = issuers["breeze-test"]
    blocks = re.findall(r"^```sh\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (exports,) = (block for block in blocks if block.startswith("export PORTVAKT_CLIENT_ID"))
    (asking,) = (block for block in blocks if block.startswith("portvakt token"))
    typed = (exports + asking).replace("http://127.0.0.1:8040", sandbox["base_url"])
    for name in ("client_id", "client_secret"):
        typed = typed.replace(f"={name.upper()}", f"={issuer[name]}")
    typed = re.sub(r"(?m)(?:^|(?<=\| ))portvakt ", "$PORTVAKT ", typed)

    shown = shell(typed, PORTVAKT=shlex.join(PORTVAKT))

    assert (shown.code, shown.err) == (0, "")
    assert f"client_id  {issuer['client_id']}" in shown.out


def test_credentials_of_another_environment_are_refused(issuers: dict[str, Any], tmp_path: Path) -> None:
    test, production = issuers["breeze-test"], issuers["breeze-production"]

    wrong = token_of(production, cwd=tmp_path, **credentials(test))
    expired = token_of(test, cwd=tmp_path, **credentials(test["expired"]))

    assert (wrong.code, wrong.out, expired.code, expired.out) == (1, "", 1, "")
    assert "invalid_client: Invalid client credentials" in wrong.err
    assert "Ask an administrator to rotate the secret" in expired.err


def test_a_quota_that_is_used_up_is_told_with_when(issuers: dict[str, Any], tmp_path: Path) -> None:
    issuer = issuers["breeze-production"]
    limited = issuer["limited"]
    while asked(f"{issuer['base_url']}/oauth/token", limited)[0] == 200:  # the hundred of its hour
        pass

    done = token_of(issuer, cwd=tmp_path, **credentials(limited))

    assert (done.code, done.out) == (5, "")
    assert "gives no more tokens until" in done.err
    assert done.err.endswith(" min)\n")


def test_K1_K6_secret_and_token_are_on_standard_output_only(issuers: dict[str, Any], tmp_path: Path) -> None:
    issuer = issuers["prisjakt"]
    (tmp_path / "secret").write_text(issuer["client_secret"] + "\n")
    (tmp_path / "secret").chmod(0o600)
    line = ("token", "prisjakt", "--base-url", issuer["base_url"], "--client-id", issuer["client_id"])
    home = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}

    by_file = portvakt(*line, "--secret-file", "secret", cwd=tmp_path, env=home)
    by_pipe = portvakt(*line, "--secret-stdin", cwd=tmp_path, env=home, given=issuer["client_secret"] + "\n")
    shown = inspected(issuer, by_file.out, cwd=tmp_path, **home)
    (tmp_path / "secret").unlink()

    canaries = Canaries([("secret", issuer["client_secret"])])
    for done in (by_file, by_pipe):
        assert done.code == 0, done.err
        canaries.plant("signature", done.out.strip().rpartition(".")[2])
    assert canaries.find_in(tmp_path, *(done.err.encode() for done in (by_file, by_pipe, shown))) == []
    assert canaries.find_in(shown.out.encode()) == []


def test_over_tls_the_sandboxs_authority_is_trusted_by_its_file(tmp_path: Path) -> None:
    with running("sandbox", "standard", "--tls", "--json", "--port", "0", cwd=tmp_path) as told:
        issuer = told["issuers"]["standard"]
        trust = ("--ca-file", told["ca_file"])

        got = token_of(issuer, *trust, cwd=tmp_path)
        untrusted = token_of(issuer, cwd=tmp_path)
        good = inspected(issuer, got.out, *trust, cwd=tmp_path)
        by_variable = inspected(issuer, got.out, cwd=tmp_path, SSL_CERT_FILE=told["ca_file"])
        unknown = inspected(issuer, got.out, cwd=tmp_path)
        portvakt("clock", "+55m", "--url", told["base_url"], *trust, cwd=tmp_path)
        turned = inspected(issuer, token_of(issuer, *trust, cwd=tmp_path).out, *trust, cwd=tmp_path)

    assert [done.code for done in (got, untrusted, good, by_variable, unknown, turned)] == [0, 1, 0, 0, 5, 1]
    assert untrusted.err.endswith("say --ca-file, or set SSL_CERT_FILE\n")
    assert unknown.json()["verified"] is None
    assert "--ca-file FILE" in unknown.json()["remarks"][0]
    assert re.fullmatch(r"iat is 3[23][0-9]{2} s in the future", turned.json()["problem"])
    assert "portvakt clock show" in turned.json()["remarks"][0]


# At a terminal


class Typed:
    """A command at a terminal: what it wrote, and what the terminal showed of what was typed."""

    def __init__(self, line: tuple[str, ...], typed: str, cwd: Path, **variables: str) -> None:
        master, slave = pty.openpty()
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, master)
            with subprocess.Popen(
                [*PORTVAKT, *line],
                cwd=cwd,
                env=environment(**variables),
                stdin=slave,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            ) as process:
                stack.callback(process.kill)
                assert process.stderr is not None
                self.prompt = self._until_it_asks(process.stderr.fileno())
                os.write(master, typed.encode())
                out, err = process.communicate(timeout=PATIENCE)
            os.close(slave)
            self.shown = b"".join(_all_of(master))
        self.code, self.out, self.err = process.returncode, out.decode(), err.decode()

    def _until_it_asks(self, descriptor: int) -> str:
        give_up_at = time.monotonic() + PATIENCE
        text = b""
        while not text.endswith(b": "):
            ready, _, _ = select.select([descriptor], [], [], max(0.0, give_up_at - time.monotonic()))
            piece = os.read(descriptor, 1024) if ready else b""
            assert piece, text
            text += piece
        return text.decode()


def _all_of(descriptor: int) -> Iterator[bytes]:
    with contextlib.suppress(OSError):  # Linux: EIO once the other end is closed
        while piece := os.read(descriptor, 65536):
            yield piece


@pytest.mark.skipif(sys.platform != "linux", reason="how a terminal ends differs")
def test_K6_a_terminal_is_asked_and_shows_neither_secret_nor_token(issuers: dict[str, Any], tmp_path: Path) -> None:
    issuer = issuers["standard"]
    secret = issuer["client_secret"]
    line = ("token", "standard", "--base-url", issuer["base_url"], "--client-id", issuer["client_id"])

    got = Typed((*line, "--secret-stdin"), f"{secret}\n", tmp_path)
    shown = Typed(("inspect", "--json"), got.out, tmp_path)

    assert (got.prompt, got.code) == ("Client secret (it is not shown): ", 0), got.err
    assert (shown.prompt, shown.code) == ("Token (it is not shown): ", 0), shown.err
    assert json.loads(shown.out)["claims"]["client_id"] == issuer["client_id"]
    assert secret.encode() not in got.shown + got.err.encode()
    assert got.out.strip().encode() not in shown.shown + shown.err.encode()


@pytest.mark.skipif(sys.platform != "linux", reason="so long is a line of Linux")
def test_what_a_terminal_cuts_short_is_not_taken_for_a_token(tmp_path: Path) -> None:
    cut = Typed(("inspect",), "x" * 5000 + "\n", tmp_path)

    assert (cut.code, cut.out) == (1, "")
    assert "a terminal keeps only 4095 characters of a line; pipe it" in cut.err


@pytest.mark.skipif(sys.platform != "linux", reason="how a terminal ends differs")
def test_nothing_typed_is_no_token(tmp_path: Path) -> None:
    for typed in ("\n", "\x04"):
        ended = Typed(("inspect",), typed, tmp_path)

        assert (ended.code, ended.out) == (1, "")
        assert "there is no token on standard input" in ended.err

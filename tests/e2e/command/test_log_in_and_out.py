"""`portvakt login`, `connections`, `token` and `logout` as they are typed, with a browser of forms, at a sandbox."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from browsing import come_back, opener
from canary import Canaries
from portvakt.client.folder import OVERRIDE, login_files, read_login
from programs import PORTVAKT, environment, portvakt

if TYPE_CHECKING:
    from pathlib import Path

    from programs import Done


class User:
    """A user of one issuer, at a shell, with a folder of log-ins of their own."""

    def __init__(self, issuer: dict[str, Any], folder: Path, *, public: bool) -> None:
        self.issuer = issuer
        self.folder = folder
        self.person = issuer["users"][1]
        self.client_id: str = issuer["public_client_id"] if public else issuer["client_id"]
        self.at: tuple[str, ...] = (issuer["provider"], "--base-url", issuer["base_url"])
        self.env = {OVERRIDE: str(folder / "logins"), "PORTVAKT_CLIENT_ID": self.client_id}
        if not public:
            self.env["PORTVAKT_CLIENT_SECRET"] = issuer["client_secret"]

    def run(self, command: str, *more: str, **variables: str) -> Done:
        done = portvakt(command, *self.at, *more, cwd=self.folder, env=self.env | variables)
        assert self.tokens().find_in(("standard error", done.err.encode())) == []
        return done

    def log_in(self, *more: str, **how: str) -> Done:
        return self.run("login", *more, BROWSER=opener(self.folder, self.person, **how))

    def tokens(self) -> Canaries:
        kept = [read_login(path) for path in login_files(self.folder / "logins")]
        secrets = [one for login in kept if login for one in (login.access_token, login.refresh_token) if one]
        return Canaries([("token", secret.reveal()) for secret in secrets])

    def calls(self, token: str) -> int:
        headers = {"authorization": f"Bearer {token.strip()}"}
        if self.issuer["provider"] == "luca":
            query = {"query": "{ companies { nodes { organisationNumber } } }"}
            return httpx2.post(f"{self.issuer['api_url']}/graphql", json=query, headers=headers).status_code
        return httpx2.get(f"{self.issuer['api_url']}/echo", headers=headers).status_code


@pytest.fixture(params=["luca-test", "standard, public"])  # the port of a confidential client of `standard` is fixed
def user(request: pytest.FixtureRequest, issuers: dict[str, Any], tmp_path: Path) -> User:
    name, _, public = request.param.partition(", ")
    return User(issuers[name], tmp_path, public=bool(public))


def test_a_user_logs_in_calls_the_api_sees_what_is_kept_and_logs_out(user: User) -> None:
    base = user.issuer["base_url"]

    done = user.log_in()
    got = user.run("token", "--login")
    listed = portvakt("connections", "--json", cwd=user.folder, env=user.env).json()
    out = user.run("logout")
    nobody = user.run("logout")

    assert (done.code, got.code, out.code) == (0, 0, 0), (done.err, got.err, out.err)
    assert done.out.startswith(f"logged in at {base} for {user.client_id}, scope ")
    assert done.err.startswith("Log in with your browser:\nhttp")
    assert "/callback, which must be registered for the client.\n" in done.err
    page = (user.folder / "page.html").read_text()
    assert "You are logged in" in page
    assert "pvk_" not in page
    (kept,) = listed
    assert (kept["issuer"], kept["client_id"], kept["renewable"]) == (base, user.client_id, True)
    assert out.out == "logged out: the server ended the log-in, and it is removed here\n"
    assert nobody.code == 4
    assert "nobody is logged in" in nobody.err


def test_a_token_of_a_log_in_is_good_and_is_not_asked_for_again(user: User) -> None:
    user.log_in()

    first, second = user.run("token", "--login"), user.run("token", "--login", "--json")

    assert user.calls(first.out) == 200
    assert second.json()["access_token"] == first.out.strip()


def test_json_says_what_was_given(user: User) -> None:
    done = user.log_in("--json")

    told = done.json()
    assert list(told) == ["issuer", "client_id", "scope", "expires_at", "renewable"]
    assert (told["issuer"], told["renewable"]) == (user.issuer["base_url"], True)


def test_a_user_who_says_no_is_not_logged_in(issuers: dict[str, Any], tmp_path: Path) -> None:
    user = User(issuers["luca-test"], tmp_path, public=False)

    done = user.log_in(decision="deny")

    assert done.code == 1
    assert "was refused (access_denied" in done.err
    assert "You are not logged in" in (user.folder / "page.html").read_text()
    assert login_files(user.folder / "logins") == []


def test_a_company_is_named_and_no_browser_opened(issuers: dict[str, Any], tmp_path: Path) -> None:
    user = User(issuers["luca-test"], tmp_path, public=False)
    number = user.person["organisations"][1]["organisation_number"]
    line = [*PORTVAKT, "login", *user.at, "--no-browser", "--organisation-number", number, "--locale", "en"]
    env = environment(**user.env, BROWSER="false")

    with subprocess.Popen(line, cwd=tmp_path, env=env, stdout=-1, stderr=-1, text=True) as login:
        assert login.stderr is not None
        assert login.stdout is not None
        assert login.stderr.readline() == "Log in with your browser:\n"
        url = login.stderr.readline().strip()
        junk = url.partition("redirect_uri=")[2].partition("&")[0].replace("%3A", ":").replace("%2F", "/")
        stranger = httpx2.get(f"{junk}?code=theirs&state=theirs")
        page = httpx2.get(come_back(url, user.person))
        said = login.stdout.read()

    assert f"organisation_number={number}" in url
    assert stranger.status_code == 400
    assert "The log-in still waits" in stranger.text
    assert "You are logged in" in page.text
    assert login.returncode == 0
    assert said.startswith("logged in at ")


def test_a_log_in_by_an_issuers_url(issuers: dict[str, Any], tmp_path: Path) -> None:
    user = User(issuers["standard"], tmp_path, public=True)
    user.at = (user.issuer["base_url"],)

    done, got = user.log_in(), user.run("token")

    assert (done.code, got.code) == (0, 0), (done.err, got.err)
    assert user.calls(got.out) == 200

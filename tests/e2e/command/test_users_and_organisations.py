"""`portvakt user` and `portvakt organisation`, as they are typed, and that whom they make can log in."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from shell import Shell

ISSUER = ("--issuer", "standard")
PASSWORD = "correct horse battery"
VERIFIER = "v" * 43
CALLBACK = "https://app.example/cb"


def a_user(shell: Shell, *more: str, given: str = "") -> Any:
    return shell.json("user", "create", *ISSUER, "--email", "kari@example.com", *more, given=given)


def test_a_user_is_made_listed_shown_disabled_and_enabled(installed: Shell) -> None:
    made = a_user(installed, "--locale", "nb")
    listed = installed.json("user", "list", *ISSUER)
    shown = installed.json("user", "show", *ISSUER, "KARI@example.com")
    states = [
        installed.json("user", what, *ISSUER, made["user_id"])["enabled"] for what in ("disable", "disable", "enable")
    ]

    assert made == shown
    assert (made["email"], made["locale"], made["has_password"], made["organisations"]) == (
        "kari@example.com",
        "nb",
        False,
        [],
    )
    assert [user["user_id"] for user in listed["users"]] == [made["user_id"]]
    assert states == [False, False, True]


def test_K6_a_password_comes_from_standard_input_or_a_private_file_and_is_shown_nowhere(
    installed: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    file.chmod(0o644)
    made = a_user(installed, "--password-stdin", given=PASSWORD + "\n")

    line = installed.complaint(
        "user", "set-password", *ISSUER, "kari@example.com", "--password-file", "password", code=3
    )
    file.chmod(0o600)
    ended = installed.run("user", "set-password", *ISSUER, "kari@example.com", "--password-file", "password")

    assert made["has_password"] is True
    assert "chmod 600" in line
    assert PASSWORD not in ended.stdout + ended.stderr + line + str(made)
    assert "has_password  yes" in ended.stdout
    installed.run("user", "create", "--password", PASSWORD, code=2)


@pytest.mark.parametrize(
    ("line", "given", "code", "says"),
    [
        (("user", "create", "--email", "x"), "", 1, "An email address is NAME@HOST."),
        (("user", "create", "--email", "kari@example.com"), "", 1, "with that address already"),
        (("user", "create", "--email", "b@example.com", "--locale", "fr"), "", 1, "A locale is en or nb."),
        (("user", "create", "--email", "b@example.com", "--password-stdin"), "short", 1, "has fewer than 8"),
        (("user", "show", "nobody@example.com"), "", 4, "no such user"),
        (("user", "show", "user_x"), "", 4, "no such user"),
        (("user", "set-password", "kari@example.com"), "", 1, "there is no password on standard input"),
        (("user", "list", "--limit", "0"), "", 2, "--limit must be"),
        (("organisation", "create", "--number", "x", "--name", "y"), "", 1, "1 to 20 digits"),
        (("organisation", "disable", "1"), "", 4, "no such organisation"),
        (("organisation", "add-member", "1", "kari@example.com"), "", 4, "no such organisation"),
    ],
)
def test_what_cannot_be_is_one_line(installed: Shell, line: tuple[str, ...], given: str, code: int, says: str) -> None:
    a_user(installed)

    ended = installed.run(*line, *ISSUER, code=code, given=given)

    assert ended.stdout == ""
    assert says in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_an_organisation_is_made_listed_joined_left_disabled_and_enabled(installed: Shell) -> None:
    a_user(installed)
    of = ("organisation", "create", *ISSUER)
    made = installed.json(*of, "--number", "312047152", "--name", "Eksempelfjord Bakeri AS")
    installed.json(*of, "--number", "313580261", "--name", "Båt AS")
    first = installed.json("organisation", "list", *ISSUER, "--limit", "1")
    second = installed.json("organisation", "list", *ISSUER, "--limit", "1", "--after", first["next"])
    joined = installed.json("organisation", "add-member", *ISSUER, "312047152", "kari@example.com")
    shown = installed.run("user", "show", *ISSUER, "kari@example.com").stdout
    disabled = installed.json("organisation", "disable", *ISSUER, "312047152")
    left = installed.json("organisation", "remove-member", *ISSUER, "312047152", "kari@example.com")
    installed.complaint("organisation", "remove-member", *ISSUER, "312047152", "kari@example.com", code=4)
    enabled = installed.run("organisation", "enable", *ISSUER, "312047152").stdout

    assert first["organisations"] == [made]
    assert second["organisations"][0]["name"] == "Båt AS"
    assert second["next"] is None
    assert joined["organisations"] == [{**made, "administrator": False}]
    assert "organisation  312047152  Eksempelfjord Bakeri AS" in shown
    assert (disabled["enabled"], left["organisations"]) == (False, [])
    assert re.search(r"enabled +yes", enabled)
    text = installed.run("organisation", "list", *ISSUER, "--limit", "1").stdout
    assert text.splitlines()[-1] == "There are more: --after 312047152"


def test_a_user_is_changed_searched_for_and_given_roles(installed: Shell) -> None:
    made = a_user(installed, "--role", "developer")
    installed.json("user", "create", *ISSUER, "--email", "karl@example.com")
    changed = installed.json("user", "update", *ISSUER, "kari@example.com", "--locale", "nb", "--role", "bookkeeper")
    bare = installed.json("user", "update", *ISSUER, made["user_id"], "--locale", "", "--role", "")
    first = installed.json("user", "list", *ISSUER, "--search", "KAR", "--limit", "1")
    second = installed.json("user", "list", *ISSUER, "--search", "KAR", "--after", first["next"])

    assert made["roles"] == ["developer"]
    assert (changed["locale"], changed["roles"]) == ("nb", ["bookkeeper"])
    assert (bare["locale"], bare["roles"]) == (None, [])
    assert [user["email"] for user in first["users"] + second["users"]] == ["kari@example.com", "karl@example.com"]
    assert "nothing to change" in installed.complaint("user", "update", *ISSUER, "kari@example.com", code=2)
    line = installed.complaint("user", "update", *ISSUER, "kari@example.com", "--role", "operator", code=1)
    assert "own issuer are operators" in line


def test_who_is_invited_gets_a_link_that_waits_in_the_outbox(installed: Shell) -> None:
    invited = installed.json("user", "invite", *ISSUER, "new@example.com", "--locale", "nb", "--role", "developer")
    a_user(installed, "--password-stdin", given=PASSWORD)
    reset = installed.run("user", "reset-password", *ISSUER, "kari@example.com").stdout
    waiting = installed.json("user", "outbox", *ISSUER)
    told = installed.run("user", "outbox", *ISSUER, "--limit", "1").stdout

    assert invited["link"].startswith("http://127.0.0.1:8040/standard/password?token=pvk_in_")
    assert (invited["email"], invited["purpose"]) == ("new@example.com", "invited")
    assert installed.json("user", "show", *ISSUER, invited["user_id"])["roles"] == ["developer"]
    assert sorted(link["email"] for link in waiting["links"]) == ["kari@example.com", "new@example.com"]
    assert invited in waiting["links"]
    assert all(link["link"] in reset for link in waiting["links"] if link["purpose"] == "reset")
    assert "There are more" in told
    line = installed.complaint("user", "invite", *ISSUER, "kari@example.com", code=1)
    assert "has a password" in line


def test_sessions_are_listed_and_ended(installed: Shell) -> None:
    a_user(installed)

    assert installed.json("user", "sessions", *ISSUER, "kari@example.com") == {"sessions": []}
    assert installed.run("user", "sessions", *ISSUER, "kari@example.com").stdout.split() == ["ID", "SINCE", "UNTIL"]
    assert installed.json("user", "end-session", *ISSUER, "kari@example.com", "--all")["email"] == "kari@example.com"
    line = installed.complaint("user", "end-session", *ISSUER, "kari@example.com", "ses_none", code=4)
    assert "no such session" in line
    installed.complaint("user", "end-session", *ISSUER, "kari@example.com", code=2)


def test_an_organisation_is_renamed_searched_for_and_administered(installed: Shell) -> None:
    a_user(installed)
    for number, name in (("312047152", "Bakeri AS"), ("313580261", "Båt AS")):
        installed.json("organisation", "create", *ISSUER, "--number", number, "--name", name)
    renamed = installed.json("organisation", "update", *ISSUER, "313580261", "--name", "Baker og Båt AS")
    first = installed.json("organisation", "list", *ISSUER, "--search", "baker", "--limit", "1")
    second = installed.json("organisation", "list", *ISSUER, "--search", "baker", "--after", first["next"])
    add = ("organisation", "add-member", *ISSUER, "312047152", "kari@example.com")
    told = [
        installed.json(*add, *more)["organisations"][0]["administrator"]
        for more in ((), ("--administrator",), (), ("--no-administrator",))
    ]
    members = installed.json("organisation", "members", *ISSUER, "312047152")
    installed.json(*add, "--administrator")

    assert installed.json("organisation", "show", *ISSUER, "313580261") == renamed
    assert [each["name"] for each in first["organisations"] + second["organisations"]] == [
        "Baker og Båt AS",
        "Bakeri AS",
    ]
    assert told == [False, True, True, False]
    assert [(each["email"], each["administrator"]) for each in members["members"]] == [("kari@example.com", False)]
    assert installed.run("organisation", "members", *ISSUER, "312047152").stdout.split()[-2:] == [
        "kari@example.com",
        "yes",
    ]
    assert "Bakeri AS, administrator" in installed.run("user", "show", *ISSUER, "kari@example.com").stdout


def field(page: httpx2.Response, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', page.text)
    assert found is not None, page.text
    return html.unescape(found[1])


def test_who_was_made_by_command_logs_in_and_lets_an_application_act(installed: Shell, port: int) -> None:
    settings = installed.folder / "portvakt.toml"
    settings.write_text(settings.read_text().replace(":8040", f":{port}"))
    a_user(installed, "--password-stdin", given=PASSWORD)
    installed.json("organisation", "create", *ISSUER, "--number", "312047152", "--name", "Bakeri AS")
    installed.json("organisation", "add-member", *ISSUER, "312047152", "kari@example.com")
    client = installed.json("client", "create", *ISSUER, "--name", "x", "--scope", "read", "--redirect-uri", CALLBACK)
    assert client["redirect_uris"] == [CALLBACK]
    assert client["grants"] == ["authorization_code", "client_credentials", "refresh_token"]
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    query = {"client_id": client["client_id"], "response_type": "code", "code_challenge": challenge}
    query |= {"code_challenge_method": "S256", "scope": "read", "redirect_uri": CALLBACK}
    base = f"http://127.0.0.1:{port}"

    with installed.serving(port), httpx2.Client(base_url=base, headers={"origin": base}) as browser:
        page = browser.get(f"/standard/authorize?{urlencode(query)}")
        form = {name: field(page, name) for name in ("csrf", "return_to")}
        entered = browser.post("/standard/login", data={**form, "email": "kari@example.com", "password": PASSWORD})
        consent = browser.get(entered.headers["location"])
        answer = {name: field(consent, name) for name in ("csrf", "transaction")}
        back = browser.post("/standard/consent", data={**answer, "decision": "allow"})
        code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
        tokens = browser.post(
            "/standard/token",
            data={
                "grant_type": "authorization_code",
                "code": code,
                "code_verifier": VERIFIER,
                "redirect_uri": CALLBACK,
            },
            auth=(client["client_id"], client["client_secret"]),
        ).json()
        refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        credentials = (client["client_id"], client["client_secret"])
        left = installed.json("organisation", "remove-member", *ISSUER, "312047152", "kari@example.com")
        refused = browser.post("/standard/token", data=refresh, auth=credentials)

    assert left["organisations"] == []
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")

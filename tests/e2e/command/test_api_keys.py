"""`portvakt api-key`, as it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from shell import Shell

ISSUER = ("--issuer", "luca")
KARI = (*ISSUER, "--user", "kari@example.com")


@pytest.fixture
def luca(installed: Shell) -> Shell:
    """An installation with a Luca of its own, and a user of a company."""
    settings = installed.folder / "portvakt.toml"
    settings.write_text(settings.read_text() + '\n[issuers.luca]\nprovider = "luca"\ntitle = "Vårt regnskap"\n')
    installed.json("user", "create", *ISSUER, "--email", "kari@example.com")
    installed.json("organisation", "create", *ISSUER, "--number", "312047152", "--name", "Bakeri AS")
    installed.json("organisation", "add-member", *ISSUER, "312047152", "kari@example.com")
    return installed


def listed(shell: Shell) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = shell.json("api-key", "list", *KARI)["api_keys"]
    return keys


def test_a_key_is_made_once_listed_and_revoked(luca: Shell) -> None:
    made = luca.json("api-key", "create", *KARI, "--name", "Script", "--expires", "2099-01-31")
    before = listed(luca)
    revoked = luca.json("api-key", "revoke", *KARI, made["id"])
    luca.json("api-key", "revoke", *KARI, made["id"])

    key = made.pop("api_key")
    assert key.count(".") == 2
    assert before == [made]
    assert key not in str(before)
    assert (made["name"], made["organisation_number"], made["expires"], made["state"]) == (
        "Script",
        "312047152",
        "2099-01-31T00:00:00Z",
        "live",
    )
    assert revoked["state"] == "revoked"
    assert listed(luca) == [revoked]


def test_a_key_for_people_comes_with_a_remark(luca: Shell) -> None:
    text = luca.run("api-key", "create", *KARI).stdout

    assert "not shown again" in text
    assert "api_key              eyJ" in text
    assert "live" in luca.run("api-key", "list", *KARI).stdout
    shown = luca.run("api-key", "revoke", *KARI, listed(luca)[0]["id"]).stdout
    assert "revoked" in shown


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        (("create", *ISSUER, "--user", "nobody@example.com"), 4, "no such user"),
        (("create", *KARI, "--organisation", "999999999"), 1, "no member of that organisation"),
        (("create", *KARI, "--expires", "2020-01-01"), 2, "lies in the past"),
        (("revoke", *KARI, "key_x"), 4, "no such API key"),
        (("create", "--issuer", "standard", "--user", "kari@example.com"), 4, "no such user"),
    ],
)
def test_what_cannot_be_is_one_line(luca: Shell, line: tuple[str, ...], code: int, says: str) -> None:
    assert says in luca.complaint("api-key", *line, code=code)


def test_where_a_provider_has_none_no_key_is_made(luca: Shell) -> None:
    luca.json("user", "create", "--issuer", "standard", "--email", "kari@example.com")

    line = luca.complaint("api-key", "create", "--issuer", "standard", "--user", "kari@example.com", code=1)

    assert "has no personal API keys" in line

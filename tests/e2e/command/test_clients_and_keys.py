"""`portvakt client` and `portvakt keys`, as they are typed."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx2
import pytest

from polling import until
from portvakt.guard import Denied, Guard, Revocations
from portvakt.guard.revocations import WAIT_AT
from portvakt.jose import base64url
from portvakt.model.values import Instant
from shell import Shell, asked

# client


def test_client_create_gives_the_secret_once(installed: Shell) -> None:
    made = installed.json("client", "create", "--issuer", "standard", "--name", "x", "--scope", "read", "--scope", "w")
    shown = installed.json("client", "show", "--issuer", "standard", made["client_id"])

    assert list(made)[:2] == ["client_id", "client_secret"]
    assert made["client_secret"].startswith("pvk_cs_")
    assert made.pop("client_secret") not in json.dumps(shown)
    assert made == shown
    assert (made["issuer"], made["name"], made["enabled"]) == ("standard", "x", True)
    assert (made["owner"], made["scopes"]) == ("operator@localhost", ["read", "w"])
    (secret,) = made["secrets"]
    assert list(secret) == ["id", "prefix", "last4", "created", "expires", "last_used", "last_used_from", "state"]
    assert (secret["state"], secret["last_used"]) == ("live", None)


def test_client_create_for_people_shows_the_secret_with_a_remark(installed: Shell) -> None:
    ended = installed.run("client", "create", "--issuer", "breeze", "--name", "x", "--owner", "ann@example.com")

    assert "client_secret  pvk_cs_" in ended.stdout
    assert "not shown again" in ended.stdout
    assert "ann@example.com" in ended.stdout


def test_a_public_client_has_no_secret(installed: Shell) -> None:
    back = ("--redirect-uri", "https://a.example")
    made = installed.json("client", "create", "--issuer", "standard", "--name", "x", "--auth", "none", *back)

    assert "client_secret" not in made
    assert made["secrets"] == []


def test_what_a_decision_refuses_is_one_line_with_its_reason(installed: Shell) -> None:
    line = installed.complaint("client", "create", "--issuer", "breeze", "--name", "x", "--scope", "read", code=1)

    assert line == "portvakt: Breeze knows no scopes."


def test_clients_are_listed_a_page_at_a_time(installed: Shell) -> None:
    made = {
        installed.json("client", "create", "--issuer", "breeze", "--name", f"n{number}")["client_id"]
        for number in range(3)
    }

    first = installed.json("client", "list", "--issuer", "breeze", "--limit", "2")
    second = installed.json("client", "list", "--issuer", "breeze", "--limit", "2", "--after", first["next"])

    listed = [client["client_id"] for client in first["clients"] + second["clients"]]
    assert set(listed) == made
    assert len(listed) == 3
    assert second["next"] is None
    text = installed.run("client", "list", "--issuer", "breeze", "--limit", "2").stdout
    assert text.splitlines()[-1] == f"There are more: --after {first['next']}"


def test_rotation_overlaps_and_ends_the_older_secret(installed: Shell, port: int) -> None:
    url = f"http://127.0.0.1:{port}/breeze/oauth/token"
    old = installed.json("client", "create", "--issuer", "breeze", "--name", "x")
    rotate = ("client", "rotate-secret", "--issuer", "breeze", old["client_id"])

    with installed.serving(port):
        new = installed.json(*rotate, "--grace", "1h", "--expires", "never")
        assert asked(url, old)[0] == asked(url, new)[0] == 200
        last = installed.json(*rotate, "--grace", "0")
        assert asked(url, last)[0] == 200

    assert [secret["state"] for secret in new["secrets"]] == ["expiring", "live"]
    assert [secret["state"] for secret in last["secrets"]] == ["expired", "expired", "live"]
    assert new["secrets"][1]["expires"] is None


def test_disable_and_enable_say_how_the_client_stands(installed: Shell) -> None:
    client_id = installed.json("client", "create", "--issuer", "breeze", "--name", "x")["client_id"]

    assert installed.json("client", "disable", "--issuer", "breeze", client_id)["enabled"] is False
    assert installed.json("client", "show", "--issuer", "breeze", client_id)["enabled"] is False
    assert installed.json("client", "enable", "--issuer", "breeze", client_id)["enabled"] is True


@pytest.mark.parametrize("command", ["show", "rotate-secret", "disable", "enable"])
def test_a_client_that_does_not_exist_is_4(installed: Shell, command: str) -> None:
    assert "no such client" in installed.complaint("client", command, "--issuer", "breeze", "oauth_x", code=4)


def test_a_client_of_one_issuer_is_none_of_another(installed: Shell) -> None:
    client_id = installed.json("client", "create", "--issuer", "breeze", "--name", "x")["client_id"]

    installed.complaint("client", "show", "--issuer", "standard", client_id, code=4)


def test_an_issuer_that_does_not_exist_is_4_and_none_named_is_2(installed: Shell) -> None:
    assert "there are breeze, standard, portvakt" in installed.complaint("keys", "list", "--issuer", "x", code=4)
    assert "Say --issuer NAME" in installed.complaint("keys", "list", code=2)


def test_an_installation_in_another_folder_is_named_by_config_or_data(installed: Shell) -> None:
    elsewhere = installed.folder / "elsewhere"
    elsewhere.mkdir()
    other = Shell(elsewhere)

    by_config = other.json("keys", "list", "--issuer", "breeze", "--config", "../portvakt.toml")

    assert other.json("keys", "list", "--issuer", "breeze", "--data", "..") == by_config


# keys


def test_keys_are_listed_and_rotated_with_overlap(installed: Shell) -> None:
    (first,) = installed.json("keys", "list", "--issuer", "breeze")["keys"]
    rotated = installed.json("keys", "rotate", "--issuer", "breeze")["keys"]
    again = installed.complaint("keys", "rotate", "--issuer", "breeze", code=1)

    assert (first["algorithm"], first["state"], first["published_until"]) == ("RS256", "signing", None)
    assert [key["state"] for key in rotated] == ["signing", "next"]
    (line,) = installed.json("audit", "list", "--issuer", "breeze", "--act", "key.rotated")["lines"]
    assert (line["id"], line["actor_kind"]) == (rotated[1]["kid"], "command")
    assert rotated[0]["kid"] == first["kid"]
    assert rotated[0]["published_until"] > rotated[1]["signs_from"]
    assert "waits for its turn" in again
    assert "next" in installed.run("keys", "list", "--issuer", "breeze").stdout


def part(text: str, number: int) -> dict[str, Any]:
    """Return the header (0) or the claims (1) of a token."""
    said: dict[str, Any] = json.loads(base64url.decode(text.split(".")[number].encode()))
    return said


def test_FT20_a_revoked_key_ends_what_it_signed_at_guards_and_a_new_one_signs_at_once(
    installed: Shell, port: int
) -> None:
    """The guard is another process than the server, with a key set of before; its clock is turned, nobody waits."""
    of, settings = ("--issuer", "standard"), installed.folder / "portvakt.toml"
    settings.write_text(settings.read_text().replace(":8040", f":{port}"))
    client = installed.json(
        "client", "create", *of, "--name", "x", "--scope", "read", "--scope", "portvakt:revocations"
    )
    (key,) = installed.json("keys", "list", *of)["keys"]
    asked_yes = installed.complaint("keys", "revoke", *of, key["kid"], code=1)
    nobodys = installed.complaint("keys", "revoke", *of, "-nobody", "--yes", code=4)
    url, turned = f"http://127.0.0.1:{port}/standard", 0

    async def meets(guard: Guard, shown: str) -> int:
        try:
            await guard.verify([(b"authorization", b"Bearer " + shown.encode())])
        except Denied as denied:
            return denied.refused.status
        return 200

    def new_token() -> str:
        sent = {"client_id": client["client_id"], "client_secret": client["client_secret"], "scope": "read"}
        return str(
            httpx2.post(f"{url}/token", data={"grant_type": "client_credentials", **sent}).json()["access_token"]
        )

    async def look() -> list[int]:
        nonlocal turned
        old = new_token()
        guard = Guard(
            issuer=url,
            audience=part(old, 1)["aud"],
            clock=lambda: Instant(int(time.time()) + turned),
            revocations=Revocations(client_id=client["client_id"], client_secret=client["client_secret"]),
        )
        statuses = [await meets(guard, old)]
        revoked = await asyncio.to_thread(installed.json, "keys", "revoke", *of, key["kid"], "--yes")
        assert [each["state"] for each in revoked["keys"]] == ["revoked", "signing"]
        turned = WAIT_AT
        statuses.append(await meets(guard, old))
        given: list[str] = []

        def signed_by_another() -> bool:
            given.append(new_token())
            return bool(part(given[-1], 0)["kid"] != key["kid"])

        await until(signed_by_another, 1)
        return [*statuses, await meets(guard, given[-1]), await meets(guard, old)]

    with installed.serving(port):
        assert asyncio.run(look()) == [200, 401, 200, 401]
    assert "--yes" in asked_yes
    assert "no such signing key" in nobodys
    told = installed.json("audit", "list", *of, "--act", "key.revoked")["lines"]
    assert [(line["id"], line["actor_kind"]) for line in told] == [(key["kid"], "command")]


def test_a_client_lives_its_whole_life_by_command_alone(installed: Shell, port: int) -> None:
    url = f"http://127.0.0.1:{port}/breeze/oauth/token"
    acme = ("--issuer", "breeze")
    client = installed.json("client", "create", *acme, "--name", "Cash register", "--owner", "ann@example.com")
    client_id = client["client_id"]

    with installed.serving(port):
        assert asked(url, client)[0] == 200
        renamed = installed.json("client", "update", *acme, client_id, "--name", "Till", "--token-quota", "100/60s")
        assert (renamed["name"], renamed["token_quota"]) == ("Till", "100/60s")
        new = installed.json("client", "rotate-secret", *acme, client_id, "--grace", "1h")
        assert asked(url, client)[0] == asked(url, new)[0] == 200
        old_id = new["secrets"][0]["id"]
        revoked = installed.json("client", "revoke-secret", *acme, client_id, old_id, "--force")
        assert [secret["state"] for secret in revoked["secrets"]] == ["revoked", "live"]
        assert asked(url, new)[0] == 200
        assert asked(url, client)[0] == 401
        assert "--yes" in installed.complaint("client", "delete", *acme, client_id, code=1)
        assert installed.json("client", "delete", *acme, client_id, "--yes") == {"deleted": client_id}
        assert asked(url, new)[0] == 401

    installed.complaint("client", "show", *acme, client_id, code=4)
    told = installed.json("audit", "list", *acme, "--client", client_id)["lines"]
    assert [line["act"] for line in reversed(told)] == [
        "client.created",
        "secret.created",
        "client.changed",
        "secret.ended",
        "secret.created",
        "secret.revoked",
        "client.deleted",
    ]
    assert {line["actor_kind"] for line in told} == {"command"}
    assert client["client_secret"] not in json.dumps(told)


def test_the_log_is_listed_by_filters_and_exported_whole(installed: Shell) -> None:
    made = [
        installed.json("client", "create", "--issuer", "breeze", "--name", name)["client_id"]
        for name in ("=HYPERLINK(1)", "b", "c")
    ]

    first = installed.json("audit", "list", "--issuer", "breeze", "--act", "client.created", "--limit", "2")
    second = installed.json(
        "audit", "list", "--issuer", "breeze", "--act", "client.created", "--before", str(first["next"])
    )
    lines = installed.run("audit", "export", "--issuer", "breeze").stdout.splitlines()
    table = installed.run("audit", "export", "--issuer", "breeze", "--format", "csv", "--since", "1h").stdout

    assert [line["id"] for line in first["lines"] + second["lines"]] == made[::-1]
    assert second["next"] is None
    assert {json.loads(line)["act"] for line in lines} >= {"client.created", "secret.created"}
    assert table.splitlines()[0].startswith("number,at,act,id,client")
    assert len(table.splitlines()) == len(lines) + 1
    assert "--act must be one of" in installed.complaint("audit", "list", "--issuer", "breeze", "--act", "x", code=2)


def test_clients_are_found_by_owner_and_by_how_their_name_begins(installed: Shell) -> None:
    acme = ("--issuer", "breeze")
    for name in ("Alpha", "alphabet", "Beta"):
        installed.json("client", "create", *acme, "--name", name, "--owner", f"{name.lower()}@example.com")

    def names(*options: str) -> list[str]:
        return [client["name"] for client in installed.json("client", "list", *acme, *options)["clients"]]

    first = installed.json("client", "list", *acme, "--search", "ALPHA", "--limit", "1")

    assert names("--search", "alph") == ["Alpha", "alphabet"]
    assert [client["name"] for client in first["clients"]] == ["Alpha"]
    assert names("--search", "ALPHA", "--after", first["next"]) == ["alphabet"]
    assert names("--owner", "beta@example.com") == ["Beta"]
    assert "give one of them" in installed.complaint(
        "client", "list", *acme, "--owner", "a@example.com", "--search", "x", code=2
    )

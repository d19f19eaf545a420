"""The guide to the guard is executed: its samples run in their order, before a real issuer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from asgi_driver import call
from pages import Page, at
from portvakt import guard as room
from portvakt.client import connect
from portvakt.guard import api_keys, revocations
from portvakt.guard.tongue import MISSING_TOKEN
from portvakt.model.decision import INSUFFICIENT_SCOPE, INVALID_REQUEST, INVALID_TOKEN, SERVER_ERROR
from portvakt.providers.standard import STANDARD
from programs import portvakt, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GUIDE = Page("docs/guide-guard.md")
NUMBERS = [
    f"read every {revocations.READ_EVERY} s",
    f"once that has lasted {revocations.UNREAD_FOR} s",
    f"its answer believed for {api_keys.KEPT} s",
    {600: "ten minutes at `standard`"}[STANDARD.lifetime],
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A sandbox, and the clients that the guide makes there; a sandbox has no operator whose they could be."""
    folder = tmp_path_factory.mktemp("guarded")
    with running("sandbox", "standard", "luca", "--json", "--port", "0", "--data", "d", cwd=folder) as said:
        made = []
        for line in GUIDE.commands("portvakt client create"):
            owner = said["issuers"][line[line.index("--issuer") + 1]]["users"][0]["email"]
            done = portvakt(*line[1:], "--owner", owner, "--data", "d", "--json", cwd=folder)
            assert done.code == 0, done.err
            made.append(done.json())
        yield {**said, "guards": dict(zip(("GUARD", "BOOKS"), made, strict=True))}


@pytest.fixture
def samples(told: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the samples made, run in their order."""
    for name, made in told["guards"].items():
        monkeypatch.setenv(f"{name}_CLIENT_ID", made["client_id"])
        monkeypatch.setenv(f"{name}_CLIENT_SECRET", made["client_secret"])
    seen: dict[str, Any] = {}
    for sample in GUIDE.blocks("python"):
        exec(compile(at(sample, told), GUIDE.name, "exec"), seen)
    return seen


def token(told: dict[str, Any], scope: str = "") -> str:
    issuer = told["issuers"]["standard"]
    client = {name: issuer[name] for name in ("client_id", "client_secret")}
    return connect("standard", base_url=issuer["base_url"], scope=scope, **client).get_token().value


def ask(app: Any, path: str, shown: str | None) -> tuple[int, Any]:
    headers = {} if shown is None else {"authorization": f"Bearer {shown}"}
    answer = asyncio.run(call(app, "GET", path, headers=headers))
    return answer.status, answer.json()


def test_the_samples_let_in_whom_they_say(samples: dict[str, Any], told: dict[str, Any]) -> None:
    client_id = told["issuers"]["standard"]["client_id"]
    reads, writes = token(told, "read"), token(told, "write")
    noted = {"client": client_id, "scopes": ["read"]}

    assert ask(samples["app"], "/", reads) == ask(samples["careful_app"], "/", reads) == (200, noted)
    assert ask(samples["api"], "/notes", reads) == (200, ["a note"])
    assert ask(samples["api"], "/me", writes) == (200, {"client": client_id, "subject": client_id})
    assert ask(samples["api"], "/livez", None) == (200, {"alive": True})
    assert ask(samples["graphql_app"], "/", writes) == (200, {"client": client_id, "scopes": ["write"]})
    for app, path in ((samples["app"], "/"), (samples["careful_app"], "/"), (samples["api"], "/notes")):
        assert [
            (status, said["error"]) for status, said in (ask(app, path, shown) for shown in (None, "x", writes))
        ] == [
            (401, "missing_token"),
            (401, "invalid_token"),
            (403, "insufficient_scope"),
        ]
    status, said = ask(samples["graphql_app"], "/", "x")
    assert (status, said["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")


def test_who_may_write_is_seen_in_a_resolver(samples: dict[str, Any], told: dict[str, Any]) -> None:
    class Request:
        def __init__(self, scopes: set[str]) -> None:
            verified = type("Verified", (), {"scopes": frozenset(scopes)})()
            self.scope = {"portvakt": verified}

    assert [samples["may_write"]({"request": Request(scopes)}) for scopes in ({"write"}, {"read"})] == [True, False]


def test_an_api_key_is_taken_where_the_guide_says(samples: dict[str, Any], told: dict[str, Any]) -> None:
    key = told["issuers"]["luca-test"]["api_key"]

    status, said = ask(samples["books_app"], "/", key)

    assert (status, said["scopes"]) == (200, ["accounting"])
    assert ask(samples["app"], "/", key)[0] == 401


@pytest.mark.parametrize("said", NUMBERS)
def test_a_number_in_the_guide_is_the_codes(said: str) -> None:
    assert said in GUIDE.text


def test_every_public_name_and_every_refusal_stands_in_the_guide() -> None:
    refusals = (INVALID_REQUEST, MISSING_TOKEN, INVALID_TOKEN, INSUFFICIENT_SCOPE, SERVER_ERROR)
    codes = ("UNAUTHENTICATED", "FORBIDDEN", "BAD_USER_INPUT", "INTERNAL_SERVER_ERROR")

    assert [name for name in (*room.__all__, *refusals, *codes) if f"`{name}" not in GUIDE.text] == []


def test_the_guide_names_no_command_and_no_file_that_is_not_there(tmp_path: Path) -> None:
    assert GUIDE.unknown_commands(tmp_path) == []
    assert GUIDE.dead_links() == []

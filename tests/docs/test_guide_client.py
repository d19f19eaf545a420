"""The guide to the client is executed: its samples run in their order, its numbers are the code's."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from pages import Page, at
from portvakt import client
from portvakt.client import ClientError, begun, connection, loopback, source
from portvakt.client.asking import DEADLINE
from portvakt.client.fetch import REPLY_OCTETS
from portvakt.client.token import Token
from portvakt.model.values import Secret
from portvakt.protocol.ask import timing
from portvakt.providers.breeze import BREEZE
from programs import shell

if TYPE_CHECKING:
    from pathlib import Path

GUIDE = Page("docs/guide-client.md")
ME = {"data": {"Me": {"email": "integration@example.com"}}}
NOT_INSTALLED = ["aiohttp"]

NUMBERS = [
    f"{timing.EARLY / 60:g} min before its end",
    f"in its last {timing._SKEW:g} s",
    f"{DEADLINE:g} s, for everything; without an answer it is sent up to {source.ATTEMPTS} times",
    f"{timing._FIRST_PAUSE:g} s, 2 s, 4 s, … {timing._LONGEST_PAUSE:g} s, less up to a half",
    f"as long as the server asks: {source.LONGEST_REST / 60:g} min at most",
    f"1 s at first, {source.LONGEST_REST / 60:g} min at most",
    f"`max_wait`: {connection.MAX_WAIT:g} s",
    f"{loopback.BACK_WITHIN / 60:g} min with `portvakt login`, {begun.BACK_WITHIN / 3600:g} h in a web application",
    f"{REPLY_OCTETS >> 20} MiB",
    f"(Breeze: {BREEZE.token_quota.limit if BREEZE.token_quota else 0} an hour)",
]
"""What the guide says, made from the code's own numbers."""


def missing(sample: str) -> list[str]:
    """Return the packages that a sample imports and that are not installed."""
    names = re.findall(r"^(?:import|from) (\w+)", sample, re.MULTILINE)
    return [name for name in names if find_spec(name) is None]


@pytest.mark.usefixtures("reader")
def test_the_samples_of_the_guide_run_in_their_order(sandbox: dict[str, Any]) -> None:
    seen: dict[str, Any] = {}
    not_run = []

    for sample in GUIDE.blocks("python"):
        code = compile(at(sample, sandbox), GUIDE.name, "exec")
        if missing(sample):
            not_run += missing(sample)
        else:
            exec(code, seen)

    assert not_run == NOT_INSTALLED
    held = seen["breeze"]._source.held
    seen["breeze"]._source.held = replace(held, token=Token(Secret("worn-out"), held.token.expires_at, ""))
    assert seen["post"]("{ Me { email } }").json() == ME
    assert [seen["me"], seen["older"], seen["reply"].json(), *seen["replies"]] == [ME] * 8
    assert seen["echo"]["caller"] == {"client_id": sandbox["issuers"]["standard"]["client_id"], "scopes": ["read"]}
    assert seen["seconds_to_wait"]() == 0
    assert (seen["before"].json(), seen["after"].json()) == (ME, ME)
    first, second = (seen[name].request.headers["authorization"] for name in ("before", "after"))
    assert first != second


@pytest.mark.usefixtures("reader")
def test_what_the_guide_types_at_a_shell_shows_a_token_and_calls_the_api(sandbox: dict[str, Any]) -> None:
    done = shell(at(GUIDE.block("sh", "portvakt token breeze"), sandbox))

    assert done.code == 0, done.err
    shown, _, answer = done.out.strip().rpartition("\n")
    assert f"{sandbox['base_url']}/breeze-test" in shown
    assert json.loads(answer) == ME


@pytest.mark.usefixtures("reader")
def test_the_sample_in_the_rooms_own_docstring_runs(sandbox: dict[str, Any]) -> None:
    seen: dict[str, Any] = {}
    (sample,) = re.findall(r"```python\n(.*?)```", client.__doc__ or "", re.DOTALL)

    exec(compile(at(sample, sandbox), client.__name__, "exec"), seen)

    assert seen["me"] == ME


@pytest.mark.parametrize("said", NUMBERS)
def test_a_number_in_the_guide_is_the_codes(said: str) -> None:
    assert said in GUIDE.text


@pytest.mark.parametrize("page", [GUIDE, Page("README.md")], ids=["guide", "readme"])
def test_every_function_of_the_samples_is_annotated(page: Page) -> None:
    functions = [
        node
        for sample in page.blocks("python")
        for node in ast.walk(ast.parse(sample))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]

    assert functions
    for function in functions:
        assert function.returns is not None
        assert all(one.annotation for one in (*function.args.args, *function.args.kwonlyargs))


def test_every_error_stands_in_both_tables_what_it_comes_from_and_what_to_do() -> None:
    rows = [line for line in GUIDE.text.splitlines() if line.startswith("|")]
    raised = [thing.__name__ for thing in ClientError.__subclasses__()]

    assert {name: sum(f"`{name}`" in row for row in rows) >= 2 for name in raised} == dict.fromkeys(raised, True)


def test_the_guide_names_no_command_and_no_file_that_is_not_there(tmp_path: Path) -> None:
    assert GUIDE.unknown_commands(tmp_path) == []
    assert GUIDE.dead_links() == []

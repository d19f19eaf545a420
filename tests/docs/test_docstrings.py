"""What a user's program imports is described where it is written: every public name, attribute and parameter."""

from __future__ import annotations

import functools
import inspect
import re
from typing import TYPE_CHECKING, Any

import pytest

from portvakt import client, guard

if TYPE_CHECKING:
    from types import ModuleType

NAMES = {f"{module.__name__}.{name}": (module, name) for module in (client, guard) for name in module.__all__}
MADE_BY_USERS = (client.connect, guard.Guard)


@pytest.fixture(params=NAMES)
def named(request: pytest.FixtureRequest) -> Any:
    module, name = NAMES[request.param]
    return getattr(module, name)


def members(thing: type) -> dict[str, Any]:
    """Return the public methods, properties and fields that a class itself defines."""
    return {name: member for name, member in vars(thing).items() if not name.startswith("_")}


def own_text(thing: Any) -> str:
    """Return the docstring that stands with a thing; empty if there is none, or one that Python or a parent wrote."""
    text = thing.__doc__ or ""
    return "" if text.startswith(f"{getattr(thing, '__name__', '')}(") else inspect.cleandoc(text)


def described(function: Any) -> list[str]:
    """Return the parameters that a docstring describes under "Args:"."""
    (arguments,) = re.findall(r"^Args:\n((?: +.*\n?)+)", own_text(function), re.MULTILINE)
    return re.findall(r"^    (\w+): \S", arguments, re.MULTILINE)


@pytest.mark.parametrize("module", [client, guard], ids=str)
def test_a_public_room_says_what_it_is_for_with_an_example(module: ModuleType) -> None:
    assert "```python" in own_text(module)


def test_every_public_name_has_a_docstring(named: Any) -> None:
    assert own_text(named)


def test_every_public_member_has_a_docstring_or_stands_in_that_of_its_class(named: Any) -> None:
    if not isinstance(named, type):
        return
    silent = [
        name
        for name, member in members(named).items()
        if not (isinstance(member, property | functools.cached_property) or inspect.isroutine(member))
        or not member.__doc__
    ]

    assert [name for name in silent if f"`{name}`" not in own_text(named)] == []


def test_what_an_error_carries_stands_in_its_docstring(named: Any) -> None:
    if not (isinstance(named, type) and issubclass(named, Exception) and "__init__" in vars(named)):
        return
    carried = [name for name in inspect.signature(named).parameters if name != "text"]

    assert [name for name in carried if not re.search(rf"`{name}[`.]", own_text(named))] == []


@pytest.mark.parametrize("made", MADE_BY_USERS, ids=lambda made: made.__name__)
def test_every_parameter_is_described_and_no_other(made: Any) -> None:
    assert sorted(described(made)) == sorted(inspect.signature(made).parameters)


def test_what_connect_says_of_its_lengths_has_a_unit_and_its_parameters_their_clauses() -> None:
    text = own_text(client.connect)

    assert re.search(r"max_wait: seconds\b", text)
    assert {"RFC 6749 §4.4", "RFC 6749 §3.3", "RFC 8414", "RFC 8707 §2"} <= set(
        re.findall(r"RFC \d+(?: §[\d.]*\d)?", text)
    )

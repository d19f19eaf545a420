"""The shape of JSON values: what is wrong, and where."""

from __future__ import annotations

from typing import Any

import pytest

from portvakt.wire.shape import LONGEST_NAME, MOST_FAULTS, Fault, faults_of, nearest

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^[a-z]+$"},
        "age": {"type": ["integer", "null"], "minimum": 1, "maximum": 9},
        "kind": {"type": ["string", "null"], "enum": ["x", "y", None]},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2, "uniqueItems": True},
        "some": {"type": "array", "minItems": 1},
        "least": {"type": "integer", "minimum": 0},
        "most": {"type": "integer", "maximum": 0},
        "is": {"type": "boolean"},
        "any": {},
    },
    "required": ["name"],
    "additionalProperties": False,
}


def said(**members: object) -> dict[str, str]:
    return {fault.path: fault.detail for fault in faults_of(PERSON, {"name": "a", **members})}


@pytest.mark.parametrize(
    "members",
    [{}, {"age": None}, {"age": 9}, {"kind": "x"}, {"kind": None}, {"tags": ["a", "b"]}, {"is": False}, {"any": 1.5}],
)
def test_what_has_the_shape_has_no_fault(members: dict[str, object]) -> None:
    assert said(**members) == {}


@pytest.mark.parametrize(
    ("name", "value", "detail"),
    [
        ("name", "", "must have 1 to 3 characters"),
        ("name", "abcd", "must have 1 to 3 characters"),
        ("name", "A", "must match ^[a-z]+$"),
        ("name", "a\n", "must match ^[a-z]+$"),
        ("name", None, "must be a text"),
        ("age", 0, "must be 1 to 9"),
        ("age", 10**30, "must be 1 to 9"),
        ("age", True, "must be a whole number or null"),
        ("age", 1.0, "must be a whole number or null"),
        ("kind", "z", "must be one of x, y"),
        ("tags", ["a", "a"], "has an entry twice"),
        ("tags", ["a", "b", "c"], "must have at most 2 entries"),
        ("tags", {"a": 1}, "must be a list"),
        ("some", [], "must have at least 1 entries"),
        ("least", -1, "must be at least 0"),
        ("most", 1, "must be at most 0"),
        ("is", 1, "must be true or false"),
        ("nmae", "a", "is not known here; did you mean name?"),
        ("~/", "a", "is not known here"),
    ],
)
def test_Z3_what_is_wrong_is_said_with_its_place(name: str, value: object, detail: str) -> None:
    path = "/" + name.replace("~", "~0").replace("/", "~1")

    assert said(**{name: value}) == {path: detail}


def test_what_is_missing_and_what_lies_deep_have_a_place() -> None:
    assert faults_of(PERSON, {}) == (Fault("/name", "is missing"),)
    assert faults_of({"items": PERSON}, [{"name": "a", "tags": [1]}]) == (Fault("/0/tags/0", "must be a text"),)
    assert faults_of(PERSON, []) == (Fault("", "must be an object"),)


def test_there_is_an_end_to_what_is_told() -> None:
    many = faults_of({"type": "array", "items": {"type": "string"}}, [1] * 1000)
    long = faults_of(PERSON, {"name": "a", "x" * 10_000: 1})

    assert len(many) == MOST_FAULTS
    assert long == (Fault("/" + "x" * LONGEST_NAME, "is not known here"),)


def test_an_open_object_takes_other_members() -> None:
    assert faults_of({"type": "object"}, {"x": 1}) == ()
    assert nearest("nam", {}) == ""

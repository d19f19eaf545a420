"""The document of the administration's API: what answers and what is shown are one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from portvakt.server.admin_api import OPERATIONS
from portvakt.server.admin_api_document import document
from portvakt.server.admin_api_operation import Role, Versioned
from portvakt.server.admin_api_pages import read_page_token, write_page_token
from portvakt.server.admin_api_shapes import SHAPES
from portvakt.server.settings_issuers import own_issuer

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = document(own_issuer("https://id.example"), OPERATIONS)
CHECKED = {
    "type",
    "enum",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
}
SAID = {"description", "default", "format", "$ref"}


def shapes(shape: Any) -> Iterator[dict[str, Any]]:
    """Yield a shape and all that are in it."""
    yield shape
    for inner in (*shape.get("properties", {}).values(), *([shape["items"]] if "items" in shape else [])):
        yield from shapes(inner)


def test_every_operation_stands_in_the_document_with_its_role_and_scope() -> None:
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    assert sum(len(methods) for methods in DOCUMENT["paths"].values()) == len(OPERATIONS)
    for operation in OPERATIONS:
        shown = DOCUMENT["paths"][operation.path][operation.method.lower()]
        assert shown["operationId"] == operation.name
        assert shown["x-portvakt-role"] == operation.role.name.lower()
        reads = operation.method == "GET" and operation.name != "listInvitations"
        assert ("portvakt:read" if reads else "portvakt:manage") in shown["description"]
        assert {*map(str, operation.answers), "400", "401", "403", "429", "503"} <= set(shown["responses"])
    assert {operation.role for operation in OPERATIONS} == set(Role)
    assert DOCUMENT["servers"] == [{"url": "https://id.example/admin/api/v1"}]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_what_changes_something_that_has_a_version_asks_for_it(operation: Any) -> None:
    answered = next(iter(operation.answers.values()))
    has_version = answered is not None and "version" in SHAPES[answered].get("properties", {})
    if operation.method == "PATCH":
        assert (operation.versioned is Versioned.MUST) is has_version
    if operation.reads:
        assert operation.versioned is Versioned.NO
        assert operation.body is None


def test_a_shape_says_nothing_that_is_not_checked() -> None:
    asked = [SHAPES[operation.body] for operation in OPERATIONS if operation.body is not None]
    asked += [shape for operation in OPERATIONS for shape in operation.query.values()]

    for shape in asked:
        for inner in shapes(shape):
            assert set(inner) <= CHECKED | SAID
            assert "$ref" not in inner
            assert inner.get("type") != "object" or inner["additionalProperties"] is False
            if "string" in inner.get("type", ""):
                assert {"maxLength", "enum", "pattern"} & set(inner), "a text without an end"
            if "array" in inner.get("type", ""):
                assert "maxItems" in inner


def test_every_reference_is_to_a_shape() -> None:
    for shape in SHAPES.values():
        for inner in shapes(shape):
            if "$ref" in inner:
                assert inner["$ref"].rpartition("/")[2] in SHAPES


@pytest.mark.parametrize("cursor", [["client_a"], ["æ' --", "client_a"], [17]])
def test_W5_a_page_token_is_good_for_its_list_with_its_key(cursor: list[str | int]) -> None:
    token = write_page_token(b"k" * 32, ["clients", "acme", None], cursor)

    assert read_page_token(b"k" * 32, ["clients", "acme", None], token) == cursor
    for key, of in (
        (b"x" * 32, ["clients", "acme", None]),
        (b"k" * 32, ["users", "acme", None]),
        (b"k" * 32, ["clients", "acme", "x"]),
        (b"k" * 32, ["clients", "acme"]),
    ):
        assert read_page_token(key, of, token) is None
    for forged in ("", token[:-1], token + "AA", "é", "A" * 5000, token.swapcase()):
        assert read_page_token(b"k" * 32, ["clients", "acme", None], forged) is None

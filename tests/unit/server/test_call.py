"""A reply on its way out."""

from __future__ import annotations

import sys

import pytest

from portvakt.server.call import encoded

CONSTANT = (("content-type", "application/json"), ("cache-control", "no-store"))


def test_headers_that_are_always_the_same_are_encoded_once() -> None:
    first = encoded(CONSTANT)

    assert first == ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))
    assert encoded((*CONSTANT,)) is first


@pytest.mark.parametrize("name", ["set-cookie", "location", "retry-after", "etag", "x-anything"])
def test_what_may_hold_a_cookie_or_a_code_is_not_remembered(name: str) -> None:
    value = f"a secret in {name}"
    held = sys.getrefcount(value)

    assert encoded((*CONSTANT, (name, value)))[-1] == (name.encode(), value.encode())

    assert sys.getrefcount(value) == held

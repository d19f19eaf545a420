from __future__ import annotations

import pytest

from portvakt.jose.strict_json import MAX_DEPTH, read_object


def nested(levels: int) -> bytes:
    return b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)


def test_an_object_is_read_as_it_stands() -> None:
    body = '{"iss":"https://id.example","exp":1.5,"n":[1,{"å":null}],"\\u00e5":"\\ud83d\\ude00"}'.encode()

    assert read_object(body) == {"iss": "https://id.example", "exp": 1.5, "n": [1, {"å": None}], "å": "😀"}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b'"x"', b"1", b"null", b"true", b"{}{}", b"{} x", b"{'a':1}", b'{"a":1,}', b"\xef\xbb\xbf{}",
        b'{"a":1,"a":1}', b'{"b":[{"a":1,"\\u0061":2}]}',
        b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}', b'{"a":1e999}', b'{"a":-1e999}',
        b'{"a":' + b"1" * 5000 + b"}",
        b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\\ud800"}', b'{"\\udc00":1}', b'{"a":"\x00"}',
        "{}".encode("utf-16"),
    ],
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the type is the contract
        read_object(body)


def test_objects_may_be_nested_sixteen_deep_and_no_deeper() -> None:
    assert read_object(nested(MAX_DEPTH))
    assert read_object(b'{"a":[' + b"[]," * 50 + b"[]]}")
    with pytest.raises(ValueError, match="nested too deep"):
        read_object(nested(MAX_DEPTH + 1))
    with pytest.raises(ValueError, match="nested too deep"):
        read_object(b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}")


@pytest.mark.parametrize(
    "body", [b'{"a":' * 100_000, b'{"a":' + b"[" * 100_000, b'{"a":' + b"[" * 990 + b"]" * 990 + b"}"]
)
def test_a_deep_body_is_refused_and_no_recursion_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the type is the contract
        read_object(body)

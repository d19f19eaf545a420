from __future__ import annotations

import pytest

from portvakt.wire.media import media_type, refuse_encoding
from wire_cases import is_invalid_request, refusal


@pytest.mark.parametrize(
    "value",
    [
        b"application/json",
        b"Application/JSON",
        b"application/json;charset=UTF-8",
        b"application/json; charset=utf-8",
        b"application/json ; Charset=Utf-8",
        b'application/json;\tcharset="UTF-8"',
    ],
)
def test_T6_a_content_type_is_read_in_any_letter_case_and_with_charset_utf_8(value: bytes) -> None:
    assert media_type(value) == "application/json"


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"json",
        b"application/",
        b"application/json, text/plain",
        b"application/json,application/json",
        b"application/json; text/plain",
        b"application/json;",
        b"application/json; boundary=x",
        b"application /json",
        b" application/json",
        b"application/json\n",
        b"application/json\xff",
        b"application/" + b"x" * 300,
        b"application/json" + b" " * 60_000 + b"x",
    ],
)
def test_T6_what_is_not_one_content_type_is_invalid_request(value: bytes | None) -> None:
    is_invalid_request(lambda: media_type(value))


def test_T6_another_type_is_told_apart() -> None:
    assert media_type(b"application/jsonp") == "application/jsonp"


@pytest.mark.parametrize("value", [b"multipart/form-data; boundary=x", b"MULTIPART/mixed", b"multipart/form-data"])
def test_T7_multipart_is_415(value: bytes) -> None:
    error = refusal(lambda: media_type(value))

    assert (error.code, error.status) == ("invalid_request", 415)


@pytest.mark.parametrize(
    "value",
    [
        b"application/json; charset=utf-7",
        b"application/json; charset=utf-16",
        b"application/json; charset=utf8",
        b"application/json; charset=",
        b'application/json; charset="utf-8"; charset=latin-1',
        b"application/json; charset=utf-8; charset=utf-8",
        b"application/json; charset='utf-8'",
        b'application/json; charset="utf-8',
        b"application/json; charset = utf-8",
    ],
)
def test_T17_only_utf_8_is_accepted(value: bytes) -> None:
    is_invalid_request(lambda: media_type(value))


@pytest.mark.parametrize(
    "value", [b"gzip", b"br", b"deflate, gzip", b"identity, gzip", b"x", b"", b"GZIP", b"identity,identity"]
)
def test_T18_a_content_encoding_is_415(value: bytes) -> None:
    error = refusal(lambda: refuse_encoding(value))

    assert (error.code, error.status) == ("invalid_request", 415)


@pytest.mark.parametrize("value", [None, b"identity", b"Identity"])
def test_no_content_encoding_and_identity_are_accepted(value: bytes | None) -> None:
    refuse_encoding(value)

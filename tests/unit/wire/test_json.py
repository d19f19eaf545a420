from __future__ import annotations

import pytest

from portvakt.wire.form import FIELD_LIMIT
from portvakt.wire.json import parse_json_object
from wire_cases import CANARY, is_invalid_request


def test_an_object_of_texts_is_its_members() -> None:
    body = (
        ' \r\n\t{"grant_type" : "client_credentials","navn":"Bj\u00f8rg \\u00e6 \\ud83d\\ude00 \\" \\\\" } \n'.encode()
    )

    assert parse_json_object(body) == {"grant_type": "client_credentials", "navn": 'Bjørg æ 😀 " \\'}


def test_empty_texts_and_objects_are_kept() -> None:
    assert parse_json_object(b"{}") == {}
    assert parse_json_object(b'{"scope":"","":"x"}') == {"scope": "", "": "x"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"grant_type=client_credentials&client_id=x",
        b"null",
        b"1",
        b'"text"',
        b"[]",
        b'[{"a":"b"}]',
        b'{"a":"b"}{"a":"b"}',
        b'{"a":"b"} x',
        b'{"a":"b",}',
        b'{"a":"b"',
        b"{'a':'b'}",
        b'{a:"b"}',
        b'{"a":"b" /* no */}',
        b'{"a":"tab\there"}',
        b'{"a":"\\x41"}',
        b'\xc2\xa0{"a":"b"}',
    ],
)
def test_T6_what_is_no_json_object_is_invalid_request(body: bytes) -> None:
    is_invalid_request(lambda: parse_json_object(body))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_T11_deep_json_is_invalid_request(body: bytes) -> None:
    is_invalid_request(lambda: parse_json_object(body))


@pytest.mark.parametrize(
    "number",
    ["9" * 1_000_000, "-" + "9" * 1_000_000, "0." + "9" * 1_000_000, "1e400", "-1e400", "NaN", "Infinity", "-Infinity"],
)
def test_T11_a_number_is_invalid_request_and_not_computed(number: str) -> None:
    is_invalid_request(lambda: parse_json_object(f'{{"client_id":{number}}}'.encode()), "client_id")
    is_invalid_request(lambda: parse_json_object(number.encode()))


@pytest.mark.parametrize("second", ['"a"', '"b"', '""', "1", "null"])
def test_T11_a_member_twice_is_invalid_request(second: str) -> None:
    is_invalid_request(
        lambda: parse_json_object(f'{{"client_id":"a","x":"y","client_id":{second}}}'.encode()), "client_id"
    )


def test_T11_a_member_twice_is_one_name_however_it_is_escaped() -> None:
    is_invalid_request(lambda: parse_json_object(b'{"client_id":"a","\\u0063lient_id":"a"}'), "client_id")


def test_T11_the_number_of_members_is_bounded() -> None:
    most = ",".join(f'"f{number}":""' for number in range(FIELD_LIMIT))

    assert len(parse_json_object(f"{{{most}}}".encode())) == FIELD_LIMIT
    is_invalid_request(lambda: parse_json_object(f'{{{most},"one":"more"}}'.encode()))


@pytest.mark.parametrize("name", ["client_id", "client_secret", "scope", "code", "redirect_uri"])
def test_T13_a_nul_is_invalid_request(name: str) -> None:
    is_invalid_request(lambda: parse_json_object(f'{{"a":"\\n","{name}":"{CANARY}\\u0000"}}'.encode()), name)
    is_invalid_request(lambda: parse_json_object(f'{{"{name}":"{CANARY}\0"}}'.encode()))
    is_invalid_request(lambda: parse_json_object(f'{{"{name}\\u0000":"{CANARY}"}}'.encode()))


@pytest.mark.parametrize("value", ["\\ud800", "\\udc00", "\\ud800\\ud800", "\\udc00\\ud800", "a\\ud83d"])
def test_T14_half_a_character_is_invalid_request(value: str) -> None:
    is_invalid_request(lambda: parse_json_object(f'{{"client_id":"{value}"}}'.encode()), "client_id")
    is_invalid_request(lambda: parse_json_object(f'{{"{value}":"x"}}'.encode()))


@pytest.mark.parametrize("value", [b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\xc3"])
def test_T14_bytes_that_are_no_utf_8_are_invalid_request(value: bytes) -> None:
    is_invalid_request(lambda: parse_json_object(b'{"client_id":"' + value + b'"}'))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", "1"),
        ("client_id", '["a"]'),
        ("client_id", '{"$ne":null}'),
        ("client_id", "[]"),
        ("client_id", "{}"),
        ("scope", '["a","b"]'),
        ("grant_type", "true"),
        ("grant_type", "false"),
        ("client_secret", "null"),
        ("client_secret", "0"),
    ],
)
def test_T15_what_is_no_string_is_invalid_request(name: str, value: str) -> None:
    is_invalid_request(lambda: parse_json_object(f'{{"a":"{CANARY}","{name}":{value}}}'.encode()), name)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_T17_only_utf_8_without_a_byte_order_mark_is_read(encoding: str) -> None:
    is_invalid_request(lambda: parse_json_object('{"client_id":"a"}'.encode(encoding)))

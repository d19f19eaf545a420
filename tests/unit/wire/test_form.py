from __future__ import annotations

import pytest

from portvakt.wire.form import FIELD_LIMIT, decode_component, parse_form
from wire_cases import CANARY, is_invalid_request

RESOURCE = frozenset({"resource"})


def test_a_form_is_its_names_and_values() -> None:
    assert parse_form(b"grant_type=client_credentials&scope=read+write") == {
        "grant_type": "client_credentials",
        "scope": "read write",
    }


def test_nothing_is_a_form_without_fields() -> None:
    assert parse_form(b"") == {}
    assert parse_form(b"&&") == {}
    assert parse_form(b"a=1&&b=2&") == {"a": "1", "b": "2"}


def test_empty_values_are_kept() -> None:
    assert parse_form(b"scope=&a=b") == {"scope": "", "a": "b"}


def test_only_the_first_equals_sign_separates() -> None:
    assert parse_form(b"a=b=c%3D&=x") == {"a": "b=c=", "": "x"}


def test_escapes_are_decoded_once() -> None:
    assert parse_form(b"a=%2541&b=%2B+%26") == {"a": "%41", "b": "+ &"}


def test_raw_utf_8_is_text() -> None:
    assert parse_form("navn=Bjørg&n=%C3%A9é".encode()) == {"navn": "Bjørg", "n": "éé"}


def test_an_escaped_name_is_the_same_name() -> None:
    assert parse_form(b"%63lient_id=a") == {"client_id": "a"}
    is_invalid_request(lambda: parse_form(b"client_id=a&%63lient_id=a"), "client_id")


@pytest.mark.parametrize(
    "body", [b"grant_type=a&grant_type=a", b"grant_type=a&x=1&grant_type=", b"grant_type=&grant_type="]
)
def test_T1_a_parameter_twice_is_invalid_request(body: bytes) -> None:
    is_invalid_request(lambda: parse_form(body), "grant_type")


@pytest.mark.parametrize("name", ["client_id", "scope", "code", "resource", "unknown"])
def test_T2_different_values_are_no_better(name: str) -> None:
    is_invalid_request(lambda: parse_form(f"{name}={CANARY}&{name}=b".encode()), name)


def test_T2_a_repeatable_parameter_may_repeat() -> None:
    body = b"resource=https%3A%2F%2Fa.example&scope=x&resource=&resource=https://b.example"

    assert parse_form(body, repeatable=RESOURCE) == {"resource": "https://a.example https://b.example", "scope": "x"}
    assert parse_form(b"resource=&resource=b", repeatable=RESOURCE) == {"resource": "b"}
    assert parse_form(b"resource=", repeatable=RESOURCE) == {"resource": ""}


@pytest.mark.parametrize("body", [b"resource=a+b", b"resource=a b", b"resource=a&resource=b%20c"])
def test_T2_one_value_is_not_taken_for_two(body: bytes) -> None:
    is_invalid_request(lambda: parse_form(body, repeatable=RESOURCE), "resource")


@pytest.mark.parametrize(
    "body",
    [
        b'{"grant_type":"client_credentials"}',
        b'{"client_secret":"abc="}',
        b' {"grant_type":"client_credentials"}',
        b"\xef\xbb\xbfgrant_type=client_credentials",
        b"client_credentials",
        b"a=1&" + CANARY.encode(),
    ],
)
def test_T6_what_is_no_form_is_invalid_request(body: bytes) -> None:
    is_invalid_request(lambda: parse_form(body))


def test_T10_a_semicolon_is_data() -> None:
    assert parse_form(b"client_id=x;client_secret=y") == {"client_id": "x;client_secret=y"}
    is_invalid_request(lambda: parse_form(b"a;b;" * 25_000))


def test_T10_the_number_of_fields_is_bounded() -> None:
    most = "&".join(f"f{number}=" for number in range(FIELD_LIMIT)).encode()

    assert len(parse_form(most)) == FIELD_LIMIT
    is_invalid_request(lambda: parse_form(most + b"&one=more"))
    is_invalid_request(lambda: parse_form(b"&" * FIELD_LIMIT))


@pytest.mark.parametrize("name", ["client_id", "client_secret", "scope", "code", "redirect_uri"])
@pytest.mark.parametrize("nul", ["%00", "\0"])
def test_T13_a_nul_is_invalid_request(name: str, nul: str) -> None:
    is_invalid_request(lambda: parse_form(f"a=b&{name}={CANARY}{nul}".encode()), name)


@pytest.mark.parametrize("body", [b"a%00=b", b"a\x00=b"])
def test_T13_a_nul_in_a_name_is_invalid_request(body: bytes) -> None:
    is_invalid_request(lambda: parse_form(body))


@pytest.mark.parametrize("value", ["%ff%fe", "%c0%af", "%ed%a0%80", "%f4%90%80%80", "%c3", "%80"])
def test_T14_escapes_that_are_no_utf_8_are_invalid_request(value: str) -> None:
    is_invalid_request(lambda: parse_form(f"scope={value}".encode()), "scope")
    is_invalid_request(lambda: parse_form(f"{value}=scope".encode()))


@pytest.mark.parametrize("value", [b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\xc3", b"\xc3%a9"])
def test_T14_bytes_that_are_no_utf_8_are_invalid_request(value: bytes) -> None:
    is_invalid_request(lambda: parse_form(b"scope=" + value))


@pytest.mark.parametrize("value", ["%", "%4", "%zz", "%u00e9", "% 41", "%+1", "100%", "%4%31", "%\uff11\uff11"])
def test_a_bad_escape_is_refused(value: str) -> None:
    is_invalid_request(lambda: parse_form(f"scope={value}".encode()), "scope")


@pytest.mark.parametrize("value", ["Authorization_Code", "client_credentials%20", "client_credentials%0A", ""])
def test_T16_a_value_is_neither_trimmed_nor_changed_in_case(value: str) -> None:
    assert parse_form(f"grant_type={value}".encode()) == {"grant_type": decode_component(value)}


def test_T21_a_long_scope_is_one_value() -> None:
    words = b"+".join([b"word"] * 50_000)

    assert parse_form(b"scope=" + words)["scope"].count(" ") == 49_999

from __future__ import annotations

from base64 import b64encode

import pytest

from portvakt.wire.basic import BASIC_LIMIT, authorization_scheme, parse_basic
from wire_cases import CANARY, basic, is_invalid_request


def raw(pair: bytes) -> bytes:
    return b"Basic " + b64encode(pair)


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "bAsIc", "Basic  "])
def test_the_scheme_is_read_in_any_letter_case(scheme: str) -> None:
    assert parse_basic(basic("client_a", "pvk_cs_b", scheme)) == ("client_a", "pvk_cs_b")


@pytest.mark.parametrize(
    ("value", "scheme"),
    [(b"Basic eA==", b"basic"), (b"BEARER x", b"bearer"), (b"Digest", b"digest"), (b"", b""), (b"Basicx y", b"basicx")],
)
def test_the_scheme_of_a_header_is_what_stands_before_the_space(value: bytes, scheme: bytes) -> None:
    assert authorization_scheme(value) == scheme


def test_each_half_is_form_decoded_exactly_once() -> None:
    assert parse_basic(basic("a%3Ab", "%2525+%2B%C3%B8")) == ("a:b", "%25 +ø")


def test_the_first_colon_separates() -> None:
    assert parse_basic(basic("a", "b:c:")) == ("a", "b:c:")


def test_A7_an_empty_half_is_empty() -> None:
    assert parse_basic(basic("a", "")) == ("a", "")
    assert parse_basic(basic("", "b")) == ("", "b")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Basic",
        b"Basic ",
        b"Basic\tYTpi",
        b"Bearer YTpi",
        b"Basic YTpi YTpi",
        b"Basic YTpi,",
        b" Basic YTpi",
        b"Basic YTpi ",
        b"Basic YTpi\n",
        b"Basic YTp\ni",
        b"Basic YTp",  # not a whole number of bytes
        b"Basic YTo",  # no padding
        b"Basic YTo==",  # too much of it
        b"Basic YTp=i",
        b"Basic =YTpi",
        b"Basic YTp_",  # the URL's alphabet
        b"Basic YTp-",
        b"Basic YTo!",
        b"Basic YTp=",  # stray bits: decodes as YTo= does
        b"Basic YR==",
        b"Basic YTpi\xff",
        "Basic YTpï".encode(),
    ],
)
def test_A4_loosely_encoded_credentials_are_refused(value: bytes) -> None:
    is_invalid_request(lambda: parse_basic(value))


@pytest.mark.parametrize(
    "pair",
    [
        CANARY.encode(),  # no colon
        b"a:100%",
        b"a%4:b",
        b"a:%zz",
        b"a:%ff%fe",
        b"a:%c0%af",
        b"a:\xff",
        b"\xc0\xaf:b",
        b"\xed\xa0\x80:b",
    ],
)
def test_A4_loosely_decoded_credentials_are_refused(pair: bytes) -> None:
    is_invalid_request(lambda: parse_basic(raw(pair)))


@pytest.mark.parametrize("control", ["%00", "\0", "%0A", "\r\n", "%7F", "\x1b", "%C2%85"])
def test_T13_a_control_character_is_refused(control: str) -> None:
    is_invalid_request(lambda: parse_basic(basic(f"a{control}", CANARY)))
    is_invalid_request(lambda: parse_basic(basic("a", CANARY + control)))


def test_the_header_is_bounded() -> None:
    longest = (BASIC_LIMIT - len("Basic ")) // 4 * 3

    assert parse_basic(raw(b"a:".ljust(longest, b"b")))[0] == "a"
    is_invalid_request(lambda: parse_basic(raw(b"a:".ljust(longest + 3, b"b"))))

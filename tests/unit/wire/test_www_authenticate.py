from __future__ import annotations

import pytest

from portvakt.wire.www_authenticate import BEARER_LIMIT, basic_challenge, bearer_challenge, parse_bearer
from wire_cases import CANARY, is_invalid_request


def test_a_token_endpoint_asks_for_basic_in_utf_8() -> None:
    assert basic_challenge("https://id.example/acme") == 'Basic realm="https://id.example/acme", charset="UTF-8"'


def test_an_api_without_anything_to_say_asks_for_a_bearer_token() -> None:
    assert bearer_challenge() == "Bearer"


def test_an_api_says_what_is_wrong_in_the_order_of_the_rfc() -> None:
    said = bearer_challenge(
        resource_metadata="https://api.example/.well-known/oauth-protected-resource",
        scope="read write",
        description="More is needed.",
        error="insufficient_scope",
        realm="api",
    )

    assert said == (
        'Bearer realm="api", error="insufficient_scope", error_description="More is needed.", scope="read write", '
        'resource_metadata="https://api.example/.well-known/oauth-protected-resource"'
    )


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\r\nSet-Cookie: x=y", "blåbær", "a\tb", "\x7f"])
def test_nothing_breaks_out_of_a_quoted_string(text: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        basic_challenge(text)
    with pytest.raises(ValueError, match="printable ASCII"):
        bearer_challenge(error=text)


@pytest.mark.parametrize(
    ("value", "token"),
    [
        (b"Bearer a", "a"),
        (b"bearer a", "a"),
        (b"BEARER a", "a"),
        (b"Bearer  a", "a"),
        (b"Bearer aZ09-._~+/==", "aZ09-._~+/=="),
    ],
)
def test_B1_a_bearer_token_in_any_letter_case_and_after_any_number_of_spaces(value: bytes, token: str) -> None:
    assert parse_bearer([value]) == token


@pytest.mark.parametrize("values", [[], [b"Basic YTpi"], [b""], [b"Bearerx a"], [b"DPoP a"], [b"Token a"]])
def test_B1_no_header_and_a_foreign_scheme_are_no_bearer_token(values: list[bytes]) -> None:
    assert parse_bearer(values) is None


@pytest.mark.parametrize(
    "values",
    [
        [b"Bearer a", b"Bearer a"],
        [b"Bearer a", b"Basic YTpi"],
        [b"Basic YTpi", b"Basic YTpi"],
        [b"Bearer"],
        [b"Bearer "],
        [b"Bearer  "],
        [b"Bearer a b"],
        [b"Bearer a,"],
        [b"Bearer a, Bearer " + CANARY.encode()],
        [b"Bearer a "],
        [b"Bearer \ta"],
        [b"Bearer a\n"],
        [b"Bearer a\x00"],
        [b"Bearer ="],
        [b"Bearer a=b"],
        [b'Bearer "a"'],
        [b"Bearer \xff"],
        ["Bearer blåbær".encode()],
    ],
)
def test_B1_what_is_not_one_bearer_token_is_invalid_request(values: list[bytes]) -> None:
    is_invalid_request(lambda: parse_bearer(values))


def test_B1_the_header_is_bounded() -> None:
    longest = b"Bearer ".ljust(BEARER_LIMIT, b"a")

    assert parse_bearer([longest]) == "a" * (BEARER_LIMIT - 7)
    is_invalid_request(lambda: parse_bearer([longest + b"a"]))

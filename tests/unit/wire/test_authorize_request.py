"""Authorization requests, strictly: what cannot be read for certain sends nobody anywhere."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from portvakt.wire.authorize_request import AUTHORIZE_LIMIT, STATE_CHARACTERS, read_authorize_request
from portvakt.wire.errors import WireError


def problem_of(query: bytes, body: bytes | None = None) -> WireError:
    with pytest.raises(WireError) as refused:
        read_authorize_request(query, body)
    assert refused.value.code == "invalid_request"
    assert refused.value.description.isascii()
    return refused.value


def test_an_authorization_request_is_its_parameters() -> None:
    request = read_authorize_request(
        b"client_id=a&redirect_uri=https%3A%2F%2Fb%2F%3Fc%3Dd&state=s+%26&scope=read+write&odd=1&resource=x&resource=y"
    )

    assert (request.client_id, request.redirect_uri, request.state) == ("a", "https://b/?c=d", "s &")
    assert request.parameters["scope"] == "read write"
    assert request.parameters["resource"] == "x y"
    assert request.parameters["odd"] == "1"


def test_a_posted_request_is_read_from_its_body_alone() -> None:
    assert read_authorize_request(b"", b"client_id=a").client_id == "a"
    assert problem_of(b"redirect_uri=https://evil.example", b"client_id=a").status == 400


def test_R16_a_redirect_uri_twice_or_in_two_places_is_refused() -> None:
    assert problem_of(b"client_id=a&redirect_uri=https://a&redirect_uri=https://evil").parameter == "redirect_uri"
    assert problem_of(b"client_id=a&redirect_uri=https://a&redirect%5Furi=https://evil").parameter == "redirect_uri"
    assert problem_of(b"redirect_uri=https://evil", b"client_id=a&redirect_uri=https://a").status == 400


@pytest.mark.parametrize("name", ["client_id", "state", "scope", "response_type", "code_challenge", "prompt"])
def test_R16_no_parameter_may_be_sent_twice(name: str) -> None:
    assert problem_of(f"client_id=a&{name}=x&{name}=x".encode()).parameter == name


def test_an_empty_parameter_is_one_that_was_left_out() -> None:
    request = read_authorize_request(b"client_id=a&redirect_uri=&state=&scope=")

    assert (request.redirect_uri, request.state) == (None, None)
    assert set(request.parameters) == {"client_id"}
    assert problem_of(b"client_id=").parameter == "client_id"
    assert problem_of(b"").parameter == "client_id"


@pytest.mark.parametrize(
    "query", [b"client_id=a&%ff=1", b"client_id=a&x=%ff", b"client_id=a&x=%c0%af", b"client_id=a\xff", b"client_id=%"]
)
def test_T14_what_is_not_utf_8_is_refused(query: bytes) -> None:
    assert problem_of(query).status == 400


@pytest.mark.parametrize("query", [b"client_id=a%00", b"client_id=a&state=%00", b"client_id=a\0", b"%00=a"])
def test_T13_a_nul_is_refused(query: bytes) -> None:
    assert problem_of(query).status == 400


def test_what_is_no_list_of_parameters_is_refused_without_repeating_it() -> None:
    for query in (b"client_id", b'{"client_id":"a"}', b"&".join([b"a=b"] * 101)):
        error = problem_of(query)
        assert error.parameter is None
        assert "authorization request" in error.description


def test_a_long_request_is_413() -> None:
    assert problem_of(b"client_id=a&x=" + b"y" * AUTHORIZE_LIMIT).status == 413
    assert problem_of(b"", b"client_id=a&x=" + b"y" * AUTHORIZE_LIMIT).status == 413


@pytest.mark.parametrize("state", [" ~!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}", "a" * STATE_CHARACTERS, " "])
def test_a_state_of_printable_ascii_is_kept_as_it_is(state: str) -> None:
    assert read_authorize_request(f"client_id=a&state={quote(state)}".encode()).state == state


@pytest.mark.parametrize("state", ["ø", "a\nb", "\x7f", "\t", "a" * (STATE_CHARACTERS + 1), "\u2028", "\r\n"])
def test_R17_a_state_of_anything_else_is_refused(state: str) -> None:
    assert problem_of(f"client_id=a&state={quote(state)}".encode()).parameter == "state"


def test_a_request_hides_what_it_holds() -> None:
    assert "hush" not in repr(read_authorize_request(b"client_id=a&state=hush&code_challenge=hush"))

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from portvakt.model.values import Secret
from portvakt.wire.token_request import TOKEN_BODY_LIMIT, read_shown_token, read_token_head
from wire_cases import BOTH, CANARY, FORM, JSON, STANDARD, basic, is_invalid_request, read, refusal

ASKING = b"grant_type=client_credentials"
POST = ASKING + b"&client_id=a&client_secret=b"


def test_credentials_in_the_body() -> None:
    request = read(POST + b"&scope=read+write")

    assert (request.grant_type, request.client_id, request.client_secret) == ("client_credentials", "a", Secret("b"))
    assert request.method == "client_secret_post"
    assert request.parameters == {"scope": "read write"}


def test_credentials_in_the_header() -> None:
    request = read(ASKING, authorization=basic("a", "b"))

    assert (request.grant_type, request.client_id, request.client_secret) == ("client_credentials", "a", Secret("b"))
    assert request.method == "client_secret_basic"
    assert request.parameters == {}


def test_json_says_the_same_as_a_form() -> None:
    body = json.dumps({"grant_type": "client_credentials", "client_id": "a", "client_secret": "b"}).encode()

    assert read(body, provider=BOTH, content_type=JSON) == read(POST, provider=BOTH)


def test_a_client_that_only_names_itself_has_no_method() -> None:
    request = read(ASKING + b"&client_id=a")

    assert (request.client_id, request.client_secret, request.method) == ("a", None, "none")


@pytest.mark.parametrize("body", [b"", b"client_id=a&client_secret=b", b"grant_type=&client_id=a&client_secret=b"])
def test_T16_a_missing_or_empty_grant_type_is_invalid_request(body: bytes) -> None:
    is_invalid_request(lambda: read(body), "grant_type")


@pytest.mark.parametrize("grant", ["Client_Credentials", "client_credentials ", "client_credentials\n", "unknown"])
def test_T16_an_unknown_grant_type_is_not_for_the_form_to_judge(grant: str) -> None:
    assert read(f"grant_type={quote(grant)}&client_id=a".encode()).grant_type == grant


@pytest.mark.parametrize("body", [ASKING, ASKING + b"&client_id=", ASKING + b"&client_secret=b"])
def test_a_missing_client_id_is_invalid_request(body: bytes) -> None:
    is_invalid_request(lambda: read(body), "client_id")


@pytest.mark.parametrize(
    ("body", "first"),
    [
        (b"client_id=a", "grant_type"),
        (b"", "grant_type"),
        (ASKING, "client_id"),
        (ASKING + b"&client_id=&client_secret=", "client_id"),
        (ASKING + b"&client_id=a", "client_secret"),
        (ASKING + b"&client_id=a&client_secret=", "client_secret"),
    ],
)
def test_a_provider_may_call_a_missing_secret_a_bad_request_and_the_first_missing_one_is_named(
    body: bytes, first: str
) -> None:
    is_invalid_request(lambda: read(body, provider=BOTH), first)


def test_A7_an_empty_secret_is_none() -> None:
    in_body = read(ASKING + b"&client_id=a&client_secret=")
    in_header = read(ASKING, authorization=basic("a", ""), provider=BOTH)

    assert (in_body.client_secret, in_body.method) == (None, "none")
    assert (in_header.client_secret, in_header.method) == (None, "client_secret_basic")


def test_an_empty_client_id_in_the_header_is_invalid_request() -> None:
    is_invalid_request(lambda: read(ASKING, authorization=basic("", CANARY)), "client_id")


@pytest.mark.parametrize(
    "more", [b"&client_secret=b", b"&client_secret=other", b"&client_id=a&client_secret=b", b"&client_assertion=x"]
)
@pytest.mark.parametrize("authorization", [basic("a", "b"), b"Bearer x", b"Basic !"])
def test_A2_a_second_method_is_invalid_request_even_if_both_are_right(more: bytes, authorization: bytes) -> None:
    is_invalid_request(lambda: read(ASKING + more, authorization=authorization))


def test_A2_a_secret_beside_an_assertion_is_invalid_request() -> None:
    is_invalid_request(lambda: read(POST + b"&client_assertion=x"))


def test_A2_the_same_client_id_beside_basic_is_no_second_method() -> None:
    assert read(ASKING + b"&client_id=a&client_secret=", authorization=basic("a", "b")).client_id == "a"


@pytest.mark.parametrize("other", ["b", "A", "a%20"])
def test_A2_another_client_id_beside_basic_is_invalid_request(other: str) -> None:
    body = ASKING + f"&client_id={other}".encode()

    is_invalid_request(lambda: read(body, authorization=basic("a", "b")), "client_id")


@pytest.mark.parametrize("authorization", [b"Bearer x", b"Digest username=x", b"", b"Basicx YTpi", b"DPoP x"])
@pytest.mark.parametrize("body", [ASKING, ASKING + b"&client_id=a"])
def test_another_scheme_is_invalid_client_401(authorization: bytes, body: bytes) -> None:
    error = refusal(lambda: read(body, authorization=authorization))

    assert (error.code, error.status, error.parameter) == ("invalid_client", 401, None)


def test_A4_a_malformed_basic_header_is_invalid_request() -> None:
    is_invalid_request(lambda: read(ASKING, authorization=b"Basic YTo"))


@pytest.mark.parametrize("header", [b"authorization", b"content-type"])
def test_a_header_twice_is_invalid_request(header: bytes) -> None:
    authorization = basic("a", "b")
    more = ((header, {b"authorization": authorization, b"content-type": FORM}[header]),)

    is_invalid_request(lambda: read(ASKING, authorization=authorization, more=more))


def test_T1_a_parameter_twice_is_invalid_request_even_if_empty() -> None:
    is_invalid_request(lambda: read(POST + b"&scope=&scope="), "scope")
    is_invalid_request(lambda: read(POST + b"&grant_type=client_credentials"), "grant_type")


def test_T2_resource_may_repeat() -> None:
    request = read(POST + b"&resource=https://a.example&resource=https://b.example")

    assert request.parameters == {"resource": "https://a.example https://b.example"}


def test_T3_a_secret_in_the_query_is_invalid_request() -> None:
    is_invalid_request(lambda: read(ASKING, query=f"client_id=a&client_secret={CANARY}".encode()), "client_secret")


def test_T3_any_other_query_is_ignored() -> None:
    assert read(POST, query=b"grant_type=x&client_id=z&scope=q") == read(POST)


@pytest.mark.parametrize("content_type", [JSON, b"application/jsonp", b"text/plain", None, b""])
def test_T6_a_content_type_that_the_provider_does_not_take_is_invalid_request(content_type: bytes | None) -> None:
    is_invalid_request(lambda: read(POST, content_type=content_type))


def test_T6_nothing_is_guessed_from_the_body() -> None:
    is_invalid_request(lambda: read(POST, provider=BOTH, content_type=JSON))
    is_invalid_request(lambda: read(b'{"grant_type":"client_credentials"}', provider=BOTH, content_type=FORM))


def test_T7_multipart_is_415_before_the_body_is_read() -> None:
    headers = [(b"content-type", b"multipart/form-data; boundary=x")]

    error = refusal(lambda: read_token_head(STANDARD, headers, b""))

    assert (error.code, error.status) == ("invalid_request", 415)


def test_T18_a_compressed_body_is_415() -> None:
    error = refusal(lambda: read(POST, more=((b"content-encoding", b"gzip"),)))

    assert (error.code, error.status) == ("invalid_request", 415)


def test_T19_unknown_parameters_are_kept_and_empty_ones_left_out() -> None:
    assert read(POST + b"&scope=&frobnicate=1").parameters == {"frobnicate": "1"}


@pytest.mark.parametrize("provider_and_type", [(STANDARD, FORM), (BOTH, JSON)])
def test_T21_a_body_beyond_the_limit_is_413(provider_and_type: tuple[object, bytes]) -> None:
    provider = STANDARD if provider_and_type[0] is STANDARD else BOTH

    error = refusal(lambda: read(b"x" * (TOKEN_BODY_LIMIT + 1), provider=provider, content_type=provider_and_type[1]))

    assert (error.code, error.status) == ("invalid_request", 413)


def test_T21_a_body_at_the_limit_is_read() -> None:
    assert len(read((POST + b"&scope=").ljust(TOKEN_BODY_LIMIT, b"x")).parameters["scope"]) > 65_000


@pytest.mark.parametrize(
    "same",
    [
        {"body": POST},
        {"body": POST.replace(b"client_id", b"%63lient_id")},
        {"body": ASKING, "authorization": basic("a", "b")},
        {"body": ASKING, "authorization": basic("%61", "b", "bASIC")},
    ],
)
def test_E1_one_client_is_one_client_id_however_it_is_written(same: dict[str, bytes]) -> None:
    body = same["body"]

    assert read(body, authorization=same.get("authorization")).client_id == "a"


@pytest.mark.parametrize("other", ["A", "a ", "\uff41", "a\u200b"])
def test_E1_a_look_alike_is_another_client_id(other: str) -> None:
    assert read(ASKING + f"&client_id={quote(other)}".encode()).client_id == other


def test_a_request_shows_neither_secret_nor_parameters() -> None:
    shown = repr(read(ASKING + f"&client_id=a&client_secret={CANARY}&code={CANARY}".encode()))

    assert CANARY not in shown


def test_a_shown_token_is_read_as_a_token_request_without_a_grant_type() -> None:
    sent = b"token=abc&token_type_hint=x&client_id=c&client_secret=s&grant_type=y"

    request = read_shown_token(STANDARD, (FORM.decode(), None), sent)

    assert (request.grant_type, request.client_id, request.method) == ("", "c", "client_secret_post")
    assert request.parameters["token"] == "abc"


@pytest.mark.parametrize("sent", [b"client_id=c", b"client_id=c&token="])
def test_V1_nothing_shown_is_malformed(sent: bytes) -> None:
    is_invalid_request(lambda: read_shown_token(STANDARD, (FORM.decode(), None), sent), "token")

"""Round trips through the encoders that clients use, and: a parser raises WireError or nothing."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import suppress
from ipaddress import ip_network
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, urlencode

from hypothesis import given
from hypothesis import strategies as st

from portvakt.wire.address import bucket_address, client_address
from portvakt.wire.basic import parse_basic
from portvakt.wire.errors import WireError
from portvakt.wire.form import parse_form
from portvakt.wire.issuer_url import check_issuer_url
from portvakt.wire.json import parse_json_object
from portvakt.wire.media import media_type, refuse_encoding
from portvakt.wire.query import refuse_secrets_in_query
from portvakt.wire.token_request import read_token_request
from portvakt.wire.www_authenticate import parse_bearer
from wire_cases import BOTH

if TYPE_CHECKING:
    from collections.abc import Callable

# Text as a parameter may hold it: no surrogates, no NUL.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
printable = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
fields = st.dictionaries(texts, texts, max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
)
# Bytes near to what the parsers read, which plain random bytes hardly ever are.
near = st.lists(
    st.sampled_from(
        [bytes([byte]) for byte in b'{}[]":,=&%+;\\ \t\n\0a/']
        + b"client_id grant_type client_secret resource charset=utf-8 multipart/ application/json".split()
        + [
            b"Basic ",
            b"Bearer ",
            b"YTpi",
            b"%41",
            b"%ff",
            b"\\ud800",
            b"\\u0000",
            b"\xff",
            b"\xc3\xa9",
            b"null",
            b"1e400",
        ]
    ),
    max_size=30,
).map(b"".join)
hostile = st.binary(max_size=200) | near


def description_of(parse: Callable[[bytes], object], received: bytes) -> str | None:
    try:
        parse(received)
    except WireError as error:
        return error.description
    return None


@given(fields)
def test_a_form_comes_back_as_it_was_sent(sent: dict[str, str]) -> None:
    assert parse_form(urlencode(sent).encode()) == sent
    assert parse_form(urlencode(sent, quote_via=quote).encode()) == sent


@given(fields, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_a_json_object_comes_back_as_it_was_sent(
    sent: dict[str, str], ascii_only: bool, indent: int | str | None
) -> None:
    assert parse_json_object(json.dumps(sent, ensure_ascii=ascii_only, indent=indent).encode()) == sent


@given(printable, printable)
def test_basic_credentials_come_back_as_they_were_sent(client_id: str, client_secret: str) -> None:
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}".encode()

    assert parse_basic(b"Basic " + b64encode(pair)) == (client_id, client_secret)


@given(st.from_regex(r"[A-Za-z0-9_-]+", fullmatch=True), st.from_regex(r"[A-Za-z0-9_-]+", fullmatch=True))
def test_our_own_alphabet_arrives_the_same_encoded_or_not(client_id: str, client_secret: str) -> None:
    pair = f"{client_id}:{client_secret}".encode()

    assert quote_plus(client_secret) == client_secret
    assert parse_basic(b"Basic " + b64encode(pair)) == (client_id, client_secret)


@given(st.dictionaries(st.text(max_size=10), json_values, max_size=4))
def test_an_object_with_any_other_value_is_refused(sent: dict[str, object]) -> None:
    body = json.dumps(sent).encode()

    try:
        members = parse_json_object(body)
    except WireError:
        return
    assert members == sent
    assert all(isinstance(value, str) for value in members.values())


@given(hostile)
def test_a_parser_raises_only_wire_errors(received: bytes) -> None:
    parsers: list[Callable[[bytes], object]] = [
        parse_form,
        lambda body: parse_form(body, repeatable=frozenset({"resource", "a"})),
        parse_json_object,
        parse_basic,
        media_type,
        refuse_encoding,
        refuse_secrets_in_query,
        lambda value: parse_bearer([value]),
        lambda value: parse_basic(b"Basic " + value),
        lambda value: parse_bearer([b"Bearer " + value]),
    ]
    said = [description for parse in parsers if (description := description_of(parse, received)) is not None]

    assert all(text.isascii() and text.isprintable() and not {'"', "\\"} & set(text) for text in said)


@given(
    st.sampled_from([b"application/json", b"application/x-www-form-urlencoded"]) | hostile,
    st.none() | hostile | hostile.map(lambda value: b"Basic " + b64encode(value)),
    hostile,
    hostile,
)
def test_a_token_request_is_read_or_refused_by_a_wire_error(
    content_type: bytes, authorization: bytes | None, query: bytes, body: bytes
) -> None:
    headers = [(b"content-type", content_type)]
    if authorization is not None:
        headers.append((b"authorization", authorization))

    with suppress(WireError):
        request = read_token_request(BOTH, headers, query, body)
        assert request.grant_type
        assert request.client_id
        assert all(request.parameters.values())


@given(st.text(max_size=60), st.lists(hostile, max_size=3))
def test_L3_an_address_is_always_found(peer: str, forwarded_for: list[bytes]) -> None:
    everybody = (ip_network("0.0.0.0/0"), ip_network("::/0"))

    assert isinstance(client_address(peer, forwarded_for, everybody), str)
    assert isinstance(client_address("10.0.0.1", forwarded_for, everybody), str)
    assert isinstance(bucket_address(peer), str)


@given(st.ip_addresses().map(str))
def test_a_bucket_is_its_own_bucket(address: str) -> None:
    bucket = bucket_address(address)

    assert bucket_address(bucket) == bucket
    assert bucket_address(bucket.removesuffix("/64")) == bucket


@given(st.text(max_size=80) | st.text(max_size=60).map(lambda rest: f"https://{rest}"))
def test_an_issuer_url_is_judged_and_never_raises(url: str) -> None:
    assert isinstance(check_issuer_url(url), str | None)

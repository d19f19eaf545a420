"""Redirect URIs and authorization requests: whatever is sent, nothing raises but WireError, and no answer strays."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import parse_qsl, urlencode, urlsplit

from hypothesis import assume, given
from hypothesis import strategies as st

from portvakt.wire.authorize_request import read_authorize_request
from portvakt.wire.errors import WireError
from portvakt.wire.redirect_uri import LOOPBACK_NAMES, answer_uri, check_redirect_uri, matches

PIECES = [
    "https:",
    "http:",
    "//",
    "/",
    "app.example",
    "127.0.0.1",
    "[::1]",
    "localhost",
    ":80",
    ":0",
    "@",
    "?",
    "x=1",
    "&",
    "#",
    "%2f",
    "%0d",
    "..",
    ";",
    "\\",
    "*",
    "ø",
    "com.example.app:",
    "javascript:",
    "code=x",
]
pieces = st.lists(st.sampled_from([*PIECES, " ", "\n"]), max_size=8).map("".join)
right = st.builds(
    "{}{}{}".format,
    st.sampled_from(["https://app.example", "http://127.0.0.1:80", "com.example.app:/cb", "https://[2001:db8::1]"]),
    st.sampled_from(["", "/", "/cb", "/a.b/c"]),
    st.sampled_from(["", "?", "?x=1", "?x=1&", "?x"]),
)
uris = pieces | st.text(max_size=60)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
ports = st.integers(min_value=1, max_value=65_535)


@given(uri=uris | right, public=st.booleans())
def test_R13_R14_what_may_be_registered_has_an_allowed_scheme_and_one_host(uri: str, public: bool) -> None:
    if check_redirect_uri(uri, public=public) is not None:
        return

    parts = urlsplit(uri)
    assert uri.isascii()
    assert uri.isprintable()
    assert parts.fragment == ""
    assert parts.username is parts.password is None
    if parts.scheme == "http":
        assert parts.hostname in {"127.0.0.1", "::1", "localhost"}
    elif parts.scheme != "https":
        assert public
        assert "." in parts.scheme


@given(uri=right, name=st.sampled_from(["code", "error"]), value=texts, state=texts)
def test_R17_an_answer_goes_to_the_registered_uri_and_nowhere_else(uri: str, name: str, value: str, state: str) -> None:
    assert check_redirect_uri(uri, public=True) is None

    location = answer_uri(uri, [(name, value), ("state", state)])

    assert location.isascii()
    assert location.isprintable()
    assert " " not in location
    before, after = urlsplit(uri), urlsplit(location)
    assert before[:3] == after[:3]
    assert after.query.startswith(before.query)
    assert after.fragment == ""
    said = parse_qsl(after.query, keep_blank_values=True)
    assert said[-2:] == [(name, value), ("state", state)]


@given(registered=uris | right, sent=uris | right)
def test_R1_two_texts_match_only_if_they_are_one_or_differ_in_a_loopback_port(registered: str, sent: str) -> None:
    if matches(registered, sent, any_port_on=LOOPBACK_NAMES) and registered != sent:
        ours, theirs = urlsplit(registered), urlsplit(sent)
        assert ours.scheme == theirs.scheme == "http"
        assert ours.hostname == theirs.hostname
        assert ours.hostname in {"127.0.0.1", "::1", "localhost"}
        assert ours[2:] == theirs[2:]
    assert matches(registered, sent) is (registered == sent)


@given(
    host=st.sampled_from(sorted(LOOPBACK_NAMES)), port=ports, other=ports, rest=st.sampled_from(["", "/cb", "/cb?a=b"])
)
def test_R9_R19_any_port_of_a_loopback_host_matches_any_other(host: str, port: int, other: int, rest: str) -> None:
    assert matches(f"http://{host}:{port}{rest}", f"http://{host}:{other}{rest}", any_port_on=LOOPBACK_NAMES)


@given(query=st.binary(max_size=200), body=st.none() | st.binary(max_size=200))
def test_reading_an_authorization_request_raises_nothing_but_wire_error(query: bytes, body: bytes | None) -> None:
    with suppress(WireError):
        read_authorize_request(query, body)


@given(fields=st.dictionaries(texts, texts, max_size=8), posted=st.booleans())
def test_an_authorization_request_is_read_as_it_was_written(fields: dict[str, str], posted: bool) -> None:
    assume("state" not in fields and all(" " not in value for name, value in fields.items() if name == "resource"))
    fields = {**fields, "client_id": "a"}
    written = urlencode(fields).encode()

    request = read_authorize_request(b"", written) if posted else read_authorize_request(written)

    assert request.parameters == {name: value for name, value in fields.items() if value}

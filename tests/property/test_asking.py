"""The client's and the server's half of a token request, joined without a wire; and nothing that is heard hurts."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from email.utils import format_datetime, formatdate

from hypothesis import given
from hypothesis import strategies as st

from portvakt.client.address import place
from portvakt.model.decision import Exceeded, Granted, Refused, Tokens
from portvakt.model.message import Reply, TokenRequest
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import EmptyScope, Provider
from portvakt.model.values import ClientId, Instant, Seconds, Secret
from portvakt.protocol.ask.endpoint import MetadataRefused, TokenEndpoint, documented_endpoint, read_metadata
from portvakt.protocol.ask.timing import LONGEST_WAIT, pause_after, pause_for_quota, stated_wait, windows
from portvakt.protocol.ask.token import read_token_reply, token_request
from portvakt.protocol.ask.verdict import may_repeat, says_unauthenticated
from portvakt.protocol.ask.wish import Wish
from portvakt.providers import PROVIDERS
from portvakt.providers.hear import LONGEST_LIFETIME, ReplyError
from portvakt.providers.speak import refuse_exceeded, speak
from portvakt.wire.token_request import read_token_request

ISSUER = "https://id.example/acme"
BREEZE = PROVIDERS["breeze"].api
RESET = "X-RateLimit-Reset"

providers = st.sampled_from(sorted(PROVIDERS)).map(PROVIDERS.__getitem__)
credentials = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=200)  # App. A: VSCHAR
visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1)
scopes = st.just("") | st.lists(visible, min_size=1, max_size=5).map(" ".join)
draws = st.floats(0, 1, exclude_max=True)
moments = st.integers(-(10**12), 10**12).map(Instant)


@st.composite
def endpoints(draw: st.DrawFn) -> TokenEndpoint:
    """A documented endpoint, or one whose metadata chose how to authenticate."""
    found = documented_endpoint(draw(providers), ISSUER)
    methods = st.sampled_from([found.authentication, ClientAuthentication.BASIC, ClientAuthentication.POST])
    return replace(found, authentication=draw(methods))


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    return Wish(
        client_id=draw(credentials),
        client_secret=draw(credentials.map(Secret)),
        scope=draw(scopes),
        resource=draw(st.none() | visible),
    )


@given(endpoints(), wishes())
def test_the_server_reads_what_the_client_asks(endpoint: TokenEndpoint, wish: Wish) -> None:
    request = token_request(endpoint, wish)

    headers = [(name.lower().encode(), value.encode()) for name, value in request.headers]
    read = read_token_request(endpoint.provider, headers, b"", request.body)

    wished = {"scope": wish.scope} if wish.scope else {}
    assert read == TokenRequest(
        grant_type="client_credentials",
        client_id=ClientId(wish.client_id),
        client_secret=wish.client_secret,
        method=endpoint.authentication,
        parameters=wished if wish.resource is None else wished | {"resource": wish.resource},
    )


@st.composite
def grants(draw: st.DrawFn, provider: Provider) -> Tokens:
    """Tokens that a client of its own credentials can get: they live, and there is no refresh token."""
    return Tokens(
        access_token=draw(visible.map(Secret)),
        token_type=provider.token_type,
        lifetime=draw(st.none() | st.integers(1, LONGEST_LIFETIME).map(Seconds)),
        scope=draw(st.none() | scopes),
    )


@given(st.data(), endpoints(), wishes())
def test_the_client_reads_what_the_server_grants(data: st.DataObject, endpoint: TokenEndpoint, wish: Wish) -> None:
    provider = endpoint.provider
    granted = data.draw(grants(provider))

    heard = read_token_reply(endpoint, wish, speak(provider, Granted(granted)))

    is_scope_said = "scope" in provider.reply_members and (
        granted.scope or (granted.scope == "" and provider.empty_scope is EmptyScope.EMPTY_TEXT)
    )
    lifetime = provider.lifetime if granted.lifetime is None else granted.lifetime
    assert heard == Granted(replace(granted, lifetime=lifetime, scope=granted.scope if is_scope_said else wish.scope))


@given(endpoints(), wishes(), st.integers(1, 10**9), st.integers(1, 10**9), st.integers(1, 10**9))
def test_the_client_reads_how_long_the_server_wants_it_to_wait(
    endpoint: TokenEndpoint, wish: Wish, limit: int, window: int, seconds: int
) -> None:
    said = refuse_exceeded(endpoint.provider, Exceeded(limit, Seconds(window), Seconds(seconds)))
    reply = speak(endpoint.provider, said)

    assert read_token_reply(endpoint, wish, reply) == said
    assert stated_wait(dict(reply.headers), None, Instant(0)) == min(seconds, LONGEST_WAIT)


json_values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
NAMES = ["access_token", "token_type", "expires_in", "scope", "error", "error_description", "error_descriptions"]
likely = st.sampled_from(["a.b.c", "Bearer", "3600", 3600, 0, -1, 10**30, "read", "invalid_client"])
replies = st.dictionaries(st.sampled_from(NAMES), likely | json_values).map(lambda it: json.dumps(it).encode())
types = st.sampled_from(["application/json", "text/html", "application/json; charset=\u00e9"]) | st.text(max_size=30)


@given(
    endpoints(),
    st.integers(100, 599),
    st.binary(max_size=200) | replies | json_values.map(lambda it: json.dumps(it).encode()),
    st.dictionaries(st.sampled_from(["content-type", "retry-after", "date"]), types),
)
def test_whatever_a_token_endpoint_replies_is_tokens_a_refusal_or_one_error(
    endpoint: TokenEndpoint, status: int, body: bytes, headers: dict[str, str]
) -> None:
    wish = Wish(client_id="me", client_secret=Secret("s"))
    with contextlib.suppress(ReplyError):
        heard = read_token_reply(endpoint, wish, Reply(status, tuple(headers.items()), body))

        assert isinstance(heard, Refused) or (heard.answer.lifetime or 0) > 0


@given(st.binary(max_size=200) | json_values.map(lambda it: json.dumps(it).encode()))
def test_whatever_metadata_is_it_is_refused_in_one_way(document: bytes) -> None:
    with contextlib.suppress(MetadataRefused):
        read_metadata(ISSUER, document, PROVIDERS["standard"])


urls = st.text("https://@:?#[]%.\\\u2100 \n-_~09azAZ{}<>|", max_size=40)


@given(urls | urls.map("https://".__add__) | urls.map("https://id.example".__add__) | st.text(), json_values)
def test_an_endpoint_that_metadata_may_name_is_one_that_can_be_asked(url: str, methods: object) -> None:
    for more in ({}, {"token_endpoint_auth_methods_supported": methods}):
        document = json.dumps({"issuer": ISSUER, "token_endpoint": url} | more).encode()
        with contextlib.suppress(MetadataRefused):
            found = read_metadata(ISSUER, document, PROVIDERS["standard"])
            there = place(found.url)

            assert (there.scheme, found.url) == ("https", url)
            assert found.named == ((there.host, there.port) == ("id.example", 443))


digits = st.integers(-(10**15), 10**15).map(str)
dates = st.datetimes().map(format_datetime) | moments.filter(lambda it: 0 <= it < 2 * 10**11).map(formatdate)
PARTS = ["Wed,", "21", "Oct", "2026", "07:28:00", "GMT", "-0000", "+9999", "Sunday,", "06-Nov-94", "1994", "9999999"]
halves = st.lists(st.sampled_from(PARTS), max_size=8)
values = digits | dates | halves.map(" ".join) | st.text(max_size=40)
said = st.dictionaries(st.sampled_from(["date", "retry-after", "x-ratelimit-reset"]), values)


@given(said, st.sampled_from([None, RESET]), moments)
def test_no_header_makes_a_wait_that_is_none(headers: dict[str, str], reset: str | None, now: Instant) -> None:
    wait = stated_wait(headers, reset, now)

    assert wait is None or 0.0 <= wait <= 10 * 366 * 86400


@given(said, st.dictionaries(st.sampled_from(["x-ratelimit-limit", "x-ratelimit-remaining"]), values), moments)
def test_no_header_holds_a_call_back_for_more_than_a_second(
    headers: dict[str, str], quota: dict[str, str], now: Instant
) -> None:
    assert 0.0 <= pause_for_quota(BREEZE, headers | quota, now) <= 1.0


@given(st.integers(1, LONGEST_LIFETIME).map(Seconds), draws)
def test_every_token_is_used_then_renewed_beside_its_use_then_let_go_of(lifetime: Seconds, draw: float) -> None:
    window = windows(lifetime, draw)

    assert 0 < window.renew_after < window.usable_for < lifetime


@given(st.integers(1, 10**9), draws)
def test_every_pause_is_between_half_a_second_and_thirty(failures: int, draw: float) -> None:
    assert 0.5 <= pause_after(failures, draw) <= 30


@given(st.binary(max_size=200) | json_values.map(lambda it: json.dumps(it).encode()), json_values)
def test_whatever_an_api_replies_is_a_refusal_or_not(body: bytes, errors: object) -> None:
    for reply in (body, json.dumps({"errors": errors}).encode(), json.dumps({"errors": [errors]}).encode()):
        assert says_unauthenticated(reply) in (True, False)
        assert may_repeat(BREEZE, "POST", reply, graphql=True, reply_body=body) in (True, False)

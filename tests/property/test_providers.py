"""Law 1 of the vocabulary: what a provider speaks is heard as it was said."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portvakt.model.decision import Exceeded, Granted, Refused, Tokens
from portvakt.model.message import Reply
from portvakt.model.provider import EmptyScope, Provider
from portvakt.model.values import Seconds, Secret
from portvakt.providers import PROVIDERS
from portvakt.providers.hear import LONGEST_LIFETIME, ReplyError, hear
from portvakt.providers.speak import refuse_exceeded, speak

providers = st.sampled_from(sorted(PROVIDERS)).map(PROVIDERS.__getitem__)
visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1)
secrets = visible.map(Secret)
scopes = st.lists(visible, min_size=1, max_size=5).map(" ".join)
descriptions = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"\\'), max_size=200)
codes = st.sampled_from(["invalid_request", "invalid_client", "invalid_grant", "invalid_scope", "server_error"])


@st.composite
def grants(draw: st.DrawFn, provider: Provider) -> Granted[Tokens]:
    """What a provider can say: only members that its replies have."""
    says = provider.reply_members
    empty = [st.just("")] if provider.empty_scope is EmptyScope.EMPTY_TEXT else [st.none()]
    return Granted(
        Tokens(
            access_token=draw(secrets),
            token_type=provider.token_type,
            lifetime=Seconds(draw(st.integers(0, LONGEST_LIFETIME))),
            scope=draw(st.one_of(scopes, *empty)) if "scope" in says else None,
            refresh_token=draw(st.none() | secrets) if "refresh_token" in says else None,
        )
    )


@given(st.data(), providers)
def test_tokens_are_heard_as_they_were_spoken(data: st.DataObject, provider: Provider) -> None:
    said = data.draw(grants(provider))

    heard = hear(provider, speak(provider, said))

    assert heard == said


@given(providers, codes, descriptions, st.sampled_from([400, 401, 403, 413, 415, 503]))
def test_a_refusal_is_heard_as_it_was_spoken(provider: Provider, code: str, description: str, status: int) -> None:
    said = Refused(code, description, status)

    heard = hear(provider, speak(provider, said, realm="https://id.example"))

    assert heard == said


@given(
    providers,
    st.integers(1, 10**9),
    st.sampled_from([1, 60, 3600, 86400]) | st.integers(1, 10**9),
    st.integers(1, 10**9),
)
def test_the_numbers_of_a_rate_limit_are_read_back(provider: Provider, limit: int, window: int, seconds: int) -> None:
    said = refuse_exceeded(provider, Exceeded(limit, Seconds(window), Seconds(seconds)))

    heard = hear(provider, speak(provider, said))

    assert heard == said


@given(
    providers,
    st.integers(100, 599),
    st.binary(max_size=200) | st.sampled_from([b"null", b"[]", b'{"error":1}', b"[" * 99_999]),
)
def test_whatever_comes_is_a_grant_a_refusal_or_one_error(provider: Provider, status: int, body: bytes) -> None:
    with contextlib.suppress(ReplyError):
        assert isinstance(hear(provider, Reply(status, (), body)), Granted | Refused)


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda value: value.name)
def test_a_reply_never_says_a_member_that_the_provider_does_not_have(provider: Provider) -> None:
    said = Granted(Tokens(access_token=Secret("a"), lifetime=None, scope=None))

    heard = hear(provider, speak(provider, said))

    assert isinstance(heard, Granted)
    assert heard.answer.lifetime is None
    assert heard.answer.refresh_token is None

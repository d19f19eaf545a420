"""A decision, in a provider's own words: from `Granted` or `Refused` to the bytes of its token endpoint."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from portvakt.model.decision import INVALID_CLIENT, RATE_LIMITED, SERVER_ERROR, Exceeded, Granted, Refused, Tokens
from portvakt.model.message import Reply
from portvakt.model.provider import EmptyScope
from portvakt.wire.www_authenticate import basic_challenge

if TYPE_CHECKING:
    from portvakt.model.provider import Provider
    from portvakt.model.values import Seconds

WINDOWS = {1: "second", 60: "minute", 3600: "hour", 86400: "day"}
"""How the place `{window}` is spelled; any other length is `N seconds`."""

_JSON = ("content-type", "application/json")
# RFC 6749 §5.1: "MUST include the HTTP Cache-Control response header field with a value of no-store"
NEVER_STORED = (("cache-control", "no-store"), ("pragma", "no-cache"), ("vary", "Cookie, Authorization"))
"""Headers of every answer that holds credentials, or depends on them."""

_GRANTED_HEADERS = (_JSON, *NEVER_STORED)


def speak(provider: Provider, said: Granted[Tokens] | Refused, *, realm: str = "") -> Reply:
    """Return the reply with which `provider` says it.

    The members stand in the provider's order; those that it does not have are left unsaid. `realm` goes into
    the challenge of a 401 (the issuer's URL). The body is compact JSON in ASCII.
    """
    if isinstance(said, Granted):
        return Reply(200, _GRANTED_HEADERS, _tokens_body(provider, said.answer))
    return Reply(said.status, _refused_headers(said, realm), _refused_body(provider, said))


def _tokens_body(provider: Provider, tokens: Tokens) -> bytes:
    parts = []
    for member in provider.reply_members:
        if member == "access_token":
            parts.append(f'"access_token":"{tokens.access_token.reveal()}"')  # base64url and dots need no escape
        elif member == "token_type":
            parts.append(f'"token_type":"{tokens.token_type}"')
        elif member == "expires_in" and tokens.lifetime is not None:
            parts.append(f'"expires_in":{tokens.lifetime}')
        elif member == "refresh_token" and tokens.refresh_token is not None:
            parts.append(f'"refresh_token":"{tokens.refresh_token.reveal()}"')
        elif member == "scope" and _says_scope(provider, tokens.scope):
            parts.append(f'"scope":"{tokens.scope}"')  # RFC 6749 §3.3: no `"` and no `\\` in a scope
    return ("{" + ",".join(parts) + "}").encode("ascii")


def _says_scope(provider: Provider, scope: str | None) -> bool:
    return bool(scope) or (scope == "" and provider.empty_scope is EmptyScope.EMPTY_TEXT)


def _refused_body(provider: Provider, refused: Refused) -> bytes:
    code = provider.rate_limited.code if refused.code == RATE_LIMITED else refused.code
    members = {"error": code}
    if refused.description:
        members["error_description"] = refused.description
    return json.dumps(members, separators=(",", ":")).encode("ascii")


def _refused_headers(refused: Refused, realm: str) -> tuple[tuple[str, str], ...]:
    headers: tuple[tuple[str, str], ...] = (_JSON, *NEVER_STORED)
    if refused.status == 401:  # noqa: PLR2004 - RFC 9110 §15.5.2: every 401 challenges
        headers = (*headers, ("www-authenticate", basic_challenge(realm)))
    if refused.exceeded is not None:
        headers = (*headers, *_rate_limit(refused.exceeded))
    elif refused.code == SERVER_ERROR:
        headers = (*headers, ("retry-after", "1"))
    return headers


def _rate_limit(exceeded: Exceeded) -> tuple[tuple[str, str], ...]:
    """Return when to come again (RFC 9110 §10.2.3), and which quota it was, as the HTTPAPI group drafts it."""
    return (
        ("retry-after", str(exceeded.seconds)),
        ("ratelimit-policy", f'"token";q={exceeded.limit};w={exceeded.window}'),
        ("ratelimit", f'"token";r=0;t={exceeded.seconds}'),
    )


def refuse_exceeded(provider: Provider, exceeded: Exceeded) -> Refused:
    """Return the refusal of a token request beyond its quota, with the provider's text and its numbers."""
    text = provider.rate_limited.text
    description = fill(text, exceeded)
    return Refused(RATE_LIMITED, description, 429, exceeded=exceeded, reason="the client's quota is used up")


def refuse_secret(provider: Provider, reason: str, *, expired: bool = False) -> Refused:
    """Return the refusal of a client that is not who it says, for a private `reason`.

    `expired` may only be said to one who presented the right secret: others would learn that they guessed it.
    """
    text = provider.wrong_credentials_text
    if expired and provider.expired_secret_text is not None:
        text = provider.expired_secret_text
    return Refused(INVALID_CLIENT, text, 401, reason=reason)


def fill(text: str, exceeded: Exceeded) -> str:
    """Return a provider's text with its places filled."""
    return (
        text.replace("{limit}", str(exceeded.limit))
        .replace("{window}", spell_window(exceeded.window))
        .replace("{seconds}", str(exceeded.seconds))
    )


def spell_window(window: Seconds) -> str:
    """Return how a window of that many seconds is called: `hour`, or `90 seconds`."""
    return WINDOWS.get(window, f"{window} seconds")

"""Asking for a token with the client's own credentials (RFC 6749 §4.4): the request, and what its reply means."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, urlencode

from portvakt.model.decision import Granted, Refused, Tokens
from portvakt.model.message import Reply, Request
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import Body
from portvakt.providers.hear import ReplyError, hear

if TYPE_CHECKING:
    from portvakt.model.values import Secret
    from portvakt.protocol.ask.endpoint import TokenEndpoint

_OK = 200
_JSON = re.compile(r"application/(?:[a-z0-9.-]+\+)?json", re.ASCII)

_SCOPE = re.compile(r"[\x20-\x7e]*")  # RFC 6749 §3.3, less strict: what can be shown to a reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Who asks, and for what. `scope` "": the client's default. `resource`: RFC 8707 §2."""

    client_id: str
    client_secret: Secret = field(repr=False)
    scope: str = ""
    resource: str | None = None


def token_request(endpoint: TokenEndpoint, wish: Wish) -> Request:
    """Return the request for a token, as the endpoint's provider asks for it."""
    parameters = {"grant_type": "client_credentials"}
    headers = {"Accept": "application/json", "Content-Type": endpoint.body.value}
    if endpoint.authentication is ClientAuthentication.BASIC:
        headers["Authorization"] = _basic(wish)
    else:
        parameters |= {"client_id": wish.client_id, "client_secret": wish.client_secret.reveal()}
    if wish.scope:
        parameters["scope"] = wish.scope
    if wish.resource is not None:
        parameters["resource"] = wish.resource
    body = json.dumps(parameters) if endpoint.body is Body.JSON else urlencode(parameters)
    return Request(method="POST", url=endpoint.url, headers=tuple(headers.items()), body=body.encode())


def spellings(wish: Wish) -> tuple[str, ...]:
    """Return the texts in which a request bears the client secret, longest first: a reply may repeat any of them."""
    secret = wish.client_secret.reveal()
    bare = base64.b64encode(f"{wish.client_id}:{secret}".encode()).decode()  # as a server may write it anew
    known = {secret, quote_plus(secret), quote(secret, safe=""), json.dumps(secret)[1:-1], _pair(wish), bare}
    return tuple(sorted(known, key=len, reverse=True))


def _basic(wish: Wish) -> str:
    return f"Basic {_pair(wish)}"


def _pair(wish: Wish) -> str:
    # RFC 6749 §2.3.1: each half is form-encoded before the two are joined
    pair = f"{quote_plus(wish.client_id)}:{quote_plus(wish.client_secret.reveal())}"
    return base64.b64encode(pair.encode()).decode()


def read_token_reply(endpoint: TokenEndpoint, wish: Wish, reply: Reply) -> Granted[Tokens] | Refused:
    """Return what the reply says, with a lifetime and a scope.

    What it does not state is the provider's lifetime, and the scope that was asked for (RFC 6749 §5.1).

    Raises:
        ReplyError: it is no answer of a token endpoint, or of one with which a caller can do nothing: tokens that
            are no JSON by their content type, that have ended already, or whose scope is none.
    """
    heard = hear(endpoint.provider, reply)
    if isinstance(heard, Refused):
        return heard
    media_type = dict(reply.headers).get("content-type", "").partition(";")[0].strip().lower()
    if not _JSON.fullmatch(media_type):  # RFC 6749 §5.1: "using the application/json media type"
        raise ReplyError("is not JSON, as its content type says", reply.status)
    tokens = heard.answer
    if tokens.lifetime == 0:
        raise ReplyError("has an expires_in of 0: a token that has ended", reply.status)
    if tokens.scope is not None and not _SCOPE.fullmatch(tokens.scope):
        raise ReplyError("has a scope with characters that no scope has", reply.status)
    lifetime = endpoint.provider.lifetime if tokens.lifetime is None else tokens.lifetime
    scope = wish.scope if tokens.scope is None else tokens.scope
    return Granted(replace(tokens, lifetime=lifetime, scope=scope))

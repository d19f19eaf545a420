"""Asking for a token: the request for each grant, and what its reply means."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, urlencode

from portvakt.model.decision import Granted, Refused, Tokens
from portvakt.model.message import Reply, Request
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import Body
from portvakt.providers.hear import ReplyError, hear

if TYPE_CHECKING:
    from portvakt.model.values import Secret
    from portvakt.protocol.ask.authorize import CheckedCallback
    from portvakt.protocol.ask.endpoint import TokenEndpoint
    from portvakt.protocol.ask.wish import Wish

_OK = 200
_JSON = re.compile(r"application/(?:[a-z0-9.-]+\+)?json", re.ASCII)

_SCOPE = re.compile(r"[\x20-\x7e]*")  # RFC 6749 §3.3, less strict: what can be shown to a reader


def token_request(endpoint: TokenEndpoint, wish: Wish) -> Request:
    """Return the request for a token with the client's own credentials (RFC 6749 §4.4), as its provider asks for it."""
    return _request(endpoint, wish, "client_credentials", {"scope": wish.scope} if wish.scope else {}, wish.resource)


def code_exchange(endpoint: TokenEndpoint, wish: Wish, checked: CheckedCallback) -> Request:
    """Return the request that exchanges a code (RFC 6749 §4.1.3). It is sent once: a second use would end it all."""
    expected = checked.expected
    parameters = {
        "code": checked.code.reveal(),
        "redirect_uri": expected.redirect_uri,
        "code_verifier": expected.verifier.reveal(),  # RFC 7636 §4.5
    }
    return _request(endpoint, wish, "authorization_code", parameters, expected.resource)


def refresh_request(endpoint: TokenEndpoint, wish: Wish, refresh_token: Secret, resource: str | None) -> Request:
    """Return the request for a new access token (RFC 6749 §6), with the scope that the user gave.

    For the same token it is the same request, byte for byte: a repeat may count on the same answer.
    """
    return _request(endpoint, wish, "refresh_token", {"refresh_token": refresh_token.reveal()}, resource)


def revocation_request(endpoint: TokenEndpoint, wish: Wish, token: Secret) -> Request:
    """Return the request that gives a token back (RFC 7009 §2.1). `endpoint`: as `read_revocation` returns it."""
    return _request(endpoint, wish, None, {"token": token.reveal()}, None)


def _request(
    endpoint: TokenEndpoint, wish: Wish, grant_type: str | None, more: dict[str, str], resource: str | None
) -> Request:
    parameters = {} if grant_type is None else {"grant_type": grant_type}
    headers = {"Accept": "application/json", "Content-Type": endpoint.body.value}
    if wish.client_secret is None:
        parameters["client_id"] = wish.client_id  # RFC 6749 §4.1.3, §6: a public client names itself
    elif endpoint.authentication is ClientAuthentication.BASIC:
        headers["Authorization"] = _basic(wish.client_id, wish.client_secret)
    else:
        parameters |= {"client_id": wish.client_id, "client_secret": wish.client_secret.reveal()}
    parameters |= more
    if resource is not None:
        parameters["resource"] = resource
    body = json.dumps(parameters) if endpoint.body is Body.JSON else urlencode(parameters)
    return Request(method="POST", url=endpoint.url, headers=tuple(headers.items()), body=body.encode())


def spellings(wish: Wish, *more: Secret) -> tuple[str, ...]:
    """Return the texts in which a request bears the client secret and `more`, longest first.

    A reply may repeat any of them.
    """
    known: set[str] = set()
    for secret in (one.reveal() for one in (wish.client_secret, *more) if one is not None):
        known |= {secret, quote_plus(secret), quote(secret, safe=""), json.dumps(secret)[1:-1]}
    if wish.client_secret is not None:
        as_is = f"{wish.client_id}:{wish.client_secret.reveal()}"  # as a server may write it anew
        known |= {_pair(wish.client_id, wish.client_secret), base64.b64encode(as_is.encode()).decode()}
    return tuple(sorted(known, key=len, reverse=True))


def _basic(client_id: str, client_secret: Secret) -> str:
    return f"Basic {_pair(client_id, client_secret)}"


def _pair(client_id: str, client_secret: Secret) -> str:
    # RFC 6749 §2.3.1: each half is form-encoded before the two are joined
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret.reveal())}"
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

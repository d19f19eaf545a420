"""What an API's reply says of the token that it was shown, and whether the request may be repeated with another."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from portvakt.model.provider import ApiKind, TokenCheck

if TYPE_CHECKING:
    from portvakt.model.provider import Api

UNAUTHORIZED = 401
TOO_MANY = 429
UNAUTHENTICATED = "UNAUTHENTICATED"

READ_AT_MOST = 64 * 1024
"""Octets of a GraphQL reply that are looked at: a refusal is short."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 §9.2.1
_CHANGES = re.compile(r"\b(?:mutation|subscription)\b")
_ERRORS = b'"errors"'


def is_graphql(api: Api, method: str, media_type: str, body: bytes) -> bool:
    """Whether a request is a GraphQL one, and so refused under any status: by the API's kind, else by its looks."""
    return api.kind is ApiKind.GRAPHQL or (
        method == "POST" and media_type.partition(";")[0].strip().lower() == "application/json" and b'"query"' in body
    )


def says_unauthenticated(body: bytes) -> bool:
    """Whether a GraphQL reply says that the token was not accepted, in any of its errors."""
    if len(body) > READ_AT_MOST or _ERRORS not in body:
        return False
    errors = _members(body).get("errors")
    return isinstance(errors, list) and any(_code(error) == UNAUTHENTICATED for error in errors)


def may_repeat(api: Api, method: str, request_body: bytes, *, graphql: bool, reply_body: bytes | None) -> bool:
    """Whether a request may be sent again after its token was refused.

    Yes if it changes nothing: a safe method (RFC 9110 §9.2.1), a GraphQL query. Anything else only where the
    provider looks at the token before it acts, and the reply holds no `data`, which would show that it had begun.
    `reply_body` None: it was not read, for it is no GraphQL reply.
    """
    if method in _SAFE or (graphql and _only_reads(request_body)):
        return True
    if api.token_check is not TokenCheck.BEFORE_EXECUTION:
        return False
    return reply_body is None or not graphql or "data" not in _members(reply_body)


def _only_reads(body: bytes) -> bool:
    """Whether a GraphQL request certainly is a query: it holds one, and the words of other operations nowhere.

    An empty one stands for a document that the server keeps, which may be anything.
    """
    query = _members(body).get("query")
    return isinstance(query, str) and "{" in query and _CHANGES.search(query) is None


def _members(body: bytes) -> dict[str, object]:
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}


def _code(error: object) -> object:
    extensions = error.get("extensions") if isinstance(error, dict) else None
    return extensions.get("code") if isinstance(extensions, dict) else None

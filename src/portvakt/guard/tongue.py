"""How an API says no: as RFC 6750 has it, or as a GraphQL API does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from portvakt.model.decision import INSUFFICIENT_SCOPE, INVALID_TOKEN, Refused
from portvakt.model.message import Reply
from portvakt.model.provider import ApiKind
from portvakt.wire.www_authenticate import bearer_challenge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.model.values import Seconds

MISSING_TOKEN = "missing_token"
"""Ours, and only in the body: RFC 6750 §3.1 wants no error code in the challenge where no token was shown."""

_GRAPHQL_CODES = {
    MISSING_TOKEN: "UNAUTHENTICATED",
    INVALID_TOKEN: "UNAUTHENTICATED",
    INSUFFICIENT_SCOPE: "FORBIDDEN",
}
_GRAPHQL_OTHER = {400: "BAD_USER_INPUT", 503: "INTERNAL_SERVER_ERROR"}


class Denied(Exception):
    """A request that does not get in. `reply` is what its sender is told; `refused.reason` is for the operator."""

    def __init__(self, refused: Refused, reply: Reply) -> None:
        super().__init__(f"{refused.status} {refused.code}")
        self.refused = refused
        self.reply = reply


def say(
    refused: Refused,
    kind: ApiKind,
    *,
    resource_metadata: str | None,
    needed: frozenset[str] = frozenset(),
    retry_after: Seconds | None = None,
) -> Reply:
    """Return the reply for a refusal: its status, a challenge (RFC 6750 §3), and a body in the API's own tongue.

    `needed` are the scopes that the request asks for; they are named where the token lacks one. `retry_after`
    seconds are said instead of a challenge where the fault is ours.
    """
    body = json.dumps(_body(refused, kind), separators=(",", ":"), ensure_ascii=False).encode()
    headers = [
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
        ("vary", "Authorization"),
    ]
    if retry_after is not None:
        headers.append(("retry-after", str(retry_after)))
    else:
        challenge = bearer_challenge(
            error=None if refused.code == MISSING_TOKEN else refused.code,
            scope=" ".join(sorted(needed)) if refused.code == INSUFFICIENT_SCOPE else None,
            resource_metadata=resource_metadata,  # RFC 9728 §5.1
        )
        headers.append(("www-authenticate", challenge))
    return Reply(refused.status, tuple(headers), body)


def _body(refused: Refused, kind: ApiKind) -> Mapping[str, object]:
    if kind is ApiKind.REST:
        return {"error": refused.code, "error_description": refused.description}
    code = _GRAPHQL_CODES.get(refused.code) or _GRAPHQL_OTHER[refused.status]
    return {"errors": [{"message": refused.description, "extensions": {"code": code}}]}

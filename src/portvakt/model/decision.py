"""`Granted` and `Refused`: what a decision says, and what a reply on the wire said.

A decision holds the changes that make it true. A reply that was heard holds none, so equality looks only at
what the wire can say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from portvakt.model.change import Change
    from portvakt.model.values import Seconds, Secret

AnswerT_co = TypeVar("AnswerT_co", covariant=True)

ACCESS_DENIED = "access_denied"
LOGIN_REQUIRED = "login_required"  # OpenID Connect Core §3.1.2.6, and the next two
CONSENT_REQUIRED = "consent_required"
INTERACTION_REQUIRED = "interaction_required"
INVALID_REQUEST = "invalid_request"
INVALID_CLIENT = "invalid_client"
INVALID_GRANT = "invalid_grant"
INVALID_SCOPE = "invalid_scope"
INVALID_TARGET = "invalid_target"
INVALID_TOKEN = "invalid_token"
INSUFFICIENT_SCOPE = "insufficient_scope"
UNAUTHORIZED_CLIENT = "unauthorized_client"
UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
UNSUPPORTED_RESPONSE_TYPE = "unsupported_response_type"
UNSUPPORTED_TOKEN_TYPE = "unsupported_token_type"
SERVER_ERROR = "server_error"
RATE_LIMITED = "rate_limited"
"""Ours: no RFC has a code for it. On the wire it is the provider's `rate_limited.code`."""


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A quota is used up: `limit` requests in a window of `window` seconds, which ends in `seconds` (>= 1)."""

    limit: int
    window: Seconds
    seconds: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A successful answer of a token endpoint (RFC 6749 §5.1).

    `lifetime` is `expires_in` as the reply states it; None: not stated. `scope` None: not stated, so as asked.
    """

    access_token: Secret
    lifetime: Seconds | None
    token_type: str = "Bearer"
    scope: str | None = None
    refresh_token: Secret | None = None


@dataclass(frozen=True, slots=True)
class Granted(Generic[AnswerT_co]):
    """Yes: `answer` is what is said, once `changes` are applied."""

    answer: AnswerT_co
    changes: tuple[Change, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Refused:
    r"""No. The wire gets `code`, `description` and `status`; the operator gets `reason`.

    `description` is ASCII without `"` and `\` (RFC 6749 §5.2) and never holds what a caller sent.
    `changes` are applied all the same (a replay ends a family).
    """

    code: str
    description: str = ""
    status: int = 400
    exceeded: Exceeded | None = None
    reason: str = field(default="", compare=False)
    changes: tuple[Change, ...] = field(default=(), compare=False)

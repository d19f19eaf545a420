"""From what came of a token request to the exception that a caller gets: what is wrong, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from portvakt.client.asking import Later, No, Nothing, Over
from portvakt.client.errors import BadReply, ClientError, LoginRequired, RateLimited, TokenRefused, Unreachable

if TYPE_CHECKING:
    from portvakt.client.asking import Failed

ADVICE = {
    "invalid_client": "Check client_id and client_secret, and that both belong to this environment.",
    "unauthorized_client": "This client may not ask for a token with its own credentials.",
    "invalid_scope": "Ask for no scope, or for one that this client was given.",
    "invalid_target": "The resource is none that this issuer gives tokens for.",
}


def error_of(outcome: Failed, who: str, retry_at: int, max_wait: float) -> ClientError:
    """Return the exception for an outcome that is no token. `retry_at`: Unix seconds; `max_wait`: seconds."""
    if isinstance(outcome, No):
        refused = outcome.refused
        said = f": {refused.description.rstrip('.')}" if refused.description else ""
        # Its own words know better where they say that something has ended: the credentials are right then.
        advice = "" if "expired" in said.lower() else ADVICE.get(refused.code, "")
        text = f"{who} refused to give a token ({refused.code}{said}). {advice}".rstrip()
        return TokenRefused(text, code=refused.code, description=refused.description, status=refused.status)
    if isinstance(outcome, Later):
        return too_long(f"{who} gives no more tokens", retry_at, max_wait)
    if isinstance(outcome, Nothing):
        text = f"{who} gave no token: {outcome.cause}".rstrip(".")
        if not outcome.lasting:
            text += f". It is asked again from {moment(retry_at)} on."
        return Unreachable(text, retry_at=retry_at, lasting=outcome.lasting)
    if isinstance(outcome, Over):
        return LoginRequired(f"{outcome.cause}. {outcome.advice}".rstrip())
    return BadReply(f"{who} gave no token: {outcome.cause}")


def too_long(what: str, retry_at: int, max_wait: float) -> RateLimited:
    """Return the error for a wait that is longer than `max_wait` seconds."""
    return RateLimited(f"{what} until {moment(retry_at)}: longer than max_wait, {max_wait:g} s", retry_at=retry_at)


def moment(unix: int) -> str:
    """Spell a moment for a reader."""
    try:
        return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):  # beyond what the calendar knows
        return f"Unix time {unix}"

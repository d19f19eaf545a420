"""Whether what a token or a session rests on still stands: the one question that every issuing path asks.

A thing that was disabled is disabled whatever the clock says: one that was set back enables nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portvakt.model.behalf import ApiKeyFacts, Session, Standing
    from portvakt.model.nouns import ClientFacts, User
    from portvakt.model.values import Instant


def why_not_live(standing: Standing) -> str:
    """Return why a grant gives nothing any more, for the operator; an empty text if it lives."""
    if standing.grant.revoked_at is not None:
        return "the grant was revoked"
    if standing.user.disabled_at is not None:
        return "the user is disabled"
    if standing.grant.organisation is not None:
        if standing.organisation is None or standing.organisation.disabled_at is not None:
            return "the organisation is disabled"
        if not standing.is_member:
            return "the user is no longer a member of the organisation"
    if standing.grant.scopes and not scopes_left(standing):
        return "the client lost every scope that was granted"
    return why_client_is_dead(standing.client)


def scopes_left(standing: Standing) -> tuple[str, ...]:
    """Return those of a grant's scopes that its client still has: one that was taken from it, nobody can give it."""
    return tuple(scope for scope in standing.grant.scopes if scope in standing.client.client.scopes)


def is_live(standing: Standing) -> bool:
    """Whether a grant may still give tokens: grant, user, organisation, membership, scopes, client and its owner."""
    return not why_not_live(standing)


def api_key_lives(facts: ApiKeyFacts, now: Instant) -> bool:
    """Whether an API key is good now: not revoked nor over, its user enabled, and still of its organisation."""
    key, organisation = facts.key, facts.organisation
    ended = key.revoked_at is not None or (key.expires_at is not None and now >= key.expires_at)
    if ended or facts.user.disabled_at is not None:
        return False
    if key.organisation is None:
        return True
    return organisation is not None and organisation.disabled_at is None and facts.is_member


def why_client_is_dead(facts: ClientFacts | None) -> str:
    """Return why nobody can be this client, for the operator; an empty text if somebody can."""
    if facts is None:
        return "unknown client"
    if facts.client.disabled_at is not None:
        return "the client is disabled"
    if facts.client.organisation is not None:
        dead = facts.organisation is None or facts.organisation.disabled_at is not None
        return "the client's organisation is disabled" if dead else ""
    return "the client's owner is disabled" if facts.owner.disabled_at is not None else ""


def session_lives(session: Session, user: User, now: Instant) -> bool:
    """Whether a browser is still logged in."""
    return session.revoked_at is None and now < session.expires_at and user.disabled_at is None

"""Nouns as the administration's API shows them (`admin_api_shapes`). Moments are RFC 3339 in UTC, or null."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from portvakt.model.values import Seconds
from portvakt.protocol.govern.keys import state_of
from portvakt.protocol.govern.told import disabled_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portvakt.model.behalf import Member, Session
    from portvakt.model.nouns import ClientFacts, ClientSecret, Issuer, Organisation, SigningKey, User
    from portvakt.model.provider import Quota
    from portvakt.model.values import Instant
    from portvakt.protocol.govern.secrets import NewSecret
    from portvakt.server.administering_people import Person

EXPIRING = Seconds(7 * 86_400)
"""How long before its end a secret is said to be expiring: the longest overlap of a rotation."""


def moment(at: Instant) -> str:
    """Write a moment as 2026-11-22T16:00:00Z."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _end(at: Instant | None) -> str | None:
    return None if at is None else moment(at)


def show_issuer(issuer: Issuer) -> dict[str, Any]:
    """Return an issuer."""
    return {
        "name": issuer.name,
        "url": issuer.url,
        "provider": issuer.provider.name,
        "api_url": issuer.api_url,
        "audience": issuer.audience,
        "test": issuer.test,
    }


def show_client(facts: ClientFacts, now: Instant) -> dict[str, Any]:
    """Return a client, with what may be known of its secrets."""
    client = facts.client
    return {
        "client_id": client.id,
        "issuer": client.issuer,
        "name": client.name,
        "description": client.description,
        "owner": client.owner,
        "owner_email": facts.owner.email,
        "organisation": client.organisation,
        "authentication": client.authentication.value,
        "grants": sorted(client.grants),
        "scopes": list(client.scopes),
        "default_scopes": list(client.default_scopes),
        "redirect_uris": list(client.redirect_uris),
        "token_quota": _quota(client.token_quota),
        "enabled": client.disabled_at is None,
        "disabled_by": disabled_by(client),
        "created": moment(client.created_at),
        "version": client.version,
        "secrets": [show_secret(secret, now) for secret in facts.secrets],
    }


def show_new(new: NewSecret, now: Instant) -> dict[str, Any]:
    """Return a client with its new secret: the one place where this API tells one."""
    secret = None if new.secret is None else new.secret.reveal()
    return {"client_secret": secret, **show_client(new.facts, now)}


def show_secret(secret: ClientSecret, now: Instant) -> dict[str, Any]:
    """Return what may be shown of a secret (K4: its prefix and last four characters)."""
    return {
        "id": secret.id,
        "prefix": secret.prefix,
        "last4": secret.last4,
        "created": moment(secret.created_at),
        "expires": _end(secret.expires_at),
        "revoked": _end(secret.revoked_at),
        "last_used": _end(secret.last_used_at),
        "last_used_from": secret.last_used_from,
        "state": secret_state(secret, now),
    }


def secret_state(secret: ClientSecret, now: Instant) -> str:
    """Return live, expiring (it ends within `EXPIRING`), expired or revoked."""
    if secret.revoked_at is not None:
        return "revoked"
    if secret.expires_at is None or secret.expires_at > now + EXPIRING:
        return "live"
    return "expired" if now >= secret.expires_at else "expiring"


def show_keys(keys: Sequence[SigningKey], now: Instant) -> list[dict[str, Any]]:
    """Return an issuer's keys, oldest first; the private halves are nobody's to see."""
    return [
        {
            "kid": key.id,
            "algorithm": key.algorithm.value,
            "created": moment(key.created_at),
            "signs_from": moment(key.signs_from),
            "published_until": _end(key.published_until),
            "revoked": _end(key.revoked_at),
            "state": state_of(key, keys, now).value,
        }
        for key in keys
    ]


def show_user(user: User) -> dict[str, Any]:
    """Return a user."""
    return {
        "user_id": user.id,
        "issuer": user.issuer,
        "email": user.email,
        "locale": user.locale,
        "roles": sorted(user.roles),
        "enabled": user.disabled_at is None,
        "created": moment(user.created_at),
        "version": user.version,
    }


def show_person(person: Person) -> dict[str, Any]:
    """Return a user with what they belong to."""
    memberships = [
        {
            "organisation": member.organisation.number,
            "name": member.organisation.name,
            "administrator": member.administrator,
            "since": moment(member.since),
        }
        for member in person.memberships
    ]
    return {**show_user(person.user), "has_password": person.has_password, "memberships": memberships}


def show_session(session: Session) -> dict[str, Any]:
    """Return a browser in which a user is logged in."""
    return {"session_id": session.id, "created": moment(session.created_at), "expires": moment(session.expires_at)}


def show_organisation(organisation: Organisation) -> dict[str, Any]:
    """Return an organisation."""
    return {
        "organisation": organisation.number,
        "issuer": organisation.issuer,
        "name": organisation.name,
        "enabled": organisation.disabled_at is None,
        "created": moment(organisation.created_at),
        "version": organisation.version,
    }


def show_member(member: Member) -> dict[str, Any]:
    """Return somebody who belongs to an organisation."""
    return {
        "user_id": member.user.id,
        "email": member.user.email,
        "administrator": member.administrator,
        "since": moment(member.since),
        "enabled": member.user.disabled_at is None,
    }


def _quota(quota: Quota | None) -> dict[str, int] | None:
    return None if quota is None else {"limit": quota.limit, "window": quota.window}

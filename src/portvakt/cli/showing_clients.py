"""How commands show clients and their secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portvakt.cli.outcome import say, say_json
from portvakt.cli.times import rfc3339
from portvakt.model.values import Instant, Seconds
from portvakt.protocol.govern.told import disabled_by

if TYPE_CHECKING:
    from portvakt.model.nouns import ClientFacts, ClientSecret
    from portvakt.model.provider import Quota
    from portvakt.protocol.govern.secrets import NewSecret

EXPIRING = Seconds(7 * 86_400)
"""How long before its end a secret is said to be expiring: the longest overlap of a rotation."""


def describe(facts: ClientFacts, now: Instant) -> dict[str, Any]:
    """Return a client as it is written in JSON. Moments are RFC 3339 in UTC, or null."""
    client = facts.client
    return {
        "client_id": client.id,
        "issuer": client.issuer,
        "name": client.name,
        "description": client.description,
        "owner": facts.owner.email,
        "organisation": client.organisation,
        "authentication": client.authentication.value,
        "grants": sorted(client.grants),
        "redirect_uris": list(client.redirect_uris),
        "scopes": list(client.scopes),
        "default_scopes": list(client.default_scopes),
        "token_quota": _spelled(client.token_quota),
        "enabled": client.disabled_at is None,
        "disabled_by": disabled_by(client),
        "created": rfc3339(client.created_at),
        "secrets": [describe_secret(secret, now) for secret in facts.secrets],
    }


def _spelled(quota: Quota | None) -> str | None:
    return None if quota is None else f"{quota.limit}/{quota.window}s"


def describe_secret(secret: ClientSecret, now: Instant) -> dict[str, str | None]:
    """Return what may be shown of a secret (K4: its prefix and last four characters)."""
    return {
        "id": secret.id,
        "prefix": secret.prefix,
        "last4": secret.last4,
        "created": rfc3339(secret.created_at),
        "expires": rfc3339(secret.expires_at),
        "last_used": rfc3339(secret.last_used_at),
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


def say_new(new: NewSecret, now: Instant, *, as_json: bool) -> None:
    """Write a client with its new secret: the one place where a secret leaves for the screen."""
    described = describe(new.facts, now)
    if as_json:
        revealed = {} if new.secret is None else {"client_secret": new.secret.reveal()}
        say_json({"client_id": described.pop("client_id"), **revealed, **described})
        return
    _say_fields(described)
    if new.secret is not None:
        say(f"client_secret  {new.secret.reveal()}")
        say()
        say("The secret is not shown again: keep it in a secret manager, never in code.")


def say_client(facts: ClientFacts, now: Instant, *, as_json: bool) -> None:
    """Write a client."""
    described = describe(facts, now)
    if as_json:
        say_json(described)
    else:
        _say_fields(described)


def _say_fields(described: dict[str, Any]) -> None:
    for field, value in described.items():
        if field == "secrets":
            for secret in value:
                say(f"secret         {_secret_line(secret)}")
            continue
        shown = " ".join(value) if isinstance(value, list) else {True: "yes", False: "no"}.get(value, value)
        if shown:
            say(f"{field:14} {shown}")


def _secret_line(secret: dict[str, str | None]) -> str:
    ends = f"ends {secret['expires']}" if secret["expires"] else "has no end"
    used = f"last used {secret['last_used']}" if secret["last_used"] else "not used yet (written once a minute)"
    return f"{secret['prefix']}…{secret['last4']}  {secret['state']}, {ends}, {used}  ({secret['id']})"


def usable(described: dict[str, Any]) -> str:
    """Return how many of a client's secrets work, as a cell of a table."""
    states = [secret["state"] for secret in described["secrets"]]
    works = sum(state in {"live", "expiring"} for state in states)
    return f"{works} of {len(states)} usable" if states else "none"

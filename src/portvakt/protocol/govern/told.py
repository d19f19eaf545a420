"""What the audit log tells of things: never a secret, a hash or a token."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from portvakt.model.audit import Event
from portvakt.protocol.events import ADDRESSES

if TYPE_CHECKING:
    from portvakt.model.audit import Act, Entry, Told
    from portvakt.model.behalf import ApiKey
    from portvakt.model.nouns import Client, ClientSecret, Organisation, User
    from portvakt.model.provider import Quota
    from portvakt.model.values import Instant


def tell_client(client: Client) -> Told:
    """Return the members of a client that somebody may change."""
    return {
        "name": client.name,
        "description": client.description,
        "owner": client.owner,
        "organisation": client.organisation,
        "authentication": client.authentication.value,
        "grants": tuple(sorted(client.grants)),
        "scopes": client.scopes,
        "default_scopes": client.default_scopes,
        "redirect_uris": client.redirect_uris,
        "token_quota": _tell_quota(client.token_quota),
        "enabled": client.disabled_at is None,
        "disabled_by": disabled_by(client),
    }


def disabled_by(client: Client) -> str | None:
    """Return who enables a disabled client again: "operator", or "owner", as an operator may then, too."""
    if client.disabled_at is None:
        return None
    return "operator" if client.disabled_by_operator else "owner"


def tell_secret(secret: ClientSecret) -> Told:
    """Return what may be known of a secret (K4): how it begins and ends, and when it does."""
    return {
        "prefix": secret.prefix,
        "last4": secret.last4,
        "expires": secret.expires_at,
        "revoked": secret.revoked_at,
    }


def tell_user(user: User) -> Told:
    """Return the members of a user that somebody may change, and who it is."""
    return {
        "email": user.email,
        "locale": user.locale,
        "roles": tuple(sorted(user.roles)),
        "enabled": user.disabled_at is None,
    }


def tell_organisation(organisation: Organisation) -> Told:
    """Return the members of an organisation that somebody may change."""
    return {"name": organisation.name, "enabled": organisation.disabled_at is None}


def differences(before: Told, after: Told) -> tuple[Told, Told]:
    """Return of two tellings of one thing the members that differ."""
    names = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in names}, {name: after[name] for name in names}


def without_addresses(entry: Entry) -> Entry:
    """Return a line without the addresses in it, for whoever may not know them."""
    event = entry.event
    after = {name: None if name in ADDRESSES else value for name, value in event.after.items()}
    return replace(entry, by=replace(entry.by, address=""), event=replace(event, after=after))


def of_client(
    client: Client, act: Act, now: Instant, *, what: str = "", before: Told | None = None, after: Told | None = None
) -> Event:
    """Return what happened to a client, or to what is its own (`what`)."""
    return Event(
        act=act,
        issuer=client.issuer,
        id=what or client.id,
        at=now,
        client=client.id,
        user=client.owner if client.organisation is None else None,
        organisation=client.organisation,
        before=before or {},
        after=after or {},
    )


def of_user(
    user: User, act: Act, now: Instant, *, what: str = "", before: Told | None = None, after: Told | None = None
) -> Event:
    """Return what happened to a user, or to what is their own (`what`)."""
    return Event(
        act=act,
        issuer=user.issuer,
        id=what or user.id,
        at=now,
        user=user.id,
        before=before or {},
        after=after or {},
    )


def of_organisation(
    organisation: Organisation,
    act: Act,
    now: Instant,
    *,
    user: User | None = None,
    before: Told | None = None,
    after: Told | None = None,
) -> Event:
    """Return what happened to an organisation, or to a user's belonging to it."""
    return Event(
        act=act,
        issuer=organisation.issuer,
        id=organisation.number if user is None else user.id,
        at=now,
        user=None if user is None else user.id,
        organisation=organisation.number,
        before=before or {},
        after=after or {},
    )


def tell_api_key(key: ApiKey) -> Told:
    """Return what may be known of an API key: never the key itself."""
    return {"name": key.name, "organisation": key.organisation, "expires": key.expires_at}


def of_api_key(key: ApiKey, act: Act, now: Instant, *, after: Told | None = None) -> Event:
    """Return what happened to a user's API key."""
    return Event(
        act=act,
        issuer=key.issuer,
        id=key.id,
        at=now,
        user=key.user_id,
        organisation=key.organisation,
        after=after or {},
    )


def _tell_quota(quota: Quota | None) -> str | None:
    return None if quota is None else f"{quota.limit} in {quota.window} s"

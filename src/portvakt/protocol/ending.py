"""How things end before their time: a grant, whoever ends it, and whatever else guards are told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.model.audit import Act
from portvakt.model.behalf import Ended
from portvakt.model.behalf_change import AddRevocation, RevokeFamily, RevokeGrant
from portvakt.model.change import Note
from portvakt.model.values import Instant, Seconds
from portvakt.protocol.events import of_grant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portvakt.model.behalf import Family, Grant
    from portvakt.model.change import Change
    from portvakt.model.nouns import Client, Issuer
    from portvakt.model.values import ClientId, IssuerName, KeyId, OrganisationNumber, UserId

LONGEST_LIFETIME = Seconds(86_400)
"""The most that an issuer's settings allow an access token."""

CLOCKS_DIFFER = Seconds(60)
"""How far apart clocks may be: of the nodes of a server, and, with its leeway, of a guard."""


def end_grant(issuer: Issuer, grant: Grant, now: Instant) -> tuple[Change, ...]:
    """Return what ends a grant, its codes and refresh tokens with it, and tells guards and log; nothing if it ended."""
    if grant.revoked_at is not None:
        return ()
    told = AddRevocation(issuer.name, Ended.GRANT, grant.id, _remembered(now))
    return (RevokeGrant(issuer.name, grant.id, now), told, Note(of_grant(grant, Act.GRANT_REVOKED, now)))


def end_client(issuer: IssuerName, client_id: ClientId, now: Instant) -> AddRevocation:
    """Return what has guards refuse all that a client got until now, and not what it gets once it is enabled again.

    A node whose copy or clock is not this one's may issue something a little later: that is refused, too.
    """
    return _end(issuer, Ended.CLIENT, client_id, now)


def begin_client(issuer: IssuerName, client_id: ClientId, ended_at: Instant, now: Instant) -> tuple[AddRevocation, ...]:
    """Return what has guards take what a client gets from now on, if what they were told when it ended refuses that."""
    return _begin(issuer, Ended.CLIENT, client_id, ended_at, now)


def end_client_for_good(issuer: IssuerName, client_id: ClientId, now: Instant) -> AddRevocation:
    """Return what has guards refuse whatever names a client."""
    return AddRevocation(issuer, Ended.CLIENT, client_id, _remembered(now))


def end_user(issuer: IssuerName, user_id: UserId, now: Instant) -> AddRevocation:
    """As `end_client`, for a user."""
    return _end(issuer, Ended.USER, user_id, now)


def begin_user(issuer: IssuerName, user_id: UserId, ended_at: Instant, now: Instant) -> tuple[AddRevocation, ...]:
    """As `begin_client`, for a user."""
    return _begin(issuer, Ended.USER, user_id, ended_at, now)


def end_organisation(issuer: IssuerName, number: OrganisationNumber, now: Instant) -> AddRevocation:
    """As `end_client`, for an organisation."""
    return _end(issuer, Ended.ORGANISATION, number, now)


def begin_organisation(
    issuer: IssuerName, number: OrganisationNumber, ended_at: Instant, now: Instant
) -> tuple[AddRevocation, ...]:
    """As `begin_client`, for an organisation."""
    return _begin(issuer, Ended.ORGANISATION, number, ended_at, now)


def tell_of_clients(clients: Iterable[Client], ended_at: Instant | None, now: Instant) -> tuple[AddRevocation, ...]:
    """Return what guards are told of the clients of somebody who ends now, or, since `ended_at`, begins again.

    Those that are disabled themselves do not begin again with them.
    """
    if ended_at is None:
        return tuple(end_client(one.issuer, one.id, now) for one in clients)
    live = [one for one in clients if one.disabled_at is None]
    return tuple(told for one in live for told in begin_client(one.issuer, one.id, ended_at, now))


def end_key(issuer: IssuerName, key_id: KeyId, now: Instant) -> AddRevocation:
    """Return what has guards refuse all that a key has signed, for good."""
    return AddRevocation(issuer, Ended.KEY, key_id, _remembered(now))


def _end(issuer: IssuerName, kind: Ended, name: str, now: Instant) -> AddRevocation:
    return AddRevocation(issuer, kind, name, _remembered(now), before=Instant(now + CLOCKS_DIFFER))


def _begin(issuer: IssuerName, kind: Ended, name: str, ended_at: Instant, now: Instant) -> tuple[AddRevocation, ...]:
    if now > ended_at + CLOCKS_DIFFER:
        return ()
    # What is issued from this second on is good, unless it is still the second in which this ended.
    before = Instant(max(ended_at, now - 1))
    return (AddRevocation(issuer, kind, name, _remembered(max(ended_at, now)), before),)


def _remembered(now: Instant) -> Instant:
    # Not the issuer's lifetime: what was signed before the settings lowered it lives on by the older one.
    return Instant(now + LONGEST_LIFETIME + CLOCKS_DIFFER)


def end_family(issuer: Issuer, family: Family, grant: Grant, now: Instant) -> tuple[Change, ...]:
    """Return what ends a family of refresh tokens and the grant that it came from.

    A grant has one code and so one family: without the grant's end its access tokens would live on. The grant's row
    comes first, as for whoever uses the family: two who lock rows in one order never wait for each other.
    """
    ends = end_grant(issuer, grant, now)
    if family.revoked_at is not None:
        return ends
    return (*ends[:1], RevokeFamily(issuer.name, family.id, now), *ends[1:])

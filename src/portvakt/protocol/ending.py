"""How a grant ends, whoever ends it: the user, the client, or a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.model.change import AddRevocation, RevokeFamily, RevokeGrant
from portvakt.model.values import Instant, Seconds

if TYPE_CHECKING:
    from portvakt.model.behalf import Family, Grant
    from portvakt.model.change import Change
    from portvakt.model.nouns import Issuer

CLOCKS_DIFFER = Seconds(60)
"""Guards remember a revocation so much longer than the last token lives: their clocks and leeway are their own."""


def end_grant(issuer: Issuer, grant: Grant, now: Instant) -> tuple[Change, ...]:
    """Return what ends a grant, its codes and refresh tokens with it, and tells the guards; nothing if it ended."""
    if grant.revoked_at is not None:
        return ()
    until = Instant(now + issuer.lifetime + CLOCKS_DIFFER)
    return (RevokeGrant(issuer.name, grant.id, now), AddRevocation(issuer.name, grant.id, until))


def end_family(issuer: Issuer, family: Family, grant: Grant, now: Instant) -> tuple[Change, ...]:
    """Return what ends a family of refresh tokens and the grant that it came from.

    A grant has one code and so one family: without the grant's end its access tokens would live on. The grant's row
    comes first, as for whoever uses the family: two who lock rows in one order never wait for each other.
    """
    ends = end_grant(issuer, grant, now)
    if family.revoked_at is not None:
        return ends
    return (*ends[:1], RevokeFamily(issuer.name, family.id, now), *ends[1:])

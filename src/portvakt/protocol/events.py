"""What the audit log tells of grants and of what came from them, whoever decides on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.model.audit import Event

if TYPE_CHECKING:
    from portvakt.model.audit import Act, Told
    from portvakt.model.behalf import Grant
    from portvakt.model.values import Instant

ADDRESSES = frozenset({"from", "first_from"})
"""What the log tells of an event that is an address: not everybody who may read the line may know it."""


def of_grant(grant: Grant, act: Act, now: Instant, *, what: str = "", after: Told | None = None) -> Event:
    """Return what happened to a grant, or to what came from it (`what`)."""
    return Event(
        act=act,
        issuer=grant.issuer,
        id=what or grant.id,
        at=now,
        client=grant.client_id,
        user=grant.user_id,
        organisation=grant.organisation,
        after=after or {},
    )

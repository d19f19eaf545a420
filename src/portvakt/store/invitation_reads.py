"""What the store tells of invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Integer, bindparam, select

from portvakt.model.behalf import Invitation, Purpose
from portvakt.store.asking import Asking
from portvakt.store.checks import is_digest, is_id
from portvakt.store.invitations import INVITATIONS
from portvakt.store.rows import known

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from portvakt.model.values import Instant, IssuerName, UserId

_OF_ISSUER = select(INVITATIONS).where(INVITATIONS.c.issuer == bindparam("issuer"))
_WITH_DIGEST = _OF_ISSUER.where(INVITATIONS.c.digest == bindparam("digest"))
_OF_USER = _OF_ISSUER.where(INVITATIONS.c.user_id == bindparam("id"))
_WAITING = (
    _OF_ISSUER.where(
        INVITATIONS.c.sealed.is_not(None),
        INVITATIONS.c.user_id > bindparam("after"),
        INVITATIONS.c.expires_at > bindparam("now"),
    )
    .order_by(INVITATIONS.c.user_id)
    .limit(bindparam("limit", type_=Integer))
)


class Invitations(Asking):
    """The reads of invitations. Each may raise StoreUnavailable."""

    async def invitation(self, issuer: IssuerName, digest: bytes) -> Invitation | None:
        """The invitation of a link, also once it has expired; None if it was used or a newer one took its place."""
        if not (is_id(issuer) and is_digest(digest)):
            return None
        found = await self._read("read an invitation", _WITH_DIGEST, issuer=issuer, digest=digest)
        return _invitation_from(found[0]) if found else None

    async def invitation_of(self, issuer: IssuerName, user_id: UserId) -> Invitation | None:
        """A user's invitation."""
        if not (is_id(issuer) and is_id(user_id)):
            return None
        found = await self._read("read an invitation", _OF_USER, issuer=issuer, id=user_id)
        return _invitation_from(found[0]) if found else None

    async def waiting_invitations(
        self, issuer: IssuerName, now: Instant, after: UserId | None, limit: int
    ) -> list[Invitation]:
        """The next invitations by user id whose link was not sent and has not expired."""
        if limit < 1:
            raise ValueError("a page has at least 1 row")
        if not is_id(issuer) or not (after is None or is_id(after)):
            return []
        found = await self._read("list invitations", _WAITING, issuer=issuer, now=now, after=after or "", limit=limit)
        return [_invitation_from(row) for row in found]


def _invitation_from(row: Mapping[Any, Any]) -> Invitation:
    return Invitation(
        issuer=row["issuer"],
        user_id=row["user_id"],
        digest=bytes(row["digest"]),
        purpose=known(Purpose, row["purpose"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        sealed=None if row["sealed"] is None else bytes(row["sealed"]),
    )

"""What those who administer do about an issuer's signing keys: operators alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portvakt.model.audit import NOBODY
from portvakt.model.decision import Refused
from portvakt.protocol.govern.actor import AT_THE_COMMAND_LINE, may_everything
from portvakt.server import keys
from portvakt.server.refusal import Refusal

if TYPE_CHECKING:
    from portvakt.model.audit import By
    from portvakt.model.nouns import Issuer, SigningKey
    from portvakt.protocol.govern.actor import Actor
    from portvakt.server.clock import Clock
    from portvakt.store import Store

_NOT_YOURS = Refused("access_denied", "Only an operator administers signing keys.", 403)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeys:
    """The keys of one issuer. `sealing` seals their private halves; `actor` and `by` are as for `Clients`.

    Methods may raise Refusal and StoreUnavailable.
    """

    issuer: Issuer
    store: Store
    clock: Clock
    sealing: bytes = field(repr=False)
    actor: Actor = AT_THE_COMMAND_LINE
    by: By = NOBODY

    async def every(self) -> tuple[SigningKey, ...]:
        """Return the keys, oldest first; the first is made now if there is none."""
        self._check_actor()
        await keys.ensure_key(self.store, self.issuer, key=self.sealing, clock=self.clock)
        return await self.store.signing_keys(self.issuer.name)

    async def rotate(self) -> tuple[SigningKey, ...]:
        """Publish a successor of the newest key; it signs once every key set cached before has run out."""
        self._check_actor()
        rotated = await keys.rotate(self.store, self.issuer, key=self.sealing, clock=self.clock, by=self.by)
        if isinstance(rotated, Refused):
            raise Refusal(rotated)
        return rotated

    async def revoke(self, key_id: str) -> tuple[SigningKey, ...]:
        """End a key that somebody else may have: nothing that it signed is good any more. 404: there is no such key."""
        self._check_actor()
        revoked = await keys.revoke(self.store, self.issuer, key_id, key=self.sealing, clock=self.clock, by=self.by)
        if isinstance(revoked, Refused):
            raise Refusal(revoked)
        return revoked

    def _check_actor(self) -> None:
        if not may_everything(self.actor, self.issuer.name):
            raise Refusal(_NOT_YOURS)

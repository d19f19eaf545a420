"""The keys of an issuer in this same process, ready to verify with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.jose.keys import read_public_jwk
from portvakt.protocol.govern.keys import published_keys

if TYPE_CHECKING:
    from portvakt.jose.keys import PublicKey
    from portvakt.model.nouns import Issuer, SigningKey
    from portvakt.model.values import KeyId
    from portvakt.server.clock import Clock
    from portvakt.server.copy import Copy


class OwnKeys:
    """What a guard, or the issuer itself, verifies the issuer's tokens with."""

    def __init__(self, issuer: Issuer, copy: Copy, clock: Clock) -> None:
        self._issuer = issuer
        self._copy = copy
        self._clock = clock
        self._rows: tuple[SigningKey, ...] = ()
        self._keys: tuple[PublicKey, ...] = ()
        self._all: dict[KeyId, PublicKey] = {}

    async def every(self) -> tuple[PublicKey, ...]:
        """Return all keys that were not revoked: what they signed may have no end (a personal API key)."""
        rows = [row for row in await self._copy.keys(self._issuer.name) if row.revoked_at is None]
        self._all |= {row.id: read_public_jwk(row.public_jwk) for row in rows if row.id not in self._all}
        return tuple(self._all[row.id] for row in rows)

    async def keys(self) -> tuple[PublicKey, ...]:
        """Return the keys that are published now: the same tuple while nothing changed."""
        published = published_keys(await self._copy.keys(self._issuer.name), self._clock())
        if published != self._rows:
            self._rows = published
            self._keys = tuple(read_public_jwk(row.public_jwk) for row in published)
        return self._keys

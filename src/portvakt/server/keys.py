"""Making signing keys: generated off the loop, decided by `govern`, raced safely by any number of nodes."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from portvakt.jose.keys import generate
from portvakt.jose.sealing import NONCE_OCTETS
from portvakt.model.audit import NOBODY
from portvakt.model.decision import Granted, Refused
from portvakt.protocol.govern.keys import first_key, rotate_keys
from portvakt.server.act import act

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portvakt.model.audit import By
    from portvakt.model.nouns import Issuer, SigningKey
    from portvakt.server.clock import Clock
    from portvakt.store import Store


async def ensure_key(store: Store, issuer: Issuer, *, key: bytes, clock: Clock) -> None:
    """Give the issuer its first key if it has none. Of many nodes at once, one makes it and all sign with it.

    Raises:
        portvakt.store.StoreUnavailable: the database does not answer.
    """
    if not await store.signing_keys(issuer.name):
        await _with_new_pair(store, issuer, key=key, clock=clock, first=True)


async def rotate(
    store: Store, issuer: Issuer, *, key: bytes, clock: Clock, by: By = NOBODY
) -> tuple[SigningKey, ...] | Refused:
    """Publish a successor of the issuer's newest key, and return all keys. See `govern.keys.rotate_keys`.

    `by`: who does it, for the audit log.

    Raises:
        portvakt.store.StoreUnavailable: the database does not answer.
    """
    await ensure_key(store, issuer, key=key, clock=clock)
    decision = await _with_new_pair(store, issuer, key=key, clock=clock, first=False, by=by)
    return decision if isinstance(decision, Refused) else decision.answer


async def _with_new_pair(
    store: Store, issuer: Issuer, *, key: bytes, clock: Clock, first: bool, by: By = NOBODY
) -> Granted[tuple[SigningKey, ...]] | Refused:
    pair = await asyncio.to_thread(generate, issuer.algorithm)
    nonce = os.urandom(NONCE_OCTETS)
    decide_on = first_key if first else rotate_keys

    async def load() -> Sequence[SigningKey]:
        return await store.signing_keys(issuer.name)

    def decide(keys: Sequence[SigningKey]) -> Granted[tuple[SigningKey, ...]] | Refused:
        return decide_on(issuer, keys, pair, key=key, nonce=nonce, now=clock())

    return await act(store, load, decide, by)

"""Secrets that are rotated by many at once, from two nodes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from administering import make_client
from builders import NOW
from issuing import INSTALLATION, STANDARD
from portvakt.jose.sealing import derive
from portvakt.model.values import Seconds
from portvakt.protocol.credentials import digest
from portvakt.protocol.govern.secrets import LIVE_SECRETS, lives
from portvakt.server.act import Contended
from portvakt.server.administration import Administration
from portvakt.server.purposes import PEPPER
from portvakt.server.refusal import Refusal
from portvakt.store import StoreUnavailable

if TYPE_CHECKING:
    from portvakt.protocol.govern.secrets import NewSecret
    from portvakt.store import Store


async def test_Z6_of_a_hundred_rotations_at_once_each_gives_a_secret_that_is_kept_or_says_no(
    store: Store, another_store: Store
) -> None:
    nodes = [Administration(each, INSTALLATION, clock=lambda: NOW) for each in (store, another_store)]
    made = await make_client(nodes[0], STANDARD, name="Rotated", owner_email="owner@example.com")
    client_id = made.facts.client.id

    async def rotate(number: int) -> NewSecret | int:
        try:
            return await nodes[number % 2].clients(STANDARD).rotate_secret(client_id, grace=Seconds(3600))
        except Refusal as refusal:
            return refusal.refused.status
        except Contended:
            return 409
        except StoreUnavailable:  # 503: so many wait on a machine that is busy
            return 503

    outcomes = await asyncio.gather(*(rotate(number) for number in range(100)))

    given = [made, *(one for one in outcomes if not isinstance(one, int))]
    assert {one for one in outcomes if isinstance(one, int)} <= {400, 409, 503}
    assert 2 <= len(given) <= LIVE_SECRETS
    facts = await another_store.client_facts(STANDARD.name, client_id)
    assert facts is not None
    kept = {secret.digest for secret in facts.secrets if lives(secret, NOW)}
    pepper = derive(INSTALLATION, PEPPER)
    assert {digest(pepper, one.secret) for one in given if one.secret is not None} <= kept
    assert len(facts.secrets) <= LIVE_SECRETS

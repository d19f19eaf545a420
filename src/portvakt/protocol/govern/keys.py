"""Decisions about signing keys: the first one, and rotation with overlap.

A key is published before it signs, for longer than anybody may cache the key set, and after it has signed, for
longer than its last token lives. So nobody who follows the cache rules ever meets a key that they cannot find.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from portvakt.jose.keys import to_private_bytes
from portvakt.jose.sealing import place, seal
from portvakt.model.audit import Act, Event
from portvakt.model.change import AddKey, Note, RetireKey
from portvakt.model.decision import INVALID_REQUEST, Granted, Refused
from portvakt.model.nouns import SigningKey
from portvakt.model.provider import TokenHeader
from portvakt.model.values import Instant, Seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portvakt.jose.keys import KeyPair
    from portvakt.model.nouns import Issuer

KEY_SET_MAX_AGE = Seconds(300)
"""Seconds that a key set may be cached; half of the overlap."""

OVERLAP = Seconds(2 * KEY_SET_MAX_AGE)
"""Seconds that a new key is published before it signs, and an old one beyond the life of its last token."""

CURRENT_KEYS = 4
"""How many keys a verifier tries for a token that names none; no more are published at once."""


class KeyState(StrEnum):
    """What a key is for."""

    NEXT = "next"  # published, and signs once its turn has come
    SIGNING = "signing"
    RETIRED = "retired"  # what it signed may still be good


def first_key(
    issuer: Issuer, keys: Sequence[SigningKey], pair: KeyPair, *, key: bytes, nonce: bytes, now: Instant
) -> Granted[tuple[SigningKey, ...]]:
    """Decide on the issuer's first key, which signs at once; one that has a key keeps what it has."""
    if keys:
        return Granted(tuple(keys))
    first = _row(issuer, 1, pair, key=key, nonce=nonce, now=now, signs_from=now)
    return Granted((first,), (AddKey(first),))


def rotate_keys(
    issuer: Issuer, keys: Sequence[SigningKey], pair: KeyPair, *, key: bytes, nonce: bytes, now: Instant
) -> Granted[tuple[SigningKey, ...]] | Refused:
    """Decide on a successor of the issuer's newest key: published now, signing after `OVERLAP`.

    Refused while another successor waits for its turn, and where more than `CURRENT_KEYS` would be published
    for tokens that do not name their key.
    """
    newest = keys[-1]
    if newest.signs_from > now:
        return Refused(INVALID_REQUEST, "A new key is published and waits for its turn to sign.", reason="rotating")
    published = published_keys(keys, now)
    nameless = issuer.provider.token_header is TokenHeader.BARE_JWT
    if nameless and len(published) >= CURRENT_KEYS:
        text = (
            f"{CURRENT_KEYS} keys are published, the most for tokens that do not name their key. Wait for one to end."
        )
        return Refused(INVALID_REQUEST, text, reason="too many keys")
    signs_from = Instant(now + OVERLAP)
    successor = _row(issuer, newest.number + 1, pair, key=key, nonce=nonce, now=now, signs_from=signs_from)
    end = Instant(signs_from + issuer.lifetime + OVERLAP)
    retire = RetireKey(issuer.name, newest.id, end)
    retired = replace(newest, published_until=end)
    told = {"number": successor.number, "algorithm": successor.algorithm.value, "signs_from": signs_from}
    note = Note(Event(act=Act.KEY_ROTATED, issuer=issuer.name, id=successor.id, at=now, after=told))
    return Granted((*keys[:-1], retired, successor), (retire, AddKey(successor), note))


def published_keys(keys: Sequence[SigningKey], now: Instant) -> tuple[SigningKey, ...]:
    """Return the keys that stand in the key set at `now`, oldest first."""
    return tuple(key for key in keys if key.published_until is None or now < key.published_until)


def signing_key(keys: Sequence[SigningKey], now: Instant) -> SigningKey:
    """Return the key that signs at `now`: the newest whose turn has come; the oldest if the clock went back."""
    return next((key for key in reversed(keys) if key.signs_from <= now), keys[0])


def state_of(key: SigningKey, keys: Sequence[SigningKey], now: Instant) -> KeyState:
    """Return what one of an issuer's `keys` is for at `now`."""
    signs = signing_key(keys, now)
    if key.id == signs.id:
        return KeyState.SIGNING
    return KeyState.RETIRED if key.number < signs.number else KeyState.NEXT


def _row(
    issuer: Issuer, number: int, pair: KeyPair, *, key: bytes, nonce: bytes, now: Instant, signs_from: Instant
) -> SigningKey:
    return SigningKey(
        id=pair.kid,
        issuer=issuer.name,
        number=number,
        algorithm=pair.algorithm,
        public_jwk=pair.public_jwk,
        sealed=seal(key, to_private_bytes(pair), place(issuer.name, pair.kid), nonce),
        created_at=now,
        signs_from=signs_from,
    )

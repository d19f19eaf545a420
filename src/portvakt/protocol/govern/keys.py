"""Decisions about signing keys: the first one, rotation with overlap, and the end of one that somebody else may have.

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
from portvakt.model.change import AddKey, Note, RetireKey, RevokeKey
from portvakt.model.decision import INVALID_REQUEST, Granted, Refused
from portvakt.model.nouns import SigningKey
from portvakt.model.provider import TokenHeader
from portvakt.model.values import Instant, Seconds
from portvakt.protocol.ending import end_key
from portvakt.protocol.govern.actor import not_found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portvakt.jose.keys import KeyPair
    from portvakt.model.change import Change
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
    REVOKED = "revoked"  # nothing that it signed is good


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
    newest = _live(keys)[-1]
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
    successor = _row(issuer, keys[-1].number + 1, pair, key=key, nonce=nonce, now=now, signs_from=signs_from)
    retired, retire = _retired(issuer, newest, signs_from)
    shown = tuple(retired if one is newest else one for one in keys)
    return Granted((*shown, successor), (retire, AddKey(successor), _rotated(successor, now)))


def revoke_key(
    issuer: Issuer, keys: Sequence[SigningKey], key_id: str, pair: KeyPair, *, key: bytes, nonce: bytes, now: Instant
) -> Granted[tuple[SigningKey, ...]] | Refused:
    """Decide that nothing that a key signed is good any more, and tell the guards; one that is revoked stays so.

    In the place of one that signs, a new key signs at once, as guards fetch the set anew for a key that they do not
    know; a successor that waited never signs, since whoever has the one may have the other. In the place of one that
    waits, a new one does. So the newest that is not revoked never has an end yet.
    """
    found = next((one for one in keys if one.id == key_id), None)
    if found is None:
        return not_found("signing key")
    if found.revoked_at is not None:
        return Granted(tuple(keys))
    state = state_of(found, keys, now)
    ended = {found.id: replace(found, revoked_at=now, published_until=now)}
    changes: list[Change] = [RevokeKey(issuer.name, found.id, now), end_key(issuer.name, found.id, now)]
    told = {"number": found.number, "state": state.value}
    note = Note(Event(act=Act.KEY_REVOKED, issuer=issuer.name, id=found.id, at=now, before=told))
    if state is KeyState.RETIRED:
        return Granted(tuple(ended.get(one.id, one) for one in keys), (*changes, note))
    signs_from = now if state is KeyState.SIGNING else Instant(now + OVERLAP)
    for waits in _live(keys):
        if waits.number > found.number and waits.published_until is None:
            ended[waits.id], retire = _retired(issuer, waits, now)
            changes.append(retire)
    successor = _row(issuer, keys[-1].number + 1, pair, key=key, nonce=nonce, now=now, signs_from=signs_from)
    changes += [AddKey(successor), note, _rotated(successor, now)]
    return Granted((*(ended.get(one.id, one) for one in keys), successor), tuple(changes))


def _retired(issuer: Issuer, key: SigningKey, signs_no_more: Instant) -> tuple[SigningKey, RetireKey]:
    end = Instant(signs_no_more + issuer.lifetime + OVERLAP)
    return replace(key, published_until=end), RetireKey(issuer.name, key.id, end)


def _rotated(successor: SigningKey, now: Instant) -> Note:
    told = {"number": successor.number, "algorithm": successor.algorithm.value, "signs_from": successor.signs_from}
    return Note(Event(act=Act.KEY_ROTATED, issuer=successor.issuer, id=successor.id, at=now, after=told))


def _live(keys: Sequence[SigningKey]) -> tuple[SigningKey, ...]:
    """Return those that were not revoked: there is always one."""
    return tuple(key for key in keys if key.revoked_at is None)


def published_keys(keys: Sequence[SigningKey], now: Instant) -> tuple[SigningKey, ...]:
    """Return the keys that stand in the key set at `now`, oldest first."""
    return tuple(key for key in _live(keys) if key.published_until is None or now < key.published_until)


def signing_key(keys: Sequence[SigningKey], now: Instant) -> SigningKey:
    """Return the key that signs at `now`: the newest whose turn has come; the oldest if the clock went back."""
    live = _live(keys)
    return next((key for key in reversed(live) if key.signs_from <= now), live[0])


def state_of(key: SigningKey, keys: Sequence[SigningKey], now: Instant) -> KeyState:
    """Return what one of an issuer's `keys` is for at `now`."""
    if key.revoked_at is not None:
        return KeyState.REVOKED
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

"""Decisions about signing keys: the first, and rotation with overlap."""

from __future__ import annotations

from builders import NOW, a_key_pair, an_issuer
from portvakt.jose.keys import from_private_bytes, generate
from portvakt.jose.sealing import place, unseal
from portvakt.model.audit import Act
from portvakt.model.change import AddKey, Note, RetireKey
from portvakt.model.decision import Granted, Refused
from portvakt.model.nouns import Algorithm, SigningKey
from portvakt.model.values import Instant
from portvakt.protocol.govern.keys import (
    CURRENT_KEYS,
    KEY_SET_MAX_AGE,
    OVERLAP,
    KeyState,
    first_key,
    published_keys,
    rotate_keys,
    signing_key,
    state_of,
)

KEY = b"k" * 32
NONCE = b"n" * 12


def first(provider: str = "standard") -> tuple[SigningKey, ...]:
    decision = first_key(an_issuer(provider), (), a_key_pair(), key=KEY, nonce=NONCE, now=NOW)
    assert isinstance(decision, Granted)
    return decision.answer


def rotated(
    keys: tuple[SigningKey, ...], now: int, provider: str = "standard"
) -> Granted[tuple[SigningKey, ...]] | Refused:
    pair = generate(Algorithm.ES256)
    return rotate_keys(an_issuer(provider), keys, pair, key=KEY, nonce=NONCE, now=Instant(now))


def answered(decision: Granted[tuple[SigningKey, ...]] | Refused) -> tuple[SigningKey, ...]:
    assert isinstance(decision, Granted)
    old, new = decision.answer[-2:]
    assert old.published_until is not None
    retire, add, note = decision.changes
    assert (retire, add) == (RetireKey(old.issuer, old.id, old.published_until), AddKey(new))
    assert isinstance(note, Note)
    assert (note.event.act, note.event.id, note.event.at) == (Act.KEY_ROTATED, new.id, new.created_at)
    return decision.answer


def test_the_first_key_signs_at_once_and_is_sealed() -> None:
    (key,) = first()

    assert (key.number, key.signs_from, key.published_until) == (1, NOW, None)
    opened = unseal(KEY, key.sealed, place(key.issuer, key.id))
    assert from_private_bytes(key.algorithm, opened).kid == key.id


def test_FT18_an_issuer_that_has_a_key_gets_no_other_first_one() -> None:
    keys = first()

    decision = first_key(an_issuer(), keys, generate(Algorithm.ES256), key=KEY, nonce=NONCE, now=NOW)

    assert decision == Granted(keys)
    assert decision.changes == ()


def test_FT19_a_key_is_published_before_it_signs_and_after_its_last_token() -> None:
    keys = answered(rotated(first(), NOW))
    old, new = keys

    def states(now: int) -> list[KeyState]:
        return [state_of(key, keys, Instant(now)) for key in keys]

    assert states(NOW) == [KeyState.SIGNING, KeyState.NEXT]
    assert states(new.signs_from) == [KeyState.RETIRED, KeyState.SIGNING]
    assert new.signs_from == NOW + OVERLAP
    assert new.signs_from - NOW > KEY_SET_MAX_AGE
    assert old.published_until is not None
    assert old.published_until >= new.signs_from + 600
    for moment, signer, published in (
        (NOW, old, keys),
        (new.signs_from - 1, old, keys),
        (new.signs_from, new, keys),
        (old.published_until - 1, new, keys),
        (old.published_until, new, (new,)),
    ):
        assert signing_key(keys, Instant(moment)) == signer
        assert published_keys(keys, Instant(moment)) == published


def test_a_rotation_waits_for_the_one_before() -> None:
    keys = answered(rotated(first(), NOW))

    assert isinstance(rotated(keys, NOW + OVERLAP - 1), Refused)
    assert isinstance(rotated(keys, NOW + OVERLAP), Granted)


def test_J5_no_more_keys_are_published_than_a_verifier_tries_for_a_token_without_kid() -> None:
    keys, now = first("breeze"), NOW
    while len(published_keys(keys, now)) < CURRENT_KEYS:
        keys = answered(rotated(keys, now, "breeze"))
        now = Instant(now + OVERLAP)

    assert isinstance(rotated(keys, now, "breeze"), Refused)
    assert isinstance(rotated(keys, now, "standard"), Granted)


def test_a_clock_set_back_before_the_first_key_still_signs() -> None:
    (key,) = first()

    assert signing_key((key,), Instant(NOW - 10**6)) == key

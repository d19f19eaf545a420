"""Decisions about signing keys: the first, and rotation with overlap."""

from __future__ import annotations

from builders import NOW, a_key_pair, an_issuer
from portvakt.jose.keys import from_private_bytes, generate
from portvakt.jose.sealing import place, unseal
from portvakt.model.audit import Act
from portvakt.model.behalf_change import AddRevocation
from portvakt.model.change import AddKey, Note, RetireKey, RevokeKey
from portvakt.model.decision import Granted, Refused
from portvakt.model.nouns import Algorithm, SigningKey
from portvakt.model.values import Instant
from portvakt.protocol.ending import end_key
from portvakt.protocol.govern.keys import (
    CURRENT_KEYS,
    KEY_SET_MAX_AGE,
    OVERLAP,
    KeyState,
    first_key,
    published_keys,
    revoke_key,
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


def revoked(keys: tuple[SigningKey, ...], key: SigningKey, now: int) -> Granted[tuple[SigningKey, ...]]:
    pair = generate(Algorithm.ES256)
    decision = revoke_key(an_issuer(), keys, key.id, pair, key=KEY, nonce=NONCE, now=Instant(now))
    assert isinstance(decision, Granted)
    return decision


def test_FT20_in_the_place_of_a_revoked_key_that_signs_a_new_one_signs_at_once() -> None:
    keys = first()

    decision = revoked(keys, keys[0], NOW + 9)

    old, new = decision.answer
    revoke, told, add, note, rotation = decision.changes
    assert (revoke, told, add) == (
        RevokeKey(old.issuer, old.id, Instant(NOW + 9)),
        end_key(old.issuer, old.id, Instant(NOW + 9)),
        AddKey(new),
    )
    assert isinstance(note, Note)
    assert isinstance(rotation, Note)
    assert (note.event.act, note.event.id) == (Act.KEY_REVOKED, old.id)
    assert (rotation.event.act, rotation.event.id) == (Act.KEY_ROTATED, new.id)
    for now in (NOW, NOW + 9, NOW + 10**6):  # also where a clock is behind
        assert signing_key(decision.answer, Instant(now)) == new
        assert published_keys(decision.answer, Instant(now)) == (new,)
    assert [state_of(key, decision.answer, Instant(NOW + 9)) for key in decision.answer] == [
        KeyState.REVOKED,
        KeyState.SIGNING,
    ]


def test_FT20_with_a_key_that_signs_the_one_that_waited_is_given_up_too() -> None:
    keys = answered(rotated(first(), NOW))

    decision = revoked(keys, keys[0], NOW + 9)

    old, waited, new = decision.answer
    assert (old.revoked_at, waited.revoked_at, new.number) == (NOW + 9, None, 3)
    assert RetireKey(waited.issuer, waited.id, waited.published_until or NOW) in decision.changes
    assert signing_key(decision.answer, waited.signs_from) == new
    later = Instant((waited.published_until or NOW) + 1)
    assert published_keys(decision.answer, later) == (new,)
    assert answered(rotated(decision.answer, later))[-2].id == new.id  # a rotation goes on from it


def test_FT20_in_the_place_of_a_revoked_key_that_waits_a_new_one_waits() -> None:
    keys = answered(rotated(first(), NOW))

    after = revoked(keys, keys[1], NOW + 9).answer

    assert [state_of(key, after, Instant(NOW + 9)) for key in after] == [
        KeyState.SIGNING,
        KeyState.REVOKED,
        KeyState.NEXT,
    ]
    assert after[2].signs_from == NOW + 9 + OVERLAP
    assert after[0] == keys[0]
    assert after[0].published_until is not None
    assert after[0].published_until > after[2].signs_from
    assert answered(rotated(after, after[2].signs_from))[-2].id == after[2].id


def test_FT20_a_retired_key_is_revoked_alone_and_once() -> None:
    keys = answered(rotated(first(), NOW))
    later = keys[1].signs_from

    decision = revoked(keys, keys[0], later)
    again = revoked(decision.answer, decision.answer[0], later + 1)
    nobodys = revoke_key(an_issuer(), keys, "nobody", generate(Algorithm.ES256), key=KEY, nonce=NONCE, now=later)

    assert decision.answer[1:] == keys[1:]
    assert published_keys(decision.answer, later) == keys[1:]
    assert [type(change) for change in decision.changes] == [RevokeKey, AddRevocation, Note]
    assert (again.answer, again.changes) == (decision.answer, ())
    assert isinstance(nobodys, Refused)
    assert nobodys.status == 404


def test_a_clock_set_back_before_the_first_key_still_signs() -> None:
    (key,) = first()

    assert signing_key((key,), Instant(NOW - 10**6)) == key

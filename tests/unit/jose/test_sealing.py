from __future__ import annotations

import pytest

from portvakt.jose.keys import generate, to_private_bytes
from portvakt.jose.sealing import UnsealFailed, derive, derive_from_token, place, place_of_reissue, seal, unseal
from portvakt.model.nouns import Algorithm
from portvakt.model.values import ClientId, FamilyId, IssuerName, KeyId, Secret

KEY, NONCE = bytes(range(32)), bytes(range(12))
HERE = place(IssuerName("acme"), KeyId("key-1"))


def test_what_was_sealed_is_unsealed() -> None:
    sealed = seal(KEY, b"a private key", HERE, NONCE)

    assert unseal(KEY, sealed, HERE) == b"a private key"
    assert sealed[:13] == b"\x01" + NONCE
    assert b"private" not in sealed
    assert len(sealed) == 1 + 12 + len(b"a private key") + 16


def test_an_empty_text_can_be_sealed() -> None:
    assert unseal(KEY, seal(KEY, b"", HERE, NONCE), HERE) == b""


@pytest.mark.parametrize("flipped", range(1 + 12 + 3 + 16))
def test_K5_every_octet_of_the_sealed_bytes_is_authenticated(flipped: int) -> None:
    sealed = bytearray(seal(KEY, b"abc", HERE, NONCE))
    sealed[flipped] ^= 1

    with pytest.raises(UnsealFailed):
        unseal(KEY, bytes(sealed), HERE)


def test_cut_and_extended_bytes_do_not_unseal() -> None:
    sealed = seal(KEY, b"abc", HERE, NONCE)

    for other in [*(sealed[:end] for end in range(len(sealed))), sealed + b"\0", b"\0" + sealed, sealed * 2]:
        with pytest.raises(UnsealFailed):
            unseal(KEY, other, HERE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        place(IssuerName("acme"), KeyId("key-2")),
        place(IssuerName("other"), KeyId("key-1")),
        place(IssuerName("acmekey-"), KeyId("1")),
        place(IssuerName(""), KeyId("acmekey-1")),
        b"",
    ],
)
def test_a_key_that_is_moved_to_another_row_does_not_open_there(elsewhere: bytes) -> None:
    with pytest.raises(UnsealFailed):
        unseal(KEY, seal(KEY, b"abc", HERE, NONCE), elsewhere)


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(UnsealFailed):
        unseal(KEY[::-1], seal(KEY, b"abc", HERE, NONCE), HERE)


def test_a_refusal_to_unseal_drags_nothing_along() -> None:
    with pytest.raises(UnsealFailed) as refused:
        unseal(KEY, bytes(50), HERE)

    assert "0000" not in repr(refused.value)


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33])
def test_a_key_of_another_length_is_our_callers_fault(length: int) -> None:
    with pytest.raises(ValueError, match="key of the wrong length"):
        seal(bytes(length), b"abc", HERE, NONCE)
    with pytest.raises(ValueError, match="key of the wrong length"):
        unseal(bytes(length), seal(KEY, b"abc", HERE, NONCE), HERE)


@pytest.mark.parametrize("length", [0, 8, 11, 13, 16])
def test_a_nonce_of_another_length_is_our_callers_fault(length: int) -> None:
    with pytest.raises(ValueError, match="nonce of the wrong length"):
        seal(KEY, b"abc", HERE, bytes(length))


def test_purposes_get_keys_of_their_own() -> None:
    root = Secret("a" * 43)

    keys = {
        derive(root, b"portvakt/keys"),
        derive(root, b"portvakt/pepper"),
        derive(Secret("b" * 43), b"portvakt/keys"),
    }

    assert len(keys) == 3
    assert {len(key) for key in keys} == {32}
    assert derive(root, b"portvakt/keys") == derive(Secret("a" * 43), b"portvakt/keys")


def test_a_derived_key_stays_what_it_is() -> None:
    # RFC 5869 §2 by hand. Another result would lock every installation out of its keys.
    import hashlib
    import hmac

    extracted = hmac.digest(bytes(32), b"a" * 43, hashlib.sha256)
    expanded = hmac.digest(extracted, b"portvakt/keys\x01", hashlib.sha256)

    assert derive(Secret("a" * 43), b"portvakt/keys") == expanded


@pytest.mark.parametrize("text", ["", "a" * 42])
def test_a_short_root_secret_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ValueError, match="too short") as refused:
        derive(Secret(text), b"portvakt/keys")

    assert "aaa" not in str(refused.value)


def test_K5_a_sealed_private_key_holds_no_octet_run_of_the_key() -> None:
    private = to_private_bytes(generate(Algorithm.ES256))

    sealed = seal(KEY, private, HERE, NONCE)

    assert not any(private[i : i + 8] in sealed for i in range(len(private) - 8))


def test_a_key_from_a_token_is_of_that_token_row_and_purpose_alone() -> None:
    token, other = Secret("pvk_rt_a"), Secret("pvk_rt_b")

    keys = {
        derive_from_token(token, b"row", b"reissue"),
        derive_from_token(other, b"row", b"reissue"),
        derive_from_token(token, b"another row", b"reissue"),
        derive_from_token(token, b"row", b"another purpose"),
    }

    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}


def test_places_of_reissues_differ_in_every_part() -> None:
    def place_of(issuer: str, family: str, generation: int, client: str) -> bytes:
        return place_of_reissue(IssuerName(issuer), FamilyId(family), generation, ClientId(client))

    places = {
        place_of("acme", "fam_1", 1, "c"),
        place_of("acm", "efam_1", 1, "c"),
        place_of("acme", "fam_11", 1, "c"),
        place_of("acme", "fam_1", 11, "c"),
        place_of("acme", "fam_1", 1, "1c"),
    }

    assert len(places) == 5

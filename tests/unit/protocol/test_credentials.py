"""How secrets and ids are made and kept."""

from __future__ import annotations

import re

import pytest

from builders import CLIENT, NOW, PEPPER
from portvakt.protocol.credentials import digest, keep, matching, mint_id, mint_secret


def test_a_secret_is_recognisable_and_holds_only_characters_that_survive_any_encoding() -> None:
    text = mint_secret(bytes(range(32))).reveal()

    assert re.fullmatch(r"pvk_cs_[A-Za-z0-9_-]{49}", text)


def test_two_secrets_differ_in_more_than_their_checksum() -> None:
    first, second = mint_secret(b"\x00" * 32).reveal(), mint_secret(b"\x00" * 31 + b"\x01").reveal()

    assert first[:-6] != second[:-6]
    assert first[-6:] != second[-6:]


@pytest.mark.parametrize("octets", [0, 31, 33])
def test_a_secret_of_another_size_is_not_made(octets: int) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        mint_secret(b"x" * octets)


def test_an_id_is_its_prefix_and_twenty_characters() -> None:
    assert re.fullmatch(r"oauth_[a-z0-9]{20}", mint_id("oauth_", bytes(range(32))))
    with pytest.raises(ValueError, match="20 random bytes"):
        mint_id("oauth_", b"x" * 19)


def test_K5_what_is_kept_of_a_secret_is_its_keyed_hash_and_its_ends() -> None:
    secret = mint_secret(b"s" * 32)

    row = keep(secret, pepper=PEPPER, client_id=CLIENT, id_random=b"i" * 32, now=NOW, expires_at=None)

    assert row.digest == digest(PEPPER, secret) != digest(b"q" * 32, secret)
    assert (row.prefix, row.last4) == (secret.reveal()[:11], secret.reveal()[-4:])
    assert row.digest.hex() not in repr(row)
    assert secret.reveal() not in repr(row)


def test_A8_matching_finds_the_one_secret_and_no_other() -> None:
    kept = [
        keep(
            mint_secret(bytes([n]) * 32),
            pepper=PEPPER,
            client_id=CLIENT,
            id_random=bytes([n]) * 32,
            now=NOW,
            expires_at=None,
        )
        for n in range(3)
    ]

    assert matching(kept, kept[1].digest) is kept[1]
    assert matching(kept, b"") is None
    assert matching((), kept[1].digest) is None

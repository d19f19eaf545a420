"""How secrets and ids are made and kept."""

from __future__ import annotations

import re

import pytest

from builders import CLIENT, NOW, PEPPER
from portvakt.model.values import Secret
from portvakt.protocol.credentials import (
    Kind,
    digest,
    keep,
    keep_opaque,
    matching,
    mint,
    mint_id,
    mint_secret,
    opaque_digest,
)


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


@pytest.mark.parametrize("kind", list(Kind))
def test_an_opaque_text_is_its_prefix_43_characters_and_a_checksum(kind: Kind) -> None:
    text = mint(kind, bytes(range(32))).reveal()

    assert re.fullmatch(kind.value + r"[A-Za-z0-9_-]{49}", text)
    assert opaque_digest(kind, PEPPER, Secret(text)) == keep_opaque(kind, PEPPER, Secret(text))


def test_B6_an_opaque_text_of_one_kind_is_none_of_another() -> None:
    digests = set()
    for kind in Kind:
        text = mint(kind, b"r" * 32)
        digests.add(opaque_digest(kind, PEPPER, text))
        assert [other for other in Kind if opaque_digest(other, PEPPER, text) is not None] == [kind]

    assert len(digests) == len(Kind)
    one = mint(Kind.CODE, b"r" * 32)
    assert len({keep_opaque(kind, PEPPER, one) for kind in Kind}) == len(Kind)  # the kind is in the digest


def test_B6_no_part_and_no_alteration_of_an_opaque_text_is_looked_up() -> None:
    text = mint(Kind.REFRESH_TOKEN, bytes(range(32))).reveal()
    altered = [text[:end] for end in range(len(text))] + [text[start:] for start in range(1, len(text))]
    altered += [text[:at] + ("B" if text[at] == "A" else "A") + text[at + 1 :] for at in range(7, len(text))]
    altered += [text.upper(), text + "A", text + "\n", " " + text, text * 2, text.replace("_", "-")]

    assert [one for one in altered if opaque_digest(Kind.REFRESH_TOKEN, PEPPER, Secret(one)) is not None] == []


def test_K5_what_is_kept_of_an_opaque_text_depends_on_the_pepper_and_on_all_of_it() -> None:
    first, second = mint(Kind.SESSION, b"\x00" * 32), mint(Kind.SESSION, b"\x00" * 31 + b"\x01")

    assert opaque_digest(Kind.SESSION, PEPPER, first) != opaque_digest(Kind.SESSION, PEPPER, second)
    assert opaque_digest(Kind.SESSION, PEPPER, first) != opaque_digest(Kind.SESSION, b"q" * 32, first)
    with pytest.raises(ValueError, match="32 random bytes"):
        mint(Kind.SESSION, b"x" * 31)

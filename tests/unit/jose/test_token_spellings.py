from __future__ import annotations

import tracemalloc

import pytest

from portvakt.jose.signing import Signer
from portvakt.jose.verifying import TokenRefused, open_token
from portvakt.model.nouns import Algorithm
from tokens_by_hand import CLAIMS, a_pair, part, refusal

each_algorithm = pytest.mark.parametrize("algorithm", list(Algorithm))


# J9, J10: size and shape


@pytest.mark.parametrize("token", ["." * 10_000_000, "a" * 10_000_000, "a." * 5_000_000, "." * 16384, "å" * 10_000_000])
def test_J9_a_long_token_costs_nothing(token: str) -> None:
    tracemalloc.start()

    refused = refusal(token, a_pair().public)

    assert tracemalloc.get_traced_memory()[1] < 64 * 1024
    tracemalloc.stop()
    assert refused.reason in {"longer than 16 KiB", "not three parts"}


def test_J9_the_cap_is_16_KiB() -> None:
    assert "16 KiB" in refusal("a.b." + "c" * (16 * 1024 - 3)).reason
    assert "16 KiB" not in refusal("a.b." + "c" * (16 * 1024 - 4)).reason


@pytest.mark.parametrize("dots", [0, 1, 3, 4, 5, 100])
def test_J10_three_parts_and_no_other_number(dots: int) -> None:
    assert refusal(".".join(["e30"] * (dots + 1))).reason == "not three parts"


def test_J10_an_encrypted_token_is_refused() -> None:
    header = part({"alg": "RSA-OAEP", "enc": "A256GCM", "zip": "DEF"})

    assert refusal(f"{header}.AAAA.AAAA.AAAA.AAAA").reason == "not three parts"
    assert refusal(f"{header}.AAAA.AAAA").reason == "an algorithm that is not used here"


# B6: no second spelling


def accepted(spellings: list[str], algorithm: Algorithm) -> list[str]:
    found = []
    for token in spellings:
        try:
            open_token(token, [a_pair(algorithm).public], "at+jwt")
        except TokenRefused:
            continue
        found.append(token)
    return found


@each_algorithm
def test_B6_every_proper_prefix_and_suffix_is_refused(algorithm: Algorithm) -> None:
    token = Signer(a_pair(algorithm), "at+jwt", names_key=True).sign(CLAIMS)

    assert accepted([token], algorithm)
    assert not accepted([token[:n] for n in range(len(token))], algorithm)
    assert not accepted([token[n:] for n in range(1, len(token) + 1)], algorithm)


@each_algorithm
def test_B6_every_flip_of_a_bit_is_refused(algorithm: Algorithm) -> None:
    token = Signer(a_pair(algorithm), "at+jwt", names_key=True).sign(CLAIMS)
    flips = [f"{token[:i]}{chr(ord(c) ^ 1 << bit)}{token[i + 1 :]}" for i, c in enumerate(token) for bit in range(8)]

    assert not accepted(flips, algorithm)


@each_algorithm
def test_B6_every_flip_of_letter_case_is_refused(algorithm: Algorithm) -> None:
    token = Signer(a_pair(algorithm), "at+jwt", names_key=True).sign(CLAIMS)
    flips = [f"{token[:i]}{c.swapcase()}{token[i + 1 :]}" for i, c in enumerate(token) if c.isalpha()]

    assert not accepted([*flips, token.upper(), token.lower(), token.swapcase()], algorithm)


@each_algorithm
def test_B6_a_doubled_or_decorated_token_is_refused(algorithm: Algorithm) -> None:
    token = Signer(a_pair(algorithm), "at+jwt", names_key=True).sign(CLAIMS)
    header, payload, signature = token.split(".")

    assert not accepted(
        [
            token * 2, f"{token}.{token}", f"{token}.", f".{token}", f"{token}=", f"{token}==", f" {token}",
            f"{token} ", f"{token}\n", f"{token}\0", f"\ufeff{token}", token.replace(".", "%2E"), token[::-1],
            f"{header}=.{payload}.{signature}", f"{header}.{payload}=.{signature}", token.replace(".", "\uff0e"),
            f"{header}.{payload}.{signature[:-1]}", f"{header}.{payload}.{signature}A", f"{token}AAAA",
            f"{token}.{signature}", f"{payload}.{header}.{signature}", f"{header}..{signature}",
            f".{payload}.{signature}",
        ],
        algorithm,
    )  # fmt: skip


@each_algorithm
def test_B6_the_unused_bits_of_a_signatures_last_character_are_zero(algorithm: Algorithm) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = Signer(a_pair(algorithm), "at+jwt", names_key=True).sign(CLAIMS)

    assert accepted([token[:-1] + last for last in alphabet], algorithm) == [token]

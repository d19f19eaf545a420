from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from portvakt.jose import base64url
from portvakt.jose.algorithms import ALGORITHMS
from portvakt.jose.keys import read_public_jwk, thumbprint
from portvakt.model.nouns import Algorithm

VECTORS = Path(__file__).parents[2] / "vectors"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def read(name: str, *members: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((VECTORS / name).read_text())
    assert set(content) == {"source", *members}
    return content


RFC = read("rfc7515.json", "vectors")["vectors"] + read("rfc8037.json", "vectors", "thumbprint")["vectors"]
KEYS = {
    "rfc7515 A.2": RFC[0]["jwk"],
    "rfc7515 A.3": RFC[1]["jwk"],
    "rfc8037 A.4": RFC[2]["jwk"],
}
MADE_UP = read("made_up_signatures.json", "vectors")["vectors"]


def octets(text: str) -> bytes:
    return base64url.decode(text.encode())


def number(text: str) -> int:
    return int.from_bytes(octets(text), "big")


def private_key(vector: dict[str, Any]) -> object:
    jwk, d = vector["jwk"], vector["d"]
    if jwk["kty"] == "RSA":
        n, e = number(jwk["n"]), number(jwk["e"])
        p, q = rsa.rsa_recover_prime_factors(n, e, number(d))
        crt = rsa.rsa_crt_dmp1(number(d), p), rsa.rsa_crt_dmq1(number(d), q), rsa.rsa_crt_iqmp(p, q)
        return rsa.RSAPrivateNumbers(p, q, number(d), *crt, rsa.RSAPublicNumbers(e, n)).private_key()
    if jwk["kty"] == "EC":
        return ec.derive_private_key(number(d), ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.from_private_bytes(octets(d))


@pytest.mark.parametrize("vector", RFC, ids=lambda vector: vector["name"])
def test_the_examples_of_the_rfcs_verify_and_are_signed_the_same(vector: dict[str, Any]) -> None:
    assert set(vector) == {"name", "algorithm", "jwk", "d", "signed", "signature", "deterministic"}
    public = read_public_jwk(vector["jwk"])
    entry, message = ALGORITHMS[Algorithm(vector["algorithm"])], vector["signed"].encode()

    signature = entry.sign(private_key(vector), message)

    assert public.algorithm == vector["algorithm"]
    assert entry.verify(public.key, octets(vector["signature"]), message)
    assert entry.verify(public.key, signature, message)
    assert not vector["deterministic"] or signature == octets(vector["signature"])
    assert not entry.verify(public.key, signature, message + b"x")


def test_the_thumbprint_of_rfc_7638_section_3_1() -> None:
    vector = read("rfc7638.json", "algorithm", "jwk", "thumbprint")

    assert thumbprint(Algorithm(vector["algorithm"]), vector["jwk"]) == vector["thumbprint"]


def test_the_thumbprint_of_rfc_8037_appendix_a_3() -> None:
    vector = read("rfc8037.json", "vectors", "thumbprint")

    assert thumbprint(Algorithm.EDDSA, vector["vectors"][0]["jwk"]) == vector["thumbprint"]


@pytest.mark.parametrize("vector", MADE_UP, ids=lambda vector: f"{vector['algorithm']}: {vector['name']}")
def test_J4_a_signature_that_is_not_one_is_refused_and_a_high_S_is_not(vector: dict[str, Any]) -> None:
    assert set(vector) == {"name", "algorithm", "jwk", "signed", "signature", "valid"}
    jwk = vector["jwk"] if isinstance(vector["jwk"], dict) else KEYS[vector["jwk"]]
    public = read_public_jwk(jwk)

    verifies = ALGORITHMS[Algorithm(vector["algorithm"])].verify(
        public.key, octets(vector["signature"]), vector["signed"].encode()
    )

    assert verifies is vector["valid"]


def test_J4_both_halves_of_S_are_among_the_made_up_signatures_that_are_good() -> None:
    high = {
        int.from_bytes(octets(vector["signature"])[32:], "big") > ORDER // 2
        for vector in MADE_UP
        if vector["algorithm"] == "ES256" and vector["valid"]
    }

    assert high == {True, False}


def test_every_algorithm_of_the_model_has_an_entry() -> None:
    assert list(ALGORITHMS) == list(Algorithm)


@pytest.mark.parametrize(("algorithm", "length"), [("RS256", 256), ("ES256", 64), ("EdDSA", 64)])
def test_a_signature_has_the_length_that_a_JWS_wants(algorithm: str, length: int) -> None:
    entry = ALGORITHMS[Algorithm(algorithm)]
    key = entry.generate()

    lengths = {len(entry.sign(key, str(i).encode())) for i in range(20)}

    assert lengths == {length}

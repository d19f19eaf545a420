from __future__ import annotations

import copy
import json
import pickle
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519
from joserfc import jwk

from portvakt.jose import base64url
from portvakt.jose.keys import (
    KeyPair,
    KeySetRefused,
    from_private_bytes,
    read_key_set,
    read_public_jwk,
    to_private_bytes,
)
from portvakt.model.nouns import Algorithm
from tokens_by_hand import a_pair

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

each_algorithm = pytest.mark.parametrize("algorithm", list(Algorithm))


def members(algorithm: Algorithm, changes: dict[str, object] | None = None) -> dict[str, object]:
    found = json.loads(a_pair(algorithm).public_jwk) | dict(changes or {})
    return {name: value for name, value in found.items() if value is not ...}


def key_set(*jwks: object) -> bytes:
    return json.dumps({"keys": jwks}).encode()


def der(key: PrivateKeyTypes, encryption: serialization.KeySerializationEncryption | None = None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        encryption or serialization.NoEncryption(),
    )


def text(value: int) -> str:
    return base64url.encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode()


# Key pairs


@each_algorithm
def test_a_new_pair_has_a_canonical_public_jwk_named_by_its_thumbprint(algorithm: Algorithm) -> None:
    pair = a_pair(algorithm)
    public = json.loads(pair.public_jwk)

    assert pair.public_jwk == json.dumps(public, separators=(",", ":"), sort_keys=True)
    assert set(public) - {"n", "e", "crv", "x", "y"} == {"alg", "kid", "kty", "use"}
    assert (public["alg"], public["use"], public["kid"]) == (algorithm.value, "sig", pair.kid)
    assert jwk.import_key(public).thumbprint() == pair.kid


def test_a_new_RSA_key_has_2048_bits_and_the_usual_exponent() -> None:
    public = json.loads(a_pair(Algorithm.RS256).public_jwk)

    assert (len(base64url.decode(public["n"].encode())), public["e"]) == (256, "AQAB")


@each_algorithm
def test_a_pair_survives_its_private_bytes(algorithm: Algorithm) -> None:
    pair = a_pair(algorithm)

    back = from_private_bytes(algorithm, to_private_bytes(pair))

    assert back == pair
    assert to_private_bytes(back) == to_private_bytes(pair)


@each_algorithm
def test_a_pair_knows_its_public_half(algorithm: Algorithm) -> None:
    pair = a_pair(algorithm)

    assert read_public_jwk(pair.public_jwk) == pair.public


OTHER_PRIVATE_BYTES: dict[str, tuple[Algorithm, Callable[[], bytes]]] = {
    "nothing": (Algorithm.RS256, bytes),
    "not DER": (Algorithm.RS256, lambda: b"not DER"),
    "EC for RSA": (Algorithm.RS256, lambda: to_private_bytes(a_pair(Algorithm.ES256))),
    "Ed25519 for EC": (Algorithm.ES256, lambda: to_private_bytes(a_pair(Algorithm.EDDSA))),
    "EC for Ed25519": (Algorithm.EDDSA, lambda: to_private_bytes(a_pair(Algorithm.ES256))),
    "P-384": (Algorithm.ES256, lambda: der(ec.generate_private_key(ec.SECP384R1()))),
    "Ed448": (Algorithm.EDDSA, lambda: der(ed448.Ed448PrivateKey.generate())),
    "X25519": (Algorithm.EDDSA, lambda: der(x25519.X25519PrivateKey.generate())),
    "RSA of 1024 bits": (Algorithm.RS256, lambda: der(rsa.generate_private_key(65537, 1024))),
    "encrypted": (Algorithm.ES256, lambda: der(a_pair().private, serialization.BestAvailableEncryption(b"password"))),
    "cut": (Algorithm.ES256, lambda: to_private_bytes(a_pair())[:-1]),
}


@pytest.mark.parametrize("what", OTHER_PRIVATE_BYTES)
def test_other_private_bytes_are_refused(what: str) -> None:
    algorithm, make = OTHER_PRIVATE_BYTES[what]

    with pytest.raises(ValueError, match="not a private key"):
        from_private_bytes(algorithm, make())


@each_algorithm
def test_K2_a_pair_hides_its_private_key(algorithm: Algorithm) -> None:
    pair = a_pair(algorithm)

    assert repr(pair) == str(pair)
    assert repr(pair).startswith(f"KeyPair(kid={pair.kid!r}, algorithm=")
    assert "private" not in repr(pair)
    assert "Private" not in f"{pair!r} {pair.public!r} {pair}"


@each_algorithm
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_K2_a_pair_is_never_pickled_nor_copied(algorithm: Algorithm, protocol: int) -> None:
    pair = a_pair(algorithm)

    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(pair, protocol)
    with pytest.raises(TypeError, match="not pickled"):
        copy.deepcopy(pair)


def test_pairs_are_equal_by_what_is_public() -> None:
    assert a_pair(number=1) != a_pair(number=2)
    assert isinstance(hash(a_pair()), int)


# Public keys


@each_algorithm
@pytest.mark.parametrize("left_out", ["kid", "alg", "use"])
def test_kid_alg_and_use_may_be_absent(algorithm: Algorithm, left_out: str) -> None:
    public = read_public_jwk(members(algorithm, {left_out: ...}))

    assert public == a_pair(algorithm).public  # where there is no kid, the thumbprint stands for it


def test_a_kid_is_taken_as_it_was_published() -> None:
    assert read_public_jwk(members(Algorithm.ES256, {"kid": "2026-å"})).kid == "2026-å"
    assert read_public_jwk(members(Algorithm.ES256, {"kid": "k" * 256})).kid == "k" * 256


def test_members_that_are_not_known_are_passed_over() -> None:
    more = members(Algorithm.ES256, {"x5t": "abc", "exp": 1, "key_ops": ["verify", "other"]})

    assert read_public_jwk(more) == a_pair().public


@each_algorithm
@pytest.mark.parametrize(
    "changes",
    [
        {"kid": 1}, {"kid": None}, {"kid": ["a"]}, {"kid": "k" * 257},
        {"alg": "HS256"}, {"alg": "none"}, {"alg": None}, {"alg": ["RS256"]}, {"alg": "PS256"}, {"alg": "es256"},
        {"use": "enc"}, {"use": None}, {"use": "SIG"}, {"use": ["sig"]},
        {"key_ops": []}, {"key_ops": ["sign"]}, {"key_ops": "verify"}, {"key_ops": None},
        {"kty": "oct"}, {"kty": "rsa"}, {"kty": None}, {"kty": ...}, {"kty": ["RSA"]},
        {"d": "AQAB"}, {"d": None}, {"p": "AQAB"}, {"q": "AQAB"}, {"dp": "AQAB"}, {"dq": "AQAB"}, {"qi": "AQAB"},
        {"oth": []}, {"k": "AQAB"}, {"priv": "AQAB"},
    ],
    ids=str,
)  # fmt: skip
def test_X5_a_key_that_is_not_for_verifying_our_way_is_refused(
    algorithm: Algorithm, changes: dict[str, object]
) -> None:
    with pytest.raises(KeySetRefused):
        read_public_jwk(members(algorithm, changes))


@pytest.mark.parametrize(
    ("algorithm", "other"), [(one, other) for one in Algorithm for other in Algorithm if one != other]
)
def test_an_alg_of_another_type_of_key_is_refused(algorithm: Algorithm, other: Algorithm) -> None:
    with pytest.raises(KeySetRefused, match="does not belong"):
        read_public_jwk(members(algorithm, {"alg": other.value}))


def test_RSA_keys_of_2048_to_8192_bits_are_taken() -> None:
    for bits in (2048, 3072, 4096, 8192):
        n = (1 << (bits - 1)) + 1
        public = read_public_jwk({"kty": "RSA", "n": text(n), "e": "AQAB"})

        assert isinstance(public.key, rsa.RSAPublicKey)
        assert public.key.key_size == bits


@pytest.mark.parametrize("bits", [1, 512, 1024, 2047, 8193, 8200, 16384])
def test_X5_RSA_keys_of_another_size_are_refused(bits: int) -> None:
    with pytest.raises(KeySetRefused, match="not a public key for RS256"):
        read_public_jwk({"kty": "RSA", "n": text((1 << (bits - 1)) | 1), "e": "AQAB"})


@pytest.mark.parametrize("e", [3, 17, 65537, (1 << 32) - 1])
def test_odd_RSA_exponents_up_to_32_bits_are_taken(e: int) -> None:
    assert read_public_jwk(members(Algorithm.RS256, {"e": text(e)})).algorithm is Algorithm.RS256


@pytest.mark.parametrize(
    "e",
    [
        "",
        "AA",
        "AQ",
        "Ag",
        "BA",
        text((1 << 32) + 1),
        text((1 << 2040) + 1),
        "AAEAAQ",
        "AQAB=",
        "AQAB\n",
        "å",
        3,
        None,
        ...,
    ],
)
def test_X5_other_RSA_exponents_are_refused(e: object) -> None:
    with pytest.raises(KeySetRefused):
        read_public_jwk(members(Algorithm.RS256, {"e": e}))


def test_X5_an_even_modulus_or_one_with_a_leading_zero_is_refused() -> None:
    n = base64url.decode(str(members(Algorithm.RS256)["n"]).encode())

    for other in (b"\0" + n, n[:-1] + b"\0"):
        with pytest.raises(KeySetRefused):
            read_public_jwk(members(Algorithm.RS256, {"n": base64url.encode(other).decode()}))


@pytest.mark.parametrize("name", ["x", "y"])
@pytest.mark.parametrize(
    "change",
    [
        lambda c: c[:-1],
        lambda c: c + b"\0",
        lambda c: b"\0" + c,
        lambda _: b"",
        lambda _: bytes(32),
        lambda _: b"\xff" * 32,
    ],
)
def test_X5_a_point_that_is_not_on_the_curve_or_not_32_octets_is_refused(name: str, change: object) -> None:
    assert callable(change)
    coordinate = base64url.decode(str(members(Algorithm.ES256)[name]).encode())

    with pytest.raises(KeySetRefused, match="not a public key for ES256"):
        read_public_jwk(members(Algorithm.ES256, {name: base64url.encode(change(coordinate)).decode()}))


def test_X5_the_point_at_infinity_is_refused() -> None:
    zero = base64url.encode(bytes(32)).decode()

    with pytest.raises(KeySetRefused):
        read_public_jwk(members(Algorithm.ES256, {"x": zero, "y": zero}))


@pytest.mark.parametrize("crv", ["P-384", "P-521", "secp256k1", "p-256", "Ed25519", None, ...])
def test_another_curve_is_refused(crv: object) -> None:
    with pytest.raises(KeySetRefused, match="type of key"):
        read_public_jwk(members(Algorithm.ES256, {"crv": crv}))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_an_Ed25519_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(KeySetRefused, match="not a public key for EdDSA"):
        read_public_jwk(members(Algorithm.EDDSA, {"x": base64url.encode(bytes(length)).decode()}))


@pytest.mark.parametrize("jwk_text", ["", "[]", "{", '{"kty":"EC","kty":"EC"}', '{"kty":"\ud800"}'])
def test_text_that_is_no_strict_json_object_is_refused(jwk_text: str) -> None:
    with pytest.raises(KeySetRefused, match="not a JSON object"):
        read_public_jwk(jwk_text)


# Key sets


def test_a_key_set_is_read_in_its_order() -> None:
    pairs = [a_pair(algorithm) for algorithm in reversed(Algorithm)]

    keys = read_key_set(key_set(*(json.loads(pair.public_jwk) for pair in pairs)))

    assert keys == tuple(pair.public for pair in pairs)


@pytest.mark.parametrize(
    "other",
    [
        {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}, {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}, {},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"}, members(Algorithm.RS256, {"alg": "PS256"}),
        members(Algorithm.RS256, {"use": "enc"}), members(Algorithm.EDDSA, {"kid": 7}),
    ],
)  # fmt: skip
def test_keys_that_are_not_for_us_are_passed_over(other: dict[str, object]) -> None:
    pair = a_pair()

    assert read_key_set(key_set(other, json.loads(pair.public_jwk), other)) == (pair.public,)


def test_the_same_key_twice_counts_once() -> None:
    one = members(Algorithm.ES256)

    assert read_key_set(key_set(one, one | {"x5t": "abc"}, one)) == (a_pair().public,)


def test_two_keys_under_one_kid_refuse_the_set() -> None:
    other = json.loads(a_pair(Algorithm.ES256, 2).public_jwk) | {"kid": a_pair().kid}

    with pytest.raises(KeySetRefused, match="one kid"):
        read_key_set(key_set(members(Algorithm.ES256), other))


def test_two_algorithms_may_share_a_kid() -> None:
    # RFC 7517 §4.5: "equivalent alternatives"
    keys = read_key_set(key_set(members(Algorithm.ES256, {"kid": "a"}), members(Algorithm.EDDSA, {"kid": "a"})))

    assert [(key.kid, key.algorithm) for key in keys] == [("a", Algorithm.ES256), ("a", Algorithm.EDDSA)]


@pytest.mark.parametrize(
    "private",
    [
        members(Algorithm.ES256, {"d": "AQAB"}), {"kty": "oct", "k": "AQAB"}, {"kty": "AKP", "priv": "AA"},
        {"kty": "OKP", "crv": "X25519", "d": "AA"}, {"d": None}, members(Algorithm.RS256, {"oth": []}),
    ],
    ids=range(6),
)  # fmt: skip
@pytest.mark.parametrize("first", [True, False])
def test_X5_a_private_key_anywhere_refuses_the_whole_set(private: dict[str, object], first: bool) -> None:
    good = members(Algorithm.ES256)

    with pytest.raises(KeySetRefused, match="private"):
        read_key_set(key_set(private, good) if first else key_set(good, private))


def test_X5_at_most_a_hundred_keys_and_64_KiB() -> None:
    good, filler = members(Algorithm.ES256), {"kty": "none"}
    small = key_set(*[filler] * 99, good)
    padded = small + b" " * (64 * 1024 - len(small))

    assert len(read_key_set(padded)) == 1
    with pytest.raises(KeySetRefused, match="64 KiB"):
        read_key_set(padded + b" ")
    with pytest.raises(KeySetRefused, match="at most 100"):
        read_key_set(key_set(*[filler] * 100, good))


def test_X5_ten_megabytes_are_refused_unread() -> None:
    with pytest.raises(KeySetRefused, match="64 KiB"):
        read_key_set(b"[" * 10_000_000)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"[]", b"<html>", b'{"keys":null}', b'{"keys":{}}', b'{"keys":"x"}', b'{"keys":[]}',
        b'{"keys":[1]}', b'{"keys":[[]]}', b'{"keys":[null]}', b'{"keys":[],"keys":[]}', b"\xff", b"\x1f\x8b\x08",
        b'{"keys":' + b"[" * 60_000, b'{"keys":[{"kty":"EC"}]}',
    ],
)  # fmt: skip
def test_X5_what_is_no_key_set_or_has_no_key_for_us_is_refused(body: bytes) -> None:
    with pytest.raises(KeySetRefused):
        read_key_set(body)


def test_a_refused_key_set_does_not_quote_it() -> None:
    with pytest.raises(KeySetRefused) as refused:
        read_key_set(key_set(members(Algorithm.ES256, {"d": "canary"})))

    assert "canary" not in repr(refused.value)


def test_a_pair_is_a_value() -> None:
    with pytest.raises(AttributeError):
        a_pair().kid = "other"  # type: ignore[misc,assignment]
    assert isinstance(a_pair(), KeyPair)

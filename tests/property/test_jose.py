from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from portvakt.jose import base64url
from portvakt.jose.keys import KeySetRefused, read_key_set, read_public_jwk
from portvakt.jose.sealing import UnsealFailed, seal, unseal
from portvakt.jose.signing import Signer
from portvakt.jose.strict_json import read_object
from portvakt.jose.verifying import TokenRefused, open_token
from portvakt.model.nouns import Algorithm
from tokens_by_hand import a_header, a_pair, part, signed

ALGORITHM = st.sampled_from(list(Algorithm))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
OBJECT = st.dictionaries(st.text(), JSON, max_size=6)
KEY = st.builds(
    lambda kind, members: kind | members,
    st.sampled_from([{"kty": "RSA"}, {"kty": "EC", "crv": "P-256"}, {"kty": "OKP", "crv": "Ed25519"}]),
    st.dictionaries(
        st.sampled_from(["n", "e", "x", "y", "kid", "use", "alg", "key_ops"]), JSON | st.binary().map(part)
    ),
)
KEYS = [a_pair(algorithm).public for algorithm in Algorithm]


@given(algorithm=ALGORITHM, claims=OBJECT, names_key=st.booleans())
def test_what_is_signed_is_verified_and_says_the_same(
    algorithm: Algorithm, claims: dict[str, object], names_key: bool
) -> None:
    pair = a_pair(algorithm)

    token = Signer(pair, "at+jwt", names_key=names_key).sign(claims)

    assert open_token(token, KEYS, "at+jwt", keyless=not names_key).claims == claims


@given(token=st.text() | st.from_regex(r"[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*){2}", fullmatch=True), keyless=st.booleans())
def test_any_text_is_refused_with_a_refusal(token: str, keyless: bool) -> None:
    refused = False
    try:
        open_token(token, KEYS, "at+jwt", keyless=keyless)
    except TokenRefused:
        refused = True

    assert refused


@given(header=OBJECT | st.binary() | st.text(), claims=st.binary() | JSON, algorithm=ALGORITHM)
def test_any_header_and_claims_under_a_good_signature_raise_nothing_but_a_refusal(
    header: object, claims: object, algorithm: Algorithm
) -> None:
    pair = a_pair(algorithm)
    header = a_header(pair, header) if isinstance(header, dict) else header

    try:
        verified = open_token(signed(pair, header, claims), KEYS, "at+jwt")
    except TokenRefused:
        return

    assert verified.header["alg"] == algorithm.value


@given(
    algorithm=ALGORITHM,
    position=st.floats(0, 1, exclude_max=True),
    replacement=st.text(max_size=3),
    width=st.integers(0, 3),
)
def test_a_token_that_was_altered_anywhere_is_refused(
    algorithm: Algorithm, position: float, replacement: str, width: int
) -> None:
    token = signed(a_pair(algorithm), a_header(a_pair(algorithm)), {"sub": "client_1"})
    at = int(position * len(token))
    altered = token[:at] + replacement + token[at + width :]

    try:
        open_token(altered, KEYS, "at+jwt")
    except TokenRefused:
        return

    assert altered == token


@given(octets=st.binary())
def test_octets_survive_base64url(octets: bytes) -> None:
    assert base64url.decode(base64url.encode(octets)) == octets


@given(text=st.binary() | st.from_regex(rb"[A-Za-z0-9_=+/-]*", fullmatch=True))
def test_octets_have_no_second_spelling(text: bytes) -> None:
    try:
        octets = base64url.decode(text)
    except ValueError:
        return

    assert base64url.encode(octets) == text


@given(body=st.binary() | st.text().map(str.encode))
def test_reading_an_object_raises_nothing_but_ValueError(body: bytes) -> None:
    try:
        value = read_object(body)
    except ValueError:
        return

    assert isinstance(value, dict)


@given(body=st.binary() | st.lists(KEY, max_size=3).map(lambda keys: json.dumps({"keys": keys}).encode()))
def test_reading_a_key_set_raises_nothing_but_a_refusal(body: bytes) -> None:
    try:
        keys = read_key_set(body)
    except KeySetRefused:
        return

    assert keys


@given(jwk=KEY)
def test_reading_a_key_raises_nothing_but_a_refusal(jwk: dict[str, object]) -> None:
    try:
        public = read_public_jwk(jwk)
    except KeySetRefused:
        return

    assert public.algorithm in Algorithm


@given(
    plaintext=st.binary(),
    associated=st.binary(),
    key=st.binary(min_size=32, max_size=32),
    nonce=st.binary(min_size=12, max_size=12),
)
def test_what_is_sealed_is_unsealed(plaintext: bytes, associated: bytes, key: bytes, nonce: bytes) -> None:
    assert unseal(key, seal(key, plaintext, associated, nonce), associated) == plaintext


@given(sealed=st.binary(), associated=st.binary())
@settings(max_examples=50)
def test_any_octets_raise_nothing_but_that_unsealing_failed(sealed: bytes, associated: bytes) -> None:
    failed = False
    try:
        unseal(bytes(32), b"\x01" + sealed, associated)
    except UnsealFailed:
        failed = True

    assert failed

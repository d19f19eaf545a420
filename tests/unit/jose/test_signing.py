from __future__ import annotations

import copy
import json
import pickle

import pytest
from joserfc import jwk, jwt

from portvakt.jose import base64url
from portvakt.jose.keys import to_private_bytes
from portvakt.jose.signing import Signer
from portvakt.jose.verifying import open_token
from portvakt.model.nouns import Algorithm
from tokens_by_hand import CLAIMS, a_pair, part

each_algorithm = pytest.mark.parametrize("algorithm", list(Algorithm))
# joserfc follows RFC 9864, which would have EdDSA called Ed25519.
quiet = pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")


def decoded(token: str, index: int) -> str:
    return base64url.decode(token.split(".")[index].encode()).decode()


def test_a_header_without_kid_is_to_the_byte_as_breeze_shows_it() -> None:
    token = Signer(a_pair(Algorithm.RS256), "JWT", names_key=False).sign(CLAIMS)

    assert token.startswith("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.")
    assert decoded(token, 0) == '{"alg":"RS256","typ":"JWT"}'


@each_algorithm
def test_a_header_with_kid_has_alg_typ_and_kid_in_that_order(algorithm: Algorithm) -> None:
    pair = a_pair(algorithm)

    token = Signer(pair, "at+jwt", names_key=True).sign(CLAIMS)

    assert decoded(token, 0) == f'{{"alg":"{algorithm.value}","typ":"at+jwt","kid":"{pair.kid}"}}'


def test_claims_keep_their_order_and_carry_no_white_space() -> None:
    token = Signer(a_pair(), "at+jwt", names_key=True).sign({"b": 1, "a": ["x", {"é": None}], "c": True})

    assert decoded(token, 1) == '{"b":1,"a":["x",{"\\u00e9":null}],"c":true}'


@each_algorithm
@pytest.mark.parametrize("names_key", [True, False])
@quiet
def test_joserfc_verifies_what_we_sign(algorithm: Algorithm, names_key: bool) -> None:
    pair = a_pair(algorithm)
    key = jwk.import_key(json.loads(pair.public_jwk))

    token = jwt.decode(Signer(pair, "at+jwt", names_key=names_key).sign(CLAIMS), key, algorithms=[algorithm.value])

    assert token.claims == CLAIMS
    assert token.header["typ"] == "at+jwt"


@each_algorithm
@quiet
def test_we_verify_what_joserfc_signs(algorithm: Algorithm) -> None:
    pair = a_pair(algorithm)
    key = jwk.import_key(to_private_bytes(pair), json.loads(pair.public_jwk)["kty"])

    token = jwt.encode(
        {"typ": "at+jwt", "alg": algorithm.value, "kid": pair.kid}, CLAIMS, key, algorithms=[algorithm.value]
    )

    assert open_token(token, [pair.public], "at+jwt").claims == CLAIMS


@pytest.mark.parametrize("claim", [float("nan"), float("inf"), -float("inf")])
def test_a_claim_that_json_cannot_say_is_our_callers_fault(claim: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        Signer(a_pair(), "at+jwt", names_key=True).sign({"exp": claim})


def test_a_claim_of_an_unknown_type_is_our_callers_fault() -> None:
    with pytest.raises(TypeError):
        Signer(a_pair(), "at+jwt", names_key=True).sign({"exp": object()})


def test_K2_a_signer_hides_its_key() -> None:
    signer = Signer(a_pair(), "at+jwt", names_key=True)

    assert repr(signer) == str(signer) == f"Signer(kid={a_pair().kid!r})"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(signer)
    with pytest.raises(TypeError, match="not pickled"):
        copy.copy(signer)


def test_the_parts_are_unpadded_base64url() -> None:
    token = Signer(a_pair(), "at+jwt", names_key=True).sign({"a": "???>>>"})

    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
    assert token.split(".")[1] == part({"a": "???>>>"})

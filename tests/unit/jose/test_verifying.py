from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from portvakt.jose import base64url
from portvakt.jose.keys import KeyPair, PublicKey
from portvakt.jose.verifying import KeyNotFound, TokenRefused, Verified, open_token, split, verify
from portvakt.model.nouns import Algorithm
from tokens_by_hand import CLAIMS, a_header, a_pair, a_token, part, refusal, signed

each_algorithm = pytest.mark.parametrize("algorithm", list(Algorithm))

TYPES = ["at+jwt", "JWT", "apikey+jwt", "dpop+jwt", "logout+jwt", "client-authentication+jwt", "secevent+jwt"]


# What is accepted


@each_algorithm
def test_a_good_token_gives_header_claims_and_the_key_that_verified_it(algorithm: Algorithm) -> None:
    pair = a_pair(algorithm)

    verified = open_token(a_token(algorithm), [a_pair(algorithm, 2).public, pair.public], "at+jwt")

    assert verified == Verified(pair.kid, a_header(pair), CLAIMS)


def test_split_and_verify_are_the_two_halves_of_it() -> None:
    unverified = split(a_token())

    assert (unverified.algorithm, unverified.typ, unverified.kid) == (Algorithm.ES256, "at+jwt", a_pair().kid)
    assert unverified.header == a_header(a_pair())
    assert verify(unverified, [a_pair().public], "at+jwt") == CLAIMS


def test_header_members_that_are_not_known_are_passed_over() -> None:
    token = a_token(changes={"cty": "x", "x5t": "abc", "n": 1, "flag": True, "nothing": None})

    assert open_token(token, [a_pair().public], "at+jwt").claims == CLAIMS


def test_a_token_of_16_KiB_is_the_longest_that_is_taken() -> None:
    room = 16 * 1024 - len(signed(a_pair(), a_header(a_pair()), {"a": ""}))
    fits = signed(a_pair(), a_header(a_pair()), {"a": "x" * (room * 3 // 4)})

    assert 16 * 1024 - 4 < len(fits) <= 16 * 1024
    assert open_token(fits, [a_pair().public], "at+jwt").claims
    assert "16 KiB" in refusal(signed(a_pair(), a_header(a_pair()), {"a": "x" * (room * 3 // 4 + 4)})).reason


# J1: unsigned tokens


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", " none", None, ..., 0, False, ["none"], {}])
@pytest.mark.parametrize("signature", [None, b"", b"\0" * 64])
def test_J1_an_unsigned_token_is_refused(alg: object, signature: bytes | None) -> None:
    whole = a_token(changes={"alg": alg})
    token = whole if signature is None else f"{whole.rpartition('.')[0]}.{part(signature)}"

    assert refusal(token, a_pair().public).reason


@each_algorithm
def test_J1_an_empty_signature_is_refused(algorithm: Algorithm) -> None:
    assert refusal(a_token(algorithm).rpartition(".")[0] + ".").reason == "no signature"


@each_algorithm
def test_J1_two_parts_are_no_token(algorithm: Algorithm) -> None:
    assert refusal(a_token(algorithm).rpartition(".")[0]).reason == "not three parts"


# J2: algorithm confusion


def forms_of_public_key(pair: KeyPair) -> dict[str, bytes]:
    key = pair.private.public_key()
    jwk = json.loads(pair.public_jwk)
    forms = {
        "PEM": key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "DER": key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "SSH": key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "JWK": pair.public_jwk.encode(),
        "JWK with spaces": json.dumps(jwk).encode(),
        "JWK set": json.dumps({"keys": [jwk]}).encode(),
        "x or n as text": jwk.get("x", jwk.get("n")).encode(),
        "x or n": base64url.decode(jwk.get("x", jwk.get("n")).encode()),
        "kid": pair.kid.encode(),
        "nothing": b"",
    }
    forms["PEM without its last line end"] = forms["PEM"].rstrip()
    if pair.algorithm is Algorithm.RS256:
        forms["PKCS1 PEM"] = key.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
        forms["PKCS1 DER"] = key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    if pair.algorithm is Algorithm.ES256:
        forms["point"] = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return forms


@each_algorithm
@pytest.mark.parametrize("keyless", [True, False])
@pytest.mark.parametrize("claimed", ["HS256", "HS384", "HS512", "RS256", "ES256", "EdDSA"])
def test_J2_a_MAC_keyed_with_our_public_key_is_refused(algorithm: Algorithm, keyless: bool, claimed: str) -> None:
    pair = a_pair(algorithm)
    digest = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(claimed, hashlib.sha256)
    forms = forms_of_public_key(pair)
    assert len(forms) >= 11

    for form, secret in forms.items():
        header = a_header(pair, {"alg": claimed, "kid": ... if keyless else pair.kid})
        message = f"{part(header)}.{part(CLAIMS)}"
        token = f"{message}.{part(hmac.digest(secret, message.encode(), digest))}"

        assert refusal(token, pair.public, keyless=keyless).reason, form


@pytest.mark.parametrize("said", ["RS256", "ES256", "EdDSA", "PS256", "ES384", "Ed25519", "rs256", "eddsa"])
@each_algorithm
def test_J2_the_key_says_which_algorithm_it_is(algorithm: Algorithm, said: str) -> None:
    if said == algorithm:
        return

    token = a_token(algorithm, {"alg": said})

    assert "algorithm" in refusal(token).reason


# J4: signatures (the octets themselves: test_algorithms.py)


@each_algorithm
@pytest.mark.parametrize("change", ["cut", "first", "longer", "zeros"])
def test_J4_a_signature_of_another_length_or_of_zeros_is_refused(algorithm: Algorithm, change: str) -> None:
    message, _, last = a_token(algorithm).rpartition(".")
    good = base64url.decode(last.encode())
    bad = {"cut": good[:-1], "first": good[1:], "longer": good + b"\0", "zeros": bytes(len(good))}[change]

    assert refusal(f"{message}.{part(bad)}").reason == "the signature is wrong"


@each_algorithm
def test_the_signature_is_checked_before_a_claim_is_looked_at(algorithm: Algorithm) -> None:
    pair, header = a_pair(algorithm), part(a_header(a_pair(algorithm)))

    for payload in ("", part(b"\xff"), part(b"[" * 5000), part(b'{"a":1,"a":1}'), "+/=="):
        token = f"{header}.{payload}.{part(bytes(64))}"

        assert refusal(token, pair.public).reason == "the signature is wrong"


# J5: kid


@pytest.mark.parametrize(
    "kid",
    ["../../etc/passwd", "' OR 1=1--", "\0", "", "k" * 256, "å", a_pair().kid + " ", a_pair().kid.swapcase()],
    ids=["path", "sql", "nul", "empty", "long", "not ascii", "ours and a space", "ours in other case"],
)
def test_J5_an_unknown_kid_finds_no_key(kid: str) -> None:
    assert isinstance(refusal(a_token(changes={"kid": kid}), a_pair().public), KeyNotFound)
    assert isinstance(refusal(a_token(changes={"kid": kid}), a_pair().public, keyless=True), KeyNotFound)


@pytest.mark.parametrize("kid", ["k" * 257, "k" * 100_000, ["a"], {"a": 1}, None, 1, True, 1.5])
def test_J5_a_kid_that_is_no_short_text_is_refused_without_looking_for_a_key(kid: object) -> None:
    for keyless in (True, False):
        refused = refusal(a_token(changes={"kid": kid}), a_pair().public, keyless=keyless)

        assert not isinstance(refused, KeyNotFound)


def test_J5_a_kid_of_another_key_does_not_make_that_key_verify() -> None:
    one, other = a_pair(number=1), a_pair(number=2)
    token = signed(one, a_header(one, {"kid": other.kid}), CLAIMS)

    assert refusal(token, one.public, other.public).reason == "the signature is wrong"


def test_J5_a_token_without_kid_is_refused_where_there_are_several_keys() -> None:
    token = a_token(changes={"kid": ...})

    assert "several keys" in refusal(token, a_pair().public, a_pair(number=2).public).reason
    assert "several keys" in refusal(token, a_pair().public, a_pair(Algorithm.EDDSA).public).reason
    with pytest.raises(TokenRefused, match="or none"):
        open_token(token, [], "at+jwt")
    assert open_token(token, [a_pair().public], "at+jwt").kid == a_pair().kid


def test_J5_a_keyless_token_is_tried_against_four_keys_of_its_algorithm_and_no_more() -> None:
    token = a_token(changes={"kid": ...})
    others = [a_pair(number=n).public for n in range(2, 6)]
    noise = [a_pair(Algorithm.RS256).public, a_pair(Algorithm.EDDSA).public]

    fourth = open_token(token, [*noise, *others[:3], *noise, a_pair().public], "at+jwt", keyless=True)

    assert fourth.kid == a_pair().kid
    assert isinstance(refusal(token, *others, a_pair().public, keyless=True), KeyNotFound)


def test_a_keyless_token_that_no_key_verifies_may_wait_for_newer_keys() -> None:
    token = a_token(changes={"kid": ...})

    assert isinstance(refusal(token, a_pair(number=2).public, keyless=True), KeyNotFound)
    assert isinstance(refusal(token, a_pair(Algorithm.RS256).public, keyless=True), KeyNotFound)
    assert not isinstance(refusal(token, a_pair(number=2).public), KeyNotFound)
    assert not isinstance(refusal(token, a_pair(Algorithm.RS256).public), KeyNotFound)


def test_a_wrong_signature_by_a_key_that_is_known_does_not_wait_for_newer_keys() -> None:
    token = signed(a_pair(number=2), a_header(a_pair()), CLAIMS)

    for keyless in (True, False):
        assert not isinstance(refusal(token, a_pair().public, keyless=keyless), KeyNotFound)


def test_two_algorithms_under_one_kid_are_told_apart_by_the_header() -> None:
    keys = [PublicKey("a", pair.algorithm, pair.public.key) for pair in map(a_pair, Algorithm)]

    for algorithm in Algorithm:
        assert open_token(a_token(algorithm, {"kid": "a"}), keys, "at+jwt").claims == CLAIMS


# J6, J8: header members


@pytest.mark.parametrize("name", ["jwk", "jku", "x5c", "x5u"])
@pytest.mark.parametrize("signed_by", [1, 2])
def test_J6_a_token_that_brings_its_key_is_refused(name: str, signed_by: int) -> None:
    attacker = a_pair(number=signed_by)
    value: object = {"jwk": json.loads(attacker.public_jwk), "x5c": ["AAAA"]}.get(name, "http://127.0.0.1:9/keys")

    some: list[object] = [value, None, "", []]
    for brought in some:
        token = signed(attacker, a_header(attacker, {name: brought}), CLAIMS)

        assert refusal(token, a_pair().public).reason == "the header brings a key of its own"


@pytest.mark.parametrize(
    "changes",
    [
        {"crit": ["x"]},
        {"crit": []},
        {"crit": ["exp"]},
        {"crit": None},
        {"crit": "b64"},
        {"b64": False},
        {"b64": True},
        {"b64": False, "crit": ["b64"]},
    ],
)
def test_J8_a_token_that_asks_for_an_extension_is_refused(changes: dict[str, object]) -> None:
    assert refusal(a_token(changes=changes)).reason == "the header asks for an extension"


@pytest.mark.parametrize("value", [[], {}, ["a"], {"a": 1}])
@pytest.mark.parametrize("name", ["cty", "other", "typ", "alg"])
def test_a_header_that_is_not_flat_is_refused(name: str, value: object) -> None:
    assert refusal(a_token(changes={name: value})).reason == "a header that is not flat"


@pytest.mark.parametrize(
    "header",
    [
        '{"alg":"ES256","typ":"at+jwt","alg":"ES256"}', '{"alg":"none","typ":"at+jwt","alg":"ES256"}',
        '{"alg":"ES256","typ":"at+jwt","x":NaN}', '["ES256"]', '"ES256"', "null", "", "{", '{"alg":"ES256"}x',
        b"\xff", b'\xef\xbb\xbf{"alg":"ES256","typ":"at+jwt"}', '{"alg":"ES256","typ":"at+jwt","kid":"\\ud800"}',
        "[" * 9000,
    ],
)  # fmt: skip
def test_a_header_that_can_be_read_in_two_ways_is_refused(header: object) -> None:
    assert refusal(signed(a_pair(), header, CLAIMS), a_pair().public).reason.startswith("the header: not")


# J7: kinds


@pytest.mark.parametrize("wanted", TYPES)
@pytest.mark.parametrize("said", TYPES)
def test_J7_each_kind_is_taken_for_itself_only(wanted: str, said: str) -> None:
    token = a_token(changes={"typ": said})

    if wanted == said:
        assert open_token(token, [a_pair().public], wanted).claims == CLAIMS
    else:
        assert refusal(token, typ=wanted).reason == "a token of another kind"


@pytest.mark.parametrize("said", ["AT+JWT", "at+JWT", "application/at+jwt", "Application/AT+jwt"])
def test_J7_letter_case_and_application_make_no_difference(said: str) -> None:
    assert open_token(a_token(changes={"typ": said}), [a_pair().public], "at+jwt").claims == CLAIMS


@pytest.mark.parametrize(
    "said",
    [
        ...,
        "",
        "jwt+at",
        "at+jwt ",
        " at+jwt",
        "at jwt",
        "application/",
        "application/application/at+jwt",
        "x/at+jwt",
        "/at+jwt",
        "at+jwt/application",
        "at+jwt\0",
    ],
)
def test_J7_nothing_else_does_for_it(said: object) -> None:
    assert refusal(a_token(changes={"typ": said})).reason == "a token of another kind"


@pytest.mark.parametrize("said", [None, 1, True])
def test_J7_a_typ_that_is_no_text_is_refused(said: object) -> None:
    assert refusal(a_token(changes={"typ": said})).reason == "a typ that is no text"


def test_J7_letters_that_look_like_ours_in_lower_case_do_not_do() -> None:
    assert "api\u212aey+jwt".lower() == "apikey+jwt"

    assert refusal(a_token(changes={"typ": "api\u212aey+jwt"}), typ="apikey+jwt").reason == "a token of another kind"


# Claims


@pytest.mark.parametrize(
    "claims",
    [
        b"", b"[]", b"null", b'"x"', b"\xff", b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":Infinity}', b'{"a":1e400}',
        b"[" * 10_000, b'{"a":' * 2_000, b'{"a":' * 17 + b"1" + b"}" * 17, b"{}{}", b'{"a":"\\udfff"}',
        b'{"a":' + b"9" * 5000 + b"}", b"eyJhbGciOiJFUzI1NiJ9.e30.AAAA",
    ],
)  # fmt: skip
def test_claims_that_are_no_strict_object_are_refused_though_signed(claims: bytes) -> None:
    assert refusal(signed(a_pair(), a_header(a_pair()), claims)).reason.startswith("the claims: not a JSON object")


def test_claims_in_another_spelling_of_base64_are_refused_though_signed() -> None:
    from portvakt.jose.algorithms import ALGORITHMS

    for payload in ("e30=", "e31", "e3 0", "eyJhIjoiPz8_In0=", "eyJhIjoiPz8/In0"):
        message = f"{part(a_header(a_pair()))}.{payload}"
        signature = ALGORITHMS[Algorithm.ES256].sign(a_pair().private, message.encode())

        assert refusal(f"{message}.{part(signature)}").reason == "the claims: not base64url"


def test_a_large_integer_claim_stays_an_integer() -> None:
    token = signed(a_pair(), a_header(a_pair()), b'{"exp":99999999999999999999}')

    assert open_token(token, [a_pair().public], "at+jwt").claims == {"exp": 99999999999999999999}


# K2: what a refusal holds


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: t[:-2],
        lambda t: t + "å",
        lambda t: "canary" + t,
        lambda t: "{" + t,
        lambda t: t + "A",
        lambda t: t.replace(".", ".canary", 1),
    ],
)
def test_K2_a_refusal_drags_no_token_along(spoil: object) -> None:
    assert callable(spoil)
    token = a_token()

    refused = refusal(spoil(token))

    assert refused.__context__ is None
    assert refused.__cause__ is None
    assert refused.args == (refused.reason,)
    assert len(refused.reason) < 80
    assert not any(piece in refused.reason for piece in (*token.split("."), "canary"))


def test_K2_parts_of_a_token_hide_in_a_repr() -> None:
    token = a_token()
    unverified, verified = split(token), open_token(token, [a_pair().public], "at+jwt")

    for shown in (repr(unverified), repr(verified)):
        assert "client_1" not in shown
        assert not any(piece in shown for piece in token.split("."))
        assert repr(unverified.signature) not in shown

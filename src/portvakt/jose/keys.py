"""Key pairs that sign, public keys that verify, and their JWK forms (RFC 7517, 7518 §6, 7638, 8037)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from portvakt.jose import base64url
from portvakt.jose.algorithms import ALGORITHMS
from portvakt.jose.strict_json import read_object
from portvakt.model.values import KeyId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.jose.algorithms import PrivateKey, PublicOnly
    from portvakt.model.nouns import Algorithm

KEY_SET_OCTETS = 64 * 1024
KEY_SET_KEYS = 100
KEY_ID_CHARACTERS = 256

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
"""RFC 7518 §6.2.2, §6.3.2, §6.4.1, RFC 8037 §2; `priv`: the draft for ML-DSA keys."""


class KeySetRefused(Exception):
    """A key or a key set that was fetched is not one that we take. Holds nothing of what was sent."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies. `kid` is the one it was published under, or its thumbprint where there was none."""

    kid: str
    algorithm: Algorithm
    key: PublicOnly = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key that signs. `kid` is its RFC 7638 thumbprint (SHA-256, base64url).

    `public_jwk` is canonical JSON (no white space, members sorted) with `alg`, `kid`, `kty`, `use` and the public
    members. The private key is not in the `repr`, and the pair cannot be pickled.
    """

    kid: KeyId
    algorithm: Algorithm
    private: PrivateKey = field(repr=False, compare=False)
    public_jwk: str

    @property
    def public(self) -> PublicKey:
        """The half that verifies."""
        return PublicKey(self.kid, self.algorithm, self.private.public_key())

    def __reduce__(self) -> NoReturn:
        raise TypeError("a KeyPair is not pickled: it would lie in a file in clear")


def generate(algorithm: Algorithm) -> KeyPair:
    """Make a new key pair. RSA: 2048 bits, some 50 to 300 ms; the others: under 1 ms."""
    return _pair(algorithm, ALGORITHMS[algorithm].generate())


def to_private_bytes(pair: KeyPair) -> bytes:
    """Return the private key as PKCS #8 DER, in clear: to be sealed at once."""
    return pair.private.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def from_private_bytes(algorithm: Algorithm, octets: bytes) -> KeyPair:
    """Return the key pair whose private key `to_private_bytes` gave.

    Raises:
        ValueError: not PKCS #8 DER, or not a key of this algorithm.
    """
    try:
        # What was sealed is whole: checking RSA's primes again would take some 50 ms of each key.
        private = serialization.load_der_private_key(octets, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("not a private key") from None
    if not ALGORITHMS[algorithm].fits(private):
        raise ValueError(f"not a private key for {algorithm}")
    return _pair(algorithm, private)  # type: ignore[arg-type]  # `fits` said so


def thumbprint(algorithm: Algorithm, members: Mapping[str, str]) -> KeyId:
    """Return the RFC 7638 SHA-256 thumbprint, base64url, of a key with these JWK members. Others are left out."""
    required = {name: fixed or members[name] for name, fixed in ALGORITHMS[algorithm].members.items()}
    digest = hashlib.sha256(_canonical(required).encode()).digest()
    return KeyId(base64url.encode(digest).decode())


def read_public_jwk(jwk: str | Mapping[str, object]) -> PublicKey:
    """Read a public JWK: RSA of 2048 to 8192 bits, EC P-256, OKP Ed25519.

    Raises:
        KeySetRefused: anything else; a private member; `use` other than "sig"; `key_ops` without "verify"; an `alg`
            of another type of key; numbers that are not spelt as RFC 7518 asks or make no key.
    """
    members = _parsed(jwk.encode("utf-8", "surrogatepass")) if isinstance(jwk, str) else jwk
    _refuse_private(members)
    algorithm = _algorithm(members)
    _refuse_other_use(members)
    entry = ALGORITHMS[algorithm]
    texts: dict[str, str] = {}
    for name in entry.members:
        value = members.get(name)
        if not isinstance(value, str):
            raise KeySetRefused(f"the member {name} is missing or no text")
        texts[name] = value
    try:
        octets = {
            name: base64url.decode(texts[name].encode("ascii")) for name, fixed in entry.members.items() if not fixed
        }
        key = entry.read(octets)
    except ValueError:
        raise KeySetRefused(f"not a public key for {algorithm}") from None
    kid = members.get("kid", thumbprint(algorithm, texts))
    if not isinstance(kid, str) or len(kid) > KEY_ID_CHARACTERS:
        raise KeySetRefused("a kid that is no text or too long")
    return PublicKey(kid, algorithm, key)


def read_key_set(body: bytes) -> tuple[PublicKey, ...]:
    """Read a JWK set as it was fetched (RFC 7517 §5): at most 64 KiB and 100 keys, in its order.

    Keys that are not for us (another kind, algorithm, use or size, or broken) are passed over, as §5 says. The same
    key twice counts once. Two different keys of one algorithm under one `kid` make the set ambiguous, and a private
    member anywhere makes it unfit to trust: both refuse the whole set, and so does a set without a key for us.

    Raises:
        KeySetRefused: the set is not to be used; what the caller had before stands.
    """
    if len(body) > KEY_SET_OCTETS:
        raise KeySetRefused("a key set of more than 64 KiB")
    jwks = _parsed(body).get("keys")
    if not isinstance(jwks, list) or len(jwks) > KEY_SET_KEYS or not all(isinstance(jwk, dict) for jwk in jwks):
        raise KeySetRefused("keys is not a list of at most 100 objects")
    for jwk in jwks:
        _refuse_private(jwk)
    found: dict[tuple[str, Algorithm], PublicKey] = {}
    for jwk in jwks:
        try:
            public = read_public_jwk(jwk)
        except KeySetRefused:
            continue
        first = found.setdefault((public.kid, public.algorithm), public)
        if first.key != public.key:
            raise KeySetRefused("two keys with one kid")
    if not found:
        raise KeySetRefused("no key that we can use")
    return tuple(found.values())


def _pair(algorithm: Algorithm, private: PrivateKey) -> KeyPair:
    entry = ALGORITHMS[algorithm]
    fixed = {name: value for name, value in entry.members.items() if value}
    members = fixed | entry.write(private.public_key())
    kid = thumbprint(algorithm, members)
    public_jwk = _canonical(members | {"kid": kid, "alg": algorithm.value, "use": "sig"})
    return KeyPair(kid, algorithm, private, public_jwk)


def _canonical(members: Mapping[str, str]) -> str:
    return json.dumps(members, separators=(",", ":"), sort_keys=True)


def _parsed(octets: bytes) -> dict[str, object]:
    try:
        return read_object(octets)
    except ValueError:
        raise KeySetRefused("not a JSON object") from None


def _refuse_private(members: Mapping[str, object]) -> None:
    if not _PRIVATE_MEMBERS.isdisjoint(members):
        raise KeySetRefused("a private key stands among the public ones")


def _algorithm(members: Mapping[str, object]) -> Algorithm:
    """The one algorithm of a key's type, which its `alg` must name if it has one (RFC 7517 §4.4)."""
    for algorithm, entry in ALGORITHMS.items():
        if all(members.get(name) == fixed for name, fixed in entry.members.items() if fixed):
            if members.get("alg", algorithm) != algorithm:
                raise KeySetRefused("an alg that does not belong to the type of key")
            return algorithm
    raise KeySetRefused("a type of key that we do not use")


def _refuse_other_use(members: Mapping[str, object]) -> None:
    if members.get("use", "sig") != "sig":  # RFC 7517 §4.2
        raise KeySetRefused("a key that is not for signatures")
    operations = members.get("key_ops", ["verify"])  # RFC 7517 §4.3
    if not isinstance(operations, list) or "verify" not in operations:
        raise KeySetRefused("a key that is not for verifying")

"""The signature algorithms, as a table of resolved entries: callers take the entry and never ask for a name."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from portvakt.jose import base64url
from portvakt.model.nouns import Algorithm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PrivateT = TypeVar("PrivateT")
PublicT = TypeVar("PublicT")

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicOnly = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

RSA_BITS = range(2048, 8192 + 1)
"""RFC 7518 §3.3 asks for 2048 or more; beyond 8192 a verification is somebody's way to keep us busy."""

RSA_EXPONENTS = range(3, 1 << 32, 2)
"""Odd, and small enough that a verification stays cheap."""

_OCTETS = 32  # of a coordinate, a scalar or an Ed25519 key: 256 bits each

# Made once: building them anew would cost each signature as much as its encoding.
_PKCS1 = padding.PKCS1v15()
_SHA256 = SHA256()
_ECDSA = ec.ECDSA(_SHA256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Generic[PrivateT, PublicT]):
    """All that one algorithm needs.

    `members` are the JWK members that make a key, in the order of its thumbprint (RFC 7638 §3.2), `kty` among them.
    `sign(key, message)` gives the signature as a JWS carries it; `verify(key, signature, message)` says whether it
    is one, and raises nothing. `write(public)` gives the members, `read(members)` a public key, or ValueError.
    `fits(key)` says whether a private key that was loaded from somewhere is of this algorithm.
    """

    members: Mapping[str, str | None]
    generate: Callable[[], PrivateT]
    sign: Callable[[PrivateT, bytes], bytes]
    verify: Callable[[PublicT, bytes, bytes], bool]
    write: Callable[[PublicT], dict[str, str]]
    read: Callable[[Mapping[str, bytes]], PublicT]
    fits: Callable[[object], bool]


def _octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _text(octets: bytes) -> str:
    return base64url.encode(octets).decode()


def _number(octets: bytes) -> int:
    if octets[:1] == b"\0":  # RFC 7518 §2, Base64urlUInt: the minimum number of octets
        raise ValueError("a number with leading zeros")
    return int.from_bytes(octets, "big")


def _rs256_generate() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _rs256_sign(key: rsa.RSAPrivateKey, message: bytes) -> bytes:
    return key.sign(message, _PKCS1, _SHA256)


def _rs256_verify(key: rsa.RSAPublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message, _PKCS1, _SHA256)
    except InvalidSignature:
        return False
    return True


def _rs256_write(key: rsa.RSAPublicKey) -> dict[str, str]:
    numbers = key.public_numbers()
    return {"e": _text(_octets(numbers.e)), "n": _text(_octets(numbers.n))}


def _rs256_read(members: Mapping[str, bytes]) -> rsa.RSAPublicKey:
    n, e = _number(members["n"]), _number(members["e"])
    if n.bit_length() not in RSA_BITS or n % 2 == 0 or e not in RSA_EXPONENTS:
        raise ValueError("an RSA key that is too short, too long or none")
    return rsa.RSAPublicNumbers(e, n).public_key()


def _rs256_fits(key: object) -> bool:
    return isinstance(key, rsa.RSAPrivateKey) and key.key_size in RSA_BITS


def _es256_generate() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _es256_sign(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(message, _ECDSA))
    return r.to_bytes(_OCTETS, "big") + s.to_bytes(_OCTETS, "big")  # RFC 7518 §3.4: R || S


def _es256_verify(key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes) -> bool:
    if len(signature) != 2 * _OCTETS:
        return False
    r, s = int.from_bytes(signature[:_OCTETS], "big"), int.from_bytes(signature[_OCTETS:], "big")
    try:  # 0 and numbers from the order on fail here too; any other s will do, since RFC 7518 has no low-S rule
        key.verify(encode_dss_signature(r, s), message, _ECDSA)
    except InvalidSignature:
        return False
    return True


def _es256_write(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    numbers = key.public_numbers()
    return {"x": _text(numbers.x.to_bytes(_OCTETS, "big")), "y": _text(numbers.y.to_bytes(_OCTETS, "big"))}


def _es256_read(members: Mapping[str, bytes]) -> ec.EllipticCurvePublicKey:
    x, y = members["x"], members["y"]
    if len(x) != _OCTETS or len(y) != _OCTETS:  # RFC 7518 §6.2.1.2: the full size of a coordinate
        raise ValueError("a coordinate of the wrong length")
    point = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1())
    return point.public_key()  # ValueError: not on the curve


def _es256_fits(key: object) -> bool:
    return isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)


def _eddsa_sign(key: ed25519.Ed25519PrivateKey, message: bytes) -> bytes:
    return key.sign(message)


def _eddsa_verify(key: ed25519.Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _eddsa_write(key: ed25519.Ed25519PublicKey) -> dict[str, str]:
    return {"x": _text(key.public_bytes(Encoding.Raw, PublicFormat.Raw))}


def _eddsa_read(members: Mapping[str, bytes]) -> ed25519.Ed25519PublicKey:
    return ed25519.Ed25519PublicKey.from_public_bytes(members["x"])  # ValueError: not 32 octets


def _eddsa_fits(key: object) -> bool:
    return isinstance(key, ed25519.Ed25519PrivateKey)


ALGORITHMS: Mapping[Algorithm, Entry[Any, Any]] = MappingProxyType(
    {
        Algorithm.RS256: Entry(
            members={"e": None, "kty": "RSA", "n": None},
            generate=_rs256_generate,
            sign=_rs256_sign,
            verify=_rs256_verify,
            write=_rs256_write,
            read=_rs256_read,
            fits=_rs256_fits,
        ),
        Algorithm.ES256: Entry(
            members={"crv": "P-256", "kty": "EC", "x": None, "y": None},
            generate=_es256_generate,
            sign=_es256_sign,
            verify=_es256_verify,
            write=_es256_write,
            read=_es256_read,
            fits=_es256_fits,
        ),
        Algorithm.EDDSA: Entry(
            members={"crv": "Ed25519", "kty": "OKP", "x": None},
            generate=ed25519.Ed25519PrivateKey.generate,
            sign=_eddsa_sign,
            verify=_eddsa_verify,
            write=_eddsa_write,
            read=_eddsa_read,
            fits=_eddsa_fits,
        ),
    }
)

"""What is secret in a private key, as octets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

if TYPE_CHECKING:
    from portvakt.jose.keys import KeyPair


def private_numbers(pair: KeyPair) -> dict[str, bytes]:
    """Return the numbers that make a key private, by their names in RFC 7518 §6 and RFC 8037 §2."""
    key = pair.private
    if isinstance(key, RSAPrivateKey):
        numbers = key.private_numbers()
        return {
            name: number.to_bytes((number.bit_length() + 7) // 8, "big")
            for name, number in {"d": numbers.d, "p": numbers.p, "q": numbers.q, "qi": numbers.iqmp}.items()
        }
    if isinstance(key, EllipticCurvePrivateKey):
        return {"d": key.private_numbers().private_value.to_bytes(32, "big")}
    return {"d": key.private_bytes_raw()}

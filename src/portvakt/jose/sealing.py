"""Sealing at rest: AES-256-GCM under keys that are derived (HKDF-SHA-256, RFC 5869), never stored.

Private keys, and links that wait to be sent, are sealed under the installation's secret; what a repeated refresh gets,
under the refresh token itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from portvakt.model.values import ClientId, FamilyId, IssuerName, KeyId, Secret, UserId

KEY_OCTETS = 32
NONCE_OCTETS = 12
ROOT_CHARACTERS = 43  # 32 random octets as base64url

_VERSION = b"\x01"
_TAG_OCTETS = 16


class UnsealFailed(Exception):
    """The sealed bytes were not sealed with this key for this place, or were altered since."""


def derive(root: Secret, info: bytes) -> bytes:
    """Derive 32 octets for one purpose, named by `info`, from the installation's secret (HKDF-SHA-256, RFC 5869).

    The input is the secret's text itself, so that it needs no decoding.

    Raises:
        ValueError: the secret is shorter than 32 random octets are as base64url.
    """
    text = root.reveal().encode()
    if len(text) < ROOT_CHARACTERS:
        raise ValueError("the installation's secret is too short")
    return HKDF(algorithm=SHA256(), length=KEY_OCTETS, salt=None, info=info).derive(text)


def derive_from_token(token: Secret, salt: bytes, info: bytes) -> bytes:
    """Derive 32 octets for one purpose from an opaque token of 256 random bits, which is not stored itself.

    `salt` is the id of its row, so that no two rows share a key.
    """
    return HKDF(algorithm=SHA256(), length=KEY_OCTETS, salt=salt, info=info).derive(token.reveal().encode())


def place(issuer: IssuerName, key_id: KeyId) -> bytes:
    """The associated data of a private key: one that is moved to another row or issuer does not open there."""
    return _joined(issuer, key_id)


def place_of_reissue(issuer: IssuerName, family_id: FamilyId, generation: int, client_id: ClientId) -> bytes:
    """The associated data of what a repeated refresh gets: it opens for that client and generation only."""
    return _joined(issuer, family_id, str(generation), client_id)


def place_of_link(issuer: IssuerName, user_id: UserId, digest: bytes) -> bytes:
    """The associated data of a link that waits to be sent: it opens for that user's invitation only."""
    return _joined(issuer, user_id, digest.hex())


def seal(key: bytes, plaintext: bytes, associated: bytes, nonce: bytes) -> bytes:
    """Seal: a version octet, `nonce`, then ciphertext and tag. `associated` is authenticated and not stored.

    `key` is 32 octets. `nonce` is 12 octets, drawn anew for every call: the same one twice under one key gives both
    texts away (NIST SP 800-38D §8).

    Raises:
        ValueError: key or nonce of another length.
    """
    if len(nonce) != NONCE_OCTETS:
        raise ValueError("a nonce of the wrong length")
    return _VERSION + nonce + _cipher(key).encrypt(nonce, plaintext, _VERSION + associated)


def unseal(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """Return the plaintext of `sealed`.

    Raises:
        UnsealFailed: another key, other associated data, altered or cut bytes, or a version that is not known.
        ValueError: a key of another length.
    """
    cipher = _cipher(key)
    nonce, ciphertext = sealed[1 : 1 + NONCE_OCTETS], sealed[1 + NONCE_OCTETS :]
    if sealed[:1] != _VERSION or len(ciphertext) < _TAG_OCTETS:
        raise UnsealFailed("not sealed bytes of a known version")
    try:
        return cipher.decrypt(nonce, ciphertext, _VERSION + associated)
    except InvalidTag:
        raise UnsealFailed("another key, another place, or altered bytes") from None


def _joined(*parts: str) -> bytes:
    """The parts, each behind its length, so that no two lists of parts read the same."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in (text.encode() for text in parts))


def _cipher(key: bytes) -> AESGCM:
    if len(key) != KEY_OCTETS:
        raise ValueError("a key of the wrong length")
    return AESGCM(key)

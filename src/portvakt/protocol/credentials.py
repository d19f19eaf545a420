"""Client secrets: how they are made, recognised and kept.

A secret is `pvk_cs_`, 32 random bytes as base64url (43 characters) and a checksum (6): whoever finds one in a
log or a repository can tell what it is. It is kept as HMAC-SHA-256 under the installation's pepper: with 256
random bits a slow hash would make tokens slow and guessing no harder.
"""

from __future__ import annotations

import base64
import hmac
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

from portvakt.model.nouns import ClientSecret
from portvakt.model.values import Secret, SecretId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portvakt.model.values import ClientId, Instant

SECRET_PREFIX = "pvk_cs_"
SECRET_OCTETS = 32
SHOWN_PREFIX = len(SECRET_PREFIX) + 4
SHOWN_END = 4

_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH = 20


def mint_secret(random: bytes) -> Secret:
    """Return the secret made of 32 random bytes.

    Raises:
        ValueError: another number of bytes.
    """
    if len(random) != SECRET_OCTETS:
        raise ValueError(f"a secret is made of {SECRET_OCTETS} random bytes")
    body = base64.urlsafe_b64encode(random).rstrip(b"=").decode()
    return Secret(f"{SECRET_PREFIX}{body}{_checksum(body)}")


def mint_id(prefix: str, random: bytes) -> str:
    """Return `prefix` and 20 lower-case letters and digits, made of at least 20 random bytes."""
    if len(random) < _ID_LENGTH:
        raise ValueError(f"an id is made of {_ID_LENGTH} random bytes")
    number = int.from_bytes(random, "big")
    characters = []
    for _ in range(_ID_LENGTH):
        number, index = divmod(number, len(_ID_ALPHABET))
        characters.append(_ID_ALPHABET[index])
    return prefix + "".join(characters)


def digest(pepper: bytes, secret: Secret) -> bytes:
    """Return what is kept of a secret: 32 bytes."""
    keyed = _keyed(pepper).copy()  # half the cost of looking the algorithm up for each secret
    keyed.update(secret.reveal().encode())
    return keyed.digest()


@lru_cache(maxsize=8)
def _keyed(pepper: bytes) -> hmac.HMAC:
    return hmac.new(pepper, digestmod="sha256")


def matching(secrets: Iterable[ClientSecret], presented: bytes) -> ClientSecret | None:
    """Return the secret whose digest is `presented`; every one is compared, each in constant time."""
    found = None
    for secret in secrets:
        if hmac.compare_digest(secret.digest, presented):
            found = secret
    return found


def keep(
    secret: Secret, *, pepper: bytes, client_id: ClientId, id_random: bytes, now: Instant, expires_at: Instant | None
) -> ClientSecret:
    """Return the row that keeps `secret`."""
    text = secret.reveal()
    return ClientSecret(
        id=SecretId(mint_id("sec_", id_random)),
        client_id=client_id,
        digest=digest(pepper, secret),
        prefix=text[:SHOWN_PREFIX],
        last4=text[-SHOWN_END:],
        created_at=now,
        expires_at=expires_at,
    )


def _checksum(body: str) -> str:
    octets = zlib.crc32(body.encode()).to_bytes(4, "big")
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()

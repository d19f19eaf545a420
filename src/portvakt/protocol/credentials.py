"""Secrets and other opaque texts: how they are made, recognised and kept.

A client's secret is `pvk_cs_`, 32 random bytes as base64url (43 characters) and a checksum (6): whoever finds one in a
log or a repository can tell what it is. It is kept as HMAC-SHA-256 under the installation's pepper: with 256
random bits a slow hash would make tokens slow and guessing no harder. Codes, refresh tokens and session cookies are
made and kept alike, each kind under a prefix of its own.
"""

from __future__ import annotations

import base64
import hmac
import re
import zlib
from enum import Enum
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

_OPAQUE = re.compile(r"pvk_[a-z]{2}_([A-Za-z0-9_-]{43})([A-Za-z0-9_-]{6})")

_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH = 20


class Kind(Enum):
    """The opaque texts of 256 random bits that a row is found by; the value is the prefix."""

    CODE = "pvk_ac_"
    REFRESH_TOKEN = "pvk_rt_"
    SESSION = "pvk_se_"
    INVITATION = "pvk_in_"


def mint(kind: Kind, random: bytes) -> Secret:
    """Return the opaque text of that kind made of 32 random bytes. Raises: ValueError: another number of bytes."""
    return _minted(kind.value, random)


def opaque_digest(kind: Kind, pepper: bytes, text: Secret) -> bytes | None:
    """Return what is kept of an opaque text, by which its row is found; None if it is none of that kind.

    A typing error or a cut text shows in the checksum, before anything is looked up.
    """
    match = _OPAQUE.fullmatch(text.reveal())
    if match is None or not text.reveal().startswith(kind.value) or _checksum(match[1]) != match[2]:
        return None
    return keep_opaque(kind, pepper, text)


def keep_opaque(kind: Kind, pepper: bytes, text: Secret) -> bytes:
    """Return what is kept of an opaque text that was just made: 32 bytes.

    The kind is in it, so that no row of one kind is found by a text of another.
    """
    keyed = _keyed(pepper).copy()
    keyed.update(b"%b\0%b" % (kind.value.encode(), text.reveal().encode()))
    return keyed.digest()


def mint_secret(random: bytes) -> Secret:
    """Return the secret made of 32 random bytes.

    Raises:
        ValueError: another number of bytes.
    """
    return _minted(SECRET_PREFIX, random)


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


def _minted(prefix: str, random: bytes) -> Secret:
    if len(random) != SECRET_OCTETS:
        raise ValueError(f"a secret is made of {SECRET_OCTETS} random bytes")
    body = base64.urlsafe_b64encode(random).rstrip(b"=").decode()
    return Secret(f"{prefix}{body}{_checksum(body)}")


def _checksum(body: str) -> str:
    octets = zlib.crc32(body.encode()).to_bytes(4, "big")
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()

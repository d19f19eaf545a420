"""Verifying: a compact JWS to its claims (RFC 7515 §5.2, RFC 8725, RFC 9068 §4).

`split` looks at what the token says of itself, and bounds it; `verify` checks it against keys. Which claims must be
there, and whether they are right, is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portvakt.jose import base64url
from portvakt.jose.algorithms import ALGORITHMS
from portvakt.jose.keys import KEY_ID_CHARACTERS
from portvakt.jose.strict_json import read_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portvakt.jose.keys import PublicKey
    from portvakt.model.nouns import Algorithm

TOKEN_CHARACTERS = 16 * 1024
KEYLESS_TRIES = 4

_NESTED = (dict, list)

_REFUSED_MEMBERS = {
    "crit": "asks for an extension",  # RFC 7515 §4.1.11: we understand none
    "b64": "asks for an extension",  # RFC 7797
    "jwk": "brings a key of its own",  # RFC 8725 §3.10, as the next three
    "jku": "brings a key of its own",
    "x5c": "brings a key of its own",
    "x5u": "brings a key of its own",
}


class TokenRefused(Exception):
    """The token is not good. `reason` is for the operator; it holds nothing that the token says."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeyNotFound(TokenRefused):
    """None of the keys at hand can have signed this token; a newer key set might hold one that did."""


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a token says of itself. Nothing of it is proven, and its claims are not even decoded."""

    algorithm: Algorithm
    typ: str | None
    kid: str | None
    header: Mapping[str, object] = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verified:
    """A token whose signature is right. `kid` is the key that verified it, also where the header names none."""

    kid: str
    header: Mapping[str, object]
    claims: dict[str, object] = field(repr=False)


def split(token: str) -> Unverified:
    """Take a compact JWS apart, without trusting it.

    Raises:
        TokenRefused: longer than 16 KiB; not three parts; not strict base64url; a header that is no flat JSON object
            or has a member twice; an `alg` that we do not use; `crit`, `b64` or a key in the header; a `kid` that is
            no text or longer than 256 characters.
    """
    if len(token) > TOKEN_CHARACTERS:
        raise TokenRefused("longer than 16 KiB")
    if token.count(".") != 2 or not token.isascii():  # noqa: PLR2004 - RFC 7515 §7.1: three parts
        raise TokenRefused("not three parts")
    signed, _, signature = token.encode("ascii").rpartition(b".")
    header = _object(signed.partition(b".")[0], "the header")
    for name, reason in _REFUSED_MEMBERS.items():
        if name in header:
            raise TokenRefused(f"the header {reason}")
    if any(isinstance(value, _NESTED) for value in header.values()):
        raise TokenRefused("a header that is not flat")
    kid = _text(header, "kid")
    if kid is not None and len(kid) > KEY_ID_CHARACTERS:
        raise TokenRefused("a kid that is too long")
    octets = _octets(signature, "the signature")
    if not octets:
        raise TokenRefused("no signature")
    return Unverified(_algorithm(header), _text(header, "typ"), kid, header, signed, octets)


def verify(unverified: Unverified, keys: Sequence[PublicKey], typ: str, *, keyless: bool = False) -> dict[str, object]:
    """Return the claims of a token that one of `keys` signed and whose kind is `typ`; see `open_token`."""
    return _verified(unverified, keys, typ, keyless=keyless).claims


def open_token(token: str, keys: Sequence[PublicKey], typ: str, *, keyless: bool = False) -> Verified:
    """Return header and claims of a compact JWS that one of `keys` signed and whose kind is `typ`.

    The signature is checked before a claim is looked at. The algorithm is the key's, and the header must agree.
    `typ` is compared without letter case, with or without `application/` (RFC 7515 §4.1.9, RFC 9068 §4). The key is
    the one that `kid` names. A token without `kid` is taken if there is one key only; with `keyless`, for issuers
    whose tokens name none, it is tried against the first 4 keys of its algorithm.

    Raises:
        KeyNotFound: no such key, or none of those tried: the one refusal that newer keys may turn.
        TokenRefused: everything else, claims that are no strict JSON object nested at most 16 deep among it.
    """
    return _verified(split(token), keys, typ, keyless=keyless)


def _verified(unverified: Unverified, keys: Sequence[PublicKey], typ: str, *, keyless: bool) -> Verified:
    _refuse_other_kind(unverified.typ, typ)
    candidates = _candidates(unverified, keys, keyless=keyless)
    verifies = ALGORITHMS[unverified.algorithm].verify
    for key in candidates:
        if verifies(key.key, unverified.signature, unverified.signed):
            claims = _object(unverified.signed.partition(b".")[2], "the claims")
            return Verified(key.kid, unverified.header, claims)
    if unverified.kid is None and keyless:
        raise KeyNotFound("signed by none of the current keys")
    raise TokenRefused("the signature is wrong")


def _refuse_other_kind(said: str | None, typ: str) -> None:
    # Beyond ASCII there are letters whose lower case is an ASCII one (the Kelvin sign).
    if said is None or not said.isascii() or said.lower() not in {typ.lower(), f"application/{typ}".lower()}:
        raise TokenRefused("a token of another kind")


def _candidates(unverified: Unverified, keys: Sequence[PublicKey], *, keyless: bool) -> Sequence[PublicKey]:
    """The keys that may have signed; each is of the algorithm that the header names (RFC 8725 §3.1)."""
    if unverified.kid is None:
        if not keyless and len(keys) != 1:
            raise TokenRefused("no kid where there are several keys, or none")
        named = keys
    else:
        named = [key for key in keys if key.kid == unverified.kid]
        if not named:
            raise KeyNotFound("no key with this kid")
    fitting = [key for key in named if key.algorithm is unverified.algorithm]
    if not fitting and unverified.kid is None and keyless:
        raise KeyNotFound("no key of this algorithm")
    if not fitting:
        raise TokenRefused("an algorithm that is not the key's")
    return fitting[:KEYLESS_TRIES]


def _algorithm(header: Mapping[str, object]) -> Algorithm:
    for algorithm in ALGORITHMS:
        if header.get("alg") == algorithm.value:
            return algorithm
    raise TokenRefused("an algorithm that is not used here")


def _text(header: Mapping[str, object], name: str) -> str | None:
    value = header.get(name)
    if name in header and not isinstance(value, str):
        raise TokenRefused(f"a {name} that is no text")
    return value if isinstance(value, str) else None


# A refusal is raised outside of the `except`, so that it does not drag an error along that holds the token's text.


def _octets(part: bytes, what: str) -> bytes:
    try:
        octets = base64url.decode(part)
    except ValueError:
        octets = None
    if octets is None:
        raise TokenRefused(f"{what}: not base64url")
    return octets


def _object(part: bytes, what: str) -> dict[str, object]:
    octets = _octets(part, what)
    try:
        members = read_object(octets)
    except ValueError:
        members = None
    if members is None:
        raise TokenRefused(f"{what}: not a JSON object, or one that can be read in two ways")
    return members

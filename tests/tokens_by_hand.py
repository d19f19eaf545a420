"""Tokens put together octet by octet, so that a test can break any part of one."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING

import pytest

from portvakt.jose import base64url
from portvakt.jose.algorithms import ALGORITHMS
from portvakt.jose.keys import KeyPair, PublicKey, generate
from portvakt.jose.verifying import TokenRefused, open_token
from portvakt.model.nouns import Algorithm

if TYPE_CHECKING:
    from collections.abc import Mapping

CLAIMS: dict[str, object] = {"iss": "https://id.example/acme", "sub": "client_1", "exp": 1_000_000, "scope": "read"}


def a_pair(algorithm: Algorithm = Algorithm.ES256, number: int = 1) -> KeyPair:
    """Return the same pair for the same number, made once."""
    return _pairs(algorithm, number)


@functools.cache
def _pairs(algorithm: Algorithm, _: int) -> KeyPair:
    return generate(algorithm)


def part(value: object) -> str:
    """Return one part of a token: octets as they are, text as UTF-8, anything else as JSON."""
    if not isinstance(value, bytes):
        value = (value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))).encode()
    return base64url.encode(value).decode()


def a_header(pair: KeyPair, changes: Mapping[str, object] | None = None) -> dict[str, object]:
    """Return the header of a good token with `changes`; a member that changes to `...` is left out."""
    header = {"alg": pair.algorithm.value, "typ": "at+jwt", "kid": pair.kid} | dict(changes or {})
    return {name: value for name, value in header.items() if value is not ...}


def signed(pair: KeyPair, header: object, claims: object) -> str:
    """Sign whatever stands in `header` and `claims`, as the key's own algorithm does."""
    message = f"{part(header)}.{part(claims)}"
    return f"{message}.{part(ALGORITHMS[pair.algorithm].sign(pair.private, message.encode()))}"


def a_token(algorithm: Algorithm = Algorithm.ES256, changes: Mapping[str, object] | None = None) -> str:
    """Return a good token but for the `changes` to its header."""
    return signed(a_pair(algorithm), a_header(a_pair(algorithm), changes), CLAIMS)


def refusal(token: str, *keys: PublicKey, typ: str = "at+jwt", keyless: bool = False) -> TokenRefused:
    """Return how a token is refused, by these keys or by one of each algorithm."""
    with pytest.raises(TokenRefused) as refused:
        open_token(token, keys or [a_pair(algorithm).public for algorithm in Algorithm], typ, keyless=keyless)
    return refused.value

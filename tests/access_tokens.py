"""Access tokens made for a test: good ones, and ones with a single fault."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from portvakt.jose.keys import KeyPair, generate
from portvakt.jose.signing import Signer
from portvakt.model.nouns import Algorithm
from portvakt.model.values import Instant

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = Instant(1_000_000)
ISSUER = "https://id.example/acme"
AUDIENCE = "https://api.example"


def a_key(number: int = 1, algorithm: Algorithm = Algorithm.ES256) -> KeyPair:
    """Return the same key for the same number and algorithm, made once."""
    return _made_once(number, algorithm)


@functools.cache
def _made_once(number: int, algorithm: Algorithm) -> KeyPair:
    assert number
    return generate(algorithm)


def some_claims(changes: Mapping[str, object] | None = None) -> dict[str, object]:
    """Return the claims of a good token with `changes`; one that changes to `...` is left out."""
    good: dict[str, object] = {
        "iss": ISSUER,
        "exp": NOW + 600,
        "aud": AUDIENCE,
        "sub": "client_1",
        "client_id": "client_1",
        "iat": NOW,
        "jti": "token-1",
    }
    return {name: value for name, value in (good | dict(changes or {})).items() if value is not ...}


def a_token(
    changes: Mapping[str, object] | None = None,
    *,
    key: KeyPair | None = None,
    typ: str = "at+jwt",
    names_key: bool = True,
) -> str:
    """Return a signed token with `some_claims(changes)`."""
    return Signer(key or a_key(), typ, names_key).sign(some_claims(changes))

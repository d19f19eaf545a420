"""Signing: claims to a compact JWS (RFC 7515 §7.1). The hot path of the token endpoint."""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii as _text
from typing import TYPE_CHECKING, NoReturn

from portvakt.jose import base64url
from portvakt.jose.algorithms import ALGORITHMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.jose.keys import KeyPair

_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


def _object(claims: Mapping[str, object]) -> str:
    """Return compact JSON. The encoder makes itself anew at each call, so texts and whole numbers go without it."""
    return "{" + ",".join([f"{_text(name)}:{_value(value)}" for name, value in claims.items()]) + "}"


def _value(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    return str(value) if type(value) is int else _json(value)


class Signer:
    """Signs claims with one key under one header, which is encoded once.

    The header is `{"alg":…,"typ":…}`, in that order, and `"kid"` after them if `names_key`.
    """

    __slots__ = ("_key", "_prefix", "_sign", "kid")

    def __init__(self, pair: KeyPair, typ: str, names_key: bool) -> None:
        header = {"alg": pair.algorithm.value, "typ": typ}
        if names_key:
            header["kid"] = pair.kid
        self.kid = pair.kid
        self._prefix = base64url.encode(_json(header).encode()) + b"."
        self._key = pair.private
        self._sign = ALGORITHMS[pair.algorithm].sign

    def sign(self, claims: Mapping[str, object]) -> str:
        """Return the compact JWS of `claims`, members in their order.

        Raises:
            TypeError: a claim that JSON does not know.
            ValueError: a claim that is NaN or infinite.
        """
        message = self._prefix + base64url.encode(_object(claims).encode())
        return (message + b"." + base64url.encode(self._sign(self._key, message))).decode()

    def __repr__(self) -> str:
        return f"Signer(kid={self.kid!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Signer is not pickled: it holds a private key")

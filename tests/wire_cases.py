"""What the tests of wire share: builders, and the one way to look at a refusal."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from portvakt.model.provider import Body, MissingSecret, Provider
from portvakt.wire.errors import WireError
from portvakt.wire.token_request import read_token_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from portvakt.model.message import TokenRequest

FORM = b"application/x-www-form-urlencoded"
JSON = b"application/json"
STANDARD = Provider(name="standard", title="Standard")
BOTH = Provider(
    name="both",
    title="Takes form and JSON, and calls a missing secret a bad request",
    token_bodies=frozenset({Body.FORM, Body.JSON}),
    missing_secret=MissingSecret.INVALID_REQUEST,
)
CANARY = "canary-4Rq9x"
"""A value that no description may repeat."""


def refusal(call: Callable[[], object]) -> WireError:
    """Return what `call` is refused with, having checked what holds for every refusal."""
    with pytest.raises(WireError) as caught:
        call()
    error = caught.value
    assert error.description.isascii()
    assert error.description.isprintable()
    assert not {'"', "\\"} & set(error.description)
    assert CANARY not in error.description
    assert error.parameter is None or error.parameter in error.description
    return error


def is_invalid_request(call: Callable[[], object], parameter: str | None = None) -> None:
    error = refusal(call)
    assert (error.code, error.status, error.parameter) == ("invalid_request", 400, parameter)


def basic(client_id: str, client_secret: str, scheme: str = "Basic") -> bytes:
    """Return an Authorization header; the two go in as they are."""
    return f"{scheme} ".encode() + b64encode(f"{client_id}:{client_secret}".encode())


def read(
    body: bytes,
    *,
    provider: Provider = STANDARD,
    content_type: bytes | None = FORM,
    authorization: bytes | None = None,
    query: bytes = b"",
    more: tuple[tuple[bytes, bytes], ...] = (),
) -> TokenRequest:
    headers = [(b"host", b"id.example"), *more]
    if content_type is not None:
        headers.append((b"content-type", content_type))
    if authorization is not None:
        headers.append((b"authorization", authorization))
    return read_token_request(provider, headers, query, body)

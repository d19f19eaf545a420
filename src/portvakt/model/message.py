"""HTTP messages as values: what the core reads and writes, with no server or client attached."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.model.values import ClientId, Secret


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP reply. Header names are lower case; the order is the order on the wire."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request that is to be sent. Its headers and its body hold secrets, so `repr` shows neither."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A token request whose form is right: each parameter at most once, none empty, all text without NUL.

    `method` is how the client authenticated: "client_secret_basic", "client_secret_post" or "none".
    `parameters` are the rest; `client_id` and `client_secret` are not among them.
    """

    grant_type: str
    client_id: ClientId
    client_secret: Secret | None
    method: str
    parameters: Mapping[str, str] = field(repr=False)

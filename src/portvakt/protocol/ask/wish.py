"""What is wanted of an issuer, whatever the grant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portvakt.model.values import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Who asks, and for what. `scope` "": the client's default. `resource`: RFC 8707 §2.

    `client_secret` None: a public client, which has none (RFC 6749 §2.1).
    """

    client_id: str
    client_secret: Secret | None = field(repr=False)
    scope: str = ""
    resource: str | None = None

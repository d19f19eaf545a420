"""What is wanted of an issuer, whatever the grant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portvakt.model.provider import Provider
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


def asked_scope(provider: Provider, scope: str) -> str:
    """Return the scope to ask for: all that the provider has, where it wants one named and none was."""
    if scope or "scope" not in provider.authorize_requires or provider.scopes is None:
        return scope
    return " ".join(provider.scopes)

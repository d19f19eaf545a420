"""Making clients as one who administers does, in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portvakt.protocol.govern.clients import Wish

if TYPE_CHECKING:
    from portvakt.model.nouns import Issuer
    from portvakt.protocol.govern.secrets import NewSecret
    from portvakt.server.administration import Administration


async def make_client(
    administration: Administration, issuer: Issuer, *, owner_email: str | None = None, **wish: Any
) -> NewSecret:
    """Make a client of a user's, the operator's by default. `wish`: the members of a `Wish`."""
    owner = await administration.owner(issuer, owner_email)
    listed: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in wish.items()}
    return await administration.clients(issuer).create(Wish(**listed), owner)

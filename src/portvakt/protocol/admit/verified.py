"""What a resource server knows of a token that it let in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portvakt.model.values import ClientId, Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A token that is good here. It holds claims, never the token itself.

    `client_id` is the program that shows it; `subject` is the user, or for a client's own token its client_id.
    `scopes` and `roles` are names, as the issuer wrote them; `issued_at` and `expires_at` are in Unix seconds.
    `organisation_number` is the company that a grant is for, None where there is none. `token_id` is `jti`,
    `grant_id` is `gid`, `key_id` the `kid` of the key that verified the signature: what a withdrawal may name.

    For a personal API key, `client_id` and `token_id` are the key's own id, `key_id` is empty, and `expires_at` the
    end of the year 9999 where it has none.
    """

    client_id: ClientId
    subject: str
    scopes: frozenset[str]
    organisation_number: str | None
    roles: frozenset[str]
    issued_at: Instant
    expires_at: Instant
    token_id: str
    grant_id: str | None
    key_id: str

    @property
    def is_api_key(self) -> bool:
        """Whether this is a personal API key, no access token."""
        return self.client_id == self.token_id

"""As whom a guard asks its issuer."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

from portvakt.model.values import Secret


def basic(client_id: str, client_secret: str | Secret) -> Secret:
    """Return the Authorization header of a client (RFC 6749 §2.3.1). Raises: ValueError if either is empty.

    Basic, not a bearer token: a provider without client_credentials gives a client no token of its own.
    """
    secret = client_secret.reveal() if isinstance(client_secret, Secret) else client_secret
    if not client_id or not secret:
        raise ValueError("a guard asks its issuer as a client with a secret")
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return Secret("Basic " + b64encode(pair.encode()).decode())

"""Where the server itself answers, so that a provider's endpoints stand elsewhere."""

from __future__ import annotations

OF_THE_INSTALLATION = ("/admin", "/livez", "/readyz")
"""At the root of the host; no issuer may claim one."""

WITH_USERS = (
    "/revoke",
    "/introspect",
    "/login",
    "/logout",
    "/account",
    "/connected",
    "/sessions",
    "/consent",
    "/static",
    "/api-keys",
    "/settings",
    "/forgot-password",
    "/password",
)
"""Where an issuer answers that people log in at, besides its authorization endpoint."""

OF_EVERY_ISSUER = ("/.well-known", "/revocations")


def is_at_or_under(path: str, root: str) -> bool:
    """Whether a path is `root` or lies below it."""
    return path == root or path.startswith(root + "/")

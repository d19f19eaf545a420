"""Log-ins with everything filled in but what a test is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from portvakt.client.login import Login
from portvakt.model.values import Secret

NOW = 1_800_000_000
ISSUER = "https://id.example"
CLIENT = "client_abc"
ACCESS = "access-Yq7m2Vx9Kc4Rt8Wz"
REFRESH = "pvk_rt_Zk3vQ8mW1xR6tY0uB5nC9dF2gH7jL4aS"


def a_login(**changed: Any) -> Login:
    """Return a log-in of half an hour ago, good for another half."""
    login = Login(
        issuer=ISSUER,
        client_id=CLIENT,
        access_token=Secret(ACCESS),
        expires_at=NOW + 1800,
        lifetime=3600,
        scope="read",
        resource=None,
        refresh_token=Secret(REFRESH),
        since=NOW - 1800,
    )
    return replace(login, **changed)

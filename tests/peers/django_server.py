"""django-oauth-toolkit on SQLite in the current folder, as its pages show it: client credentials, opaque tokens.

Two clients: one with the secret as the toolkit keeps it by default (Django's password hash), and `plain`, whose secret
is kept as it is (`hash_client_secret=False`).
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Callable

# WAL, as Django's page on SQLite in production recommends, and a connection that stays open: both make it faster.
DATABASE = {
    "ENGINE": "django.db.backends.sqlite3",
    "CONN_MAX_AGE": None,
    "OPTIONS": {
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    },
}


def make(issuer: str) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the application, and what its clients must know. Writes `django.db` in the current folder."""
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        DATABASES={"default": DATABASE | {"NAME": str(Path.cwd() / "django.db")}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        OAUTH2_PROVIDER={"ACCESS_TOKEN_EXPIRE_SECONDS": 600},
        ROOT_URLCONF="django_urls",
        SECRET_KEY=secrets.token_urlsafe(32),
        USE_TZ=True,
    )
    django.setup()
    return _application(), _clients(issuer)


def _application() -> Callable[..., Any]:
    from django.core.wsgi import get_wsgi_application

    application: Callable[..., Any] = get_wsgi_application()
    return application


def _clients(issuer: str) -> dict[str, Any]:
    from django.core.management import call_command
    from django.db import connections
    from oauth2_provider.models import Application

    call_command("migrate", verbosity=0)
    made = {}
    for name, hashed in (("hashed", True), ("plain", False)):
        secret = secrets.token_urlsafe(32)
        client = Application.objects.create(
            name=name,
            client_secret=secret,
            hash_client_secret=hashed,
            client_type=Application.CLIENT_CONFIDENTIAL,
            authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
        )
        made[name] = {"client_id": client.client_id, "client_secret": secret}
    connections.close_all()  # a worker has its own
    issuer += "/o"  # RFC 8414 §3.1: its metadata is at /.well-known/oauth-authorization-server/o
    return {"issuer": issuer, "token_url": f"{issuer}/token/", **made["hashed"], "plain": made["plain"]}

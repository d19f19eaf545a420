from __future__ import annotations

import json

import pytest

from portvakt.cli.showing_clients import describe, secret_state
from portvakt.model.nouns import Client, ClientFacts, ClientSecret, User
from portvakt.model.values import ClientId, Instant, IssuerName, SecretId, UserId

NOW = Instant(1_795_363_200)  # 2026-11-22T16:00:00Z
DAY = 86_400


def a_secret(*, expires: int | None = None, revoked: int | None = None) -> ClientSecret:
    return ClientSecret(
        id=SecretId("sec_1"),
        client_id=ClientId("c"),
        digest=b"d" * 32,
        prefix="pvk_cs_abcd",
        last4="wxyz",
        created_at=NOW,
        expires_at=None if expires is None else Instant(NOW + expires),
        revoked_at=None if revoked is None else Instant(NOW + revoked),
    )


@pytest.mark.parametrize(
    ("secret", "state"),
    [
        (a_secret(), "live"),
        (a_secret(expires=7 * DAY + 1), "live"),
        (a_secret(expires=7 * DAY), "expiring"),
        (a_secret(expires=1), "expiring"),
        (a_secret(expires=0), "expired"),
        (a_secret(revoked=-1), "revoked"),
        (a_secret(expires=-5, revoked=-1), "revoked"),
    ],
)
def test_a_secret_is_live_expiring_expired_or_revoked(secret: ClientSecret, state: str) -> None:
    assert secret_state(secret, NOW) == state


def test_K4_a_client_is_written_with_moments_as_text_and_its_secret_by_both_ends_only() -> None:
    owner = User(id=UserId("user_1"), issuer=IssuerName("acme"), email="ann@example.com", created_at=NOW)
    client = Client(
        id=ClientId("client_1"), issuer=IssuerName("acme"), name="x", owner=owner.id, scopes=("read",), created_at=NOW
    )

    described = describe(ClientFacts(client=client, owner=owner, secrets=(a_secret(expires=DAY),)), NOW)

    assert json.loads(json.dumps(described)) == {
        "client_id": "client_1",
        "issuer": "acme",
        "name": "x",
        "description": "",
        "owner": "ann@example.com",
        "organisation": None,
        "authentication": "any_secret",
        "grants": ["client_credentials"],
        "redirect_uris": [],
        "scopes": ["read"],
        "default_scopes": [],
        "token_quota": None,
        "enabled": True,
        "disabled_by": None,
        "created": "2026-11-22T16:00:00Z",
        "secrets": [
            {
                "id": "sec_1",
                "prefix": "pvk_cs_abcd",
                "last4": "wxyz",
                "created": "2026-11-22T16:00:00Z",
                "expires": "2026-11-23T16:00:00Z",
                "last_used": None,
                "last_used_from": None,
                "state": "expiring",
            }
        ],
    }

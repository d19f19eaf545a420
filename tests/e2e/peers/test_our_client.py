"""portvakt's client gets tokens from servers that nobody here wrote, by their metadata."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from peers.servers import COMMANDS, serving
from portvakt.client import TokenRefused, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portvakt.client import Connection

LIFETIME = 600
JWTS = {"oidc-provider", "authlib"}  # the third gives opaque tokens


@pytest.fixture(scope="module", params=COMMANDS)
def peer(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    with serving(request.param) as told:
        yield told | {"name": request.param}


def connected(peer: dict[str, Any], **more: str) -> Connection:
    arguments = {"client_id": peer["client_id"], "client_secret": peer["client_secret"], "scope": "read", **more}
    return connect(peer["issuer"], **arguments)


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def test_it_gets_a_token_by_the_servers_metadata(peer: dict[str, Any]) -> None:
    token = connected(peer, **peer.get("plain", {})).get_token()

    assert token.authorization == f"Bearer {token.value}"
    assert token.scope == "read"
    assert LIFETIME - 60 < token.expires_at - time.time() <= LIFETIME + 1
    if peer["name"] in JWTS:
        claims = claims_of(token.value)
        assert (claims["iss"], claims["sub"], claims["scope"]) == (peer["issuer"], peer["client_id"], "read")


async def test_it_does_in_asyncio_too_and_keeps_what_it_got(peer: dict[str, Any]) -> None:
    connection = connected(peer)

    first = await connection.aget_token()

    assert await connection.aget_token() is first
    assert connection.get_token() is first


def test_a_wrong_secret_is_one_clear_refusal(peer: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused) as refused:
        connected(peer, client_secret="wrong").get_token()

    assert (refused.value.code, refused.value.status) == ("invalid_client", 401)


def test_a_scope_that_the_client_may_not_have_is_refused_as_such(peer: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused) as refused:
        connected(peer, scope="openid").get_token()

    assert (refused.value.code, refused.value.status) == ("invalid_scope", 400)

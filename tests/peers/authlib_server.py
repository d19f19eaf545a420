"""Authlib's authorization server on Flask, as its pages show it: client credentials, access tokens as JWTs (RS256).

Nothing is kept: a token that is a JWT needs no row, and `save_token` may do nothing with it.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc8414 import get_well_known_url
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask, Response, jsonify
from joserfc.jwk import RSAKey

if TYPE_CHECKING:
    from collections.abc import Callable

API = "https://api.example"
SCOPES = ("read", "write")
METHODS = ("client_secret_basic", "client_secret_post")


class Client(ClientMixin):  # type: ignore[misc]  # the library has no types
    """The one client."""

    def __init__(self, client_id: str, client_secret: str) -> None:
        self.client_id = client_id
        self.client_secret = client_secret

    def get_client_id(self) -> str:
        return self.client_id

    def get_allowed_scope(self, scope: str) -> str:
        return " ".join(one for one in scope.split() if one in SCOPES)

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(self.client_secret, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return endpoint != "token" or method in METHODS

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "client_credentials"


class Grant(grants.ClientCredentialsGrant):  # type: ignore[misc]
    """The client credentials grant."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS


class Tokens(JWTBearerTokenGenerator):  # type: ignore[misc]
    """Access tokens by RFC 9068, signed with one key."""

    key = RSAKey.generate_key(2048, private=True)

    def get_jwks(self) -> RSAKey:
        return self.key

    def get_audiences(self, _client: Client, _user: None, _scope: str) -> str:
        return API


def make(issuer: str) -> tuple[Callable[..., Any], dict[str, str]]:
    """Return the application, and what its client must know."""
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain http on loopback
    client = Client("peer", secrets.token_urlsafe(32))
    app = Flask(__name__)
    app.config["OAUTH2_SCOPES_SUPPORTED"] = SCOPES
    server = AuthorizationServer(
        app,
        query_client={client.client_id: client}.get,
        save_token=lambda _token, _request: None,
    )
    server.register_token_generator("default", Tokens(issuer, expires_generator=lambda _client, _grant: 600))
    server.register_grant(Grant)

    @app.post("/oauth/token")
    def token() -> Response:
        answer: Response = server.create_token_response()
        return answer

    @app.get(get_well_known_url(issuer))
    def metadata() -> Response:
        return jsonify(
            issuer=issuer,
            token_endpoint=f"{issuer}/oauth/token",
            scopes_supported=SCOPES,
            grant_types_supported=["client_credentials"],
            token_endpoint_auth_methods_supported=METHODS,
        )

    told = {"token_url": f"{issuer}/oauth/token", "client_id": client.client_id, "client_secret": client.client_secret}
    return app, told

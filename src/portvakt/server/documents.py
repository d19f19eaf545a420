"""What an issuer publishes about itself: metadata (RFC 8414) and its key set (RFC 7517)."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from portvakt.model.message import Reply
from portvakt.protocol.answer.token import served_grants
from portvakt.protocol.govern.keys import KEY_SET_MAX_AGE
from portvakt.server.call import plain_reply
from portvakt.server.shown_tokens import INTROSPECT_PATH, REVOKE_PATH, has_public_clients, shows_tokens

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from portvakt.model.nouns import Issuer, SigningKey
    from portvakt.server.call import Call, Receive, Send

KEY_SET_PATH = "/.well-known/jwks.json"
METADATA = "oauth-authorization-server"
DISCOVERY = "openid-configuration"
_WITH_SECRET = ("client_secret_basic", "client_secret_post")


def metadata(issuer: Issuer, *, discovery: bool = False) -> Reply:
    """Return the issuer's metadata document (RFC 8414 §2): what it is built to do, and nothing else.

    `discovery` adds the members without which clients of OpenID Connect stop (RFC 8414 §5 allows it).
    """
    provider = issuer.provider
    any_client = [*_WITH_SECRET, "none"] if has_public_clients(issuer) else [*_WITH_SECRET]
    document: dict[str, object] = {
        "issuer": issuer.url,
        "token_endpoint": issuer.url + provider.token_paths[0],
        "jwks_uri": issuer.url + KEY_SET_PATH,
        "grant_types_supported": list(served_grants(provider)),
        "token_endpoint_auth_methods_supported": any_client,
    }
    if provider.scopes:
        document["scopes_supported"] = list(provider.scopes)
    if provider.authorize_path is not None:
        document |= {
            "authorization_endpoint": issuer.url + provider.authorize_path,
            "response_types_supported": ["code"],  # RFC 8414 §2: required, and Authlib insists
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,  # RFC 9207 §3
        }
    if shows_tokens(issuer):
        document |= {
            "revocation_endpoint": issuer.url + REVOKE_PATH,
            "revocation_endpoint_auth_methods_supported": any_client,
            "introspection_endpoint": issuer.url + INTROSPECT_PATH,
            "introspection_endpoint_auth_methods_supported": [*_WITH_SECRET],
        }
    if discovery:
        document["subject_types_supported"] = ["public"]
        document["id_token_signing_alg_values_supported"] = [issuer.algorithm.value]
    return _published(document, "application/json")


def key_set(keys: Sequence[SigningKey]) -> Reply:
    """Return the key set of the keys that are published: public halves only, oldest first."""
    return _published({"keys": [json.loads(key.public_jwk) for key in keys]}, "application/jwk-set+json")


def _published(document: dict[str, object], media_type: str) -> Reply:
    body = json.dumps(document, separators=(",", ":")).encode("ascii")
    etag = '"' + hashlib.sha256(body).hexdigest()[:32] + '"'
    headers = (
        ("content-type", media_type),
        ("cache-control", f"public, max-age={KEY_SET_MAX_AGE}"),
        ("etag", etag),
        ("access-control-allow-origin", "*"),
        ("x-content-type-options", "nosniff"),
    )
    return Reply(200, headers, body)


class Document:
    """Something that an issuer publishes, for GET and HEAD, with its ETag."""

    def __init__(self, read: Callable[[], Awaitable[Reply]]) -> None:
        self._read = read

    async def __call__(self, call: Call, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope = call.scope
        if scope["method"] not in ("GET", "HEAD"):
            await call.reply(plain_reply(405, "This document is read with GET.", ("allow", "GET, HEAD")), send)
            return
        reply = await self._read()
        etag = dict(reply.headers)["etag"].encode()
        known = [value for name, value in scope["headers"] if name == b"if-none-match"]
        if any(etag in value or value.strip() == b"*" for value in known):  # RFC 9110 §13.1.2
            reply = Reply(304, tuple(header for header in reply.headers if header[0] != "content-type"), b"")
        await call.reply(reply, send)

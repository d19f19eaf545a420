"""A refused request as it would have been right, for a shell. Secrets are variables that whoever runs it sets."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import Body
from portvakt.protocol.govern.near import NearMiss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portvakt.model.audit import RefusedRequest
    from portvakt.model.nouns import Client, Issuer

    Fields = list[tuple[str, str]]

SECRET = "$CLIENT_SECRET"
VARIABLES = frozenset(
    {
        SECRET,
        "$CLIENT_ID",
        "$CODE",
        "$CODE_CHALLENGE",
        "$CODE_VERIFIER",
        "$REDIRECT_URI",
        "$REFRESH_TOKEN",
        "$STATE",
        "$TOKEN",
    }
)
"""What stands for something that is not kept, or not known. Whoever runs the request sets them."""

_SHOWN_AT = ("/revoke", "/introspect")
_OF_GRANT = {
    "authorization_code": [
        ("code", "$CODE"),
        ("redirect_uri", "$REDIRECT_URI"),
        ("code_verifier", "$CODE_VERIFIER"),
    ],
    "refresh_token": [("refresh_token", "$REFRESH_TOKEN")],
}


def corrected_curl(refused: RefusedRequest, issuer: Issuer, client: Client | None) -> str:
    """Return the right request to `issuer` as curl; "" for a page, which no program asks for."""
    root = urlsplit(issuer.url).path
    path = refused.path.removeprefix(root) if refused.path.startswith(root) else ""
    provider = issuer.provider
    if path == provider.authorize_path:
        return _authorize(issuer, client)
    shown_at = next((each for each in _SHOWN_AT if refused.path.endswith(each)), "")
    if shown_at and provider.authorize_path is not None:  # wherever it was shown: it may be another issuer's
        return _post(issuer, client, shown_at, [("token", "$TOKEN")])
    if path == "/revocations":
        return _joined(issuer.url + path, ['--header "Authorization: Bearer $ACCESS_TOKEN"'])
    if path in provider.token_paths or refused.near == NearMiss.OTHER_ISSUER:
        return _post(issuer, client, provider.token_paths[0], _of_grant(refused, client))
    return ""


def _of_grant(refused: RefusedRequest, client: Client | None) -> Fields:
    said = refused.hints.get("grant_type")
    given = sorted(client.grants) if client is not None else []
    grant = said if isinstance(said, str) and (client is None or said in given) else ""
    grant = grant or ("client_credentials" if not given or "client_credentials" in given else given[0])
    fields = [("grant_type", grant), *_OF_GRANT.get(grant, [])]
    if refused.near == NearMiss.SCOPE and client is not None and client.scopes:
        fields.append(("scope", " ".join(client.scopes)))
    return [(name, _registered(client) if value == "$REDIRECT_URI" else value) for name, value in fields]


def _post(issuer: Issuer, client: Client | None, path: str, fields: Fields) -> str:
    client_id = "$CLIENT_ID" if client is None else client.id
    set_to = issuer.provider.caller_authentication
    if client is not None and client.authentication is not ClientAuthentication.ANY_SECRET:
        set_to = client.authentication
    if set_to is ClientAuthentication.BASIC:
        who = f"--user {_quoted(client_id)}:{_quoted(SECRET)}"
        return _joined(issuer.url + path, [who, *_form(fields)])
    fields = [*fields, ("client_id", client_id)]
    if set_to is not ClientAuthentication.NONE:
        fields.append(("client_secret", SECRET))
    if Body.FORM in issuer.provider.token_bodies:
        return _joined(issuer.url + path, _form(fields))
    return _joined(issuer.url + path, ["--header 'Content-Type: application/json'", f"--data {_json(fields)}"])


def _authorize(issuer: Issuer, client: Client | None) -> str:
    fields = [
        ("client_id", "$CLIENT_ID" if client is None else client.id),
        ("response_type", "code"),
        ("redirect_uri", _registered(client)),
        ("state", "$STATE"),
        ("code_challenge", "$CODE_CHALLENGE"),
        ("code_challenge_method", "S256"),
    ]
    return _joined(f"{issuer.url}{issuer.provider.authorize_path}", ["--get", *_form(fields)])


def _registered(client: Client | None) -> str:
    return client.redirect_uris[0] if client is not None and client.redirect_uris else "$REDIRECT_URI"


def _form(fields: Fields) -> list[str]:
    return [f"--data-urlencode {name}={_quoted(value)}" for name, value in fields]


def _json(fields: Fields) -> str:
    """Return a JSON object for a shell: variables stand between its single quotes."""
    body = shlex.quote(json.dumps(dict(fields)))
    for _, value in fields:
        if value in VARIABLES:
            body = body.replace(f'"{value}"', f'"\'"{value}"\'"')
    return body


def _quoted(value: str) -> str:
    return f'"{value}"' if value in VARIABLES else shlex.quote(value)


def _joined(url: str, arguments: Sequence[str]) -> str:
    return " \\\n  ".join([f"curl {shlex.quote(url)}", *arguments])

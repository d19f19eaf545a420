"""What somebody may paste: a request for a token with a client's own credentials, and acts of administration."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import Body, CodeRedirect
from portvakt.pages.console import OtherMeans

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.model.nouns import Client, Issuer
    from portvakt.model.values import Secret

_CODE = "$AUTHORIZATION_CODE"
_NEXT = " \\\n"


def code_url(issuer: Issuer, client: Client, verifier: str, state: str) -> str:
    """Return the URL at which a user gives the code that `token_request` has a place for; "" where it has none.

    `verifier`: of PKCE, where it is asked for (RFC 7636 §4.1).
    """
    provider = issuer.provider
    if "authorization_code" not in client.grants or "client_credentials" in client.grants or not client.redirect_uris:
        return ""
    asked = {"client_id": client.id, "redirect_uri": client.redirect_uris[0], "response_type": "code"}
    if client.scopes:
        asked["scope"] = " ".join(client.scopes)
    asked["state"] = state
    if _has_pkce(issuer, client):
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    return f"{issuer.url}{provider.authorize_path}?{urlencode(asked, quote_via=quote)}"


def token_request(issuer: Issuer, client: Client, secret: Secret | None, verifier: str) -> str:
    """Return the request for a token as the provider's document spells it, with the client's credentials in it.

    A client that acts for users alone needs a code: its place is the variable AUTHORIZATION_CODE. "" for a client that
    gets no tokens: a guard's.
    """
    if not client.grants:
        return ""
    provider = issuer.provider
    url = shlex.quote(issuer.url + provider.token_paths[0])
    sent = {"grant_type": "client_credentials"}
    if "client_credentials" not in client.grants:
        sent = {"grant_type": "authorization_code", "code": _CODE}
        if client.redirect_uris and provider.code_redirect is CodeRedirect.AS_SENT:
            sent["redirect_uri"] = client.redirect_uris[0]
        if _has_pkce(issuer, client):
            sent["code_verifier"] = verifier
    if secret is None:
        return _form(url, {**sent, "client_id": client.id})
    if _by_header(issuer, client):
        return _form(url, sent, "-u " + shlex.quote(f"{client.id}:{secret.reveal()}"))
    sent |= {"client_id": client.id, "client_secret": secret.reveal()}
    if Body.JSON not in provider.token_bodies:
        return _form(url, sent)
    # One member on a line, as in Breeze's document.
    body = shlex.quote(json.dumps(sent, indent=0))
    return _NEXT.join((f"curl -X POST {url}", '-H "Content-Type: application/json"', f"-d {body}"))


def variables(issuer: Issuer, client: Client, secret: Secret | None) -> str:
    """Return the lines of a .env file, as the guides' samples read them."""
    lines = [f"# {issuer.name}", f"PORTVAKT_CLIENT_ID={client.id}"]
    if secret is not None:
        lines.append(f"PORTVAKT_CLIENT_SECRET={secret.reveal()}")
    return "\n".join((*lines, f"PORTVAKT_ISSUER={issuer.url}", ""))


def option(name: str, *values: str) -> str:
    """Return an option of a command, once for each value, as it goes behind what stands there."""
    return "".join(f" --{name} {shlex.quote(value)}" for value in values)


def by_other_means(
    api_url: str,
    issuer: Issuer,
    method: str,
    path: str,
    command: str,
    body: Mapping[str, object] | None = None,
    *,
    versioned: bool = False,
) -> OtherMeans:
    """Return an act as the API's request and as the command. `path`: under the issuer's; `command`: its end.

    `versioned`: the API asks which version was seen; any, here: that of the page is no better once it is pasted.
    """
    lines = [
        "curl" + ("" if method == "GET" else f" -X {method}"),
        shlex.quote(f"{api_url}/issuers/{issuer.name}{path}"),
    ]
    lines = [" ".join(lines), '-H "Authorization: Bearer $PORTVAKT_TOKEN"']
    if versioned:
        lines += ["-H 'If-Match: *'"]
    if body is not None:
        lines += ['-H "Content-Type: application/json"', "-d " + shlex.quote(json.dumps(body))]
    return OtherMeans(curl=_NEXT.join(lines), command=f"portvakt {command} --issuer {issuer.name}")


def _has_pkce(issuer: Issuer, client: Client) -> bool:
    public = client.authentication is ClientAuthentication.NONE
    return public or "code_challenge" in issuer.provider.authorize_requires


def _by_header(issuer: Issuer, client: Client) -> bool:
    if client.authentication is ClientAuthentication.ANY_SECRET:
        return issuer.provider.caller_authentication is ClientAuthentication.BASIC
    return client.authentication is ClientAuthentication.BASIC


def _form(url: str, sent: Mapping[str, str], *more: str) -> str:
    # Double quotes where the shell is to put something in; of redirect URIs alone something is to be encoded.
    parts = []
    for name, value in sent.items():
        option = "--data-urlencode" if name == "redirect_uri" else "-d"
        parts.append(
            f'{option} "{name}={value}"' if value.startswith("$") else f"{option} {shlex.quote(f'{name}={value}')}"
        )
    return _NEXT.join((f"curl -X POST {url}", *more, *parts))

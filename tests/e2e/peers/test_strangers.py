"""Clients that nobody here wrote get tokens from `standard`, unmodified, and its API takes them."""

from __future__ import annotations

import asyncio
import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import httpx_auth
import msal
import pytest
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuth2Client
from authlib.integrations.requests_client import OAuth2Session
from authlib.integrations.starlette_client import OAuth
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error
from requests_oauthlib import OAuth2Session as RequestsOAuthlib

from peers.servers import HERE, NODE
from programs import environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from peers.standard import Standard

BASIC, POST = "client_secret_basic", "client_secret_post"


@dataclass(frozen=True)
class Outcome:
    """What a client's token endpoint said, and what the API answered to its token."""

    token_type: str
    expires_in: int
    scope: str
    status: int
    body: dict[str, Any]


class Refused(Exception):
    """What a client says that raises nothing."""


class Challenged(Exception):
    """What openid-client says to a 401 with WWW-Authenticate, which RFC 6749 §5.2 asks for: it reads no body then."""


def outcome(token: dict[str, Any], answer: Any) -> Outcome:
    # RFC 6749 §5.1: the type is compared without case, and openid-client gives it in small letters.
    return Outcome(token["token_type"].lower(), token["expires_in"], token["scope"], answer.status_code, answer.json())


def authlib_on_requests(standard: Standard, method: str) -> Outcome:
    session = OAuth2Session(standard.client_id, standard.client_secret, token_endpoint_auth_method=method, scope="read")
    token = session.fetch_token(standard.token_url, grant_type="client_credentials", verify=standard.verify)
    return outcome(token, session.get(standard.echo, verify=standard.verify))


def authlib_on_httpx(standard: Standard, method: str) -> Outcome:
    arguments = {"token_endpoint_auth_method": method, "scope": "read", "verify": standard.context}
    with OAuth2Client(standard.client_id, standard.client_secret, **arguments) as client:
        token = client.fetch_token(standard.token_url, grant_type="client_credentials")
        return outcome(token, client.get(standard.echo))


def authlib_on_asyncio(standard: Standard, method: str) -> Outcome:
    async def ask() -> Outcome:
        arguments = {"token_endpoint_auth_method": method, "scope": "read", "verify": standard.context}
        async with AsyncOAuth2Client(standard.client_id, standard.client_secret, **arguments) as client:
            token = await client.fetch_token(standard.token_url, grant_type="client_credentials")
            return outcome(token, await client.get(standard.echo))

    return asyncio.run(ask())


def authlib_by_metadata(standard: Standard, method: str) -> Outcome:
    url = get_well_known_url(standard.issuer, external=True)
    metadata = AuthorizationServerMetadata(requests.get(url, verify=standard.verify, timeout=10).json())
    metadata.validate()
    assert metadata["issuer"] == standard.issuer
    assert method in metadata["token_endpoint_auth_methods_supported"]
    arguments = {"token_endpoint_auth_method": method, "scope": "read", **metadata}
    session = OAuth2Session(standard.client_id, standard.client_secret, **arguments)
    token = session.fetch_token(grant_type="client_credentials", verify=standard.verify)
    return outcome(token, session.get(standard.echo, verify=standard.verify))


def authlib_by_discovery(standard: Standard, method: str) -> Outcome:
    async def ask() -> Outcome:
        client = OAuth().register(
            "standard",
            client_id=standard.client_id,
            client_secret=standard.client_secret,
            server_metadata_url=f"{standard.issuer}/.well-known/openid-configuration",
            client_kwargs={"token_endpoint_auth_method": method, "scope": "read", "verify": standard.context},
        )
        token = await client.fetch_access_token(grant_type="client_credentials")
        return outcome(token, await client.get(standard.echo, token=token))

    return asyncio.run(ask())


def requests_oauthlib(standard: Standard, method: str) -> Outcome:
    session = RequestsOAuthlib(client=BackendApplicationClient(standard.client_id, scope=["read"]))
    arguments = {"client_secret": standard.client_secret, "include_client_id": True} if method == POST else {}
    auth = (standard.client_id, standard.client_secret) if method == BASIC else None
    token = session.fetch_token(standard.token_url, auth=auth, verify=standard.verify, **arguments)
    return outcome({**token, "scope": " ".join(token["scope"])}, session.get(standard.echo, verify=standard.verify))


def microsofts(standard: Standard, _method: str) -> Outcome:
    application = msal.ConfidentialClientApplication(
        standard.client_id,
        client_credential=standard.client_secret,
        oidc_authority=standard.issuer,
        verify=standard.verify,
    )
    token = application.acquire_token_for_client(scopes=["read"])
    if "access_token" not in token:
        raise Refused(token["error"])
    bearer = {"Authorization": f"{token['token_type']} {token['access_token']}"}
    answer = requests.get(standard.echo, headers=bearer, verify=standard.verify, timeout=10)
    return outcome({**token, "scope": "read"}, answer)  # it hands on no scope


def httpx_auths(standard: Standard, _method: str) -> Outcome:
    with httpx.Client(verify=standard.context) as asking, httpx.Client(verify=standard.context) as client:
        auth = httpx_auth.OAuth2ClientCredentials(
            standard.token_url, standard.client_id, standard.client_secret, scope="read", client=asking
        )
        answer = client.get(standard.echo, auth=auth)
    return outcome({"token_type": "Bearer", "expires_in": 600, "scope": "read"}, answer)  # it shows the token to nobody


def openid_client(algorithm: str) -> Callable[[Standard, str], Outcome]:
    def ask(standard: Standard, method: str) -> Outcome:
        settings = {
            "ISSUER": standard.issuer,
            "API": standard.echo,
            "CLIENT_ID": standard.client_id,
            "CLIENT_SECRET": standard.client_secret,
            "METHOD": method.removeprefix("client_secret_"),
            "ALGORITHM": algorithm,
        }
        if standard.ca_file:
            settings["NODE_EXTRA_CA_CERTS"] = standard.ca_file
        command = [NODE, HERE / "openid_client.mjs"]
        done = subprocess.run(
            command, env=environment(**settings), capture_output=True, text=True, timeout=30, check=False
        )
        if done.returncode:
            raise Challenged(done.stderr)
        said = json.loads(done.stdout)
        return Outcome(**{**said, "body": json.loads(said["body"])})

    return ask


CLIENTS: dict[str, tuple[Callable[[Standard, str], Outcome], type[Exception]]] = {
    "authlib-requests": (authlib_on_requests, OAuthError),
    "authlib-httpx": (authlib_on_httpx, OAuthError),
    "authlib-asyncio": (authlib_on_asyncio, OAuthError),
    "authlib-metadata": (authlib_by_metadata, OAuthError),
    "authlib-discovery": (authlib_by_discovery, OAuthError),
    "requests-oauthlib": (requests_oauthlib, OAuth2Error),
    "msal": (microsofts, Refused),
    "httpx-auth": (httpx_auths, httpx_auth.InvalidGrantRequest),
    "openid-client": (openid_client("oidc"), Challenged),
    "openid-client-oauth2": (openid_client("oauth2"), Challenged),
}
INSIST_ON_TLS = {"requests-oauthlib", "msal", "authlib-metadata"}
ONE_METHOD = {"msal", "httpx-auth"}  # which they choose themselves
CHOICES = [(name, BASIC) for name in CLIENTS] + [(name, POST) for name in CLIENTS if name not in ONE_METHOD]
every_client = pytest.mark.parametrize("name", CLIENTS)


@pytest.mark.parametrize(("name", "method"), CHOICES)
def test_a_stranger_gets_a_token_over_tls_that_the_api_takes(secure: Standard, name: str, method: str) -> None:
    ask, _ = CLIENTS[name]

    found = ask(secure, method)

    assert (found.token_type, found.expires_in, found.scope) == ("bearer", 600, "read")
    assert (found.status, found.body["method"]) == (200, "GET")


@pytest.mark.parametrize("name", sorted(CLIENTS.keys() - INSIST_ON_TLS))
def test_a_stranger_that_allows_plain_http_on_loopback_needs_no_tls(plain: Standard, name: str) -> None:
    ask, _ = CLIENTS[name]

    found = ask(plain, BASIC)

    assert (found.token_type, found.expires_in, found.scope, found.status) == ("bearer", 600, "read", 200)


@every_client
def test_a_stranger_understands_a_refusal(secure: Standard, name: str) -> None:
    ask, refusal = CLIENTS[name]

    with pytest.raises(refusal) as refused:
        ask(secure.with_wrong_secret(), BASIC)

    word = "OAUTH_WWW_AUTHENTICATE_CHALLENGE" if refusal is Challenged else "invalid_client"
    assert word in str(refused.value)
    assert secure.client_secret[5:] not in str(refused.value)

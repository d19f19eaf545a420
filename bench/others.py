"""Clients that others wrote, and ours, each made as its own pages show it. Nothing is measured here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx_auth
import msal
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuth2Client
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session

from portvakt.client import Connection, connect

ID, SECRET = "bench", "not-a-secret-at-all"
SCOPES = ["read"]
PLAIN_HTTP = "OAUTHLIB_INSECURE_TRANSPORT"
Token: TypeAlias = "dict[str, str | int]"


@dataclass(frozen=True)
class Where:
    """The bench's server: its base over http, over https, and the file of its certificate authority."""

    http: str
    https: str
    ca: str

    def token_url(self, name: str) -> str:
        """Return the token endpoint at which this client is counted."""
        return f"{self.http}/{name}/token"


def ours(where: Where, name: str) -> Connection:
    """Return a connection without a token."""
    return connect("standard", base_url=f"{where.http}/{name}", client_id=ID, client_secret=SECRET)


def authlib(where: Where, name: str, token: Token | None = None) -> Any:
    """Return Authlib's client on httpx2; `token`: the one it begins with."""
    return OAuth2Client(ID, SECRET, **_authlib(where, name, token))


def authlib_async(where: Where, name: str, token: Token | None = None) -> Any:
    """Return the same for asyncio. Its time-out is lifted: 10,000 that wait for 100 connections take longer."""
    return AsyncOAuth2Client(ID, SECRET, timeout=None, **_authlib(where, name, token))


def _authlib(where: Where, name: str, token: Token | None) -> dict[str, Any]:
    return {"token_endpoint": where.token_url(name), "grant_type": "client_credentials", "token": token}


def httpx_auths(where: Where, name: str) -> Any:
    """Return httpx-auth's auth for httpx. Its tokens are in a cache of the whole process."""
    return httpx_auth.OAuth2ClientCredentials(where.token_url(name), ID, SECRET)


def oauthlibs() -> Any:
    """Return requests-oauthlib's session."""
    os.environ[PLAIN_HTTP] = "1"  # its own switch for plain http, which is all that loopback needs here
    return OAuth2Session(client=BackendApplicationClient(ID))


def microsofts(where: Where, name: str) -> Any:
    """Return MSAL's application, which takes https only."""
    return msal.ConfidentialClientApplication(
        ID, client_credential=SECRET, oidc_authority=f"{where.https}/{name}", verify=where.ca
    )

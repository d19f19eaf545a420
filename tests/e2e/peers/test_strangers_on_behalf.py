"""Clients that nobody here wrote act for users, unmodified: authorization URL, code with PKCE, refresh, and the API."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuth2Client
from authlib.integrations.requests_client import OAuth2Session
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session as RequestsOAuthlib

from peers.servers import HERE, NODE
from programs import environment, running
from visiting import Visitor, code_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Tokens = tuple[dict[str, Any], dict[str, Any]]

VERIFIER = "a-verifier-of-more-than-forty-three-characters-1234"
BASIC, POST, NONE = "client_secret_basic", "client_secret_post", "none"


@dataclass(frozen=True)
class There:
    """An issuer as a developer knows it, and a user of theirs."""

    told: dict[str, Any]
    ca_file: str
    method: str

    @property
    def base(self) -> str:
        url: str = self.told["base_url"]
        return url

    @property
    def luca(self) -> bool:
        return bool(self.told["provider"] == "luca")

    @property
    def client_id(self) -> str:
        found: str = self.told["public_client_id" if self.method == NONE else "client_id"]
        return found

    @property
    def client_secret(self) -> str | None:
        return None if self.method == NONE else self.told["client_secret"]

    @property
    def scope(self) -> str:
        return "accounting" if self.luca else "read"

    @property
    def authorize_url(self) -> str:
        return self.base + ("/api/v1/oauth2/authorize" if self.luca else "/authorize")

    @property
    def token_url(self) -> str:
        return self.base + ("/api/v2/oauth2/token" if self.luca else "/token")

    @property
    def redirect_uri(self) -> str:
        (found,) = self.told["redirect_uris"]
        return str(found)

    @property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)

    def agree(self, url: str) -> str:
        """Be the user: log in, choose a company, agree; return where one is sent back to."""
        visitor = Visitor(self.context)
        try:
            return visitor.agree(url, self.told["users"][1])
        finally:
            visitor.close()


def authlib_on_requests(there: There) -> Tokens:
    session = OAuth2Session(
        there.client_id,
        there.client_secret,
        token_endpoint_auth_method=there.method,
        scope=there.scope,
        redirect_uri=there.redirect_uri,
        code_challenge_method="S256",
    )
    url, state = session.create_authorization_url(there.authorize_url, code_verifier=VERIFIER)
    back = there.agree(url)
    first = session.fetch_token(
        there.token_url, authorization_response=back, state=state, code_verifier=VERIFIER, verify=there.ca_file
    )
    first = dict(first)
    return first, session.refresh_token(there.token_url, refresh_token=first["refresh_token"], verify=there.ca_file)


def authlib_on_httpx(there: There) -> Tokens:
    with OAuth2Client(
        there.client_id,
        there.client_secret,
        token_endpoint_auth_method=there.method,
        scope=there.scope,
        redirect_uri=there.redirect_uri,
        code_challenge_method="S256",
        verify=there.context,
    ) as client:
        url, state = client.create_authorization_url(there.authorize_url, code_verifier=VERIFIER)
        back = there.agree(url)
        first = dict(
            client.fetch_token(there.token_url, authorization_response=back, state=state, code_verifier=VERIFIER)
        )
        return first, client.refresh_token(there.token_url, refresh_token=first["refresh_token"])


def authlib_on_asyncio(there: There) -> Tokens:
    async def ask() -> Tokens:
        async with AsyncOAuth2Client(
            there.client_id,
            there.client_secret,
            token_endpoint_auth_method=there.method,
            scope=there.scope,
            redirect_uri=there.redirect_uri,
            code_challenge_method="S256",
            verify=there.context,
        ) as client:
            url, state = client.create_authorization_url(there.authorize_url, code_verifier=VERIFIER)
            back = await asyncio.to_thread(there.agree, url)
            first = await client.fetch_token(
                there.token_url, authorization_response=back, state=state, code_verifier=VERIFIER
            )
            first = dict(first)
            return first, await client.refresh_token(there.token_url, refresh_token=first["refresh_token"])

    return asyncio.run(ask())


def requests_oauthlib(there: There) -> Tokens:
    session = RequestsOAuthlib(there.client_id, redirect_uri=there.redirect_uri, scope=[there.scope], pkce="S256")
    url, _ = session.authorization_url(there.authorize_url)
    auth = HTTPBasicAuth(there.client_id, there.client_secret or "") if there.method == BASIC else None
    more = {} if there.method == BASIC else {"client_secret": there.client_secret} if there.client_secret else {}
    # It takes no redirect to plain http, not even on loopback, so it is given the code.
    code = code_in(there.agree(url))
    named: dict[str, Any] = {"include_client_id": True} if auth is None else {}
    first = dict(session.fetch_token(there.token_url, code=code, auth=auth, verify=there.ca_file, **named, **more))
    named = {"client_id": there.client_id} if auth is None else {}
    token = first["refresh_token"]
    return first, session.refresh_token(
        there.token_url, refresh_token=token, auth=auth, verify=there.ca_file, **named, **more
    )


def openid_client(algorithm: str) -> Callable[[There], Tokens]:
    def ask(there: There) -> Tokens:
        settings = {
            "ISSUER": there.base,
            "CLIENT_ID": there.client_id,
            "CLIENT_SECRET": there.client_secret or "",
            "METHOD": there.method.removeprefix("client_secret_"),
            "ALGORITHM": algorithm,
            "SCOPE": there.scope,
            "REDIRECT_URI": there.redirect_uri,
            "NODE_EXTRA_CA_CERTS": there.ca_file,
        }
        process = subprocess.Popen(
            [NODE, HERE / "openid_client_code.mjs"],
            env=environment(**settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            url = process.stdout.readline().strip()
            assert url, process.stderr.read()
            process.stdin.write(there.agree(url) + "\n")
            process.stdin.flush()
            said = process.stdout.readline()
            assert said, process.stderr.read()
        found = json.loads(said)
        return found["first"], found["second"]

    return ask


CLIENTS: dict[str, Callable[[There], Tokens]] = {
    "authlib-requests": authlib_on_requests,
    "authlib-httpx": authlib_on_httpx,
    "authlib-asyncio": authlib_on_asyncio,
    "requests-oauthlib": requests_oauthlib,
    "openid-client": openid_client("oidc"),
    "openid-client-oauth2": openid_client("oauth2"),
}
every_client = pytest.mark.parametrize("name", CLIENTS)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("secure-behalf")
    with running("sandbox", "standard", "luca", "--tls", "--json", "--port", "0", "--data", "data", cwd=folder) as line:
        yield line


def call_api(there: There, token: str) -> httpx.Response:
    with httpx.Client(verify=there.context, headers={"authorization": f"Bearer {token}"}) as http:
        if there.luca:
            query = {"query": "{ saleInvoices(first: 1) { nodes { id } } }"}
            return http.post(there.told["api_url"] + "/graphql", json=query)
        return http.get(there.told["api_url"] + "/echo")


@every_client
@pytest.mark.parametrize("method", [BASIC, POST, NONE])
def test_a_stranger_acts_for_a_user_at_standard(told: dict[str, Any], name: str, method: str) -> None:
    there = There(told["issuers"]["standard"], told["ca_file"], method)

    first, second = CLIENTS[name](there)

    assert first["refresh_token"] != second["refresh_token"]
    for tokens in (first, second):
        assert tokens["token_type"].lower() == "bearer"
        assert call_api(there, tokens["access_token"]).status_code == 200


@every_client
@pytest.mark.parametrize("method", [BASIC, POST])
def test_a_stranger_acts_for_a_user_at_luca(told: dict[str, Any], name: str, method: str) -> None:
    there = There(told["issuers"]["luca-test"], told["ca_file"], method)

    first, second = CLIENTS[name](there)

    assert first["refresh_token"] == second["refresh_token"]
    for tokens in (first, second):
        answer = call_api(there, tokens["access_token"])
        assert len(answer.json()["data"]["saleInvoices"]["nodes"]) == 1

"""A program that calls an API and blocks while it waits. It is checked and never run."""

import ssl
from typing import assert_type

import httpx
import httpx2
import requests

from portvakt.client import Connection, Token, connect

breeze = connect("breeze", environment="test", client_id="id", client_secret="secret")
assert_type(breeze, Connection)

elsewhere = connect(
    "https://id.example/acme",
    client_id="id",
    client_secret="secret",
    api_url="https://api.example",
    scope="read write",
    resource="https://api.example/v2",
    max_wait=2.5,
    tls=ssl.create_default_context(),
)
assert_type(elsewhere.api_url, str)

token = breeze.get_token()
assert_type(token, Token)
assert_type(token.value, str)
assert_type(token.authorization, str)
assert_type(token.expires_at, int)
assert_type(token.scope, str)

with httpx2.Client(auth=breeze.auth) as http:
    assert_type(http.post(breeze.api_url + "/graphql", json={"query": "{ Me { email } }"}), httpx2.Response)
    http.get("/", auth=elsewhere.auth)

with httpx.Client() as older:
    assert_type(older.get(breeze.api_url, auth=breeze.auth), httpx.Response)

requests.get(elsewhere.api_url, headers={"Authorization": token.authorization}, timeout=10)

"""A connection over real sockets: one token request for a crowd, and a server that goes away beside a good token."""

from __future__ import annotations

import asyncio
import json
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from polling import until
from portvakt.client import Connection, connect
from raw_server import raw_server, response

if TYPE_CHECKING:
    from portvakt.client import Token

PATIENCE = 10.0
UNAUTHENTICATED = b'{"errors":[{"extensions":{"code":"UNAUTHENTICATED"}}]}'


class Provider:
    """Breeze in small: gives tokens t-1, t-2, …, and its API takes the newest only."""

    def __init__(self) -> None:
        self.given = 0
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        if head.split(b" ")[1] == b"/oauth/token":
            await self.open.wait()
            self.given += 1
            said = {"access_token": f"t-{self.given}", "token_type": "Bearer", "expires_in": 3600}
            writer.write(response(json.dumps(said).encode()))
        elif f"bearer t-{self.given}\r\n".encode() in head.lower():
            writer.write(response(b'{"data":{}}'))
        else:
            writer.write(response(UNAUTHENTICATED))


def connected(url: str) -> Connection:
    return connect("breeze", base_url=url, client_id="oauth_1", client_secret="s3cr3t")


async def test_FT33_ten_thousand_coroutines_and_fifty_threads_send_one_request() -> None:
    provider = Provider()
    provider.open.clear()
    from_threads: list[Token] = []
    async with raw_server(provider) as server:
        connection = connected(server.url)
        threads = [threading.Thread(target=lambda: from_threads.append(connection.get_token())) for _ in range(50)]
        for thread in threads:
            thread.start()
        waiting = [asyncio.ensure_future(connection.aget_token()) for _ in range(10_000)]
        await until(lambda: bool(server.heads), PATIENCE)

        provider.open.set()
        tokens = await asyncio.gather(*waiting)
        for thread in threads:
            await asyncio.to_thread(thread.join, PATIENCE)

    assert server.connections == provider.given == 1
    assert len(from_threads) == 50
    assert {token.value for token in [*tokens, *from_threads]} == {"t-1"}


async def test_FT31_a_server_that_is_gone_is_not_noticed_while_the_token_is_good() -> None:
    async with raw_server(Provider()) as server:
        connection = connected(server.url)
        token = await connection.aget_token()
    held = connection._source.held
    connection._source.held = type(held)(held.token, 0.0, held.usable_until)  # as five minutes before its end

    async with asyncio.timeout(1):
        for _ in range(1000):
            assert await connection.aget_token() is token
            assert connection.get_token() is token


@pytest.mark.parametrize("name", ["httpx2", "httpx"])
async def test_a_token_that_was_revoked_is_replaced_once_for_all_calls(name: str) -> None:
    library: Any = import_module(name)
    provider = Provider()
    async with raw_server(provider) as server:
        connection = connected(server.url)
        async with library.AsyncClient(auth=connection.auth, timeout=PATIENCE) as client:

            async def call() -> Any:
                sent = await client.post(connection.api_url + "/graphql", json={"query": "{ Me { email } }"})
                return sent.json()

            assert await call() == {"data": {}}
            provider.given += 1  # somebody else got one: ours is no longer taken
            replies = await asyncio.gather(*(call() for _ in range(50)))

    assert replies == [{"data": {}}] * 50
    assert server.asked("/oauth/token") == 2


@pytest.mark.parametrize("name", ["httpx2", "httpx"])
async def test_the_blocking_client_does_the_same(name: str) -> None:
    library: Any = import_module(name)
    provider = Provider()

    def program(connection: Connection) -> list[Any]:
        with library.Client(auth=connection.auth, timeout=PATIENCE) as client:
            url = connection.api_url + "/graphql"
            first = client.post(url, json={"query": "mutation { pay }"}).json()
            provider.given += 1
            return [first, client.post(url, json={"query": "mutation { pay }"}).json()]

    async with raw_server(provider) as server:
        replies = await asyncio.to_thread(program, connected(server.url))

    assert replies == [{"data": {}}] * 2
    assert server.asked("/oauth/token") == 2
    assert server.asked("/graphql") == 3

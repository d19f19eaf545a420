"""A program that calls APIs in asyncio, with httpx2 and with httpx. It is checked and never run."""

from typing import assert_type

import httpx
import httpx2

from portvakt.client import (
    BadReply,
    ClientError,
    Connection,
    RateLimited,
    Token,
    TokenRefused,
    Unreachable,
    WrongTarget,
    connect,
)


async def with_httpx2(connection: Connection) -> httpx2.Response:
    async with httpx2.AsyncClient(auth=connection.auth, base_url=connection.api_url) as http:
        return await http.get("/echo")


async def with_httpx(connection: Connection) -> None:
    async with httpx.AsyncClient(auth=connection.auth) as http:
        assert_type(await http.get(connection.api_url), httpx.Response)


async def with_a_token_alone() -> str:
    connection = connect("prisjakt", client_id="id", client_secret="secret")
    token = await connection.aget_token()
    assert_type(token, Token)
    return token.authorization


async def what_went_wrong(connection: Connection) -> int:
    """Return when it is worth trying again, in Unix seconds."""
    try:
        await connection.aget_token()
    except TokenRefused as refused:
        assert_type((refused.code, refused.description, refused.status), tuple[str, str, int])
    except RateLimited as limited:
        assert_type(limited.retry_at, int)
        return limited.retry_at
    except Unreachable as unreachable:
        assert_type(unreachable.retry_at, int)
        return unreachable.retry_at
    except (BadReply, WrongTarget) as other:
        root: ClientError = other
        raise root from None
    return 0

from __future__ import annotations

import pytest

from portvakt.wire.query import SECRET_PARAMETERS, refuse_secrets_in_query
from wire_cases import CANARY, is_invalid_request


@pytest.mark.parametrize("name", sorted(SECRET_PARAMETERS))
def test_T3_a_secret_in_the_query_is_invalid_request(name: str) -> None:
    is_invalid_request(lambda: refuse_secrets_in_query(f"a=b&{name}={CANARY}".encode()), name)


@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"scope=read",
        b"client_id=a",
        b"grant_type=password",
        b"a=token",
        b"tokens=1",
        b"%",
        b"%zz=%ff&\xff=\x00&&=",
    ],
)
def test_T3_any_other_query_is_ignored(query: bytes) -> None:
    refuse_secrets_in_query(query)


@pytest.mark.parametrize(
    "query",
    [
        b"access_token",
        b"access_token=",
        b"ACCESS_TOKEN=x",
        b"%61ccess_token=x",
        b"a=b;access_token=x",
        b"+access_token=x",
        b"a;Access_Token=x",
        b"access_token[]=x",
        b"access_token%5B0%5D=x",
        b"access_token [a]=x",
    ],
)
def test_B3_an_access_token_in_the_query_is_found_however_it_is_written(query: bytes) -> None:
    is_invalid_request(lambda: refuse_secrets_in_query(query), "access_token")

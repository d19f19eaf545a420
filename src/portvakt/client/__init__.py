"""Calls an API the way its provider's documentation asks: the token cached, renewed early, replaced when refused.

```python
import os

import httpx2
from portvakt.client import connect

breeze = connect(
    "breeze",
    environment="test",
    client_id=os.environ["BREEZE_CLIENT_ID"],
    client_secret=os.environ["BREEZE_CLIENT_SECRET"],
)
with httpx2.Client(auth=breeze.auth) as http:
    me = http.post(breeze.api_url + "/graphql", json={"query": "{ Me { email } }"}).json()
```

Nothing of the server is loaded.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from portvakt.client.connection import Connection, connect
from portvakt.client.errors import (
    BadReply,
    ClientError,
    LoginRefused,
    LoginRequired,
    RateLimited,
    TokenRefused,
    Unreachable,
    WrongTarget,
)
from portvakt.client.token import Token

if TYPE_CHECKING:
    from portvakt.client.begun import StartedLogin
    from portvakt.client.login import Login

__all__ = [
    "BadReply",
    "ClientError",
    "Connection",
    "Login",
    "LoginRefused",
    "LoginRequired",
    "RateLimited",
    "StartedLogin",
    "Token",
    "TokenRefused",
    "Unreachable",
    "WrongTarget",
    "connect",
]

_OF_LOG_INS = {"Login": "portvakt.client.login", "StartedLogin": "portvakt.client.begun"}
"""Names that most programs never use, and the modules that are loaded once they do."""


def __getattr__(name: str) -> object:
    if name not in _OF_LOG_INS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=__name__)
    return getattr(import_module(_OF_LOG_INS[name]), name)

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

from portvakt.client.begun import StartedLogin
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
from portvakt.client.login import Login
from portvakt.client.token import Token

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

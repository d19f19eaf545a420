"""Keeps the gate of an API: who may come in, told from the access token alone.

```python
from portvakt.guard import Guard

guard = Guard(issuer="https://id.example/acme", audience="https://api.example")
app = guard.asgi(app, scopes={"read"})
```

Nothing of the server is loaded: an API needs this room, not an authorization server.
"""

from portvakt.guard.api_keys import ApiKeys, ApiKeySource, ApiKeysUnanswered
from portvakt.guard.gate import Guard
from portvakt.guard.key_set import KeySource
from portvakt.guard.revocations import RevocationPage, Revocations, RevocationSource, RevocationsUnread, Revoked
from portvakt.guard.tongue import Denied
from portvakt.protocol.admit.verified import Verified

__all__ = [
    "ApiKeySource",
    "ApiKeys",
    "ApiKeysUnanswered",
    "Denied",
    "Guard",
    "KeySource",
    "RevocationPage",
    "RevocationSource",
    "Revocations",
    "RevocationsUnread",
    "Revoked",
    "Verified",
]

"""The scopes that are the server's own, at every issuer, whatever scopes its provider documents."""

INTROSPECT = "portvakt:introspect"
"""Of an API: it may ask about the access tokens that it is shown (RFC 7662)."""

API_KEYS = "portvakt:api-keys"
"""Of an API that takes personal API keys: it may ask about those that it is shown."""

REVOCATIONS = "portvakt:revocations"
"""Of a guard: it may read which grants ended."""

OWN_SCOPES = frozenset({INTROSPECT, API_KEYS, REVOCATIONS})

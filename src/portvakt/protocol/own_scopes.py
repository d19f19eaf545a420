"""The scopes that are the server's own, at every issuer, whatever scopes its provider documents."""

INTROSPECT = "portvakt:introspect"
"""Of an API: it may ask about the access tokens that it is shown (RFC 7662)."""

API_KEYS = "portvakt:api-keys"
"""Of an API that takes personal API keys: it may ask about those that it is shown."""

REVOCATIONS = "portvakt:revocations"
"""Of a guard: it may read which grants ended."""

READ = "portvakt:read"
"""Of a program that administers: it may see what whoever it acts for may see (`/admin/api/v1`)."""

MANAGE = "portvakt:manage"
"""The same, and it may change it."""

SELF_SERVICE = frozenset({READ, MANAGE})
"""Those that anybody may give a client of their own: it can do no more with them than they can."""

OWN_SCOPES = frozenset({INTROSPECT, API_KEYS, REVOCATIONS, READ, MANAGE})

"""The scopes that are the server's own, at every issuer, whatever scopes its provider documents."""

INTROSPECT = "portvakt:introspect"
"""Of an API: it may ask about the access tokens that it is shown (RFC 7662)."""

REVOCATIONS = "portvakt:revocations"
"""Of a guard: it may read which grants ended."""

OWN_SCOPES = frozenset({INTROSPECT, REVOCATIONS})

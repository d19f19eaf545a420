"""Query strings: how one is spelled, and what belongs in a body or a header (RFC 6749 §2.3.1, RFC 9700 §4.3.2)."""

from __future__ import annotations

from urllib.parse import quote_from_bytes, unquote_plus

from portvakt.wire.errors import parameter_error

SECRET_PARAMETERS = frozenset(
    {
        "access_token",
        "actor_token",
        "api_key",
        "assertion",
        "client_assertion",
        "client_secret",
        "code",
        "code_verifier",
        "device_code",
        "id_token",
        "password",
        "refresh_token",
        "subject_token",
        "token",
    }
)
"""Parameters whose values are worth stealing: a query lies in logs, histories and Referer headers."""


_PLAIN = "!$%&'()*+,/:;=?@[]~"
"""What stays as it is, with letters, digits and `-._` (RFC 3986 §2.2)."""


def spell_query(query: bytes) -> str:
    """Return a query as it may stand in a header and in a page: what is not plain is percent-encoded, once."""
    return quote_from_bytes(query, safe=_PLAIN)


def refuse_secrets_in_query(query: bytes) -> None:
    """Refuse a query that names a secret; any other is ignored, well-formed or not.

    Raises: WireError that names the parameter.
    """
    for name in parameter_names(query):
        if name in SECRET_PARAMETERS:
            raise parameter_error(name, "does not belong in the query")


def parameter_names(query: bytes) -> list[str]:
    """Return the names in a query, read as loosely as any server might; `;` separates too. See `parameter_name`."""
    return [parameter_name(field) for field in query.decode("latin-1").replace(";", "&").split("&")]


def parameter_name(field: str) -> str:
    """Return the name in one `name=value`: bad escapes stay, letter case does not matter, `name[0]` is `name`."""
    return unquote_plus(field.partition("=")[0]).partition("[")[0].strip().lower()

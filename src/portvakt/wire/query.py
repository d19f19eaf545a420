"""Query strings that carry what belongs in a body or a header (RFC 6749 §2.3.1, RFC 9700 §4.3.2)."""

from __future__ import annotations

from urllib.parse import unquote_plus

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


def refuse_secrets_in_query(query: bytes) -> None:
    """Refuse a query that names a secret; any other is ignored, well-formed or not.

    Names are read as loosely as any server might (`;` separates too, bad escapes stay, case does not matter).

    Raises: WireError that names the parameter.
    """
    for field in query.decode("latin-1").replace(";", "&").split("&"):
        name = unquote_plus(field.partition("=")[0]).strip().lower()
        if name in SECRET_PARAMETERS:
            raise parameter_error(name, "does not belong in the query")

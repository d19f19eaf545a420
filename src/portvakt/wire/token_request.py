"""From the parts of an HTTP request to a `TokenRequest`: all that needs no knowledge of any client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.model.decision import INVALID_CLIENT
from portvakt.model.message import TokenRequest
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import Body, MissingSecret
from portvakt.model.values import ClientId, Secret
from portvakt.wire.basic import authorization_scheme, parse_basic
from portvakt.wire.errors import WireError, parameter_error
from portvakt.wire.form import parse_form
from portvakt.wire.json import parse_json_object
from portvakt.wire.media import media_type, refuse_encoding
from portvakt.wire.query import refuse_secrets_in_query

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portvakt.model.provider import Provider

TOKEN_BODY_LIMIT = 65_536
"""The longest body of a token request, in bytes; whoever reads it from a socket stops there too."""

_READ_ONCE = frozenset({b"authorization", b"content-encoding", b"content-type"})
_REPEATABLE = frozenset({"resource"})  # RFC 8707 §2


def read_token_request(
    provider: Provider, headers: Iterable[tuple[bytes, bytes]], query: bytes, body: bytes
) -> TokenRequest:
    """Read a token request as `provider` takes it (RFC 6749 §3.2, §2.3.1).

    Names of `headers` are lower case, `query` is without `?`. A parameter with an empty value counts as left
    out (RFC 6749 §3.1), unknown ones are kept for others to ignore. `resource`, which may repeat, becomes one
    text with spaces between.

    A client that names itself and proves nothing is `method` "none", unless the provider calls the missing
    secret an error of the request. Basic with an empty secret is `client_secret_basic` without a secret.

    Raises: WireError, with 413 and 415 where HTTP has a status for it; with `invalid_client` and 401 for an
        Authorization header of a scheme that is not Basic (RFC 6749 §5.2).
    """
    return read_token_body(provider, read_token_head(provider, headers, query), body)


def read_token_body(provider: Provider, head: tuple[str, bytes | None], body: bytes) -> TokenRequest:
    """Read the rest of a token request whose `head` was read by `read_token_head`. Raises: WireError."""
    return _read_body(provider, head, body, "grant_type")


def read_shown_token(provider: Provider, head: tuple[str, bytes | None], body: bytes) -> TokenRequest:
    """Read a request that shows a token (RFC 7009 §2.1, RFC 7662 §2.1), as `read_token_body`; its grant type is "".

    Raises: WireError, also where there is no `token`.
    """
    return _read_body(provider, head, body, "token")


def _read_body(provider: Provider, head: tuple[str, bytes | None], body: bytes, needed: str) -> TokenRequest:
    kind, authorization = head
    if len(body) > TOKEN_BODY_LIMIT:
        raise body_too_long()
    parameters = parse_json_object(body) if kind == Body.JSON else parse_form(body, repeatable=_REPEATABLE)
    if "" in parameters.values():
        parameters = {name: value for name, value in parameters.items() if value}
    if needed not in parameters:
        raise parameter_error(needed, "is missing")
    grant_type = parameters.pop("grant_type", "") if needed == "grant_type" else ""
    if authorization is None:
        client_id, secret, method = _from_body(provider, parameters)
    else:
        client_id, secret = _from_header(authorization, parameters)
        method = ClientAuthentication.BASIC
    return TokenRequest(
        grant_type=grant_type, client_id=ClientId(client_id), client_secret=secret, method=method, parameters=parameters
    )


def read_token_head(
    provider: Provider, headers: Iterable[tuple[bytes, bytes]], query: bytes
) -> tuple[str, bytes | None]:
    """Return media type and Authorization header; a server may ask before it has read the body.

    Raises: WireError as `read_token_request`, for all that shows before the body.
    """
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _READ_ONCE:
            if name in found:
                raise WireError(None, f"The header {name.decode()} is sent more than once.")
            found[name] = value
    refuse_encoding(found.get(b"content-encoding"))
    kind = media_type(found[b"content-type"]) if b"content-type" in found else ""
    if kind not in provider.token_bodies:
        accepted = " or ".join(sorted(provider.token_bodies))
        raise WireError(None, f"The content type is not {accepted}.")
    if query:
        refuse_secrets_in_query(query)
    return kind, found.get(b"authorization")


def body_too_long() -> WireError:
    """Return the refusal of a body beyond `TOKEN_BODY_LIMIT`."""
    return WireError(None, f"The body is longer than {TOKEN_BODY_LIMIT} bytes.", 413)


def _from_body(provider: Provider, parameters: dict[str, str]) -> tuple[str, Secret | None, ClientAuthentication]:
    """Take client id and secret out of the parameters."""
    client_id = parameters.pop("client_id", None)
    if client_id is None:
        raise parameter_error("client_id", "is missing")
    secret = parameters.pop("client_secret", None)
    if secret is None:
        if provider.missing_secret is MissingSecret.INVALID_REQUEST:
            raise parameter_error("client_secret", "is missing")
        return client_id, None, ClientAuthentication.NONE
    if "client_assertion" in parameters:
        raise _second_method()
    return client_id, Secret(secret), ClientAuthentication.POST


def _from_header(authorization: bytes, parameters: dict[str, str]) -> tuple[str, Secret | None]:
    """Take client id and secret out of the header, and the client id, if it is the same, out of the parameters."""
    # RFC 6749 §2.3: a client MUST NOT use more than one authentication method in each request.
    if "client_secret" in parameters or "client_assertion" in parameters:
        raise _second_method()
    if authorization_scheme(authorization) != b"basic":
        raise WireError(None, "The scheme of the Authorization header is not Basic.", 401, code=INVALID_CLIENT)
    client_id, secret = parse_basic(authorization)
    if not client_id:
        raise parameter_error("client_id", "is missing")
    if parameters.pop("client_id", client_id) != client_id:
        raise parameter_error("client_id", "is not the one of the Authorization header")
    return client_id, Secret(secret) if secret else None


def _second_method() -> WireError:
    return WireError(None, "The client authenticates in more than one way.")

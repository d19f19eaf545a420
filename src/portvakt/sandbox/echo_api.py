"""An API that answers what it received, without the caller's token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from portvakt.model.decision import INVALID_REQUEST
from portvakt.model.message import Reply
from portvakt.sandbox.asgi import answer, header, read_body
from portvakt.server.call import plain_reply
from portvakt.wire.errors import WireError
from portvakt.wire.media import media_type
from portvakt.wire.query import SECRET_PARAMETERS, parameter_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from portvakt.sandbox.asgi import App, Guarded, Receive, Scope, Send

BODY_LIMIT = 64 * 1024
HIDDEN = "***"
_SECRET_HEADERS = frozenset({"cookie", "proxy-authorization", "x-api-key"})
# The reply holds what others chose: no browser may take it for a page.
_HEADERS = (
    ("content-type", "application/json"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
)


def echo_api(needs: Mapping[str, Collection[str]], guarded: Guarded) -> App:
    """Return the API behind a guard. `needs` names the methods that it answers, and the scopes that each needs.

    Any other method is 405, whoever asks.
    """
    apps = {method: guarded(echo, scopes=frozenset(scopes)) for method, scopes in needs.items()}
    allow = ("allow", ", ".join(apps))

    async def api(scope: Scope, receive: Receive, send: Send) -> None:
        app = apps.get(scope["method"])
        if app is None:
            await answer(send, plain_reply(405, "This method is not answered here.", allow))
        else:
            await app(scope, receive, send)

    return api


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what was received, as JSON. It expects `scope["portvakt"]`; secrets are shown as `***`."""
    try:
        body = None if scope["method"] == "GET" else await _text(scope, receive)
    except WireError as error:
        refusal = {"error": INVALID_REQUEST, "error_description": error.description}
        await answer(send, Reply(error.status, _HEADERS, _json(refusal)))
        return
    token = (header(scope, b"authorization") or b"").partition(b" ")[2].strip(b" ").decode("latin-1")
    said = {
        "method": scope["method"],
        "path": _without(token, scope["path"]),
        "query": _without(token, _query(scope["query_string"])),
        "headers": {name: _without(token, value) for name, value in _headers(scope).items()},
        "caller": {"client_id": scope["portvakt"].client_id, "scopes": sorted(scope["portvakt"].scopes)},
    }
    if body is not None:
        said["body"] = _without(token, body)
    await answer(send, Reply(200, _HEADERS, _json(said)))


async def _text(scope: Scope, receive: Receive) -> str:
    kind = header(scope, b"content-type")
    if kind is not None:
        media_type(kind)
    body = await read_body(scope, receive, BODY_LIMIT)
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise WireError(None, "The body is not UTF-8.") from None


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers by name; those that came several times as one, which is what they mean (RFC 9110 §5.3)."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), _shown(raw_name, raw_value.decode("latin-1"))
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _shown(raw_name: bytes, value: str) -> str:
    name = raw_name.lower().decode("latin-1")
    if name == "authorization":
        scheme, space, _ = value.partition(" ")
        return f"{scheme} {HIDDEN}" if space and scheme.isalpha() else HIDDEN
    return HIDDEN if name in _SECRET_HEADERS else value


def _query(raw: bytes) -> str:
    """Return the query as it came, but for the values of parameters that carry secrets (B3)."""
    return "&".join(_field(field) for field in raw.decode("latin-1").split("&"))


def _field(field: str) -> str:
    """Hide the value up to `&`; where no secret is named that way, look at the parts that `;` separates too."""
    if parameter_name(field) not in SECRET_PARAMETERS:
        return ";".join(_part(part) for part in field.split(";"))
    return _part(field)


def _part(part: str) -> str:
    name, equals, _ = part.partition("=")
    return f"{name}={HIDDEN}" if equals and parameter_name(part) in SECRET_PARAMETERS else part


def _without(token: str, text: str) -> str:
    return text.replace(token, HIDDEN) if token else text


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

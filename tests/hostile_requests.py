"""Requests that carry a text in every place in which a caller can put one, down to what is no HTTP at all."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

ADMINISTRATION = "/admin/api/v1/issuers/breeze/clients"
OTHER_PATHS = ("/standard/token", "/standard/.well-known/jwks.json", "/readyz", "/nowhere", ADMINISTRATION)
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
_PARAMETERS = (
    "client_secret",
    "client_id",
    "grant_type",
    "scope",
    "resource",
    "access_token",
    "refresh_token",
    "code",
    "client_assertion",
    "assertion",
    "x",
)

_FIELDS = (
    *("Authorization", "X-Api-Key", "Cookie", "User-Agent", "Referer", "X-Request-Id", "Traceparent", "Forwarded"),
    *("X-Forwarded-For", "Accept", "If-None-Match", "Origin", "Host", "Content-Type", "Expect", "Content-Encoding"),
    *("Upgrade", "Connection", "Proxy-Authorization", "Date"),
)


def requests_with(
    text: str, client_id: str, host: str, *, issuer: str = "/breeze", apis: tuple[str, ...] = ()
) -> Iterator[tuple[str, bytes]]:
    """Yield the requests, each with a name for the place that the text stands in.

    `issuer` is the path of one that speaks Breeze, `apis` are paths of APIs.
    """
    endpoint = f"{issuer}/oauth/token"
    yield from _in_the_head(text, host, (endpoint, *OTHER_PATHS, *apis))
    yield from _in_the_path(text, host)
    for path in (endpoint, OTHER_PATHS[0], ADMINISTRATION):
        for what, kind, body in _bodies(text, client_id):
            yield f"{what} to {path}", request(path, host, body, {"Content-Type": kind})
        pair = base64.b64encode(f"{client_id}:{text}".encode()).decode()
        grant = b"grant_type=client_credentials"
        for scheme in ("Basic ", "basic  ", "Basic:", "Digest ", "Bearer ", "Token ", "", "Negotiate,Basic "):
            for credentials in (pair, pair[:-2], text, f"{client_id}:{text}"):
                fields = {"Content-Type": FORM, "Authorization": scheme + credentials}
                yield f"Authorization {scheme}to {path}", request(path, host, grant, fields)
    yield from _malformed(text, host, endpoint)


def request(
    target: str, host: str, body: bytes = b"", fields: dict[str, str] | None = None, *, method: str | None = None
) -> bytes:
    """Return a request's octets. Its connection ends with the answer."""
    lines = [f"{method or ('POST' if body else 'GET')} {target} HTTP/1.1"]
    named = {"Host": host, "Connection": "close", **({"Content-Length": str(len(body))} if body else {})}
    lines += [f"{name}: {value}" for name, value in {**named, **(fields or {})}.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def _in_the_head(text: str, host: str, paths: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    encoded = quote(text, safe="")
    for path in paths:
        queries = (encoded, f"{encoded}=1", *(f"{name}={encoded}" for name in _PARAMETERS))
        for query in queries:
            yield f"the query of {path}", request(f"{path}?{query}", host)
        for name in _FIELDS:
            yield f"{name} at {path}", request(path, host, fields={name: text})
        yield f"a cookie at {path}", request(path, host, fields={"Cookie": f"session={text}; b={text}"})
        yield f"a referrer at {path}", request(path, host, fields={"Referer": f"http://x/?token={text}"})
        yield f"a proxy's user at {path}", request(path, host, fields={"X-Forwarded-Host": f"u:{text}@h"})


def _in_the_path(text: str, host: str) -> Iterator[tuple[str, bytes]]:
    octets = text.encode()
    spelt = {
        "as it is": quote(text, safe=""),
        "percent-encoded": "".join(f"%{octet:02x}" for octet in octets),
        "encoded twice": "".join(f"%25{octet:02X}" for octet in octets),
        "in base64": base64.urlsafe_b64encode(octets).decode(),
        "as a Basic pair": base64.b64encode(b"client:" + octets).decode().rstrip("="),
        "in hex": octets.hex(),
        "reversed": quote(text[::-1], safe=""),
    }
    for how, segment in spelt.items():
        for path in (
            f"/{segment}",
            f"/breeze/oauth/token/{segment}",
            f"/a/{segment}/b",
            f"//{segment}",
            f"/x;y={segment}",
        ):
            yield f"the path, {how}", request(path, host)
            yield f"the path of another host, {how}", request(path, "unknown.example")
    yield "the path, cut", request(f"/{quote(text, safe='')[:-1]}", host)
    yield "the authority of the target", request(f"http://u:{quote(text, safe='')}@{host}/livez", host)
    yield "the target alone", request(quote(text, safe=""), host)


def _bodies(text: str, client_id: str) -> Iterator[tuple[str, str, bytes]]:
    """Yield a name, a content type and a body."""
    encoded = quote(text, safe="")
    grant = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": text}
    form = "&".join(f"{name}={quote(value, safe='')}" for name, value in grant.items())
    for name in _PARAMETERS:
        yield f"the form's {name}", FORM, f"{form}&{name}={encoded}".encode()
        yield f"the JSON's {name}", JSON, json.dumps({**grant, name: text}).encode()
        yield f"the form's {name} alone", FORM, f"{name}={encoded}".encode()
    yield "a form's name", FORM, f"{form}&{encoded}=1".encode()
    yield "a form's scope among others", FORM, f"{form}&scope=a%20{encoded}%20b".encode()
    for kind in (FORM, JSON, "text/plain", "application/xml", "multipart/form-data; boundary=x", "application/graphql"):
        yield f"a body of {kind}", kind, text.encode()
        yield f"a form as {kind}", kind, form.encode()
        yield f"an object as {kind}", kind, json.dumps(grant).encode()
    for what, value in {
        "a list": [text],
        "an object": {text: text},
        "a number": 1,
        "nested": {"a": {"b": [{"c": text}]}},
    }.items():
        yield f"{what} as a member", JSON, json.dumps({**grant, "client_secret": value, "x": text}).encode()
    yield "a member's name", JSON, json.dumps({**grant, text: 1}).encode()
    yield "a member twice", JSON, f'{{"client_secret":"{encoded}","client_secret":"{encoded}"}}'.encode()
    yield "a text on its own", JSON, json.dumps(text).encode()
    yield "JSON that ends early", JSON, json.dumps(grant).encode()[:-2]
    yield "JSON with more behind it", JSON, json.dumps(grant).encode() + text.encode()
    yield "JSON with half a character", JSON, json.dumps(grant).encode()[:-2] + b'\\ud800"}'
    yield "a form that is no UTF-8", FORM, form.encode() + b"%ff%fe"
    yield "a form with a NUL", FORM, form.encode() + b"%00"
    yield "a compressed body", FORM, gzip.compress(form.encode())


def _malformed(text: str, host: str, endpoint: str) -> Iterator[tuple[str, bytes]]:
    octets = text.encode()
    grant = f"POST {endpoint} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {JSON}".encode()
    yield "no HTTP", octets + b"\r\n\r\n"
    yield "something like TLS", b"\x16\x03\x01" + octets
    yield "the method", octets + b" / HTTP/1.1\r\nHost: x\r\n\r\n"
    yield "the version", b"GET / HTTP/1.1" + octets + b"\r\nHost: x\r\n\r\n"
    yield "a target with a space", b"GET /" + octets + b" x HTTP/1.1\r\nHost: x\r\n\r\n"
    yield "a field's name", b"GET / HTTP/1.1\r\nHost: x\r\n" + octets + b": 1\r\n\r\n"
    yield "a field without a colon", b"GET / HTTP/1.1\r\nHost: x\r\n" + octets + b"\r\n\r\n"
    yield "a folded field", b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n " + octets + b"\r\n\r\n"
    yield "a length", grant + b"\r\nContent-Length: " + octets + b"\r\n\r\n"
    yield "a transfer encoding", grant + b"\r\nTransfer-Encoding: " + octets + b"\r\n\r\n"
    yield "a chunk's size", grant + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + octets + b"\r\n"
    yield "a chunk's extension", grant + b"\r\nTransfer-Encoding: chunked\r\n\r\n1;" + octets + b"\r\nx\r\n0\r\n\r\n"
    yield "a trailer", grant + b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + octets + b"\r\n\r\n"
    yield "a body that does not end", grant + b"\r\nContent-Length: 9999\r\n\r\n" + octets
    yield "what follows a request", b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" + octets + b" \r\n\r\n"

"""The OpenAPI document of the administration's API (OpenAPI 3.1), made from the table that also answers."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from portvakt.server.admin_api_operation import Versioned
from portvakt.server.admin_api_quota import CHANGES, REQUESTS
from portvakt.server.admin_api_shapes import ID, NUMBER, SHAPES, of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portvakt.model.nouns import Issuer
    from portvakt.server.admin_api_operation import Operation

_ALWAYS = (400, 401, 403, 429, 503)
_TOO_LONG = {
    "description": "The request's target is longer than 8,192 bytes, which is said before it is known what it is for.",
    "content": {"application/json": {"schema": of("TooLong")}},
}
_PARAMETER = re.compile(r"\{([a-z_]+)\}")
_SECURITY = "bearer"
_ABOUT = (
    "Clients, their secrets, users, organisations and the audit log of this installation. Ask with an access token of"
    " this installation's own issuer, or of the issuer that is administered, whose scopes are portvakt:read (GET"
    " of what is no credential) or portvakt:manage. You see and change what its owner or its user may; what is not"
    " yours is 404."
    f" For each user that it acts for, a program may ask {REQUESTS.limit} times in {REQUESTS.window} seconds, and"
    f" {CHANGES.limit} times of these change something; beyond that the answer is 429, with Retry-After."
)


def document(own: Issuer, operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the document. `own`: the installation's own issuer, whose `api_url` this API is."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "portvakt administration", "version": "1", "description": _ABOUT},
        "servers": [{"url": own.api_url}],
        "security": [{_SECURITY: []}],
        "paths": paths,
        "components": {
            "schemas": SHAPES,
            "securitySchemes": {_SECURITY: {"type": "http", "scheme": "bearer", "bearerFormat": "at+jwt"}},
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"For: {operation.role.value}. Scope: {operation.scope}.",
        "x-portvakt-role": operation.role.name.lower(),
        "parameters": [*_in_path(operation), *_in_query(operation), *_in_headers(operation)],
        "responses": _responses(operation),
    }
    if operation.body is not None:
        content = {"application/json": {"schema": of(operation.body)}}
        if operation.method == "PATCH":
            content["application/merge-patch+json"] = {"schema": of(operation.body)}
        described["requestBody"] = {"required": operation.needs_body, "content": content}
    return described


def _in_path(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": NUMBER if name == "organisation" else ID}
        for name in _PARAMETER.findall(operation.path)
    ]


def _in_query(operation: Operation) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": shape} for name, shape in operation.query.items()]


def _in_headers(operation: Operation) -> list[dict[str, Any]]:
    if operation.versioned is Versioned.NO:
        return []
    shape = {"type": "string", "pattern": '^(\\*|"[0-9]{1,18}")$'}
    must = operation.versioned is Versioned.MUST
    return [{"name": "If-Match", "in": "header", "required": must, "schema": shape}]


def _responses(operation: Operation) -> dict[str, Any]:
    answers = {str(status): _answer(operation, status, shape) for status, shape in operation.answers.items()}
    codes = {*_ALWAYS, *operation.refusals}
    if operation.body is not None:
        codes |= {413, 415}
    if not operation.reads:
        codes |= {409}
    if operation.versioned is not Versioned.NO:
        codes |= {412}
    if operation.versioned is Versioned.MUST:
        codes |= {428}
    too_long = {"414": _TOO_LONG} if operation.query else {}
    return answers | {str(code): _problem(code) for code in sorted(codes)} | too_long


def _answer(operation: Operation, status: int, shape: str | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if shape is None:
        return answer
    content: dict[str, Any] = {"application/json": {"schema": of(shape)}}
    content |= {media_type: {"schema": {"type": "string"}} for media_type in operation.media_types}
    headers: dict[str, Any] = {}
    if "version" in SHAPES[shape].get("properties", {}):
        headers["ETag"] = {"required": True, "schema": {"type": "string"}}
    if status == HTTPStatus.CREATED:
        headers["Location"] = {"required": True, "schema": {"type": "string"}}
    return answer | {"content": content} | ({"headers": headers} if headers else {})


def _problem(status: int) -> Mapping[str, Any]:
    headers: dict[str, Any] = {"Portvakt-Reference": {"required": True, "schema": {"type": "string"}}}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = {"required": True, "schema": {"type": "string"}}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = {"required": True, "schema": {"type": "string"}}
    return {
        "description": HTTPStatus(status).phrase,
        "headers": headers,
        "content": {"application/problem+json": {"schema": of("Problem")}},
    }

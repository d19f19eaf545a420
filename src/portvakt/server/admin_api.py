"""`/admin/api/v1`: the administration for programs. What it answers stands in one table, of which its document is made.

There are no cookies, so nothing of it is cross-site forgery's to reach, and no other origin reads an answer (H7).
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from portvakt.jose.sealing import derive
from portvakt.jose.strict_json import read_object
from portvakt.model.decision import INSUFFICIENT_SCOPE, INVALID_REQUEST, INVALID_TOKEN, Refused
from portvakt.model.message import Reply
from portvakt.model.values import IssuerName
from portvakt.protocol.govern.actor import not_found
from portvakt.protocol.own_scopes import MANAGE, READ
from portvakt.providers.speak import NEVER_STORED
from portvakt.server import (
    admin_api_audit,
    admin_api_clients,
    admin_api_issuers,
    admin_api_links,
    admin_api_people,
    admin_api_refusals,
)
from portvakt.server.act import Contended
from portvakt.server.admin_api_document import document
from portvakt.server.admin_api_operation import Answer, Ask, Export, Office, Operation, Unfit, Versioned
from portvakt.server.admin_api_shapes import SHAPES
from portvakt.server.admin_api_who import Doorkeeper, check_scope
from portvakt.server.call import read_body
from portvakt.server.own_keys import OwnKeys
from portvakt.server.purposes import KEYS, LINKS, PAGES, PEPPER
from portvakt.server.refusal import Refusal
from portvakt.wire.errors import WireError
from portvakt.wire.form import parse_form
from portvakt.wire.shape import Fault, faults_of
from portvakt.wire.www_authenticate import bearer_challenge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portvakt.model.nouns import Issuer
    from portvakt.model.values import Secret
    from portvakt.server.admin_api_quota import Quotas
    from portvakt.server.admin_api_who import Who
    from portvakt.server.call import Call, Receive, Send
    from portvakt.server.clock import Clock
    from portvakt.server.copy import Copy
    from portvakt.store import Store

OPERATIONS: tuple[Operation, ...] = (
    *admin_api_issuers.OPERATIONS,
    *admin_api_clients.OPERATIONS,
    *admin_api_people.OPERATIONS,
    *admin_api_links.OPERATIONS,
    *admin_api_audit.OPERATIONS,
    *admin_api_refusals.OPERATIONS,
)
DOCUMENT_PATH = "/openapi.json"
BODY_LIMIT = 65_536
MERGE_PATCH = "application/merge-patch+json"
PROBLEM = "application/problem+json"

_ALWAYS = (*NEVER_STORED, ("x-content-type-options", "nosniff"))
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_ETAG = re.compile(r'"([0-9]{1,18})"', re.ASCII)
_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"', re.ASCII)

_NO_PATH = Refused("not_found", "Nothing answers at this path.", 404)
_NO_VERSION = Refused("precondition_required", "Say with If-Match which version you saw: its ETag.", 428)
_OTHER_VERSION = Refused("changed", "It was changed meanwhile. Look at it again, and then decide.", 412)
_CONTENDED = Refused("contended", "Others changed the same just now. Try again.", 409)
_TOO_LONG = Refused(INVALID_REQUEST, f"The body is longer than {BODY_LIMIT} bytes.", 413)
_NOT_JSON = Refused(INVALID_REQUEST, "The body is not one JSON object, each member once, in UTF-8.")
_FAULT = Refused("server_error", "The server could not answer. Try again.", 503)


def admin_api(
    own: Issuer,
    issuers: Sequence[Issuer],
    store: Store,
    copy: Copy,
    quotas: Quotas,
    clock: Clock,
    secret: Secret,
) -> AdminApi:
    """Return the administration's API of an installation. `secret`: the installation's own."""
    office = Office(
        own=own,
        issuers={issuer.name: issuer for issuer in issuers},
        store=store,
        clock=clock,
        pepper=derive(secret, PEPPER),
        sealing=derive(secret, KEYS),
        pages=derive(secret, PAGES),
        links=derive(secret, LINKS),
    )
    return AdminApi(office, {issuer.url: (issuer, OwnKeys(issuer, copy, clock)) for issuer in issuers}, quotas)


class AdminApi:
    """Answers every request under the own issuer's `api_url`."""

    def __init__(self, office: Office, keys: Mapping[str, tuple[Issuer, OwnKeys]], quotas: Quotas) -> None:
        """`keys`: every issuer and its keys, by URL."""
        self._office = office
        self._quotas = quotas
        self._door = Doorkeeper(office.own, keys, office.store)
        self._base = office.own.api_url
        self._routes: dict[tuple[str, ...], dict[str, Operation]] = {}
        for operation in OPERATIONS:
            template = tuple(operation.path.split("/")[1:])
            self._routes.setdefault(template, {})[operation.method] = operation

    @cached_property
    def _document(self) -> bytes:
        return json.dumps(document(self._office.own, OPERATIONS), ensure_ascii=False).encode()

    async def __call__(self, call: Call, receive: Receive, send: Send) -> None:
        """Answer one request."""
        call.issuer = self._office.own.name
        faults: tuple[Fault, ...] = ()
        try:
            said = await self._said(call, receive)
        except Unfit as error:
            said, faults = error.refused, error.faults
        except Refusal as error:
            said = error.refused
        except Contended:
            said = _CONTENDED
        if isinstance(said, Export):
            headers = (("content-type", f"{said.media_type}; charset=utf-8"), *_ALWAYS)
            await call.stream(headers, said.lines, send)
            return
        await call.reply(self._refuse(call, said, faults) if isinstance(said, Refused) else said, send)

    async def fault(self, call: Call, send: Send) -> None:
        """Say that it was our fault, and that trying again may help."""
        await call.reply(self._refuse(call, _FAULT), send)

    async def _said(self, call: Call, receive: Receive) -> Reply | Export | Refused:
        path = call.scope["raw_path"].decode("latin-1")[len(self._root) :]
        method = "GET" if call.scope["method"] == "HEAD" else call.scope["method"]
        if path == DOCUMENT_PATH:
            if method != "GET":
                return _not_allowed({"GET"})
            return Reply(200, (("content-type", "application/json"), *_ALWAYS), self._document)
        operations, parameters = self._find(path)
        if not operations:
            return _NO_PATH
        operation = operations.get(method)
        if operation is None:
            return _not_allowed(operations)
        who = await self._who(call)
        check_scope(who, operation.scope)
        ask = await self._ask(call, receive, operation, who, parameters)
        if not operation.reads:
            self._quotas.change(who, self._office.clock())
        said = await operation.handle(ask)
        return said if isinstance(said, Export) else _reply(said)

    async def _who(self, call: Call) -> Who:
        """Say who asks, and count it. Raises: Refusal."""
        try:
            who = await self._door.who(call, self._office.clock())
        except Refusal as refusal:
            if refusal.refused.code == INVALID_TOKEN:
                self._quotas.bad_bearer(call, self._office.clock())
            raise
        self._quotas.request(who, self._office.clock())
        return who

    @property
    def _root(self) -> str:
        return "/" + self._base.split("/", 3)[3]

    def _find(self, path: str) -> tuple[Mapping[str, Operation], dict[str, str]]:
        """Return what answers at a path, by method, and the parameters in it; ids need no decoding."""
        segments = path.split("/")[1:]
        for template, operations in self._routes.items():
            if len(template) == len(segments):
                pairs = list(zip(template, segments, strict=True))
                named = {name[1:-1]: text for name, text in pairs if name.startswith("{")}
                if all(name == text or name.startswith("{") for name, text in pairs):
                    return (operations, named) if all(map(_ID.fullmatch, named.values())) else ({}, {})
        return {}, {}

    async def _ask(self, call: Call, receive: Receive, operation: Operation, who: Who, path: Mapping[str, str]) -> Ask:
        headers = call.scope["headers"]
        issuer = self._office.issuers.get(IssuerName(path["issuer"])) if "issuer" in path else who.issuer
        if issuer is None or not (who.actor.operator or issuer.name == who.issuer.name):
            raise Refusal(not_found("issuer"))
        return Ask(
            office=self._office,
            who=who,
            issuer=issuer,
            path=path,
            query=_query(operation, call.scope["query_string"]),
            body=await _body(operation, headers, receive),
            version=_version(operation, headers),
            accept=_header(headers, b"accept"),
        )

    def _refuse(self, call: Call, said: Refused, faults: tuple[Fault, ...] = ()) -> Reply:
        """Return a problem (RFC 9457), with what RFC 9110 and RFC 6750 ask for beside it."""
        call.refused = said
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(said.status).phrase,
            "status": said.status,
            "detail": said.description,
            "code": said.code,
        }
        if faults:
            problem["errors"] = [{"path": fault.path, "detail": fault.detail} for fault in faults]
        return _json_reply(said.status, problem, PROBLEM, *self._headers_of(said))

    def _headers_of(self, said: Refused) -> tuple[tuple[str, str], ...]:
        if said.status == HTTPStatus.METHOD_NOT_ALLOWED:
            return (("allow", said.reason),)
        if said.exceeded is not None:
            return (("retry-after", str(said.exceeded.seconds)),)
        if said.status == HTTPStatus.SERVICE_UNAVAILABLE:
            return (("retry-after", "1"),)
        if said.status == HTTPStatus.UNAUTHORIZED:  # RFC 6750 §3.1: without a token, no error
            error = said.code if said.code == INVALID_TOKEN else None
            return (("www-authenticate", bearer_challenge(realm=self._base, error=error)),)
        if said.code == INSUFFICIENT_SCOPE:
            scope = READ if READ in said.description else MANAGE
            return (("www-authenticate", bearer_challenge(realm=self._base, error=said.code, scope=scope)),)
        return ()


def _query(operation: Operation, sent: bytes) -> Mapping[str, Any]:
    """Read the query by the shapes of the operation's parameters. Raises: Unfit."""
    try:
        fields = parse_form(sent)
    except WireError as error:
        name = error.parameter or ""
        text = "The query is not name=value, each name once, percent-encoded UTF-8."
        raise Unfit((Fault(f"/{name}", "is not well-formed"),), text) from None
    read: dict[str, Any] = {}
    for name, text in fields.items():
        shape = operation.query.get(name, {})
        read[name] = int(text) if shape.get("type") == "integer" and _INTEGER.fullmatch(text) else text
    known = {"type": "object", "properties": operation.query, "additionalProperties": False}
    return _fit(known, read)


async def _body(operation: Operation, headers: list[tuple[bytes, bytes]], receive: Receive) -> Mapping[str, Any]:
    """Read the body by the operation's shape. Raises: Refusal (413, 415), Unfit."""
    if operation.body is None:
        return {}
    sent = await read_body(receive, BODY_LIMIT)
    if sent is None:
        raise Refusal(_TOO_LONG)
    if not sent and not operation.needs_body:
        return {}
    taken = {"application/json"} | ({MERGE_PATCH} if operation.method == "PATCH" else set())
    if _header(headers, b"content-type").partition(";")[0].strip().lower() not in taken:
        raise Refusal(Refused(INVALID_REQUEST, f"The body is {' or '.join(sorted(taken))}.", 415))
    try:
        members = read_object(sent)
    except ValueError:
        raise Refusal(_NOT_JSON) from None
    return _fit(SHAPES[operation.body], members)


def _fit(shape: Mapping[str, Any], members: Mapping[str, Any]) -> Mapping[str, Any]:
    faults = faults_of(shape, members)
    if faults:
        raise Unfit(faults)
    return members


def _version(operation: Operation, headers: list[tuple[bytes, bytes]]) -> int | None:
    """Return the version that If-Match names. Raises: Refusal (412, 428), Unfit."""
    if operation.versioned is Versioned.NO or not any(name == b"if-match" for name, _ in headers):
        if operation.versioned is Versioned.MUST:
            raise Refusal(_NO_VERSION)
        return None
    said = _header(headers, b"if-match")
    if said == "*":
        return None
    ours = _ETAG.fullmatch(said)
    if ours is not None:
        return int(ours[1])
    if _TAG.fullmatch(said):  # RFC 9110 §13.1.1: compared strongly, so a weak one is none of ours
        raise Refusal(_OTHER_VERSION)
    raise Unfit((Fault("/If-Match", "is not one ETag"),), "If-Match is not one ETag.")


def _header(headers: list[tuple[bytes, bytes]], name: bytes) -> str:
    return b", ".join(value for header, value in headers if header == name).decode("latin-1").strip()


def _not_allowed(methods: Mapping[str, object] | set[str]) -> Refused:
    """Return the refusal whose reason is what it names as allowed."""
    allowed = sorted({*methods} | ({"HEAD"} if "GET" in methods else set()))
    return Refused(INVALID_REQUEST, f"This path answers {', '.join(allowed)}.", 405, reason=", ".join(allowed))


def _reply(said: Answer) -> Reply:
    etag = () if said.version is None else (("etag", f'"{said.version}"'),)
    location = () if said.location is None else (("location", said.location),)
    if said.body is None:
        return Reply(said.status, _ALWAYS, b"")
    return _json_reply(said.status, said.body, "application/json", *etag, *location)


def _json_reply(status: int, body: Mapping[str, Any], media_type: str, *headers: tuple[str, str]) -> Reply:
    sent = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(status, (("content-type", media_type), *_ALWAYS, *headers), sent)

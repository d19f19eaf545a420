"""A bounded GraphQL view: one operation in one POST, refused before it costs much (Q6, Q7, Q10).

A reply is `{"data": …}`, or `errors` before `data`; an error has `message` and `extensions.code`, nothing else.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    VariableDefinitionNode,
    execute_sync,
    parse,
    print_ast,
    validate,
)

from portvakt.jose.strict_json import read_object
from portvakt.model.message import Reply
from portvakt.sandbox.asgi import answer, header, read_body
from portvakt.server.redaction import conceal
from portvakt.wire.errors import WireError
from portvakt.wire.media import media_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql import DocumentNode, ExecutionResult, GraphQLSchema, SelectionSetNode

    from portvakt.sandbox.asgi import App, Receive, Scope, Send

UNAUTHENTICATED: Final = "UNAUTHENTICATED"
FORBIDDEN: Final = "FORBIDDEN"
NOT_FOUND: Final = "NOT_FOUND"
BAD_USER_INPUT: Final = "BAD_USER_INPUT"
BAD_REQUEST: Final = "BAD_REQUEST"
GRAPHQL_PARSE_FAILED: Final = "GRAPHQL_PARSE_FAILED"
GRAPHQL_VALIDATION_FAILED: Final = "GRAPHQL_VALIDATION_FAILED"
INTERNAL_SERVER_ERROR: Final = "INTERNAL_SERVER_ERROR"

_MOST_ERRORS = 5  # each may repeat a name of the query
_MESSAGE_LIMIT = 300  # bytes
_HEADERS = (("content-type", "application/json"), ("cache-control", "no-store"))
_INTROSPECTION = frozenset({"__schema", "__type"})
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Introspection(Enum):
    """Whether callers may ask for the schema. The usual tools' query takes more than the usual limits."""

    REFUSED = "refused"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may cost.

    `body` in bytes; `query` and `remembered` (all documents kept together) in characters; `tokens` as the lexer
    counts; `selections` are fields and fragments, those of a fragment counted each time that it is spread. What is
    under `__schema` or `__type` has limits of its own: the query of the usual tools takes 15 levels and 240 of them.
    """

    body: int = 256 * 1024
    query: int = 16 * 1024
    remembered: int = 64 * 1024  # about 5 MB at most
    tokens: int = 1000
    depth: int = 10
    selections: int = 150
    aliases: int = 20
    introspection_depth: int = 20
    introspection_selections: int = 300


class Problem(Exception):
    """What a resolver raises to refuse: the caller gets `message` and `code`, both as they are."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class _NoGraphQL(Exception):
    """What came cannot be executed: 400 unless `status` says otherwise, and no `data`."""

    def __init__(self, code: str, *messages: str, status: int = 400) -> None:
        super().__init__(*messages)
        self.status = status
        self.errors = [_entry(message, code) for message in messages]


def errors_reply(status: int, message: str, code: str, *headers: tuple[str, str]) -> Reply:
    """Return the reply that holds one error and no `data`."""
    return Reply(status, (*_HEADERS, *headers), _json({"errors": [_entry(message, code)]}))


def graphql_view(
    schema: GraphQLSchema,
    context_of: Callable[[Scope], object],
    log: Callable[[BaseException], None],
    *,
    limits: Limits = Limits(),
    introspection: Introspection = Introspection.REFUSED,
) -> App:
    """Return the ASGI application that executes operations on `schema`, whose resolvers are synchronous.

    `context_of` gives what resolvers find in `info.context`; a `Problem` that it raises is answered with 401. An
    exception of a resolver that is no `Problem` is `Internal server error` for the caller; its cause goes to `log`.
    """
    documents = _Documents(schema, limits, introspection)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, await reply(scope, receive))

    async def reply(scope: Scope, receive: Receive) -> Reply:
        if scope["method"] != "POST":
            return errors_reply(405, "Only POST is answered here.", BAD_REQUEST, ("allow", "POST"))
        try:
            context = context_of(scope)
        except Problem as problem:
            challenge = ("www-authenticate", 'Bearer error="invalid_token"')
            return errors_reply(401, problem.message, problem.code, challenge)
        try:
            body = await _body(scope, receive, limits.body)
            query, variables, operation_name = _request(body)
            document = documents.of(query)
        except WireError as error:
            return errors_reply(error.status, error.description, BAD_REQUEST)
        except _NoGraphQL as error:
            return Reply(error.status, _HEADERS, _json({"errors": error.errors}))
        result = execute_sync(
            schema,
            document,
            context_value=context,
            variable_values=variables,
            operation_name=operation_name,
            hide_suggestions=True,
        )
        return _result_reply(result, log)

    return app


async def _body(scope: Scope, receive: Receive, limit: int) -> bytes:
    if media_type(header(scope, b"content-type")) != "application/json":
        raise WireError(None, "The content type is not application/json.")
    return await read_body(scope, receive, limit)


def _request(body: bytes) -> tuple[str, dict[str, object] | None, str | None]:
    """Return query, variables and operation name (GraphQL over HTTP, §5). A list of requests is refused (Q6)."""
    try:
        members = read_object(body)
    except ValueError:
        raise _NoGraphQL(BAD_REQUEST, "The body is not one JSON object, in UTF-8, of a few levels.") from None
    query, variables, name = members.get("query"), members.get("variables"), members.get("operationName")
    if not isinstance(query, str):
        raise _NoGraphQL(BAD_REQUEST, "query is missing or not a string.")
    if not isinstance(variables, dict | None):
        raise _NoGraphQL(BAD_REQUEST, "variables is not an object.")
    if not isinstance(name, str | None):
        raise _NoGraphQL(BAD_REQUEST, "operationName is not a string.")
    return query, variables, name


class _Documents:
    """Queries that were parsed, weighed and found valid, by their text; the least recently used go first."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, introspection: Introspection) -> None:
        self._schema = schema
        self._limits = limits
        self._introspection = introspection
        self._kept: OrderedDict[str, DocumentNode] = OrderedDict()
        self._characters = 0

    def of(self, query: str) -> DocumentNode:
        """Return the document of a query. Raises: _NoGraphQL."""
        kept = self._kept.get(query)
        if kept is not None:
            self._kept.move_to_end(query)
            return kept
        document = self._read(query)
        self._kept[query] = document
        self._characters += len(query)
        while self._characters > self._limits.remembered:
            self._characters -= len(self._kept.popitem(last=False)[0])
        return document

    def _read(self, query: str) -> DocumentNode:
        if len(query) > self._limits.query:
            raise _NoGraphQL(GRAPHQL_PARSE_FAILED, f"query is longer than {self._limits.query} characters.")
        try:
            document = parse(query, no_location=True, max_lexical_tokens=self._limits.tokens)
        except GraphQLError as error:
            raise _NoGraphQL(GRAPHQL_PARSE_FAILED, error.message) from None
        _Scale(document, self._limits, self._introspection).weigh()
        errors = validate(self._schema, document, max_errors=_MOST_ERRORS, hide_suggestions=True)
        if errors:
            raise _NoGraphQL(GRAPHQL_VALIDATION_FAILED, *(error.message for error in errors))
        return document


class _Scale:
    """How much a document asks for, before validation, whose rules take quadratic time.

    One budget for the whole document, so that fragments that spread each other, even in a circle, end soon.
    """

    def __init__(self, document: DocumentNode, limits: Limits, introspection: Introspection) -> None:
        definitions = document.definitions
        self._operations = [one for one in definitions if isinstance(one, OperationDefinitionNode)]
        self._fragments = {one.name.value: one for one in definitions if isinstance(one, FragmentDefinitionNode)}
        self._spread: set[str] = set()
        self._limits = limits
        self._introspection = introspection
        self._introspected = False
        self._selections = limits.selections
        self._aliases = limits.aliases

    def weigh(self) -> None:
        """Raises: _NoGraphQL if a limit is passed, or introspection refused."""
        for operation in self._operations:
            self._descend(operation.selection_set, self._limits.depth)
        for name in self._fragments.keys() - self._spread:  # useless, and yet validation reads them
            self._descend(self._fragments[name].selection_set, self._limits.depth)

    def _descend(self, selected: SelectionSetNode, levels: int) -> None:
        if levels == 0:
            raise _NoGraphQL(GRAPHQL_VALIDATION_FAILED, "The query is nested too deep.")
        for node in selected.selections:
            self._selections -= 1
            if self._selections < 0:
                raise _NoGraphQL(GRAPHQL_VALIDATION_FAILED, "The query selects too much.")
            if isinstance(node, FieldNode):
                self._field(node, levels)
            elif isinstance(node, InlineFragmentNode):
                self._descend(node.selection_set, levels)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments.get(node.name.value)
                if fragment is not None:  # else validation says so
                    self._spread.add(node.name.value)
                    self._descend(fragment.selection_set, levels)

    def _field(self, node: FieldNode, levels: int) -> None:
        if node.alias is not None:
            self._aliases -= 1
            if self._aliases < 0:
                raise _NoGraphQL(GRAPHQL_VALIDATION_FAILED, "The query has too many aliases.")
        if node.name.value in _INTROSPECTION:
            if self._introspection is Introspection.REFUSED:
                raise _NoGraphQL(GRAPHQL_VALIDATION_FAILED, "Introspection is off.")
            if not self._introspected:
                self._introspected = True
                self._selections += self._limits.introspection_selections
            levels = self._limits.introspection_depth
        if node.selection_set is not None:
            self._descend(node.selection_set, levels - 1)


def _result_reply(result: ExecutionResult, log: Callable[[BaseException], None]) -> Reply:
    if not result.errors:
        return Reply(200, _HEADERS, _json({"data": result.data}))
    if result.errors[0].path is None:  # nothing was executed: variables, or no such operation
        unfit = [_entry(_unfit(error), BAD_USER_INPUT) for error in result.errors[:_MOST_ERRORS]]
        return Reply(400, _HEADERS, _json({"errors": unfit}))
    errors = [_told(error, log) for error in result.errors]
    return Reply(200, _HEADERS, _json({"errors": errors, "data": result.data}))


def _told(error: GraphQLError, log: Callable[[BaseException], None]) -> dict[str, object]:
    cause = error.original_error
    if isinstance(cause, Problem):
        return _entry(cause.message, cause.code)
    # An argument that does not fit is located in the query; a resolver's value that does not fit is nowhere.
    if isinstance(cause, GraphQLError) and cause.nodes:
        return _entry(error.message, BAD_USER_INPUT)
    log(cause or error)
    return _entry("Internal server error", INTERNAL_SERVER_ERROR)


def _unfit(error: GraphQLError) -> str:
    """Say what kept an operation from being executed; of a variable not as the library does, which quotes values."""
    node = error.nodes[0] if error.nodes else None
    if isinstance(node, VariableDefinitionNode):
        return f"Variable ${node.variable.name.value} needs a value of type {print_ast(node.type)}."
    return error.message


def _entry(message: str, code: str) -> dict[str, object]:
    message = conceal(message)  # the library quotes what was sent, and replies lie in logs too
    octets = message.encode()
    if len(octets) > _MESSAGE_LIMIT:
        message = octets[: _MESSAGE_LIMIT - len("…".encode())].decode(errors="ignore") + "…"
    return {"message": message, "extensions": {"code": code}}


def _json(value: object) -> bytes:
    return _compact(value).encode()

"""Breeze's GraphQL API, as far as its documents show it: `Me`, and `Credential` for the errors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ariadne import QueryType, make_executable_schema

from portvakt.sandbox.graphql import (
    BAD_USER_INPUT,
    FORBIDDEN,
    NOT_FOUND,
    UNAUTHENTICATED,
    Introspection,
    Problem,
    graphql_view,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from graphql import GraphQLResolveInfo, GraphQLSchema

    from portvakt.model.values import ClientId
    from portvakt.sandbox.asgi import App, Guarded, Receive, Scope, Send

READ_CREDENTIALS: Final = "credentials:read"
"""The role that `Credential` asks for."""

_CREDENTIAL_ID = re.compile(r"cred_[a-z0-9_]+")
_AT_WORK = frozenset({"registered", "active"})

# The root's fields are never null, so that one that fails leaves `"data": null`, as the document shows it.
_SCHEMA = """
type Query {
  Me: User!
  Credential(_id: ID!): Credential!
}

type User {
  _id: ID!
  userId: String!
  email: String!
  first_name: String
  last_name: String
  status: UserStatus!
  default_tenant: Tenant
}

enum UserStatus { registered active inactive deleted }

type Tenant {
  _id: ID!
  name: String!
}

type Credential {
  _id: ID!
  name: String!
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """The company that a user works for."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreezeUser:
    """A user as the API shows it. `id` is like `user_abc123`; `user_id` is what the user logs in with.

    `status` is `registered`, `active`, `inactive` or `deleted`; the clients of the last two are refused.
    """

    id: str
    user_id: str
    email: str
    first_name: str | None = None
    last_name: str | None = None
    status: str = "active"
    default_tenant: Tenant | None = None
    roles: frozenset[str] = frozenset()


def breeze_api(
    user_of: Callable[[ClientId], BreezeUser | None],
    credentials: Mapping[str, str],
    log: Callable[[BaseException], None],
    guarded: Guarded,
    *,
    refused_text: str = "Token validation failed",
    introspection: Introspection = Introspection.REFUSED,
) -> App:
    """Return the API behind a guard. Any method but POST is 405, whoever asks.

    `user_of` answers from memory with the user that a client belongs to; None: there is none, and the caller gets
    the provider's `refused_text` as for a bad token. `credentials` are names by id. `log` gets the cause of a fault.
    """

    def caller(scope: Scope) -> BreezeUser:
        user = user_of(scope["portvakt"].client_id)
        if user is None or user.status not in _AT_WORK:
            raise Problem(refused_text, UNAUTHENTICATED)
        return user

    view = graphql_view(_schema(credentials), caller, log, introspection=introspection)
    behind_guard = guarded(view, scopes=frozenset())

    async def api(scope: Scope, receive: Receive, send: Send) -> None:
        app = behind_guard if scope["method"] == "POST" else view  # which looks at the method before the caller
        await app(scope, receive, send)

    return api


def _schema(credentials: Mapping[str, str]) -> GraphQLSchema:
    query = QueryType()

    @query.field("Me")
    def me(_root: None, info: GraphQLResolveInfo[BreezeUser]) -> dict[str, object]:
        return _shown(info.context)

    @query.field("Credential")
    def credential(_root: None, info: GraphQLResolveInfo[BreezeUser], _id: str) -> dict[str, object]:
        # The form first, then the right, then whether there is one: who may not read learns nothing of what exists.
        if not _CREDENTIAL_ID.fullmatch(_id):
            raise Problem("Credential id must match ^cred_[a-z0-9_]+$", BAD_USER_INPUT)
        if READ_CREDENTIALS not in info.context.roles:
            raise Problem("Not allowed to read credentials", FORBIDDEN)
        name = credentials.get(_id)
        if name is None:
            raise Problem("Credential not found", NOT_FOUND)
        return {"_id": _id, "name": name}

    return make_executable_schema(_SCHEMA, query)


def _shown(user: BreezeUser) -> dict[str, object]:
    tenant = user.default_tenant
    return {
        "_id": user.id,
        "userId": user.user_id,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "status": user.status,
        "default_tenant": None if tenant is None else {"_id": tenant.id, "name": tenant.name},
    }

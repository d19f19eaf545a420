"""A guard as a dependency of FastAPI's, and a list of the routes that none keeps. Needs Starlette."""

from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import Host, Mount

from portvakt.guard.asgi import GuardedApp
from portvakt.guard.tongue import Denied

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from portvakt.guard.gate import Guard
    from portvakt.model.message import Reply
    from portvakt.protocol.admit.verified import Verified

# No `from __future__ import annotations` here: FastAPI reads the dependency's own annotation.


class DeniedRequest(HTTPException):
    """`Denied` as Starlette and FastAPI know it. Where no handler of its own is set, its `reply` goes out as it is."""

    def __init__(self, denied: Denied) -> None:
        headers = {name: value for name, value in denied.reply.headers if not name.startswith("content-")}
        super().__init__(denied.reply.status, denied.refused.description, headers)
        self.reply: Reply = denied.reply


def dependency(guard: "Guard", scopes: frozenset[str]) -> "Callable[..., Awaitable[Verified]]":
    """Return a dependency that verifies, and leaves `Verified` in `scope["portvakt"]` too.

    Raises (when called):
        DeniedRequest: the request does not get in.
    """

    async def verified(connection: HTTPConnection) -> Any:
        scope = connection.scope
        try:
            found = await guard.verify(scope["headers"], scopes=scopes, query=scope.get("query_string", b""))
        except Denied as denied:
            _answer_as_it_is(connection)
            raise DeniedRequest(denied) from None
        scope["portvakt"] = found
        return found

    verified.__dict__["portvakt_guard"] = guard
    return verified


def unguarded(app: Any, public: "AbstractSet[str]") -> list[str]:
    """List what is reachable without a guard, as "GET,HEAD /path", or "/path" alone where there are no methods.

    A route that is not understood is listed: it may be open.
    """
    if _is_guarding(app):
        return []
    return [
        " ".join(filter(None, (",".join(sorted(getattr(route, "methods", None) or ())), path)))
        for path, route in _leaves("", app.routes)
        if path not in public and not _is_kept(route)
    ]


def _answer_as_it_is(connection: HTTPConnection) -> None:
    """See that the refusal goes out in the API's own tongue instead of FastAPI's `{"detail": …}`.

    Starlette looks handlers up by class, in a table of the application's that it puts into the scope. One that the
    application set for `DeniedRequest` stays. Without that table its own handling of HTTPException is good enough.
    """
    tables: Any = connection.scope.get("starlette.exception_handlers")
    if tables:
        tables[0].setdefault(DeniedRequest, _reply)


async def _reply(_: Any, error: Any) -> Response:
    reply: Reply = error.reply
    return Response(reply.body, reply.status, dict(reply.headers))


def _leaves(prefix: str, routes: "Iterable[Any]") -> "Iterator[tuple[str, Any]]":
    for route in _flattened(routes):
        inner = getattr(route, "route", route)
        path = prefix + (getattr(route, "path", None) or getattr(route, "host", None) or "?")
        if isinstance(inner, Mount | Host) and getattr(inner, "routes", None) and not _is_guarding(inner.app):
            yield from _leaves(path, inner.routes or ())
        else:
            yield path, route


def _flattened(routes: "Iterable[Any]") -> "Iterable[Any]":
    """Resolve the routers that FastAPI includes lazily; Starlette alone has none."""
    try:
        from fastapi.routing import iter_route_contexts  # noqa: PLC0415 - FastAPI may be absent
    except ImportError:
        return routes
    return iter_route_contexts(list(routes))


def _is_kept(route: Any) -> bool:
    return _is_guarding(getattr(route, "app", None)) or _depends_on_a_guard(getattr(route, "dependant", None))


def _is_guarding(app: Any) -> bool:
    """Whether a guard stands among the middleware of an application, built or only listed."""
    while app is not None:
        if isinstance(app, GuardedApp) or any(map(_is_guard, getattr(app, "user_middleware", ()))):
            return True
        app = getattr(app, "app", None)  # where Starlette's middleware and most of the others keep the next one
    return False


def _is_guard(middleware: Any) -> bool:
    from portvakt.guard.gate import Guard  # noqa: PLC0415 - that module loads this one when asked for a dependency

    made_by = middleware.cls
    return getattr(made_by, "__name__", "") == "asgi" and isinstance(getattr(made_by, "__self__", None), Guard)


def _depends_on_a_guard(dependant: Any) -> bool:
    if dependant is None:
        return False
    if hasattr(dependant.call, "portvakt_guard"):
        return True
    return any(map(_depends_on_a_guard, dependant.dependencies))

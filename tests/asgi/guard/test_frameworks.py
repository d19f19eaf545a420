"""The guard inside FastAPI and Starlette."""

import subprocess
import sys
from typing import Annotated, Any

import fastapi
import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from access_tokens import a_token
from asgi_driver import Answer, call
from guard_builders import a_guard
from portvakt.guard import Guard, Verified
from portvakt.guard.routes import DeniedRequest


def a_fastapi(guard: Guard) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/x", dependencies=[Depends(guard.requires("read"))])
    async def x(request: fastapi.Request) -> dict[str, str]:
        return {"client": request.scope["portvakt"].client_id}

    @app.get("/who")
    async def who(verified: Annotated[Verified, Depends(guard.requires())]) -> dict[str, str]:
        return {"subject": verified.subject}

    @app.get("/open")
    async def open_to_all() -> dict[str, str]:
        return {}

    return app


async def ask(app: Any, path: str, token: str | None = None, query: str = "") -> Answer:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    return await call(app, "GET", path, headers=headers, query=query)


async def test_fastapi_lets_a_good_token_in() -> None:
    app = a_fastapi(a_guard())

    assert (await ask(app, "/x", a_token({"scope": "read"}))).json() == {"client": "client_1"}
    assert (await ask(app, "/who", a_token())).json() == {"subject": "client_1"}
    assert (await ask(app, "/open")).json() == {}


@pytest.mark.parametrize("api", ["rest", "graphql"])
@pytest.mark.parametrize(
    ("shown", "query", "status"),
    [(None, "", 401), ("x", "", 401), ("good", "", 403), ("good", "access_token=x", 400)],
)
async def test_fastapi_refuses_as_the_middleware_does(api: str, shown: str | None, query: str, status: int) -> None:
    guard = a_guard(api=api)
    token = a_token() if shown == "good" else shown

    answer = await ask(a_fastapi(guard), "/x", token, query)
    other = await ask(guard.asgi(a_fastapi(guard), scopes={"read"}), "/x", token, query)

    assert answer.status == status
    assert (answer.status, answer.body, sorted(answer.headers)) == (other.status, other.body, sorted(other.headers))


async def test_G3_in_fastapi_scopes_are_asked_for_with_each_request() -> None:
    app, token = a_fastapi(a_guard()), a_token()

    assert (await ask(app, "/who", token)).status == 200
    assert (await ask(app, "/x", token)).status == 403


async def test_an_application_may_put_refusals_in_its_own_words() -> None:
    app = a_fastapi(a_guard())

    @app.exception_handler(DeniedRequest)
    async def own(request: fastapi.Request, error: DeniedRequest) -> PlainTextResponse:
        return PlainTextResponse("no", error.status_code, error.headers)

    answer = await ask(app, "/x")

    assert (answer.status, answer.body) == (401, b"no")
    assert (answer.header("www-authenticate") or "").startswith("Bearer ")


async def test_a_guarded_web_socket_of_fastapi() -> None:
    guard = a_guard()
    app = FastAPI()

    @app.websocket("/feed", dependencies=[Depends(guard.requires())])
    async def feed(socket: WebSocket) -> None:
        raise AssertionError("not to be reached")

    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/feed",
        "headers": [],
        "query_string": b"",
        "extensions": {"websocket.http.response": {}},
        "app": app,
    }
    await app(scope, receive, send)

    assert (sent[0]["type"], sent[0]["status"]) == ("websocket.http.response.start", 401)


async def test_starlette_asks_the_guard_itself() -> None:
    guard = a_guard()
    verified = guard.requires("read")

    async def endpoint(request: Request) -> JSONResponse:
        return JSONResponse({"client": (await verified(request)).client_id})

    app = Starlette(routes=[Route("/x", endpoint)])

    assert (await ask(app, "/x", a_token({"scope": "read"}))).json() == {"client": "client_1"}
    answer = await ask(app, "/x")
    assert (answer.status, answer.json()["error"]) == (401, "missing_token")
    assert (answer.header("www-authenticate") or "").startswith("Bearer ")


async def test_a_denied_request_outside_of_an_application_is_an_http_exception() -> None:
    request = Request({"type": "http", "headers": [], "query_string": b"", "path": "/"})

    with pytest.raises(DeniedRequest) as caught:
        await a_guard().requires()(request)

    assert caught.value.status_code == 401
    assert (caught.value.headers or {})["www-authenticate"].startswith("Bearer ")
    assert "content-length" not in (caught.value.headers or {})


async def test_starlette_takes_the_guard_as_middleware() -> None:
    guard = a_guard()

    async def endpoint(request: Request) -> JSONResponse:
        return JSONResponse({"client": request.scope["portvakt"].client_id})

    kept = Middleware(guard.asgi, scopes={"read"})
    for app in (
        Starlette(routes=[Route("/x", endpoint)], middleware=[kept]),
        Starlette(routes=[Route("/x", endpoint, middleware=[kept])]),
    ):
        assert guard.check_routes(app) == []
        assert (await ask(app, "/x", a_token({"scope": "read"}))).json() == {"client": "client_1"}
        assert (await ask(app, "/x", a_token())).status == 403
        assert (await ask(app, "/x")).status == 401


async def endpoint(request: Request) -> PlainTextResponse:
    return PlainTextResponse("open")


async def socket_endpoint(socket: Any) -> None:
    """Open too."""


def test_B5_routes_that_nobody_keeps_are_listed() -> None:
    guard = a_guard()
    app = a_fastapi(guard)
    router = APIRouter(prefix="/v1")
    router.add_api_route("/open", endpoint, methods=["POST"], response_model=None)
    kept = APIRouter(prefix="/v2", dependencies=[Depends(guard.requires())])
    kept.add_api_route("/kept", endpoint, response_model=None)
    app.include_router(router)
    app.include_router(kept)
    app.include_router(router, prefix="/kept", dependencies=[Depends(guard.requires())])
    app.mount("/files", StaticFiles(directory="/", check_dir=False))
    app.mount("/kept-files", guard.asgi(StaticFiles(directory="/", check_dir=False)))

    assert sorted(guard.check_routes(app)) == ["/files", "GET /open", "POST /v1/open"]
    assert guard.check_routes(app, public={"/files", "/open", "/v1/open"}) == []


def test_B5_the_pages_that_fastapi_adds_itself_are_listed() -> None:
    listed = a_guard().check_routes(FastAPI())

    assert {"GET,HEAD /docs", "GET,HEAD /redoc", "GET,HEAD /openapi.json"} <= set(listed)


def test_B5_starlettes_routes_are_listed_however_deep() -> None:
    guard = a_guard()
    kept = Middleware(guard.asgi)
    cors = Middleware(CORSMiddleware, allow_origins=["*"])
    app = Starlette(
        routes=[
            Route("/open", endpoint, methods=["POST"]),
            Route("/kept", endpoint, middleware=[cors, kept]),
            WebSocketRoute("/feed", socket_endpoint),
            Mount("/deep", routes=[Mount("/er", routes=[Route("/open", endpoint)])]),
            Mount("/kept-mount", routes=[Route("/x", endpoint)], middleware=[kept]),
            Mount("/kept-app", Starlette(routes=[Route("/x", endpoint)], middleware=[cors, kept])),
            Mount("/wrapped", guard.asgi(Starlette(routes=[Route("/x", endpoint)]))),
        ]
    )

    assert sorted(guard.check_routes(app)) == ["/feed", "GET,HEAD /deep/er/open", "POST /open"]
    assert guard.check_routes(guard.asgi(app)) == []


def test_B5_middleware_of_another_name_is_no_guard() -> None:
    app = Starlette(routes=[Route("/open", endpoint)], middleware=[Middleware(CORSMiddleware)])

    assert a_guard().check_routes(app) == ["GET,HEAD /open"]


def test_B5_starlettes_routes_are_listed_without_fastapi() -> None:
    program = (
        "import sys; sys.modules['fastapi'] = None\n"
        "from starlette.applications import Starlette\n"
        "from starlette.routing import Mount, Route\n"
        "from portvakt.guard import Guard\n"
        "guard = Guard(issuer='https://id.example', audience='https://api.example')\n"
        "app = Starlette(routes=[Mount('/a', routes=[Route('/b', lambda request: None)])])\n"
        "print(guard.check_routes(app))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)

    assert done.stdout == "['GET,HEAD /a/b']\n"

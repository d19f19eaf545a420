"""APIs behind a guard: plain ASGI, FastAPI, Starlette. They are checked and never run."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, assert_type

from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse

from portvakt.guard import Denied, Guard, KeySource, Verified

guard = Guard(issuer="https://id.example/acme", audience="https://api.example", provider="standard", api="graphql")
assert_type(guard.metadata_path, str)
assert_type(guard.metadata(), dict[str, object])
assert_type(guard.requires("read", "write"), Callable[..., Awaitable[Verified]])


def with_keys_of_its_own(keys: KeySource) -> Guard:
    return Guard(issuer="https://id.example/acme", audience="https://api.example", leeway=0, keys=keys)


async def by_hand(headers: list[tuple[bytes, bytes]]) -> int:
    try:
        verified = await guard.verify(headers, scopes={"read"}, query=b"a=b")
    except Denied as denied:
        assert_type((denied.refused.code, denied.refused.reason), tuple[str, str])
        return denied.reply.status
    assert_type(verified, Verified)
    assert_type(verified.subject, str)
    assert_type(verified.scopes, frozenset[str])
    assert_type(verified.organisation_number, str | None)
    return verified.expires_at


fastapi = FastAPI()
fastapi.get(guard.metadata_path)(guard.metadata)


@fastapi.get("/notes")
async def notes(caller: Annotated[Verified, Depends(guard.requires("read"))]) -> dict[str, str]:
    return {"asked_by": caller.client_id}


async def plain(request: Request) -> JSONResponse:
    caller = await guard.requires("read")(request)
    return JSONResponse({"asked_by": caller.client_id})


starlette = Starlette()
starlette.add_route("/notes", plain)
starlette.mount(guard.metadata_path, guard.metadata_app())
unguarded: list[str] = guard.check_routes(starlette, public={"/livez"})
guarded: Any = guard.asgi(starlette, scopes={"read"})

"""An API's quota for each address: counted before anything else, told with every reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.model.message import Reply
from portvakt.providers.speak import fill
from portvakt.sandbox.asgi import answer
from portvakt.wire.address import bucket_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from portvakt.model.decision import Exceeded
    from portvakt.model.provider import Api, Quota
    from portvakt.model.values import Instant, IssuerName
    from portvakt.sandbox.asgi import App, Message, Receive, Scope, Send
    from portvakt.server.quota import Windows


def peer(scope: Scope) -> str:
    """Return the address at the other end of the connection; empty where there is none, as on a Unix socket."""
    client = scope.get("client")
    return client[0] if client else ""


def quota_gate(
    app: App,
    *,
    issuer: IssuerName,
    api: Api,
    quota: Quota | None,
    windows: Windows,
    now: Callable[[], Instant],
    address_of: Callable[[Scope], str] = peer,
) -> App:
    """Return `app` behind the quota of an API of `issuer`, for each address (IPv6: each /64).

    It stands outside the guard, so that a 401 counts too. Every reply carries the provider's headers where it has
    any. Past the quota: 429 in plain text, with `Retry-After`. Without a quota it is `app` itself.
    """
    if quota is None:
        return app
    names = tuple(name.lower().encode("ascii") for name in api.quota_headers or ())

    def told(key: tuple[str, ...], moment: Instant) -> list[tuple[bytes, bytes]]:
        return [(name, b"%d" % number) for name, number in zip(names, windows.state(key, quota, moment), strict=False)]

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        key = (issuer, "api", bucket_address(address_of(scope)))
        moment = now()
        exceeded = windows.take(key, quota, moment)
        headers = told(key, moment)

        async def send_told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *headers]}
            await send(message)

        if exceeded is None:
            await app(scope, receive, send_told)
        else:
            await answer(send_told, _refusal(api, exceeded))

    return gate


def _refusal(api: Api, exceeded: Exceeded) -> Reply:
    headers = (
        ("content-type", "text/plain; charset=utf-8"),
        ("cache-control", "no-store"),
        ("retry-after", str(exceeded.seconds)),
    )
    return Reply(429, headers, fill(api.quota_text, exceeded).encode())

"""The sandbox's clock over HTTP: read it, turn it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from portvakt.model.message import Reply
from portvakt.sandbox.asgi import answer, header
from portvakt.server.call import plain_reply, read_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from portvakt.sandbox.asgi import App, Receive, Scope, Send
    from portvakt.server.clock import TurnableClock

CLOCK_PATH = "/sandbox/clock"
FARTHEST = 100 * 366 * 86400
"""Seconds that the clock may be away from the real one."""

EARLIEST = 946_684_800
"""2000-01-01: nothing here is meant for a time before that, least of all one before 1970."""

_BODY_LIMIT = 1024
_WRONG = plain_reply(400, "The body is a JSON object with advance, whole seconds, or reset.")


def clock_route(clock: TurnableClock, turned: Callable[[], None]) -> App:
    """Return the application: GET shows `{"now", "offset"}`, POST takes `{"advance": SECONDS}` or `{"reset": true}`.

    `turned` is called after each turn.

    POST needs the media type of JSON, which a page of another origin cannot send without asking first.
    """

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            kind = (header(scope, b"content-type") or b"").partition(b";")[0].strip().lower()
            body = await read_body(receive, _BODY_LIMIT)
            if kind != b"application/json" or body is None or not _turn(clock, body):
                await answer(send, _WRONG)
                return
            turned()
        elif scope["method"] != "GET":
            await answer(send, plain_reply(405, "The clock answers GET and POST.", ("allow", "GET, POST")))
            return
        shown = json.dumps({"now": clock(), "offset": clock.offset}).encode()
        await answer(send, Reply(200, (("content-type", "application/json"), ("cache-control", "no-store")), shown))

    return route


def _turn(clock: TurnableClock, body: bytes) -> bool:
    try:
        wish = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if wish == {"reset": True}:
        clock.advance(-clock.offset)
        return True
    if not isinstance(wish, dict) or wish.keys() != {"advance"}:
        return False
    seconds = wish["advance"]
    if not isinstance(seconds, int) or isinstance(seconds, bool) or abs(clock.offset + seconds) > FARTHEST:
        return False
    if clock() + seconds < EARLIEST:
        return False
    clock.advance(seconds)
    return True

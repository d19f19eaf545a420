"""The routes of people at one issuer: pages by path and method, and what a fault of ours looks like there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portvakt.model.message import Reply
from portvakt.pages.static import CACHE_CONTROL, FILES
from portvakt.pages.views import Fault
from portvakt.server.account import Account
from portvakt.server.api_keys import PAGE_PATH as KEYS_PATH
from portvakt.server.api_keys import KeysPage
from portvakt.server.authorize import Authorize
from portvakt.server.call import plain_reply
from portvakt.server.password_page import FORGOT_PATH, PASSWORD_PATH, ForgotPage, PasswordPage
from portvakt.server.sessions import PAGE_PATH as SESSIONS_PATH
from portvakt.server.sessions import SessionsPage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.server.call import Call, Handler, Receive, Send
    from portvakt.server.desk import Desk

PAGES = (
    "/login",
    "/logout",
    "/password",
    "/forgot-password",
    "/account",
    "/connected",
    "/sessions",
    "/consent",
    "/static",
    "/api-keys",
)
"""Where pages stand under an issuer's URL, besides its authorization endpoint."""

_READ = ("GET", "HEAD")
_FORM = (*_READ, "POST")


@dataclass(frozen=True, slots=True)
class Page:
    """A route that answers with pages, also when the fault is ours."""

    desk: Desk
    route: Handler
    methods: tuple[str, ...]

    async def __call__(self, call: Call, receive: Receive, send: Send) -> None:
        """Answer one request."""
        call.issuer = self.desk.issuer.name
        if call.scope["method"] in self.methods:
            await self.route(call, receive, send)
            return
        allowed = ", ".join(self.methods)
        await call.reply(plain_reply(405, f"This page answers {allowed}.", ("allow", allowed)), send)

    async def fault(self, call: Call, send: Send) -> None:
        """Say that it was our fault, and that trying again may help."""
        await self.desk.problem(call, send, Fault.SERVER)


def pages_of(desk: Desk) -> Mapping[str, Handler]:
    """Return the routes by path under the issuer's URL; none where nobody logs in."""
    authorize_path = desk.issuer.provider.authorize_path
    if authorize_path is None:
        return {}
    account = Account(desk)
    authorize = Authorize(desk, account)
    return {
        authorize_path: Page(desk, authorize.ask, desk.issuer.provider.authorize_methods),
        "/consent": Page(desk, authorize.answer, ("POST",)),
        "/login": Page(desk, account.log_in, _FORM),
        "/logout": Page(desk, account.log_out, _FORM),
        "/account": Page(desk, account.home, _READ),
        "/connected": Page(desk, account.connected, _FORM),
        PASSWORD_PATH: Page(desk, PasswordPage(desk), _FORM),
        FORGOT_PATH: Page(desk, ForgotPage(desk), _FORM),
        SESSIONS_PATH: Page(desk, SessionsPage(desk, account), _FORM),
        **({KEYS_PATH: Page(desk, KeysPage(desk, account), _FORM)} if desk.has_api_keys else {}),
        **{
            f"/static/{name}": Page(desk, _file(media_type, content), _READ)
            for name, (media_type, content) in FILES.items()
        },
    }


def _file(media_type: str, content: bytes) -> Handler:
    headers = (("content-type", media_type), ("cache-control", CACHE_CONTROL), ("x-content-type-options", "nosniff"))
    reply = Reply(200, headers, content)

    async def send_file(call: Call, _receive: Receive, send: Send) -> None:
        await call.reply(reply, send)

    return send_file

"""The root of an installation's URL, for whoever opens it in a browser: where to go on from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from portvakt.pages.front import Front, Played

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portvakt.model.nouns import Issuer
    from portvakt.server.call import Call, Receive, Send
    from portvakt.server.desk import Desk


@dataclass(frozen=True, slots=True)
class FrontPage:
    """Answers at `url`. A sandbox, whose own issuer is a test, names its issuers; a server keeps them to itself."""

    desk: Desk
    url: str
    console_url: str
    issuers: Sequence[Issuer]

    async def __call__(self, call: Call, _receive: Receive, send: Send) -> None:
        """Show the page."""
        played = self.issuers if self.desk.issuer.test else ()
        view = Front(
            brand=self.desk.brand,
            console_url=urlsplit(self.console_url).path,
            played=tuple(Played(name=one.name, url=_base_url(one), account_url=_account(one)) for one in played),
        )
        await self.desk.show(call, send, view, self.desk.locale(call))


def _base_url(issuer: Issuer) -> str:
    return issuer.url.removesuffix(issuer.provider.auth_path)


def _account(issuer: Issuer) -> str:
    return f"{urlsplit(issuer.url).path}/account" if issuer.provider.authorize_path else ""

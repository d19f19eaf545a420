"""Where people administer: pages that answer at a URL and everywhere below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.server.applications import PATH, Applications
from portvakt.server.console import Console
from portvakt.server.console_visit import Installed
from portvakt.server.desk import ADMIN
from portvakt.server.front import FrontPage
from portvakt.server.people import Page
from portvakt.server.settings_issuers import OWN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portvakt.model.nouns import Issuer
    from portvakt.server.call import Handler
    from portvakt.server.desk import Desk
    from portvakt.server.mailing import Mailing
    from portvakt.server.uses import Uses

_METHODS = ("GET", "HEAD", "POST")


def areas_of(
    issuers: Sequence[Issuer],
    desk_of: Callable[[Issuer], Desk],
    uses: Uses,
    sealing: bytes,
    mailing: Mailing | None,
) -> dict[str, Handler]:
    """Return by URL the front page and the console of the installation, if any, and each issuer's settings."""
    installed = Installed(issuers=issuers, uses=uses, sealing=sealing, mailing=mailing)
    own = next((issuer for issuer in issuers if issuer.name == OWN), None)
    areas: dict[str, Handler] = {}
    for issuer in issuers:
        if issuer.provider.authorize_path is not None:
            desk = desk_of(issuer)
            api_url = "" if own is None else own.api_url
            areas[issuer.url + PATH] = Page(desk, Applications(desk, installed, api_url), _METHODS)
    if own is not None:
        desk = desk_of(own)
        root = own.url.removesuffix(f"/{OWN}")
        areas[root + ADMIN] = Page(desk, Console(desk, installed), _METHODS)
        front = FrontPage(desk, f"{root}/", root + ADMIN, [issuer for issuer in issuers if issuer is not own])
        areas[front.url] = Page(desk, front, ("GET", "HEAD"))
    return areas

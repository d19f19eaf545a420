"""What the pages of one issuer share: who is logged in, which language, which forms are our own."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from portvakt.model.audit import ActorKind, By
from portvakt.model.decision import Refused
from portvakt.model.message import Reply
from portvakt.model.provider import ApiKeys
from portvakt.model.values import Secret
from portvakt.pages.locale import LOCALES
from portvakt.pages.render import choose_locale, render
from portvakt.pages.views import Brand, Fault, Problem
from portvakt.protocol.credentials import SECRET_OCTETS, Kind, mint, opaque_digest
from portvakt.protocol.live import session_lives
from portvakt.providers.places import is_at_or_under
from portvakt.server.browser import (
    LANGUAGE,
    LANGUAGE_LIFE,
    SESSION,
    VISIT,
    bind,
    is_bound,
    is_from_here,
    is_link_of_ours,
    read_cookie,
    set_cookie,
)
from portvakt.server.call import read_body
from portvakt.server.links import Links
from portvakt.server.settings_issuers import OWN
from portvakt.wire.authorize_request import AUTHORIZE_LIMIT
from portvakt.wire.errors import WireError
from portvakt.wire.form import decode_component, parse_form
from portvakt.wire.query import spell_query

if TYPE_CHECKING:
    from portvakt.model.behalf import SessionFacts
    from portvakt.model.nouns import ClientFacts, Issuer, User
    from portvakt.model.values import ClientId
    from portvakt.pages.console import ConsoleView
    from portvakt.pages.locale import Locale
    from portvakt.pages.views import View
    from portvakt.server.call import Call, Receive, Send
    from portvakt.server.clock import Clock
    from portvakt.server.copy import Copy
    from portvakt.server.passwords import Passwords
    from portvakt.server.quota import Windows
    from portvakt.store import Store

ADMIN = "/admin"
"""Where the installation's operators administer: the only place beyond their issuer's own that they may go on to."""

FORM_LIMIT = 32 * 1024
"""A log-in form holds an authorization request of any length, each of whose characters may come as three."""

_LONGEST_QUERY = 32 * 1024
_FORM = b"application/x-www-form-urlencoded"
_LONGEST_RETURN = 8 * 1024
_PRIVATE = (("pragma", "no-cache"), ("vary", "Cookie, Authorization"))
_BY_TLS_ALONE = ("strict-transport-security", "max-age=31536000")  # RFC 6797 §7.2: never over plain http
_WAIT = {429: "60", 503: "1"}
"""Seconds after which another try may help, where nobody knows better."""


def query_value(query: bytes, name: str) -> str | None:
    """Return the first value of that name in a query; None if there is none that can be read. Never raises."""
    wanted = name.encode() + b"="
    for part in query[:_LONGEST_QUERY].split(b"&"):
        if part.startswith(wanted):
            try:
                return decode_component(part[len(wanted) :].decode("ascii"))
            except ValueError:
                return None
    return None


def is_form(media_type: bytes) -> bool:
    """Tell whether a Content-Type is that of a form as browsers post it."""
    return media_type.partition(b";")[0].strip().lower() == _FORM


def _in_the_other_language(call: Call, locale: Locale) -> str | None:
    """Return where the same page stands in the other language; None for what was posted."""
    scope = call.scope
    if scope["method"] != "GET":
        return None
    (other,) = (one for one in LOCALES if one != locale)
    kept = [part for part in scope["query_string"].split(b"&") if part and not part.startswith(b"locale=")]
    query = spell_query(b"&".join([*kept, f"locale={other}".encode()]))
    return f"{scope['raw_path'].decode('ascii', 'replace')}?{query}" if len(query) <= AUTHORIZE_LIMIT else None


class NotOurForm(Exception):
    """What was posted does not come from a page of ours in this browser, or is no form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Serves the people who log in at one issuer. `forms_key` signs what binds a form to its browser.

    `links_key` seals links that wait to be sent.
    """

    issuer: Issuer
    store: Store
    copy: Copy
    passwords: Passwords
    failures: Windows
    pepper: bytes
    forms_key: bytes
    links_key: bytes
    clock: Clock

    @property
    def brand(self) -> Brand:
        """Whose pages these are."""
        issuer = self.issuer
        name = issuer.title or issuer.provider.title
        return Brand(name=name, root=self.root, colour=issuer.colour or "#1d4f7c", test=issuer.test)

    @property
    def has_api_keys(self) -> bool:
        """Whether users make personal API keys here."""
        return self.issuer.provider.api_keys is not ApiKeys.NONE

    @property
    def root(self) -> str:
        """The path of the issuer's URL; "" if it has none."""
        return urlsplit(self.issuer.url).path

    @property
    def links(self) -> Links:
        """Who gives users links to choose a password."""
        return Links(issuer=self.issuer, store=self.store, clock=self.clock, pepper=self.pepper, key=self.links_key)

    def by(self, call: Call, user: User | None = None) -> By:
        """Return who asks, for the audit log: a user who has logged in, or nobody."""
        if user is None:
            return By(address=call.address, request_id=call.reference)
        return By(kind=ActorKind.USER, issuer=user.issuer, id=user.id, address=call.address, request_id=call.reference)

    async def client(self, client_id: ClientId) -> ClientFacts | None:
        """Return a client of the issuer, disabled or not."""
        name = self.issuer.name
        return self.copy.client(name, client_id) or await self.copy.load_client(name, client_id)

    async def session(self, call: Call) -> SessionFacts | None:
        """Return who is logged in in the browser that asks; None if nobody is."""
        cookie = read_cookie(self.issuer, SESSION, call.scope["headers"])
        digest = opaque_digest(Kind.SESSION, self.pepper, Secret(cookie)) if cookie else None
        facts = await self.store.session(self.issuer.name, digest) if digest else None
        return facts if facts is not None and session_lives(facts.session, facts.user, self.clock()) else None

    def locale(self, call: Call, *, users: str | None = None, asked: str | None = None) -> Locale:
        """Return the language: `locale` in the query (or `asked`), else what was chosen, the user's, the browser's."""
        accept = next((value for name, value in call.scope["headers"] if name == b"accept-language"), b"")
        if asked is None:
            asked = query_value(call.scope["query_string"], "locale")
        chosen = read_cookie(self.issuer, LANGUAGE, call.scope["headers"])
        return choose_locale(asked, users, accept.decode("latin-1"), chosen=chosen)

    async def show(
        self, call: Call, send: Send, view: View | ConsoleView, locale: Locale, *headers: tuple[str, str]
    ) -> None:
        """Answer with a page, which links to itself in the other language where it can be asked for again."""
        reply = render(view, locale, other_language=_in_the_other_language(call, locale))
        if reply.status in _WAIT and not any(name == "retry-after" for name, _ in headers):
            headers = (*headers, ("retry-after", _WAIT[reply.status]))
        await call.reply(replace(reply, headers=(*reply.headers, *self._private, *headers, *self._chosen(call))), send)

    def _chosen(self, call: Call) -> tuple[tuple[str, str], ...]:
        """Return the header that keeps a language chosen by a link of ours; an application's wish is not kept."""
        headers, query = call.scope["headers"], call.scope["query_string"]
        chosen = query_value(query, "locale") if is_link_of_ours(self.issuer, headers) else None
        if chosen is None or chosen not in LOCALES or chosen == read_cookie(self.issuer, LANGUAGE, headers):
            return ()
        return (set_cookie(self.issuer, LANGUAGE, chosen, seconds=LANGUAGE_LIFE),)

    async def problem(
        self,
        call: Call,
        send: Send,
        fault: Fault,
        detail: str = "",
        *,
        users: str | None = None,
        asked: str | None = None,
    ) -> None:
        """Answer with an error page, which names the line in the log. `users` and `asked`: see `locale`."""
        if call.refused is None:
            call.refused = Refused(fault.key, detail, fault.status, reason=detail or f"page: {fault.key}")
        view = Problem(brand=self.brand, fault=fault, detail=detail, reference=call.reference)
        await self.show(call, send, view, self.locale(call, users=users, asked=asked))

    async def go(self, call: Call, send: Send, location: str, *headers: tuple[str, str]) -> None:
        """Send the browser elsewhere, with GET whatever it did here (RFC 9700 §4.12: 303)."""
        more = (("location", location), ("cache-control", "no-store"), ("referrer-policy", "no-referrer"))
        await call.reply(Reply(303, (*more, *self._private, *headers), b""), send)

    @property
    def _private(self) -> tuple[tuple[str, str], ...]:
        return (*_PRIVATE, _BY_TLS_ALONE) if self.issuer.url.startswith("https://") else _PRIVATE

    # --- forms --------------------------------------------------------------------------------------------------------

    async def form(self, call: Call, receive: Receive) -> dict[str, str]:
        """Read a posted form. Raises: NotOurForm."""
        headers = call.scope["headers"]
        media_type = next((value for name, value in headers if name == b"content-type"), b"")
        if not is_from_here(self.issuer, headers) or not is_form(media_type):
            raise NotOurForm
        body = await read_body(receive, FORM_LIMIT)
        if body is None:
            raise NotOurForm
        try:
            return parse_form(body)
        except WireError:
            raise NotOurForm from None

    def visit(self, call: Call) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Return the text that stands for a browser before a log-in, and the header that gives it one if need be."""
        known = read_cookie(self.issuer, VISIT, call.scope["headers"])
        if known is not None:
            return known, ()
        fresh = mint(Kind.SESSION, os.urandom(SECRET_OCTETS)).reveal()
        return fresh, (set_cookie(self.issuer, VISIT, fresh, seconds=None),)

    def token(self, purpose: str, browser: str) -> str:
        """Return the hidden field of a form for one browser."""
        return bind(self.forms_key, f"{self.issuer.name}\0{purpose}", browser)

    def is_own(self, purpose: str, browser: str, form: dict[str, str]) -> bool:
        """Tell whether a form has the hidden field that `token` gave to that browser."""
        return is_bound(self.forms_key, f"{self.issuer.name}\0{purpose}", browser, form.get("csrf", ""))

    def return_to(self, wanted: str) -> str:
        """Return where to go after a log-in: a place of this issuer's own, whatever the form says."""
        path = wanted.partition("?")[0]
        own = {self.root + page for page in ("/connected", "/api-keys", "/sessions", "/account")}
        if self.issuer.provider.authorize_path is not None:
            own.add(self.root + self.issuer.provider.authorize_path)
        plain = wanted.isascii() and wanted.isprintable() and " " not in wanted and "#" not in wanted
        # A browser would go up, and out of what is allowed here; it reads %2e and \ so, too (WHATWG URL).
        plain = plain and ".." not in path.lower().replace("%2e", ".").replace("\\", "/").split("/")
        below = (self.root + "/settings", *((ADMIN,) if self.issuer.name == OWN else ()))
        here = path in own or any(is_at_or_under(path, root) for root in below)
        return wanted if here and plain and len(wanted) <= _LONGEST_RETURN else f"{self.root}/account"

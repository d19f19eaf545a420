"""The whole server as one ASGI application: which issuer a request is for, and what answers it.

Routes are exact paths under exact hosts, in one table that is made at the start. Nothing is derived from a
request but the key into that table.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from portvakt.jose.sealing import derive
from portvakt.model.message import Reply
from portvakt.protocol.govern.keys import published_keys
from portvakt.server.act import Contended
from portvakt.server.admin_api import AdminApi, admin_api
from portvakt.server.admin_api_quota import Quotas
from portvakt.server.api_keys import OwnApiKeys
from portvakt.server.areas import areas_of
from portvakt.server.authenticating import Authenticating
from portvakt.server.call import Call, Disconnected, plain_reply
from portvakt.server.copy import Copy
from portvakt.server.cross_origin import CrossOrigin, Origins
from portvakt.server.desk import Desk
from portvakt.server.documents import DISCOVERY, KEY_SET_PATH, METADATA, Document, key_set, metadata
from portvakt.server.keys import ensure_key
from portvakt.server.mailing import Mailing
from portvakt.server.own_keys import OwnKeys
from portvakt.server.passwords import Passwords
from portvakt.server.people import Page, pages_of
from portvakt.server.purposes import FORMS, KEYS, LINKS, PEPPER
from portvakt.server.quota import Windows
from portvakt.server.readiness import Readiness
from portvakt.server.refusals import Recording, RefusedRequests
from portvakt.server.revocations import PATH as REVOCATIONS_PATH
from portvakt.server.revocations import RevocationList
from portvakt.server.settings_issuers import OWN
from portvakt.server.shown_tokens import (
    INTROSPECT_PATH,
    REVOKE_PATH,
    Introspecting,
    Revoking,
    Tools,
    has_public_clients,
    shows_tokens,
)
from portvakt.server.token_endpoint import OUR_FAULT, TokenEndpoint
from portvakt.server.uses import WRITE_EVERY, Uses
from portvakt.store import StoreUnavailable
from portvakt.wire.issuer_url import well_known

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from ipaddress import IPv4Network, IPv6Network

    from portvakt.model.nouns import Issuer
    from portvakt.model.values import Secret
    from portvakt.server.call import Handler, Receive, Scope, Send
    from portvakt.server.clock import Clock
    from portvakt.server.log import Log
    from portvakt.server.settings_mail import Mail
    from portvakt.store import Store

    ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

__all__ = ["KEYS", "PEPPER", "Application", "Memory"]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
ANY_HOST = ""
MOST_FAILING = 20_000  # buckets that strangers may fill; each takes some 400 bytes
CLEAN_EVERY = 60.0  # seconds between two deletions of what has ended

_UNAVAILABLE = Reply(
    503,
    (("content-type", "application/json"), ("cache-control", "no-store"), ("retry-after", "1")),
    b'{"error":"server_error","error_description":"The server could not answer. Try again."}',
)


@dataclass(frozen=True, slots=True)
class Memory:
    """What a server has counted and noted: `windows` of authenticated clients, `failures` of strangers, and more.

    An application that takes the place of another one goes on with the other's.
    """

    windows: Windows = field(default_factory=Windows)
    failures: Windows = field(default_factory=lambda: Windows(most_keys=MOST_FAILING))
    uses: Uses = field(default_factory=Uses)
    refusals: RefusedRequests = field(default_factory=RefusedRequests)


class Application:
    """Serves `issuers` from `store`. `start` before the first request, `stop` after the last.

    `mount` adds ASGI applications by URL, each answering that exact path (a sandbox's APIs).
    """

    def __init__(
        self,
        *,
        issuers: Sequence[Issuer],
        store: Store,
        secret: Secret,
        clock: Clock,
        log: Log,
        trusted_proxies: Sequence[IPv4Network | IPv6Network] = (),
        memory: Memory | None = None,
        mail: Mail | None = None,
    ) -> None:
        memory = memory or Memory()
        self.issuers = tuple(issuers)
        self.clock = clock
        self.windows = memory.windows
        self.draining = False
        self._store = store
        self._log = log
        self._trusted = tuple(trusted_proxies)
        self._sealing = derive(secret, KEYS)
        self._pepper = derive(secret, PEPPER)
        self._forms_key = derive(secret, FORMS)
        self._links_key = derive(secret, LINKS)
        self._passwords = Passwords()
        self._failures = memory.failures
        self._uses = memory.uses
        self._readiness = Readiness(store.check, log)
        self._stopping = asyncio.Event()
        self._beside: list[asyncio.Task[None]] = []  # what goes on beside the requests
        self._watch = store.watch()
        self.copy = Copy(store, self._watch, key=self._sealing)
        links = [self._desk(issuer).links for issuer in self.issuers]
        self._mailing = None if mail is None else Mailing(mail, links, log, self._stopping)
        self._recording = Recording(
            memory.refusals, self.issuers, store=store, copy=self.copy, pepper=self._pepper, clock=clock, log=log
        )
        self._hosts: dict[bytes, str] = {}  # how the issuers' URLs spell their hosts, which is how nearly all come
        self._routes: dict[str, dict[bytes, Handler]] = {ANY_HOST: {b"/livez": self._livez, b"/readyz": self._readyz}}
        self._areas: list[tuple[str, bytes, Handler]] = []  # a host, and what answers everything below a path
        for issuer in self.issuers:
            self._route_issuer(issuer)
        self._route_administration(secret)

    async def start(self) -> None:
        """Make the keys that issuers lack, load those that sign, and begin to write last uses.

        Raises:
            StoreUnavailable: the database does not answer.
            portvakt.jose.sealing.UnsealFailed: the installation's secret is not the one the keys were sealed with.
        """
        for issuer in self.issuers:
            await ensure_key(self._store, issuer, key=self._sealing, clock=self.clock)
            await self.copy.load_signer(issuer, self.clock())
            await self._note_algorithm(issuer)
        beside = [self._write_uses(), self._clean(), self._recording.write(self._stopping)]
        if self._mailing is not None:
            beside.append(self._mailing.send())
        self._beside = [asyncio.create_task(work) for work in beside]

    async def stop(self) -> None:
        """Write what is still in memory."""
        self._stopping.set()
        for task in self._beside:
            await task
        self._passwords.close()

    def drain(self) -> None:
        """Say from now on that no new work should come here."""
        self.draining = True

    def mount(self, urls: Mapping[str, ASGIApp]) -> None:
        """Let each ASGI application answer the exact path of its URL.

        Raises:
            ValueError: that path answers already.
        """
        for url, app in urls.items():
            self._route(url, _Mounted(app))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request. An exception becomes a 503; its cause goes to the log."""
        call = Call(scope, self._trusted)
        handler = self._find(scope)
        try:
            await handler(call, receive, send)
        except Disconnected:
            call.status = 499  # the log's word for it; nothing is sent
        except (StoreUnavailable, Contended) as error:
            self._log.failure("unavailable", error, request_id=call.reference)
            await self._fault(call, handler, send)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is our fault and the caller may try again
            self._log.failure("request_failed", error, request_id=call.reference)
            await self._fault(call, handler, send)
        call.note(self._log)
        self._recording.note(call)

    async def _fault(self, call: Call, handler: Handler, send: Send) -> None:
        if call.status:
            raise RuntimeError("a reply had begun") from None
        call.refused = OUR_FAULT
        if isinstance(handler, (Page, AdminApi)):
            await handler.fault(call, send)
            return
        if isinstance(handler, CrossOrigin):
            send, handler = handler.way_back(call, send), handler.inside
        await call.reply(handler.speak(OUR_FAULT) if isinstance(handler, TokenEndpoint) else _UNAVAILABLE, send)

    def _find(self, scope: Scope) -> Handler:
        path = scope["raw_path"]
        found = self._routes[ANY_HOST].get(path)
        if found is not None:
            return found
        routes, host = None, ""
        for name, value in scope["headers"]:
            if name == b"host":
                host = self._hosts.get(value) or _host_of(value.decode("latin-1"))
                routes = self._routes.get(host)
                break
        if routes is None:
            return _wrong_host
        found = routes.get(path)
        if found is not None:
            return found
        below = (area for where, root, area in self._areas if where == host and path.startswith(root))
        return next(below, _not_found)

    def _route_issuer(self, issuer: Issuer) -> None:
        tools = self._tools(issuer)
        endpoint: Handler = TokenEndpoint(
            issuer,
            copy=self.copy,
            windows=self.windows,
            strangers=self._failures,
            authenticating=tools.authenticating,
            uses=self._uses,
            pepper=self._pepper,
            clock=self.clock,
            store=self._store,
        )
        revoking: Handler = Revoking(tools)
        if has_public_clients(issuer):
            origins = Origins(issuer.name, self._store)
            endpoint, revoking = CrossOrigin(endpoint, origins), CrossOrigin(revoking, origins)
        for path in issuer.provider.token_paths:
            self._route(issuer.url + path, endpoint)
        if shows_tokens(issuer):
            self._route(issuer.url + REVOKE_PATH, revoking)
            self._route(issuer.url + INTROSPECT_PATH, Introspecting(tools))
        self._route(issuer.url + REVOCATIONS_PATH, RevocationList(tools))
        for path, page in pages_of(self._desk(issuer)).items():
            self._route(issuer.url + path, page)
        for name in (METADATA, DISCOVERY):
            document = metadata(issuer, discovery=name == DISCOVERY)

            async def read(document: Reply = document) -> Reply:
                return document

            for url in {well_known(issuer.url, name), f"{issuer.url}/.well-known/{name}"}:
                self._route(url, Document(read))

        async def read_keys() -> Reply:
            return key_set(published_keys(await self.copy.keys_to_publish(issuer.name), self.clock()))

        self._route(issuer.url + KEY_SET_PATH, Document(read_keys))

    def _route_administration(self, secret: Secret) -> None:
        areas = areas_of(self.issuers, self._desk, self._uses, self._sealing, self._mailing)
        quotas = Quotas(self.windows, self._failures)
        for own in (issuer for issuer in self.issuers if issuer.name == OWN):
            api = admin_api(own, self.issuers, self._store, self.copy, quotas, self.clock, secret)
            areas = {own.api_url: api, **areas}  # the API stands below the console, and is looked for first
        for url, area in areas.items():
            self._route(url, area)
            parts = urlsplit(url)
            self._areas.append((_host_of(parts.netloc), f"{parts.path}/".encode("ascii"), area))

    def api_keys(self, issuer: Issuer) -> OwnApiKeys:
        """Return who tells of the issuer's personal API keys, in this same process."""
        keys = OwnKeys(issuer, self.copy, self.clock)
        return OwnApiKeys(issuer, self._store, keys, self._uses, self.clock)

    def _tools(self, issuer: Issuer) -> Tools:
        return Tools(
            issuer=issuer,
            store=self._store,
            copy=self.copy,
            keys=OwnKeys(issuer, self.copy, self.clock),
            api_keys=self.api_keys(issuer),
            authenticating=Authenticating(issuer, copy=self.copy, failures=self._failures, pepper=self._pepper),
            windows=self.windows,
            failures=self._failures,
            uses=self._uses,
            clock=self.clock,
            pepper=self._pepper,
        )

    def _desk(self, issuer: Issuer) -> Desk:
        return Desk(
            issuer=issuer,
            store=self._store,
            copy=self.copy,
            passwords=self._passwords,
            failures=self._failures,
            pepper=self._pepper,
            forms_key=self._forms_key,
            links_key=self._links_key,
            clock=self.clock,
        )

    def _route(self, url: str, handler: Handler) -> None:
        parts = urlsplit(url)
        host = self._hosts[parts.netloc.encode("ascii")] = _host_of(parts.netloc)
        routes = self._routes.setdefault(host, {})
        path = parts.path.encode("ascii")
        if path in routes or path in self._routes[ANY_HOST]:
            raise ValueError(f"two things would answer at {url}")
        routes[path] = handler

    async def _livez(self, call: Call, _receive: Receive, send: Send) -> None:
        await call.reply(_health(200, alive=True), send)

    async def _readyz(self, call: Call, _receive: Receive, send: Send) -> None:
        ready = not self.draining and await self._readiness.ready()
        ready = ready and not self.draining  # which may have begun meanwhile
        await call.reply(_health(200 if ready else 503, ready=ready), send)

    async def _note_algorithm(self, issuer: Issuer) -> None:
        """Say where the settings ask for another algorithm than the newest key's: keys change by rotation alone."""
        newest = (await self.copy.keys(issuer.name))[-1]
        if newest.algorithm is not issuer.algorithm:
            self._log.event(
                "warning",
                "algorithm_waits_for_rotation",
                issuer=issuer.name,
                algorithm=issuer.algorithm.value,
                signs_with=newest.algorithm.value,
                run=f"portvakt keys rotate --issuer {issuer.name}",
            )

    async def _write_uses(self) -> None:
        """Write once in a while and once at the end; a stop waits for a writing that has begun."""
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), WRITE_EVERY)
            try:
                await self._uses.write(self._store)
            except Exception as error:  # noqa: BLE001 - whatever it was, the next minute is another try
                lost = self._stopping.is_set()
                self._log.failure("last_use_lost" if lost else "last_use_not_written", error)

    async def _clean(self) -> None:
        """Delete what has ended, a little at a time, so that nobody waits for it."""
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), CLEAN_EVERY)
                return
            try:
                while await self._store.clean(None, self.clock()) and not self._stopping.is_set():
                    pass
            except Exception as error:  # noqa: BLE001 - whatever it was, the next minute is another try
                self._log.failure("not_cleaned", error)


class _Mounted:
    """Another ASGI application; what it sends goes out as it is, and its status into the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, call: Call, receive: Receive, send: Send) -> None:
        async def observed(message: Scope) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
            await send(message)

        await self._app(call.scope, receive, observed)


async def _not_found(call: Call, _receive: Receive, send: Send) -> None:
    await call.reply(plain_reply(404, "Nothing answers at this path."), send)


async def _wrong_host(call: Call, _receive: Receive, send: Send) -> None:
    text = (
        "No issuer of this server has the host that the request names. A proxy in front must pass the Host header on."
    )
    await call.reply(plain_reply(421, text), send)  # RFC 9110 §15.5.20


def _health(status: int, **members: bool) -> Reply:
    name, value = next(iter(members.items()))
    body = f'{{"{name}":{"true" if value else "false"}}}'.encode("ascii")
    return Reply(status, (("content-type", "application/json"), ("cache-control", "no-store")), body)


def _host_of(authority: str) -> str:
    """Return the key of a host: lower case, without its port; all loopback names are one."""
    host = authority.lower()
    host = host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]
    return "127.0.0.1" if host in LOOPBACK else host

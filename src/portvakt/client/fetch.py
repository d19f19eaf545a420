"""The one outbound fetcher: small messages, to and from hosts that somebody else may have named.

Everything that portvakt asks of an address which it did not make up itself goes through here, so that no document
can point it at a machine behind the firewall (SSRF), keep it waiting or fill its memory.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from portvakt.client.address import PORTS, NotPlain, Place, is_loopback, is_public, place
from portvakt.client.library import http_library
from portvakt.model.message import Reply, Request
from portvakt.model.values import Seconds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import httpx2

DOCUMENT_OCTETS = 64 * 1024
REPLY_OCTETS = 1024 * 1024
HEADER_FIELDS = 64
DEADLINE = Seconds(3)
"""For all of it: name, connection, TLS, head and body."""

CONNECT_DEADLINE = Seconds(1)
"""For one of a name's addresses, so that a dead one leaves time for the next."""

_ADDRESSES = 4
_HIGHEST_PORT = 65_535
_STREAM = socket.SOCK_STREAM
_OK = 200
_FAULT = 500
_UNKNOWN_AUTHORITY = frozenset({18, 19, 20, 21})  # X509_V_ERR_…: self-signed, or its issuer is not among ours
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})
_JSON = re.compile(r"application/(?:[a-z0-9.-]+\+)?json", re.ASCII)
_MAX_AGE = re.compile(r"(?:^|,)\s*max-age=\"?([0-9]{1,9})\"?\s*(?:,|$)", re.ASCII | re.IGNORECASE)


class FetchFailed(Exception):
    """Nothing usable was received. The text names the host and the cause, never a query or what was received.

    `answered`: whether it is the answer that is bad; else there was none, and asking again may bring one, unless it is
    `forbidden`: nothing was sent, for that address may not be asked; or `lasting`: it will not pass by itself.
    `unsent`: the request certainly reached nobody.
    """

    def __init__(
        self,
        text: str,
        *,
        answered: bool = False,
        forbidden: bool = False,
        lasting: bool = False,
        unsent: bool = False,
    ) -> None:
        super().__init__(text)
        self.answered = answered
        self.forbidden = forbidden
        self.lasting = lasting
        self.unsent = unsent


class Untrusted(FetchFailed):
    """The certificate is of an authority that is not trusted here. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A JSON document as it was received, not parsed. `max_age`: what its Cache-Control says, if anything."""

    body: bytes
    max_age: Seconds | None = None


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host, by the system's resolver, in its order.

    It may take half a minute over a name. Its thread is none of the event loop's, for neither the loop's end nor the
    program's waits for this one.
    """
    found: Future[list[str]] = Future()
    found.set_running_or_notify_cancel()

    def look_up() -> None:
        try:
            found.set_result([str(address[0]) for *_, address in socket.getaddrinfo(host, port, type=_STREAM)])
        except Exception as error:  # noqa: BLE001  whatever it is, it is raised where the addresses are awaited
            found.set_exception(error)

    threading.Thread(target=look_up, name="portvakt-resolver", daemon=True).start()
    return await asyncio.wrap_future(found)


@cache
def _trust(*, from_environment: bool) -> ssl.SSLContext:
    context: ssl.SSLContext = http_library().create_ssl_context(trust_env=from_environment)
    return context  # some 20 ms: once a process


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Sends small requests within narrow bounds.

    `named_urls` are the URLs that the operator wrote down: the hosts in them may have private addresses, and are
    asked at the ports in them. Every other host needs a public address and port 443. `trust` replaces the system's
    certificate authorities, `resolver` its resolver. `from_environment`: hosts that the operator named are asked
    through the proxy that `HTTPS_PROXY` and `NO_PROXY` name, and `SSL_CERT_FILE` names whom to trust.
    `deadline` is in seconds.
    """

    named_urls: tuple[str, ...] = ()
    trust: ssl.SSLContext | None = None
    resolver: Callable[[str, int], Awaitable[Sequence[str]]] = resolve
    deadline: float = DEADLINE
    from_environment: bool = False

    async def fetch(self, url: str) -> Fetched:
        """GET a JSON document of at most 64 KiB within the deadline, following no redirect.

        Raises:
            FetchFailed: the URL is not allowed, or what came is not a 200 with an uncompressed JSON body.
        """
        asked = Request(method="GET", url=url, headers=(("Accept", "application/json"),))
        reply = await self._exchange(asked, _require_document, DOCUMENT_OCTETS)
        return Fetched(reply.body, _max_age(dict(reply.headers).get("cache-control", "")))

    async def send(self, request: Request) -> Reply:
        """Send a request once, following no redirect, and return the reply of whatever status, of 1 MiB at most.

        Raises:
            FetchFailed: the URL is not allowed, nothing came within the deadline, or it was too much, compressed or
                cut off.
        """
        return await self._exchange(request, lambda _goal, _response: None, REPLY_OCTETS)

    async def _exchange(
        self, request: Request, check_head: Callable[[Place, httpx2.Response], None], octets: int
    ) -> Reply:
        try:
            goal = place(request.url)
            proxy = self._proxy(goal)
        except NotPlain as error:
            raise FetchFailed(str(error), forbidden=True) from None
        try:
            async with asyncio.timeout(self.deadline):
                addresses = await self._addresses(goal) if proxy is None else (goal.host,)
                return await self._send(goal, addresses, proxy, request, check_head, octets)
        except TimeoutError:
            raise FetchFailed(f"{goal.host}: no complete answer within {self.deadline:g} s") from None

    def _named(self) -> set[tuple[str, int]]:
        return {(known.host, known.port) for known in map(place, self.named_urls)}

    def _proxy(self, goal: Place) -> str | None:
        """Return the proxy to ask for a host that the operator named; for any other, the address must be checked."""
        if (goal.host, goal.port) not in self._named() or not self.from_environment or goal.scheme == "http":
            return None
        from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415  some 15 ms that a guard never needs

        proxy = getproxies().get(goal.scheme)
        if proxy is None or proxy_bypass(f"{goal.host}:{goal.port}"):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"

    async def _addresses(self, goal: Place) -> Sequence[str]:
        """Resolve once and check what came out, since only that says where the connection goes."""
        named = self._named()
        if goal.port != PORTS["https"] and (goal.host, goal.port) not in named:
            raise FetchFailed(f"{goal.host}: port {goal.port} is not one that was configured", forbidden=True)
        try:
            addresses = await self.resolver(goal.host, goal.port)
        except (socket.gaierror, UnicodeError):
            raise FetchFailed(f"{goal.host}: the name is not known", unsent=True) from None
        except (OSError, RuntimeError):  # out of files or threads
            raise FetchFailed(f"{goal.host}: the name could not be looked up", unsent=True) from None
        if not addresses:
            raise FetchFailed(f"{goal.host}: the name is not known", unsent=True)
        if goal.host not in {host for host, _ in named} and not all(map(is_public, addresses)):
            text = f"{goal.host}: not a public address, and not a host that was configured"
            raise FetchFailed(text, forbidden=True)
        if goal.scheme == "http" and not all(map(is_loopback, addresses)):
            raise FetchFailed(f"{goal.host}: plain http is for loopback only", forbidden=True)
        return addresses[:_ADDRESSES]

    async def _send(
        self,
        goal: Place,
        addresses: Sequence[str],
        proxy: str | None,
        request: Request,
        check_head: Callable[[Place, httpx2.Response], None],
        octets: int,
    ) -> Reply:
        http = http_library()
        problem: FetchFailed | None = None
        async with self._client(proxy, goal) as client:
            for address in addresses:
                try:
                    return await _send_to(client, goal, address, request, check_head, octets)
                except (http.ConnectError, http.ConnectTimeout) as error:
                    problem = _tls_problem(goal, error) or problem  # the next address: nothing was sent
                except http.HTTPError as error:
                    hint = "; if it speaks TLS, its URL begins with https" if goal.scheme == "http" else ""
                    raise FetchFailed(f"{goal.host}: {type(error).__name__}{hint}") from None
        raise problem or FetchFailed(f"{goal.host}: no connection", unsent=True)

    def _client(self, proxy: str | None, goal: Place) -> httpx2.AsyncClient:
        http = http_library()
        try:
            trust = self.trust or _trust(from_environment=self.from_environment and goal.scheme == "https")
        except OSError:
            text = "the certificates that SSL_CERT_FILE names cannot be read: name a PEM file there, or unset it"
            raise FetchFailed(text, lasting=True) from None
        timeout = http.Timeout(self.deadline, connect=CONNECT_DEADLINE if proxy is None else self.deadline)
        try:
            if proxy is not None and (http.URL(proxy).port or 0) > _HIGHEST_PORT:
                raise ValueError  # noqa: TRY301  neither library looks at it before it connects
            client: httpx2.AsyncClient = http.AsyncClient(verify=trust, timeout=timeout, trust_env=False, proxy=proxy)
        except (ValueError, ImportError, http.InvalidURL):  # a scheme that is not spoken here, or no URL
            raise FetchFailed("the proxy that HTTPS_PROXY names cannot be used") from None
        return client


async def _send_to(
    client: httpx2.AsyncClient,
    goal: Place,
    address: str,
    request: Request,
    check_head: Callable[[Place, httpx2.Response], None],
    octets: int,
) -> Reply:
    """Connect to the address that was checked.

    The name is said in Host and in TLS only, so that no second look-up can lead elsewhere.
    """
    literal = f"[{address}]" if ":" in address else address
    name = f"[{goal.host}]" if ":" in goal.host else goal.host
    own_port = goal.port == PORTS[goal.scheme]
    headers = {
        "Host": name if own_port else f"{name}:{goal.port}",
        "Accept-Encoding": "identity",
        "User-Agent": "portvakt",
        **dict(request.headers),
    }
    url = f"{goal.scheme}://{literal}:{goal.port}{goal.target}"
    extensions = {"sni_hostname": goal.host}  # what the certificate is checked against
    content = request.body or None
    async with client.stream(request.method, url, headers=headers, content=content, extensions=extensions) as response:
        if len(response.headers.raw) > HEADER_FIELDS:
            raise FetchFailed(f"{goal.host}: more than {HEADER_FIELDS} header fields", answered=True)
        check_head(goal, response)
        if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise FetchFailed(f"{goal.host}: compressed, though that was not asked for", answered=True)
        body = bytearray()
        async for part in response.aiter_raw():
            body += part
            if len(body) > octets:
                raise FetchFailed(f"{goal.host}: more than {octets} octets", answered=True)
        return Reply(response.status_code, tuple(response.headers.items()), bytes(body))


def _tls_problem(goal: Place, error: BaseException | None) -> FetchFailed | None:
    """Return what TLS says of a connection that did not come about; None: it was not for TLS."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    if isinstance(error, ssl.SSLCertVerificationError):
        kind = Untrusted if error.verify_code in _UNKNOWN_AUTHORITY else FetchFailed
        said = error.verify_message.rstrip(".")
        return kind(f"{goal.host}: its certificate is not trusted ({said})", lasting=True)
    if error is not None and error.reason in _NO_TLS:
        text = f"{goal.host}: what answers at port {goal.port} does not speak TLS; is a URL of http:// meant?"
        return FetchFailed(text, lasting=True)
    return None


def _require_document(goal: Place, response: httpx2.Response) -> None:
    if response.status_code != _OK:
        answered = response.status_code < _FAULT
        raise FetchFailed(f"{goal.host}: status {response.status_code}", answered=answered)
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not _JSON.fullmatch(media_type):
        raise FetchFailed(f"{goal.host}: not JSON", answered=True)


def _max_age(cache_control: str) -> Seconds | None:
    found = _MAX_AGE.search(cache_control)
    return Seconds(int(found[1])) if found else None

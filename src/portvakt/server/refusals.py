"""Refused requests on their way into the ring, where `portvakt explain` finds them: noted at once, written in batches.

Nothing waits for it and nothing is answered otherwise for it. What is kept holds no secret, token, code, body or value
of a query: of what a request sent, only digests wait in memory, until it is known what the request nearly was.
"""

from __future__ import annotations

import asyncio
import binascii
import contextlib
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from portvakt.jose import base64url
from portvakt.jose.strict_json import read_object
from portvakt.model.audit import RefusedRequest
from portvakt.model.decision import INVALID_REQUEST, RATE_LIMITED
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import Body, Quota
from portvakt.model.values import ClientId, IssuerName, Seconds, Secret
from portvakt.protocol.credentials import digest
from portvakt.protocol.govern.near import Around, Attempt, Pair, ShownToken, completed
from portvakt.server.quota import Windows
from portvakt.server.redaction import plain_path
from portvakt.wire.address import bucket_address
from portvakt.wire.authorize_request import read_authorize_request
from portvakt.wire.basic import BASIC_LIMIT, authorization_scheme, parse_basic
from portvakt.wire.errors import WireError
from portvakt.wire.form import parse_form
from portvakt.wire.json import parse_json_object
from portvakt.wire.media import media_type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from portvakt.model.decision import Refused
    from portvakt.model.nouns import ClientFacts, Issuer
    from portvakt.model.values import Instant
    from portvakt.server.call import Call, Scope
    from portvakt.server.clock import Clock
    from portvakt.server.log import Log

    class Copying(Protocol):
        """What is known of clients without asking the store."""

        def client(self, issuer: IssuerName, client_id: ClientId) -> ClientFacts | None:
            """Return a client if it is known."""
            ...

        def is_certain(self, issuer: IssuerName, client_id: ClientId) -> bool:
            """Whether the store's last word is known."""
            ...

    class Keeping(Protocol):
        """What is asked of a store."""

        async def client_facts(self, issuer: IssuerName, client_id: ClientId) -> ClientFacts | None:
            """Read a client with its owner and secrets."""
            ...

        async def record_refusals(self, refusals: Sequence[RefusedRequest]) -> None:
            """Write refused requests."""
            ...


WRITE_EVERY = 1.0
"""Seconds between two writes: so long may `portvakt explain` have to wait."""

MOST_WAITING = 1_000
"""Of more, those that waited longest are dropped, and counted."""

A_MINUTE = Quota(60, Seconds(60))
"""How many are kept of one client, or of all that is not a client's, from one address: a flood pushes nobody out."""

AN_HOUR = Quota(250, Seconds(3600))
"""How many are kept from one address of all its clients, and as many of strangers: in a week not all of the ring."""

MOST_ADDRESSES = 20_000
LOOKUPS = 100
"""Questions to the store for one batch. Whoever makes up ids makes no end of them."""

_OTHERS_TOKEN = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class _Waiting:
    refused: RefusedRequest
    attempt: Attempt


class RefusedRequests:
    """Those that wait to be written. `dropped`: how many there was no room for since the last write."""

    __slots__ = ("_counted", "_waiting", "dropped")

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()
        self._counted = Windows(most_keys=MOST_ADDRESSES)
        self.dropped = 0

    def note(self, call: Call, refused: Refused, issuer: Issuer, *, pepper: bytes, now: Instant) -> None:
        """Remember that a call was refused. The reply has left."""
        address = bucket_address(call.address)
        buckets = ((issuer.name, address, call.client_id), A_MINUTE), ((address, call.client_id is None), AN_HOUR)
        if any(self._counted.take(key, quota, now) is not None for key, quota in buckets):
            return  # it has its line in the log
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self.dropped += 1
        limited = refused.code == RATE_LIMITED
        kept = RefusedRequest(
            reference=call.reference,
            issuer=issuer.name,
            at=now,
            client_id=None if call.client_id is None else ClientId(call.client_id),
            method=call.scope["method"],
            path=_plain(call.scope["path"], issuer),
            address=call.address,
            status=call.status,
            code=issuer.provider.rate_limited.code if limited else refused.code,
            reason=refused.reason or refused.description,
        )
        self._waiting.append(_Waiting(kept, attempt_of(call, refused, issuer, pepper)))

    async def write(self, store: Keeping, copy: Copying, issuers: Sequence[Issuer]) -> int:
        """Write what waits, and say what each nearly was; return how many were dropped. After an error all are lost."""
        waiting, self._waiting = self._waiting, deque()
        dropped, self.dropped = self.dropped, 0
        if not waiting:
            return dropped
        asking = _Asking(store, copy, issuers)
        try:
            await store.record_refusals([await asking.complete(one) for one in waiting])
        except BaseException:
            self.dropped += dropped + len(waiting)
            raise
        return dropped


class Recording:
    """One application's way into the ring. Nothing here raises: a refusal that is lost is only logged."""

    def __init__(
        self,
        waiting: RefusedRequests,
        issuers: Sequence[Issuer],
        *,
        store: Keeping,
        copy: Copying,
        pepper: bytes,
        clock: Clock,
        log: Log,
    ) -> None:
        self._waiting = waiting
        self._issuers = {issuer.name: issuer for issuer in issuers}
        self._store = store
        self._copy = copy
        self._pepper = pepper
        self._clock = clock
        self._log = log

    def note(self, call: Call) -> None:
        """Remember a call if it was refused at an issuer. The reply has left."""
        if call.refused is None or call.issuer is None:
            return
        issuer = self._issuers.get(IssuerName(call.issuer))
        if issuer is None:
            return
        try:
            self._waiting.note(call, call.refused, issuer, pepper=self._pepper, now=self._clock())
        except Exception as error:  # noqa: BLE001 - what a stranger sent is read here, and the reply has left
            self._log.failure("refusal_not_noted", error, request_id=call.reference)

    async def write(self, stopping: asyncio.Event) -> None:
        """Write once in a while, and once at the end."""
        while not stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), WRITE_EVERY)
            await self.flush()

    async def flush(self) -> None:
        """Write what waits."""
        try:
            dropped = await self._waiting.write(self._store, self._copy, tuple(self._issuers.values()))
        except Exception as error:  # noqa: BLE001 - whatever it was, the next second has refusals of its own
            self._log.failure("refusals_not_written", error)
            return
        if dropped:
            self._log.event("warning", "refusals_dropped", requests=dropped)


class _Asking:
    """Looks up what is around the refused requests of one batch."""

    def __init__(self, store: Keeping, copy: Copying, issuers: Sequence[Issuer]) -> None:
        self._store = store
        self._copy = copy
        self._issuers = {issuer.name: issuer for issuer in issuers}
        self._found: dict[tuple[IssuerName, ClientId], ClientFacts | None] = {}
        self._left = LOOKUPS

    async def complete(self, one: _Waiting) -> RefusedRequest:
        """Return the refused request as it is kept."""
        attempt, name = one.attempt, one.refused.issuer
        issuer = self._issuers[name]
        others = [each for each in self._issuers.values() if each.name != name]
        client_id = one.refused.client_id or attempt.client_id
        client = await self._client(name, client_id)
        raw_client = client
        if attempt.raw is not None and attempt.raw.client_id != client_id:
            raw_client = await self._client(name, attempt.raw.client_id)
        elsewhere: dict[IssuerName, ClientFacts] = {}
        if client is None:
            for other in others:
                found = await self._client(other.name, client_id)
                if found is not None:
                    elsewhere[other.name] = found
                    break
        around = Around(issuer=issuer, client=client, raw_client=raw_client, others=others, elsewhere=elsewhere)
        return completed(one.refused, attempt, around)

    async def _client(self, issuer: IssuerName, client_id: ClientId | None) -> ClientFacts | None:
        if client_id is None:
            return None
        key = issuer, client_id
        if key not in self._found:
            found = self._copy.client(issuer, client_id)
            if found is None and self._left and not self._copy.is_certain(issuer, client_id):
                self._left -= 1
                found = await self._store.client_facts(issuer, client_id)
            self._found[key] = found
        return self._found[key]


def attempt_of(call: Call, refused: Refused, issuer: Issuer, pepper: bytes) -> Attempt:
    """Return what a refused call showed. Whatever cannot be read is left out."""
    scope, provider = call.scope, issuer.provider
    headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))
    authorization = headers.get(b"authorization", b"")
    scheme = authorization_scheme(authorization)
    kind, fields = _read_body(call.body)
    if not call.body and scope["method"] == "GET":
        fields = _read_query(scope, issuer)
    client_id, secret = fields.get("client_id"), fields.get("client_secret")
    method = "" if client_id is None else ClientAuthentication.NONE if secret is None else ClientAuthentication.POST
    raw = None
    if scheme == b"basic":
        method = ClientAuthentication.BASIC
        decoded, plain = _decoded_pair(authorization), _raw_pair(authorization)
        client_id, secret = decoded or plain or (client_id, None)
        if plain is not None and plain != decoded:
            raw = Pair(ClientId(plain[0]), digest(pepper, Secret(plain[1])))
    token = _shown_token(authorization) if scheme == b"bearer" and call.status in _OTHERS_TOKEN else None
    if token is not None:
        client_id = token.client_id
    return Attempt(
        client_id=ClientId(client_id) if client_id else None,
        digest=digest(pepper, Secret(secret)) if secret else None,
        raw=raw,
        method=method,
        body=_wrong_body(refused, _declared(headers.get(b"content-type")), kind, provider.token_bodies),
        grant_type=fields.get("grant_type", ""),
        scopes=tuple(fields.get("scope", "").split()),
        redirect_uri=fields.get("redirect_uri"),
        token=token,
        exceeded=refused.exceeded,
    )


def _plain(path: str, issuer: Issuer) -> str:
    """Return a path in which everything below the issuer's own is words: what is none may be a secret."""
    root = urlsplit(issuer.url).path
    return root + plain_path(path.removeprefix(root)) if path.startswith(root) else plain_path(path)


def _read_body(body: bytes) -> tuple[Body | None, dict[str, str]]:
    """Return what a body is, whatever it is called, and what is in it."""
    for kind, read in ((Body.JSON, parse_json_object), (Body.FORM, parse_form)):
        try:
            fields = read(body)
        except WireError:
            continue
        if fields:
            return kind, fields
    return None, {}


def _read_query(scope: Scope, issuer: Issuer) -> dict[str, str]:
    if issuer.provider.authorize_path is None or not scope["path"].endswith(issuer.provider.authorize_path):
        return {}
    try:
        return dict(read_authorize_request(scope["query_string"]).parameters)
    except WireError:
        return {}


def _declared(content_type: bytes | None) -> str:
    try:
        return media_type(content_type)
    except WireError:
        return ""


def _wrong_body(refused: Refused, declared: str, kind: Body | None, taken: frozenset[Body]) -> Body | None:
    """Return what the body was, where another is taken or another was declared."""
    if refused.code != INVALID_REQUEST:
        return None
    if kind is not None:
        return kind if kind not in taken or declared != kind else None
    return next((each for each in Body if each == declared and each not in taken), None)


def _decoded_pair(authorization: bytes) -> tuple[str, str] | None:
    try:
        return parse_basic(authorization)
    except WireError:
        return None


def _raw_pair(authorization: bytes) -> tuple[str, str] | None:
    """Return the pair of a Basic header as RFC 7617 alone has it, without RFC 6749's form-encoding."""
    try:
        pair = binascii.a2b_base64(authorization[:BASIC_LIMIT].partition(b" ")[2].strip()).decode()
    except ValueError:
        return None
    client_id, colon, secret = pair.partition(":")
    return (client_id, secret) if colon else None


def _shown_token(authorization: bytes) -> ShownToken | None:
    parts = authorization.partition(b" ")[2].strip().split(b".")
    try:
        claims: Mapping[str, object] = read_object(base64url.decode(parts[1])) if len(parts) == 3 else {}  # noqa: PLR2004 - RFC 7515 §7.1
    except ValueError:
        return None
    issuer, audience, end = claims.get("iss"), claims.get("aud"), claims.get("exp")
    if not (isinstance(issuer, str) and isinstance(audience, str) and isinstance(end, int)):
        return None
    client_id = claims.get("client_id")
    return ShownToken(issuer, audience, end, ClientId(client_id) if isinstance(client_id, str) else None)

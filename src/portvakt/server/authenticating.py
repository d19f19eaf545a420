"""Who a client is that asks one of an issuer's endpoints, and how often strangers may fail at it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from portvakt.model.audit import ActorKind, By
from portvakt.model.provider import Body, Quota
from portvakt.model.values import Seconds
from portvakt.protocol.answer.token import Authenticated, authenticate
from portvakt.providers.speak import refuse_exceeded
from portvakt.server.call import Disconnected, read_body
from portvakt.wire.address import bucket_address
from portvakt.wire.errors import WireError
from portvakt.wire.token_request import TOKEN_BODY_LIMIT, body_too_long, read_token_head

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portvakt.model.decision import Exceeded, Refused
    from portvakt.model.message import TokenRequest
    from portvakt.model.nouns import ClientFacts, Issuer
    from portvakt.model.provider import Provider
    from portvakt.model.values import Instant
    from portvakt.server.call import Call, Receive
    from portvakt.server.copy import Copy
    from portvakt.server.quota import Windows

    _Bucket = tuple[tuple[str | bytes, ...], Quota]

FAILURES = Quota(60, Seconds(60))
"""Failed authentications of one client from one address; then 429, for failures only."""

FAILURES_OF_ADDRESS = Quota(1000, Seconds(60))
"""Failed authentications of all clients from one address: who guesses ids makes no end of store reads."""

PATIENCE = 0.5
"""Seconds that a refusal of the head waits for a small body, which says whose request it was.

Most bodies came with the head, or come right behind it, as from a program that sends the two apart. The rest cannot be
read once the reply has left: an answer before the end of its request closes the connection (RFC 9112 §9.3).
"""

_BODIES = frozenset(body.value.encode() for body in Body)
_FEW_DIGITS = 4
_LONGEST_DIGITS = len(str(TOKEN_BODY_LIMIT))


def by_client(call: Call, issuer: Issuer, authenticated: Authenticated) -> By:
    """Return who asks, for the audit log: a client that proved who it is."""
    client_id = authenticated.facts.client.id
    return By(kind=ActorKind.CLIENT, issuer=issuer.name, id=client_id, address=call.address, request_id=call.reference)


def count_bad_bearer(failures: Windows, place: str, address: str, now: Instant) -> Exceeded | None:
    """Count an access token that is none at `place`, which is an issuer's name or another word."""
    return failures.take((place, "bearer", bucket_address(address)), FAILURES_OF_ADDRESS, now)


async def read_request(
    provider: Provider,
    call: Call,
    receive: Receive,
    read: Callable[[Provider, tuple[str, bytes | None], bytes], TokenRequest],
) -> TokenRequest:
    """Read a client's request: `read` takes its body, which stays with the call. Raises: WireError."""
    headers = call.scope["headers"]
    try:
        head = read_token_head(provider, headers, call.scope["query_string"])  # T7: before the body is waited for
    except WireError:
        call.body = await _read_other_body(headers, receive)
        raise
    if any(name == b"content-length" and _is_too_long(value) for name, value in headers):
        raise body_too_long()
    body = await read_body(receive, TOKEN_BODY_LIMIT)
    if body is None:
        raise body_too_long()
    call.body = body
    return read(provider, head, body)


async def _read_other_body(headers: Sequence[tuple[bytes, bytes]], receive: Receive) -> bytes:
    """Return the body of a request that is refused for its head, as far as it tells the owner whose request it was.

    That is JSON or a form of a few bytes that are on their way, where the other is taken; b"" for all else.
    """
    said = dict(headers)
    length = said.get(b"content-length", b"")
    kind = said.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind not in _BODIES or not length.isdigit() or len(length) > _FEW_DIGITS or b"expect" in said:
        return b""
    with contextlib.suppress(TimeoutError, Disconnected):
        async with asyncio.timeout(PATIENCE):
            return await read_body(receive, TOKEN_BODY_LIMIT) or b""
    return b""


class Authenticating:
    """Tells who asks `issuer`.

    `failures` counts what strangers do: who fails in a client's name fills a bucket of that name and address, never
    the client's quota. The right secret is not refused for others' failures.
    """

    def __init__(self, issuer: Issuer, *, copy: Copy, failures: Windows, pepper: bytes) -> None:
        self._issuer = issuer
        self._copy = copy
        self._failures = failures
        self._pepper = pepper

    def at_hand(self, request: TokenRequest, now: Instant) -> Authenticated | Refused:
        """Say who asks, by what is in memory. A refusal is not the last word: `look_again`."""
        return self._authenticate(request, self._copy.client(self._issuer.name, request.client_id), now)

    async def look_again(self, request: TokenRequest, address: str, now: Instant) -> Authenticated | Refused:
        """Ask the store before refusing: a client or secret made a moment ago works at once.

        Who has failed too often is told so without asking it, if the store's last word on the client is known.
        The right secret works all the same: where nothing is known, as after a change, the store is asked for
        every client that there was before. Not for one that nobody has heard of: who guesses one id after
        another from one address would make no end of reads.
        """
        of_client, of_address = self._failure_buckets(request, address)
        issuer, client_id = self._issuer.name, request.client_id
        exceeded = None
        if self._copy.is_certain(issuer, client_id):
            exceeded = self._failures.exceeded(*of_client, now) or self._failures.exceeded(*of_address, now)
        elif not self._copy.has_seen(issuer, client_id):
            exceeded = self._failures.exceeded(*of_address, now)
        if exceeded is not None:
            return self._refuse_failures(exceeded)
        facts = await self._copy.load_client(self._issuer.name, request.client_id)
        outcome = self._authenticate(request, facts, now)
        if isinstance(outcome, Authenticated):
            return outcome
        self._failures.take(*of_address, now)
        exceeded = self._failures.take(*of_client, now)
        return outcome if exceeded is None else self._refuse_failures(exceeded)

    async def who(self, request: TokenRequest, address: str, now: Instant) -> Authenticated | Refused:
        """Say who asks."""
        outcome = self.at_hand(request, now)
        return outcome if isinstance(outcome, Authenticated) else await self.look_again(request, address, now)

    def _authenticate(self, request: TokenRequest, facts: ClientFacts | None, now: Instant) -> Authenticated | Refused:
        return authenticate(self._issuer.provider, request, facts, pepper=self._pepper, now=now)

    def _refuse_failures(self, exceeded: Exceeded) -> Refused:
        return replace(refuse_exceeded(self._issuer.provider, exceeded), reason="too many failed authentications")

    def _failure_buckets(self, request: TokenRequest, address: str) -> tuple[_Bucket, _Bucket]:
        bucket = bucket_address(address)
        named = blake2b(request.client_id.encode(), digest_size=16).digest()  # as short for a long name
        name = self._issuer.name
        return ((name, bucket, named), FAILURES), ((name, bucket), FAILURES_OF_ADDRESS)


def _is_too_long(declared: bytes) -> bool:
    """Whether a Content-Length says more than the longest body. One that says nothing is the body's to judge."""
    digits = declared.lstrip(b"0")
    return digits.isdigit() and (len(digits) > _LONGEST_DIGITS or int(digits) > TOKEN_BODY_LIMIT)

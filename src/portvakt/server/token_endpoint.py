"""The token endpoint of one issuer: the hot path, from bytes to bytes without waiting where the facts are at hand."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from portvakt.model.decision import INVALID_REQUEST, SERVER_ERROR, Granted, Refused
from portvakt.model.provider import Quota
from portvakt.model.values import Seconds
from portvakt.protocol.answer.token import Authenticated, authenticate, issue, refuse_grant_type
from portvakt.providers.speak import refuse_exceeded, speak
from portvakt.server.call import read_body
from portvakt.wire.address import bucket_address
from portvakt.wire.errors import WireError
from portvakt.wire.token_request import TOKEN_BODY_LIMIT, body_too_long, read_token_head, read_token_request

if TYPE_CHECKING:
    from portvakt.model.decision import Exceeded, Tokens
    from portvakt.model.message import Reply, TokenRequest
    from portvakt.model.nouns import ClientFacts, Issuer
    from portvakt.model.values import Instant
    from portvakt.server.call import Call, Receive, Send
    from portvakt.server.clock import Clock
    from portvakt.server.copy import Copy
    from portvakt.server.quota import Windows
    from portvakt.server.uses import Uses

    _Bucket = tuple[tuple[str, ...], Quota]

FAILURES = Quota(60, Seconds(60))
"""Failed authentications of one client from one address; then 429, for failures only."""

FAILURES_OF_ADDRESS = Quota(1000, Seconds(60))
"""Failed authentications of all clients from one address: who guesses ids makes no end of store reads."""

OUR_FAULT = Refused(SERVER_ERROR, "The server could not answer. Try again.", 503)
"""What a request is told that met a fault of ours, so that the caller tries again."""

NAMED_CHARACTERS = 100
JTI_OCTETS = 16
_LONGEST_DIGITS = len(str(TOKEN_BODY_LIMIT))
_NOT_POST = Refused(INVALID_REQUEST, "The token endpoint answers POST.", 405)


class TokenEndpoint:
    """Answers token requests to `issuer`.

    `windows` counts what authenticated clients ask for, `failures` what strangers do: who fails in a client's
    name fills a bucket of that name and address, never the client's quota. The right secret is not refused for
    others' failures.
    """

    def __init__(
        self,
        issuer: Issuer,
        *,
        copy: Copy,
        windows: Windows,
        failures: Windows,
        uses: Uses,
        pepper: bytes,
        clock: Clock,
    ) -> None:
        self._issuer = issuer
        self._copy = copy
        self._windows = windows
        self._failures = failures
        self._uses = uses
        self._pepper = pepper
        self._clock = clock

    async def __call__(self, call: Call, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope = call.scope
        call.issuer = self._issuer.name
        if scope["method"] != "POST":  # RFC 6749 §3.2: "The client MUST use the HTTP POST method"
            call.refused = _NOT_POST
            reply = self.speak(_NOT_POST)
            await call.reply(replace(reply, headers=(*reply.headers, ("allow", "POST"))), send)
            return
        said = await self._say(call, receive)
        if isinstance(said, Refused):
            call.refused = said
        await call.reply(self.speak(said), send)

    def speak(self, said: Granted[Tokens] | Refused) -> Reply:
        """Return the issuer's reply."""
        return speak(self._issuer.provider, said, realm=self._issuer.url)

    async def _say(self, call: Call, receive: Receive) -> Granted[Tokens] | Refused:
        scope = call.scope
        issuer = self._issuer
        provider = issuer.provider
        headers = scope["headers"]
        query = scope["query_string"]
        look_early = partial(read_token_head, provider, headers, query)  # what cannot be right is not waited for
        try:
            declared = next((value for name, value in headers if name == b"content-length"), None)
            if declared is None or _is_too_long(declared):
                look_early()
                if declared is not None:
                    raise body_too_long()
            body = await read_body(receive, TOKEN_BODY_LIMIT, before_waiting=look_early)
            if body is None:
                raise body_too_long()
            request = read_token_request(provider, headers, query, body)
        except WireError as error:
            return Refused(error.code, error.description, error.status, reason=error.description)
        refused = refuse_grant_type(provider, request)
        if refused is not None:
            return refused
        now = self._clock()
        held = self._copy.client(issuer.name, request.client_id)
        outcome = self._authenticate(request, held, now)
        if isinstance(outcome, Refused):
            outcome = await self._look_again(request, call.address, held, now)
            if isinstance(outcome, Refused):
                return outcome
        return await self._grant(call, request, outcome, now)

    async def _grant(
        self, call: Call, request: TokenRequest, authenticated: Authenticated, now: Instant
    ) -> Granted[Tokens] | Refused:
        issuer = self._issuer
        client = authenticated.facts.client
        call.client_id = client.id
        if issuer.token_quota is not None:
            exceeded = self._windows.take((issuer.name, client.id), issuer.token_quota, now)
            if exceeded is not None:
                return refuse_exceeded(issuer.provider, exceeded)
        self._uses.note(issuer.name, client.id, authenticated.secret.id, now)
        signer = self._copy.signer(issuer, now) or await self._copy.load_signer(issuer, now)
        jti = os.urandom(JTI_OCTETS).hex()
        return issue(issuer, request, authenticated, signer=signer, jti=jti, now=now)

    def _authenticate(self, request: TokenRequest, facts: ClientFacts | None, now: Instant) -> Authenticated | Refused:
        return authenticate(self._issuer.provider, request, facts, pepper=self._pepper, now=now)

    async def _look_again(
        self, request: TokenRequest, address: str, held: ClientFacts | None, now: Instant
    ) -> Authenticated | Refused:
        """Ask the store before refusing: a client or secret made a moment ago works at once.

        Who has failed too often is told so. The store is asked all the same where the copy did not hold the
        client, or the right secret would not work; but not for an address that guesses one id after another.
        """
        of_client, of_address = self._failure_buckets(request, address)
        exceeded = self._failures.exceeded(*of_address, now)
        if exceeded is None and held is not None:
            exceeded = self._failures.exceeded(*of_client, now)
        if exceeded is not None:
            return self._refuse_failures(exceeded)
        facts = await self._copy.load_client(self._issuer.name, request.client_id)
        outcome = self._authenticate(request, facts, now)
        if isinstance(outcome, Authenticated):
            return outcome
        self._failures.take(*of_address, now)
        exceeded = self._failures.take(*of_client, now)
        return outcome if exceeded is None else self._refuse_failures(exceeded)

    def _refuse_failures(self, exceeded: Exceeded) -> Refused:
        return replace(refuse_exceeded(self._issuer.provider, exceeded), reason="too many failed authentications")

    def _failure_buckets(self, request: TokenRequest, address: str) -> tuple[_Bucket, _Bucket]:
        bucket = bucket_address(address)
        named = request.client_id[:NAMED_CHARACTERS]
        name = self._issuer.name
        return ((name, bucket, named), FAILURES), ((name, bucket), FAILURES_OF_ADDRESS)


def _is_too_long(declared: bytes) -> bool:
    """Whether a Content-Length says more than the longest body. One that says nothing is the body's to judge."""
    return declared.isdigit() and (len(declared) > _LONGEST_DIGITS or int(declared) > TOKEN_BODY_LIMIT)

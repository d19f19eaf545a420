"""The token endpoint of one issuer: the hot path, from bytes to bytes without waiting where the facts are at hand."""

from __future__ import annotations

import os
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from portvakt.model.decision import INVALID_REQUEST, SERVER_ERROR, Granted, Refused
from portvakt.model.provider import Quota
from portvakt.model.values import Seconds
from portvakt.protocol.answer import code
from portvakt.protocol.answer import refresh as renewal
from portvakt.protocol.answer.access_token import JTI_OCTETS
from portvakt.protocol.answer.code import code_digest, exchange_code
from portvakt.protocol.answer.refresh import refresh, refresh_digest
from portvakt.protocol.answer.token import (
    AUTHORIZATION_CODE,
    REFRESH_TOKEN,
    Authenticated,
    authenticate,
    issue,
    refuse_grant_type,
)
from portvakt.providers.speak import refuse_exceeded, speak
from portvakt.server.act import act
from portvakt.server.call import read_body
from portvakt.wire.address import bucket_address
from portvakt.wire.errors import WireError
from portvakt.wire.token_request import TOKEN_BODY_LIMIT, body_too_long, read_token_body, read_token_head

if TYPE_CHECKING:
    from portvakt.jose.signing import Signer
    from portvakt.model.behalf import CodeFacts, RefreshFacts
    from portvakt.model.decision import Exceeded, Tokens
    from portvakt.model.message import Reply, TokenRequest
    from portvakt.model.nouns import ClientFacts, Issuer
    from portvakt.model.values import Instant
    from portvakt.server.call import Call, Receive, Send
    from portvakt.server.clock import Clock
    from portvakt.server.copy import Copy
    from portvakt.server.quota import Windows
    from portvakt.server.uses import Uses
    from portvakt.store import Store

    _Bucket = tuple[tuple[str | bytes, ...], Quota]

FAILURES = Quota(60, Seconds(60))
"""Failed authentications of one client from one address; then 429, for failures only."""

FAILURES_OF_ADDRESS = Quota(1000, Seconds(60))
"""Failed authentications of all clients from one address: who guesses ids makes no end of store reads."""

OUR_FAULT = Refused(SERVER_ERROR, "The server could not answer. Try again.", 503)
"""What a request is told that met a fault of ours, so that the caller tries again."""

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
        store: Store,
    ) -> None:
        self._issuer = issuer
        self._copy = copy
        self._store = store
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
        try:
            head = read_token_head(provider, headers, scope["query_string"])  # T7: before the body is waited for
            if any(name == b"content-length" and _is_too_long(value) for name, value in headers):
                raise body_too_long()
            body = await read_body(receive, TOKEN_BODY_LIMIT)
            if body is None:
                raise body_too_long()
            request = read_token_body(provider, head, body)
        except WireError as error:
            return Refused(error.code, error.description, error.status, reason=error.description)
        refused = refuse_grant_type(provider, request)
        if refused is not None:
            return refused
        now = self._clock()
        held = self._copy.client(issuer.name, request.client_id)
        outcome = self._authenticate(request, held, now)
        if isinstance(outcome, Refused):
            outcome = await self._look_again(request, call.address, now)
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
        if authenticated.secret is not None:
            self._uses.note(issuer.name, client.id, authenticated.secret.id, now)
        signer = self._copy.signer(issuer, now) or await self._copy.load_signer(issuer, now)
        if request.grant_type == AUTHORIZATION_CODE:
            return await self._exchange(request, authenticated, signer)
        if request.grant_type == REFRESH_TOKEN:
            return await self._refresh(request, authenticated, signer)
        jti = os.urandom(JTI_OCTETS).hex()
        return issue(issuer, request, authenticated, signer=signer, jti=jti, now=now)

    async def _exchange(
        self, request: TokenRequest, authenticated: Authenticated, signer: Signer
    ) -> Granted[Tokens] | Refused:
        """A code for tokens. Of two who show it at once, the second decides again, on what the first left."""
        issuer, pepper = self._issuer, self._pepper
        digest = code_digest(pepper, request)

        async def load() -> CodeFacts | None:
            return None if digest is None else await self._store.code_facts(issuer.name, digest)

        def decide(facts: CodeFacts | None) -> Granted[Tokens] | Refused:
            random, now = os.urandom(code.RANDOM_OCTETS), self._clock()
            return exchange_code(
                issuer, request, authenticated, facts, pepper=pepper, signer=signer, random=random, now=now
            )

        return await act(self._store, load, decide)

    async def _refresh(
        self, request: TokenRequest, authenticated: Authenticated, signer: Signer
    ) -> Granted[Tokens] | Refused:
        """A refresh token for tokens, as `_exchange`."""
        issuer, pepper = self._issuer, self._pepper
        digest = refresh_digest(pepper, request)

        async def load() -> RefreshFacts | None:
            return None if digest is None else await self._store.refresh_facts(issuer.name, digest)

        def decide(facts: RefreshFacts | None) -> Granted[Tokens] | Refused:
            random, now = os.urandom(renewal.RANDOM_OCTETS), self._clock()
            return refresh(issuer, request, authenticated, facts, pepper=pepper, signer=signer, random=random, now=now)

        return await act(self._store, load, decide)

    def _authenticate(self, request: TokenRequest, facts: ClientFacts | None, now: Instant) -> Authenticated | Refused:
        return authenticate(self._issuer.provider, request, facts, pepper=self._pepper, now=now)

    async def _look_again(self, request: TokenRequest, address: str, now: Instant) -> Authenticated | Refused:
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

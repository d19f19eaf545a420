"""The token endpoint of one issuer: the hot path, from bytes to bytes without waiting where the facts are at hand."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from portvakt.model.decision import INVALID_REQUEST, SERVER_ERROR, Granted, Refused
from portvakt.protocol.answer import code
from portvakt.protocol.answer import refresh as renewal
from portvakt.protocol.answer.access_token import JTI_OCTETS
from portvakt.protocol.answer.code import code_digest, exchange_code
from portvakt.protocol.answer.refresh import refresh, refresh_digest
from portvakt.protocol.answer.token import (
    AUTHORIZATION_CODE,
    REFRESH_TOKEN,
    issue,
    refuse_grant_type,
)
from portvakt.providers.speak import refuse_exceeded, speak
from portvakt.server.act import act
from portvakt.server.authenticating import by_client, read_request
from portvakt.wire.address import bucket_address
from portvakt.wire.errors import WireError
from portvakt.wire.token_request import read_token_body

if TYPE_CHECKING:
    from portvakt.jose.signing import Signer
    from portvakt.model.behalf import CodeFacts, RefreshFacts
    from portvakt.model.decision import Tokens
    from portvakt.model.message import Reply, TokenRequest
    from portvakt.model.nouns import Issuer
    from portvakt.model.values import Instant
    from portvakt.protocol.answer.token import Authenticated
    from portvakt.server.authenticating import Authenticating
    from portvakt.server.call import Call, Receive, Send
    from portvakt.server.clock import Clock
    from portvakt.server.copy import Copy
    from portvakt.server.quota import Windows
    from portvakt.server.uses import Uses
    from portvakt.store import Store

OUR_FAULT = Refused(SERVER_ERROR, "The server could not answer. Try again.", 503)
"""What a request is told that met a fault of ours, so that the caller tries again."""

_NOT_POST = Refused(INVALID_REQUEST, "The token endpoint answers POST.", 405)


class TokenEndpoint:
    """Answers token requests to `issuer`.

    `windows` counts what authenticated clients ask for, `strangers` what is asked in the name of public ones: anybody
    can use such a name, and would use up its quota for all others, so each address has its own.
    """

    def __init__(  # noqa: PLR0913  what an answer takes
        self,
        issuer: Issuer,
        *,
        copy: Copy,
        windows: Windows,
        strangers: Windows,
        authenticating: Authenticating,
        uses: Uses,
        pepper: bytes,
        clock: Clock,
        store: Store,
    ) -> None:
        self._issuer = issuer
        self._copy = copy
        self._store = store
        self._windows = windows
        self._strangers = strangers
        self._authenticating = authenticating
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
        provider = self._issuer.provider
        try:
            request = await read_request(provider, call, receive, read_token_body)
        except WireError as error:
            return Refused(error.code, error.description, error.status, reason=error.description)
        refused = refuse_grant_type(provider, request)
        if refused is not None:
            return refused
        now = self._clock()
        outcome = self._authenticating.at_hand(request, now)
        if isinstance(outcome, Refused):
            outcome = await self._authenticating.look_again(request, call.address, now)
            if isinstance(outcome, Refused):
                return outcome
        return await self._grant(call, request, outcome, now)

    async def _grant(
        self, call: Call, request: TokenRequest, authenticated: Authenticated, now: Instant
    ) -> Granted[Tokens] | Refused:
        issuer = self._issuer
        client = authenticated.facts.client
        call.client_id = client.id
        quota = client.token_quota or issuer.token_quota
        if quota is not None:
            if authenticated.secret is not None:
                exceeded = self._windows.take((issuer.name, client.id), quota, now)
            else:
                key = ("token", issuer.name, client.id, bucket_address(call.address))
                exceeded = self._strangers.take(key, quota, now)
            if exceeded is not None:
                return refuse_exceeded(issuer.provider, exceeded)
        if authenticated.secret is not None:
            self._uses.note(issuer.name, client.id, authenticated.secret.id, now, call.address)
        signer = self._copy.signer(issuer, now) or await self._copy.load_signer(issuer, now)
        if request.grant_type == AUTHORIZATION_CODE:
            return await self._exchange(call, request, authenticated, signer)
        if request.grant_type == REFRESH_TOKEN:
            return await self._refresh(call, request, authenticated, signer)
        jti = os.urandom(JTI_OCTETS).hex()
        return issue(issuer, request, authenticated, signer=signer, jti=jti, now=now)

    async def _exchange(
        self, call: Call, request: TokenRequest, authenticated: Authenticated, signer: Signer
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

        return await act(self._store, load, decide, by_client(call, issuer, authenticated))

    async def _refresh(
        self, call: Call, request: TokenRequest, authenticated: Authenticated, signer: Signer
    ) -> Granted[Tokens] | Refused:
        """A refresh token for tokens, as `_exchange`."""
        issuer, pepper = self._issuer, self._pepper
        digest = refresh_digest(pepper, request)

        async def load() -> RefreshFacts | None:
            return None if digest is None else await self._store.refresh_facts(issuer.name, digest)

        def decide(facts: RefreshFacts | None) -> Granted[Tokens] | Refused:
            random, now = os.urandom(renewal.RANDOM_OCTETS), self._clock()
            return refresh(
                issuer,
                request,
                authenticated,
                facts,
                pepper=pepper,
                signer=signer,
                random=random,
                now=now,
                address=call.address,
            )

        decision = await act(self._store, load, decide, by_client(call, issuer, authenticated))
        if digest is not None and isinstance(decision, Granted):
            self._uses.note_token(issuer.name, digest, self._clock())
        return decision

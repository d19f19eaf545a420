"""The endpoints where a client shows a token: to revoke it (RFC 7009), or to ask about it (RFC 7662)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from portvakt.model.decision import INVALID_REQUEST, Granted, Refused
from portvakt.model.message import Reply
from portvakt.model.provider import Quota, Refresh
from portvakt.model.values import Seconds, Secret
from portvakt.protocol.answer.introspect import INACTIVE, introspect
from portvakt.protocol.answer.presented import AccessFacts, read_access_token
from portvakt.protocol.answer.revoke import revoke
from portvakt.protocol.credentials import Kind, opaque_digest
from portvakt.protocol.own_scopes import API_KEYS
from portvakt.protocol.token_kind import is_api_key
from portvakt.providers.speak import NEVER_STORED, refuse_exceeded, speak
from portvakt.server.act import act
from portvakt.server.authenticating import by_client, read_request
from portvakt.wire.address import bucket_address
from portvakt.wire.errors import WireError
from portvakt.wire.token_request import read_shown_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.model.decision import Exceeded
    from portvakt.model.nouns import Issuer
    from portvakt.protocol.answer.presented import AccessToken, Presented
    from portvakt.protocol.answer.token import Authenticated
    from portvakt.server.api_keys import OwnApiKeys
    from portvakt.server.authenticating import Authenticating
    from portvakt.server.call import Call, Receive, Send
    from portvakt.server.clock import Clock
    from portvakt.server.copy import Copy
    from portvakt.server.own_keys import OwnKeys
    from portvakt.server.quota import Windows
    from portvakt.server.uses import Uses
    from portvakt.store import Store

REVOKE_PATH = "/revoke"
INTROSPECT_PATH = "/introspect"
_NOT_POST = Refused(INVALID_REQUEST, "This endpoint answers POST.", 405)

REVOCATIONS_QUOTA = Quota(1000, Seconds(60))
"""How many tokens one client may give back."""

QUESTIONS_QUOTA = Quota(30_000, Seconds(60))
"""How many tokens one client may ask about: as an API of several processes does, each about a hundred keys a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What an issuer's endpoints for clients work with, besides the token endpoint's own."""

    issuer: Issuer
    store: Store
    copy: Copy
    keys: OwnKeys
    authenticating: Authenticating
    windows: Windows
    failures: Windows
    uses: Uses
    clock: Clock
    api_keys: OwnApiKeys
    pepper: bytes = field(repr=False)

    async def find(self, text: str) -> Presented:
        """Return what a token is, with what it rests on now."""
        issuer = self.issuer
        digest = opaque_digest(Kind.REFRESH_TOKEN, self.pepper, Secret(text))
        if digest is not None:
            return await self.store.refresh_facts(issuer.name, digest)
        found = read_access_token(issuer, await self.keys.keys(), text, self.clock())
        if found is None:
            return None
        if found.grant_id is not None:
            reading = self.store.standing(issuer.name, found.grant_id)
            standing, taken_back = await asyncio.gather(reading, self.is_taken_back(found))
            return AccessFacts(found, standing, None, taken_back)
        of_client = self.store.client_facts(issuer.name, found.client_id)
        client, taken_back = await asyncio.gather(of_client, self.is_taken_back(found))
        return AccessFacts(found, None, client, taken_back)

    async def is_taken_back(self, token: AccessToken) -> bool:
        """Whether guards refuse an access token for what it names, as `Store.is_taken_back` has it."""
        rests_on = (token.client_id, token.subject, token.organisation, token.issued_at)
        return await self.store.is_taken_back(self.issuer.name, *rests_on)


def shows_tokens(issuer: Issuer) -> bool:
    """Whether an issuer has these endpoints: where users give something, which can be taken back."""
    return issuer.provider.authorize_path is not None


def has_public_clients(issuer: Issuer) -> bool:
    """Whether programs without a secret may be clients of an issuer (RFC 9700 §2.2.2: static tokens are not theirs)."""
    return issuer.provider.authorize_path is not None and issuer.provider.refresh is not Refresh.STATIC


class ShownToken:
    """One of the two endpoints: what they have in common. `decide` says what becomes of the token."""

    quota: Quota

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def __call__(self, call: Call, receive: Receive, send: Send) -> None:
        """Answer one request."""
        call.issuer = self._tools.issuer.name
        said = await self._say(call, receive) if call.scope["method"] == "POST" else _NOT_POST
        if isinstance(said, Granted):
            await call.reply(said.answer, send)
            return
        call.refused = said
        reply = speak(self._tools.issuer.provider, said, realm=self._tools.issuer.url)
        if said is _NOT_POST:
            reply = replace(reply, headers=(*reply.headers, ("allow", "POST")))
        await call.reply(reply, send)

    async def _say(self, call: Call, receive: Receive) -> Granted[Reply] | Refused:
        tools = self._tools
        try:
            request = await read_request(tools.issuer.provider, call, receive, read_shown_token)
        except WireError as error:
            return Refused(error.code, error.description, error.status, reason=error.description)
        outcome = await tools.authenticating.who(request, call.address, tools.clock())
        if isinstance(outcome, Refused):
            return outcome
        client = outcome.facts.client
        call.client_id = client.id
        exceeded = self._count(outcome, call.address)
        if exceeded is not None:
            return refuse_exceeded(tools.issuer.provider, exceeded)
        if outcome.secret is not None:
            tools.uses.note(tools.issuer.name, client.id, outcome.secret.id, tools.clock(), call.address)
        return await self._decided(call, outcome, request.parameters["token"])

    def _count(self, authenticated: Authenticated, address: str) -> Exceeded | None:
        """Count a request of a client that proved who it is, however it asks.

        Anybody can use a public client's id, and would use up its quota for all others: each address has its own.
        """
        tools = self._tools
        key = (tools.issuer.name, type(self).__name__, authenticated.facts.client.id)
        if authenticated.secret is not None:
            return tools.windows.take(key, self.quota, tools.clock())
        return tools.failures.take((*key, bucket_address(address)), self.quota, tools.clock())

    async def _decided(self, call: Call, authenticated: Authenticated, token: str) -> Granted[Reply] | Refused:
        async def load() -> Presented:
            return await self._tools.find(token)

        def decide(presented: Presented) -> Granted[Reply] | Refused:
            return self.decide(authenticated, presented)

        return await act(self._tools.store, load, decide, by_client(call, self._tools.issuer, authenticated))

    def decide(self, authenticated: Authenticated, presented: Presented) -> Granted[Reply] | Refused:
        """Return the reply, with what makes it true."""
        raise NotImplementedError


class Revoking(ShownToken):
    """The revocation endpoint of one issuer."""

    quota = REVOCATIONS_QUOTA

    def decide(self, authenticated: Authenticated, presented: Presented) -> Granted[Reply] | Refused:
        """RFC 7009 §2.2: 200 and nothing more. The reply leaves once the end is in the database, never before."""
        said = revoke(self._tools.issuer, authenticated, presented, now=self._tools.clock())
        return said if isinstance(said, Refused) else Granted(Reply(200, NEVER_STORED, b""), said.changes)


class Introspecting(ShownToken):
    """The introspection endpoint of one issuer."""

    quota = QUESTIONS_QUOTA

    def decide(self, authenticated: Authenticated, presented: Presented) -> Granted[Reply] | Refused:
        """RFC 7662 §2.2: what the token says, or that it is not active."""
        said = introspect(self._tools.issuer, authenticated, presented, now=self._tools.clock())
        return said if isinstance(said, Refused) else Granted(json_reply(said.answer))

    async def _decided(self, call: Call, authenticated: Authenticated, token: str) -> Granted[Reply] | Refused:
        """J7: an API key is told of to an API that takes them and says so; to all others it is no token at all."""
        client = authenticated.facts.client
        if authenticated.secret is None or API_KEYS not in client.scopes or not is_api_key(token):
            return await super()._decided(call, authenticated, token)
        return Granted(json_reply(await self._tools.api_keys.ask(token) or INACTIVE))


def json_reply(members: Mapping[str, object]) -> Reply:
    """Return a JSON object that nobody may keep."""
    body = json.dumps(dict(members), separators=(",", ":")).encode("ascii")
    return Reply(200, (("content-type", "application/json"), *NEVER_STORED), body)

"""`<issuer>/revocations`: what ended before its tokens did, for the guards."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from portvakt.guard.revocations import RevocationPage, Revoked
from portvakt.model.decision import INSUFFICIENT_SCOPE, INVALID_REQUEST, INVALID_TOKEN, Granted, Refused
from portvakt.model.message import TokenRequest
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.values import ClientId, Secret
from portvakt.protocol.answer.presented import read_access_token
from portvakt.protocol.live import why_client_is_dead
from portvakt.protocol.own_scopes import REVOCATIONS
from portvakt.providers.speak import refuse_exceeded, refuse_secret, speak
from portvakt.server.authenticating import count_bad_bearer
from portvakt.server.shown_tokens import json_reply
from portvakt.store.behalf_reads import FIRST_REVOCATION
from portvakt.wire.basic import authorization_scheme, parse_basic
from portvakt.wire.errors import WireError
from portvakt.wire.www_authenticate import bearer_challenge, parse_bearer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portvakt.model.behalf import Revocation
    from portvakt.model.message import Reply
    from portvakt.model.nouns import ClientFacts, Issuer
    from portvakt.server.call import Call, Receive, Send
    from portvakt.server.shown_tokens import Tools
    from portvakt.store import Store

PATH = "/revocations"
PAGE = 1000
"""How many are told at once, or a few more."""

_CURSOR = re.compile(r"[0-9]{1,18}(?:-[0-9a-f]{16})?")
_NOT_GET = Refused(INVALID_REQUEST, "This list is read with GET.", 405)
_NO_CURSOR = Refused(INVALID_REQUEST, "after is not a cursor of this list.")
_MISSING_SCOPE = Refused(INSUFFICIENT_SCOPE, f"This needs the scope {REVOCATIONS}.", 403)
_BAD_TOKEN = Refused(INVALID_TOKEN, "The access token is missing, expired or not valid here.", 401)


class OwnRevocations:
    """The list of an issuer in this same process.

    A cursor says the number of the last that was told and, by a digest, what it was. A database that was restored from
    a backup gives the same numbers again, to other things: who comes with a cursor that does not fit what is there
    begins at the first, also where the last was only cleaned away.
    """

    def __init__(self, issuer: Issuer, store: Store) -> None:
        self._issuer = issuer
        self._store = store

    async def after(self, cursor: str | None) -> RevocationPage:
        """Return what was taken back since a cursor that was given, oldest first."""
        name, revocations = self._issuer.name, self._store.revocations
        number = int((cursor or "").partition("-")[0] or FIRST_REVOCATION)
        if number and cursor != _cursor((await revocations(name, number - 1, 1))[1]):
            number, cursor = FIRST_REVOCATION, None
        _, found = await revocations(name, number, PAGE)
        return RevocationPage(_cursor(found) if found else cursor or str(FIRST_REVOCATION), tuple(map(_told, found)))


class RevocationList:
    """Answers with the list: to a client by its secret, or by an access token of its own, that has the scope."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._list = OwnRevocations(tools.issuer, tools.store)

    async def __call__(self, call: Call, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        call.issuer = self._tools.issuer.name
        said = await self._say(call) if call.scope["method"] in {"GET", "HEAD"} else _NOT_GET
        if isinstance(said, Refused):
            call.refused = said
            await call.reply(self._refusal(said), send)
        else:
            await call.reply(said.answer, send)

    async def _say(self, call: Call) -> Granted[Reply] | Refused:
        client = await self._who(call)
        if isinstance(client, Refused):
            return client
        call.client_id = client.client.id
        if REVOCATIONS not in client.client.scopes:
            return _MISSING_SCOPE
        query = parse_qs(call.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        asked = query.get("after", [])
        if len(asked) > 1 or not all(_CURSOR.fullmatch(cursor) for cursor in asked):
            return _NO_CURSOR
        page = await self._list.after(asked[0] if asked else None)
        return Granted(json_reply({"cursor": page.cursor, "revocations": [_shown(each) for each in page.revocations]}))

    async def _who(self, call: Call) -> ClientFacts | Refused:
        sent = [value for name, value in call.scope["headers"] if name == b"authorization"]
        try:
            if len(sent) == 1 and authorization_scheme(sent[0]) == b"basic":
                return await self._by_secret(call, *parse_basic(sent[0]))
            token = parse_bearer(sent)
        except WireError as error:
            return Refused(error.code, error.description, error.status, reason=error.description)
        if token is None:
            return refuse_secret(self._tools.issuer.provider, "neither a secret nor a token was sent")
        client = await self._by_token(token)
        if isinstance(client, Refused) and client.code == INVALID_TOKEN:
            tools = self._tools
            exceeded = count_bad_bearer(tools.failures, tools.issuer.name, call.address, tools.clock())
            return client if exceeded is None else refuse_exceeded(tools.issuer.provider, exceeded)
        return client

    async def _by_secret(self, call: Call, client_id: str, secret: str) -> ClientFacts | Refused:
        tools = self._tools
        request = TokenRequest(
            grant_type="",
            client_id=ClientId(client_id),
            client_secret=Secret(secret) if secret else None,
            method=ClientAuthentication.BASIC,
            parameters={},
        )
        outcome = await tools.authenticating.who(request, call.address, tools.clock())
        if isinstance(outcome, Refused):
            return outcome
        if outcome.secret is None:
            return refuse_secret(tools.issuer.provider, "a public client asks for the list")
        client_id, secret_id = outcome.facts.client.id, outcome.secret.id
        tools.uses.note(tools.issuer.name, client_id, secret_id, tools.clock(), call.address)
        return outcome.facts

    async def _by_token(self, text: str) -> ClientFacts | Refused:
        """A token that a user granted does not do: what the guards know is no user's to give."""
        tools = self._tools
        token = read_access_token(tools.issuer, await tools.keys.keys(), text, tools.clock())
        if token is None or token.grant_id is not None:
            return _BAD_TOKEN
        facts = await tools.store.client_facts(tools.issuer.name, token.client_id)
        if facts is None or why_client_is_dead(facts) or await tools.is_taken_back(token):
            return _BAD_TOKEN
        return facts if REVOCATIONS in str(token.claims.get("scope", "")).split(" ") else _MISSING_SCOPE

    def _refusal(self, said: Refused) -> Reply:
        reply = speak(self._tools.issuer.provider, said, realm=self._tools.issuer.url)
        if said is _NOT_GET:
            return replace(reply, headers=(*reply.headers, ("allow", "GET, HEAD")))
        if said.code in {INVALID_TOKEN, INSUFFICIENT_SCOPE}:  # RFC 6750 §3.1
            scope = REVOCATIONS if said.code == INSUFFICIENT_SCOPE else None
            kept = [header for header in reply.headers if header[0] != "www-authenticate"]
            challenge = bearer_challenge(error=said.code, scope=scope)
            return replace(reply, headers=(*kept, ("www-authenticate", challenge)))
        return reply


def _told(revocation: Revocation) -> Revoked:
    return Revoked(revocation.kind, revocation.id, revocation.until, revocation.before)


def _shown(told: Revoked) -> dict[str, str | int]:
    entry: dict[str, str | int] = {"kind": told.kind, "id": told.id, "until": told.until}
    return entry if told.before is None else {**entry, "before": told.before}


def _cursor(found: Sequence[Revocation]) -> str:
    """Return the cursor of who was told these, of which all that share the last one's number are here."""
    if not found:
        return ""
    number = found[-1].sequence
    last = [(each.kind, each.id, each.until, each.before) for each in found if each.sequence == number]
    return f"{number}-{sha256(json.dumps(last).encode()).hexdigest()[:16]}"

"""Who asks the administration's API: an access token of an issuer of this installation, and whom it acts for now.

Roles and memberships are read from the store at each request: what a token says of them is not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from portvakt.jose.base64url import decode
from portvakt.jose.strict_json import read_object
from portvakt.model.audit import ActorKind, By
from portvakt.model.decision import INSUFFICIENT_SCOPE, INVALID_REQUEST, INVALID_TOKEN, Refused
from portvakt.model.values import GrantId, Seconds
from portvakt.protocol.admit.claims import Rules
from portvakt.protocol.admit.verdict import admit
from portvakt.protocol.admit.verified import Verified
from portvakt.protocol.govern.actor import Actor, actor_for, actor_of
from portvakt.protocol.live import is_live, why_client_is_dead
from portvakt.protocol.own_scopes import MANAGE
from portvakt.server.refusal import Refusal
from portvakt.wire.errors import WireError
from portvakt.wire.www_authenticate import parse_bearer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.model.nouns import ClientFacts, Issuer, User
    from portvakt.model.values import Instant
    from portvakt.server.call import Call
    from portvakt.server.own_keys import OwnKeys
    from portvakt.store import Store

NO_TOKEN = Refused("unauthorized", "This needs an access token: Authorization: Bearer.", 401, reason="no token")
_BAD = Refused(INVALID_TOKEN, "The access token is expired, revoked or not for the administration.", 401)


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Somebody who asks. `issuer`: whose token it is. `client`: the program that shows it.

    `user`: the user whom it acts for, or whose its client is: a client that it makes is theirs.
    """

    actor: Actor
    by: By
    issuer: Issuer
    client: ClientFacts
    user: User
    scopes: frozenset[str]


class Doorkeeper:
    """Takes the tokens of the installation's own issuer, and of every other issuer for what is that issuer's."""

    def __init__(self, own: Issuer, keys: Mapping[str, tuple[Issuer, OwnKeys]], store: Store) -> None:
        """`keys`: the issuers and their keys by URL."""
        self._own = own
        self._keys = keys
        self._store = store

    async def who(self, call: Call, now: Instant) -> Who:
        """Say who asks. Raises: Refusal (400, 401)."""
        sent = [value for name, value in call.scope["headers"] if name == b"authorization"]
        try:
            token = parse_bearer(sent)
        except WireError as error:
            raise Refusal(Refused(INVALID_REQUEST, error.description, error.status)) from None
        if token is None:
            raise Refusal(NO_TOKEN)
        issuer, verified = await self._verified(token, now)
        call.issuer, call.client_id = issuer.name, verified.client_id
        if verified.grant_id is None:
            return await self._client(call, issuer, verified)
        return await self._user(call, issuer, verified, GrantId(verified.grant_id))

    async def _verified(self, token: str, now: Instant) -> tuple[Issuer, Verified]:
        found = self._keys.get(_says_issuer(token))
        if found is None:
            raise _refusal("no issuer of this installation")
        issuer, keys = found
        rules = Rules(issuer=issuer.url, audience=self._own.audience, provider=issuer.provider, leeway=Seconds(0))
        verdict = admit(token, rules=rules, keys=await keys.keys(), now=now)
        if not isinstance(verdict, Verified):
            raise _refusal((verdict if isinstance(verdict, Refused) else verdict.refused).reason)
        rests_on = (verdict.client_id, verdict.subject, verdict.organisation_number, verdict.issued_at)
        if await self._store.is_taken_back(issuer.name, *rests_on):  # as guards have it: what began again gets new ones
            raise _refusal("what it rests on had ended")
        return issuer, verdict

    async def _client(self, call: Call, issuer: Issuer, verified: Verified) -> Who:
        """A client that acts for itself may do what its owner may, or administer the organisation that it is of."""
        facts = await self._store.client_facts(issuer.name, verified.client_id)
        if facts is None or why_client_is_dead(facts):
            raise _refusal(why_client_is_dead(facts))
        of = facts.client.organisation
        actor = await self._actor(issuer, facts.owner) if of is None else actor_for(issuer.name, of)
        return Who(
            actor=actor,
            by=_by(call, ActorKind.CLIENT, issuer, facts.client.id),
            issuer=issuer,
            client=facts,
            user=facts.owner,
            scopes=verified.scopes & set(facts.client.scopes),
        )

    async def _user(self, call: Call, issuer: Issuer, verified: Verified, grant_id: GrantId) -> Who:
        """A client that acts for a user may do what that user may, for the organisation that the grant is for."""
        standing = await self._store.standing(issuer.name, grant_id)
        if standing is None or not is_live(standing) or standing.client.client.id != verified.client_id:
            raise _refusal("the grant has ended")
        actor = await self._actor(issuer, standing.user)
        if standing.grant.organisation is not None:
            actor = replace(actor, administers=actor.administers & {standing.grant.organisation})
        return Who(
            actor=actor,
            by=_by(call, ActorKind.USER, issuer, standing.user.id),
            issuer=issuer,
            client=standing.client,
            user=standing.user,
            scopes=verified.scopes & set(standing.client.client.scopes),
        )

    async def _actor(self, issuer: Issuer, user: User) -> Actor:
        return actor_of(user, self._own.name, await self._store.administered(issuer.name, user.id))


def check_scope(who: Who, scope: str) -> None:
    """Raises: Refusal (403), unless the token has the scope: who may manage may read."""
    if not who.scopes & {MANAGE, scope}:
        raise Refusal(Refused(INSUFFICIENT_SCOPE, f"This needs the scope {scope}.", 403))


def _says_issuer(token: str) -> str:
    """Return whose token it says that it is: which keys to try. Nothing of it is proven."""
    try:
        _, claims, _ = token.split(".")
        return str(read_object(decode(claims.encode("ascii"))).get("iss"))
    except ValueError:
        return ""


def _by(call: Call, kind: ActorKind, issuer: Issuer, who: str) -> By:
    return By(kind=kind, issuer=issuer.name, id=who, address=call.address, request_id=call.reference)


def _refusal(reason: str) -> Refusal:
    return Refusal(replace(_BAD, reason=reason))

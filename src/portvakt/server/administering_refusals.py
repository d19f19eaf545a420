"""Why requests were refused, for those whose clients sent them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from portvakt.model.values import ClientId
from portvakt.protocol.govern.actor import AT_THE_COMMAND_LINE, may_client, may_everything, not_found
from portvakt.protocol.govern.explain import Explanation, explain
from portvakt.server.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portvakt.model.audit import RefusedRequest
    from portvakt.model.nouns import Client, Issuer
    from portvakt.model.values import Instant
    from portvakt.protocol.govern.actor import Actor
    from portvakt.protocol.govern.explain import Language
    from portvakt.store import Store


@dataclass(frozen=True, slots=True)
class Explained:
    """A refused request, and why it was refused."""

    refused: RefusedRequest
    explanation: Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """The refused requests of one issuer's clients, as far as `actor` may see them.

    `others`: the installation's other issuers, one of whose the client may be that was refused here. Methods may raise
    Refusal (404: there is none, or it is not theirs) and StoreUnavailable.
    """

    issuer: Issuer
    store: Store
    actor: Actor = AT_THE_COMMAND_LINE
    others: Sequence[Issuer] = ()

    async def explain(self, reference: str, language: Language = "en") -> Explained:
        """Explain the refusal of that reference, as the reply's `Portvakt-Reference` said it.

        An operator is told of every issuer's, others of those that named a client of theirs at this issuer, also where
        it was another that refused it.
        """
        refused = await self.store.refusal(reference)
        if refused is None:
            raise Refusal(not_found("refusal"))
        issuers = {each.name: each for each in (*self.others, self.issuer)}
        issuer = issuers.get(refused.issuer)
        named = refused.hints.get("issuer")
        elsewhere = next((each for each in issuers.values() if each.name == named), None)
        whose = issuer if named is None else elsewhere
        client = None
        if whose is not None and refused.client_id is not None:
            facts = await self.store.client_facts(whose.name, refused.client_id)
            client = None if facts is None else facts.client
        if issuer is None or not self._may(client, refused):
            raise Refusal(not_found("refusal"))
        why = explain(refused, issuer, client, spell=rfc3339, elsewhere=elsewhere, language=language)
        return Explained(refused, why)

    async def page(
        self, client_id: str, *, before: int | None = None, limit: int = 100
    ) -> tuple[int | None, list[RefusedRequest]]:
        """Return a client's refused requests before the one of that number, newest first, and the next `before`."""
        facts = await self.store.client_facts(self.issuer.name, ClientId(client_id))
        if facts is None or not may_client(self.actor, facts.client):
            raise Refusal(not_found("client"))
        found = await self.store.refusals(self.issuer.name, facts.client.id, before, limit + 1)
        following = found[limit - 1][0] if len(found) > limit else None
        return following, [refused for _, refused in found[:limit]]

    def _may(self, client: Client | None, refused: RefusedRequest) -> bool:
        if client is None:
            return may_everything(self.actor, refused.issuer)
        return may_client(self.actor, client)


def rfc3339(moment: Instant) -> str:
    """Write a moment as 2026-11-22T16:00:00Z."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def described(refused: RefusedRequest) -> dict[str, object]:
    """Return a refused request as it is written in JSON. `at` is RFC 3339 in UTC."""
    return {
        "reference": refused.reference,
        "issuer": refused.issuer,
        "at": rfc3339(refused.at),
        "client_id": refused.client_id,
        "method": refused.method,
        "path": refused.path,
        "address": refused.address,
        "status": refused.status,
        "code": refused.code,
        "reason": refused.reason,
        "near": refused.near,
        "hints": {name: list(value) if isinstance(value, tuple) else value for name, value in refused.hints.items()},
    }

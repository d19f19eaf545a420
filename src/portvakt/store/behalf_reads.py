"""What the store tells of sessions, grants, codes and tokens. A digest or id that no row can have is not asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portvakt.model.behalf import ApiKey, Grant, Password, Revocation, Session, Transaction
from portvakt.model.nouns import Organisation
from portvakt.store import behalf_queries as queries
from portvakt.store import behalf_rows as rows
from portvakt.store.asking import Asking
from portvakt.store.checks import is_digest, is_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import RowMapping, Select

    from portvakt.model.behalf import ApiKeyFacts, CodeFacts, RefreshFacts, SessionFacts, Standing
    from portvakt.model.values import (
        ApiKeyId,
        ClientId,
        GrantId,
        Instant,
        IssuerName,
        OrganisationNumber,
        SessionId,
        TransactionId,
        UserId,
    )

FIRST_REVOCATION = 0
"""The cursor of a reader that has seen no revocation."""


class BehalfReads(Asking):
    """The reads of acting on a user's behalf. Each may raise StoreUnavailable."""

    async def code_facts(self, issuer: IssuerName, digest: bytes) -> CodeFacts | None:
        """A code, redeemed or not, with all that a decision about it needs, as of one moment."""
        return rows.code_facts_from(await self._with_digest("read a code", queries.CODE_FACTS, issuer, digest))

    async def refresh_facts(self, issuer: IssuerName, digest: bytes) -> RefreshFacts | None:
        """A refresh token, redeemed or not, with all that a decision about it needs, as of one moment."""
        read = queries.REFRESH_FACTS
        return rows.refresh_facts_from(await self._with_digest("read a refresh token", read, issuer, digest))

    async def standing(self, issuer: IssuerName, grant_id: GrantId) -> Standing | None:
        """A grant, revoked or not, and what it rests on, as of one moment."""
        found = await self._by_id("read a grant", queries.ONE_STANDING, issuer, grant_id)
        return rows.standing_from(found) if found else None

    async def session(self, issuer: IssuerName, digest: bytes) -> SessionFacts | None:
        """The session of a cookie, ended or not, with its user and their organisations."""
        return rows.session_facts_from(await self._with_digest("read a session", queries.SESSION_FACTS, issuer, digest))

    async def sessions_of(self, issuer: IssuerName, user_id: UserId) -> tuple[Session, ...]:
        """The sessions of a user, oldest first; those that ended too, until they are deleted."""
        found = await self._by_id("list sessions", queries.SESSIONS_OF_USER, issuer, user_id)
        return tuple(rows.noun_from(Session, row) for row in found)

    async def transaction(self, issuer: IssuerName, transaction_id: TransactionId) -> Transaction | None:
        """A transaction, answered or not."""
        found = await self._by_id("read a transaction", queries.ONE_TRANSACTION, issuer, transaction_id)
        return rows.noun_from(Transaction, found[0]) if found else None

    async def pending(self, issuer: IssuerName, session_id: SessionId, now: Instant) -> int:
        """How many transactions of a session wait for an answer and have not expired."""
        found = await self._by_id("count transactions", queries.PENDING, issuer, session_id, now=now)
        return int(found[0]["pending"]) if found else 0

    async def password(self, issuer: IssuerName, user_id: UserId) -> Password | None:
        """A user's password hash; None if there is none."""
        found = await self._by_id("read a password", queries.ONE_PASSWORD, issuer, user_id)
        return rows.noun_from(Password, found[0]) if found else None

    async def organisation(self, issuer: IssuerName, number: OrganisationNumber) -> Organisation | None:
        """An organisation by number."""
        found = await self._by_id("read an organisation", queries.ONE_ORGANISATION, issuer, number)
        return rows.noun_from(Organisation, found[0]) if found else None

    async def memberships(self, issuer: IssuerName, user_id: UserId) -> tuple[Organisation, ...]:
        """The organisations that a user belongs to, by number; the disabled ones too."""
        found = await self._by_id("list memberships", queries.ORGANISATIONS_OF_USER, issuer, user_id)
        return tuple(rows.noun_from(Organisation, row) for row in found)

    async def grants_of_user(self, issuer: IssuerName, user_id: UserId) -> tuple[Grant, ...]:
        """The grants of a user that were not revoked, oldest first."""
        found = await self._by_id("list grants", queries.GRANTS_OF_USER, issuer, user_id)
        return tuple(rows.noun_from(Grant, row) for row in found)

    async def grants_between(
        self, issuer: IssuerName, user_id: UserId, client_id: ClientId, organisation: OrganisationNumber | None
    ) -> tuple[Grant, ...]:
        """The grants of a user to a client that were not revoked, oldest first.

        `organisation` None: those for no organisation.
        """
        if not is_id(client_id) or not (organisation is None or is_id(organisation)):
            return ()
        found = await self._by_id(
            "list grants", queries.GRANTS_BETWEEN, issuer, user_id, client_id=client_id, organisation=organisation
        )
        return tuple(rows.noun_from(Grant, row) for row in found)

    async def last_uses(self, issuer: IssuerName, user_id: UserId) -> dict[GrantId, Instant]:
        """When a refresh token of each of a user's grants was last used; nothing of the grants where none was."""
        found = await self._by_id("read last uses", queries.LAST_USES, issuer, user_id)
        return {row["id"]: row["last_used_at"] for row in found}

    async def api_key(self, issuer: IssuerName, key_id: ApiKeyId) -> ApiKeyFacts | None:
        """An API key, ended or not, with all that tells whether it is live, as of one moment."""
        return rows.api_key_facts_from(await self._by_id("read an API key", queries.API_KEY_FACTS, issuer, key_id))

    async def api_keys_of(self, issuer: IssuerName, user_id: UserId) -> tuple[ApiKey, ...]:
        """All API keys of a user, oldest first."""
        found = await self._by_id("list API keys", queries.API_KEYS_OF_USER, issuer, user_id)
        return tuple(rows.noun_from(ApiKey, row) for row in found)

    async def revocations(self, issuer: IssuerName, after: int, limit: int) -> tuple[int, list[Revocation]]:
        """What was revoked since a cursor was given, oldest first, and the next cursor.

        The first cursor is `FIRST_REVOCATION`. Some `limit` (at least 1) are told at once, more where a set of
        changes held several. Nothing that is committed later stands behind a cursor that was given.
        """
        if limit < 1:
            raise ValueError("a page has at least 1 revocation")
        read = queries.REVOCATIONS_AFTER
        if not is_id(issuer) or not -queries.MOST <= after <= queries.MOST:
            return after, []
        found = await self._read("list revocations", read, issuer=issuer, after=after, others=limit - 1)
        revocations = [rows.noun_from(Revocation, row) for row in found]
        return (revocations[-1].sequence if revocations else after), revocations

    async def is_taken_back(
        self, issuer: IssuerName, client_id: ClientId, subject: str, organisation: str | None, issued_at: Instant
    ) -> bool:
        """Whether a token's client, user or organisation has ended, or had since it was issued and began again."""
        named: dict[str, str | None] = {"client_id": client_id, "subject": subject, "organisation": organisation}
        read = queries.TAKEN_BACK
        return bool(await self._read("read revocations", read, issuer=issuer, issued_at=issued_at, **named))

    async def _with_digest(
        self, doing: str, query: Select[Any], issuer: IssuerName, digest: bytes
    ) -> Sequence[RowMapping]:
        if not (is_id(issuer) and is_digest(digest)):
            return ()
        return await self._read(doing, query, issuer=issuer, digest=digest)

    async def _by_id(
        self, doing: str, query: Select[Any], issuer: IssuerName, key: str, **more: str | int | None
    ) -> Sequence[RowMapping]:
        if not (is_id(issuer) and is_id(key)):
            return ()
        return await self._read(doing, query, issuer=issuer, id=key, **more)

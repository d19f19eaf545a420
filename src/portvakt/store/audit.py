"""The audit log and the refused requests: what the store tells of them, and how requests get in. Events are changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, bindparam, select

from portvakt.store.asking import Asking
from portvakt.store.audit_rows import entry_from, refusal_from, row_of_refusal
from portvakt.store.checks import is_id, is_text
from portvakt.store.schema import AUDIT, REFUSALS
from portvakt.store.statements import ISSUER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Column, Connection, RowMapping, Select

    from portvakt.model.audit import Act, Entry, RefusedRequest
    from portvakt.model.values import ClientId, Instant, IssuerName, OrganisationNumber, UserId

LOOKED_AT = 500
"""Lines that one question looks at, at most, where filters beside the one that has an index leave most of them out."""

NEWEST = 2**63 - 1
_LIMIT = bindparam("limit", type_=Integer)

# By name, in the order of choice: the first that is given chooses the index, since it is likely to leave the fewest.
INDEXED: Mapping[str, Column[Any]] = {
    "client": AUDIT.c.client,
    "user": AUDIT.c.user_id,
    "actor": AUDIT.c.actor_id,
    "organisation": AUDIT.c.organisation,
    "act": AUDIT.c.act,
}


def page_of_log(chosen: str | None) -> Select[Any]:
    """The lines before `before`, newest first: all of an issuer's, or those where one column has the value `chosen`."""
    mine = () if chosen is None else (INDEXED[chosen] == bindparam("chosen"),)
    lines = select(AUDIT).where(AUDIT.c.issuer == ISSUER, *mine, AUDIT.c.number < bindparam("before"))
    return lines.order_by(AUDIT.c.number.desc()).limit(_LIMIT)


PAGES_OF_LOG: Mapping[str | None, Select[Any]] = {chosen: page_of_log(chosen) for chosen in (None, *INDEXED)}

# In no order: for it PostgreSQL would walk all refusals from the newest. A reference is one request's, or nearly so.
ONE_REFUSAL = select(REFUSALS).where(REFUSALS.c.reference == bindparam("reference"))

PAGE_OF_REFUSALS = (
    select(REFUSALS)
    .where(
        REFUSALS.c.issuer == ISSUER,
        REFUSALS.c.client_id == bindparam("client_id"),
        REFUSALS.c.number < bindparam("before"),
    )
    .order_by(REFUSALS.c.number.desc())
    .limit(_LIMIT)
)


@dataclass(frozen=True, slots=True)
class _Sieve:
    """The filters that have no index to themselves. `of`: columns that have a value."""

    of: Mapping[str, str]
    since: Instant | None
    until: Instant | None

    @property
    def holds_back(self) -> bool:
        return bool(self.of) or self.since is not None or self.until is not None

    def passes(self, row: RowMapping) -> bool:
        late_enough = self.since is None or row["at"] >= self.since
        early_enough = self.until is None or row["at"] < self.until
        return late_enough and early_enough and all(row[name] == value for name, value in self.of.items())


class Audit(Asking):
    """What happened, and what was refused. Each may raise StoreUnavailable."""

    async def audit(  # noqa: PLR0913 - one for each filter, and each is named by whoever gives it
        self,
        issuer: IssuerName,
        *,
        before: int | None,
        limit: int,
        client: ClientId | None = None,
        user: UserId | None = None,
        organisation: OrganisationNumber | None = None,
        actor: str | None = None,
        act: Act | None = None,
        since: Instant | None = None,
        until: Instant | None = None,
    ) -> tuple[int | None, list[Entry]]:
        """Lines of the log before the one of that number (None: from the newest), newest first; and the next `before`.

        At most `limit` (at least 1), of those that are of that client, user and organisation, done by that actor (its
        id), of that act, at or after `since` and before `until`. There may be fewer, or none, although more follow:
        a question looks at `LOOKED_AT` lines where one filter cannot choose them all. The next `before` is None
        where nothing follows.
        """
        if limit < 1:
            raise ValueError("a page has at least 1 line")
        filters = {"client": client, "user": user, "actor": actor, "organisation": organisation, "act": act}
        given = {name: value for name, value in filters.items() if value is not None}
        if not is_id(issuer) or not all(is_text(value) for value in given.values()):
            return None, []
        chosen = next(iter(given), None)
        asked: dict[str, str | int] = {"before": NEWEST if before is None else min(before, NEWEST)}
        if chosen is not None:
            asked["chosen"] = given.pop(chosen)
        sieve = _Sieve({INDEXED[name].name: value for name, value in given.items()}, since, until)
        looked_at = max(LOOKED_AT, limit) if sieve.holds_back else limit
        # One more than is looked at tells whether something follows.
        parameters = {"issuer": issuer, "limit": looked_at + 1, **asked}
        found = await self._read("read the audit log", PAGES_OF_LOG[chosen], **parameters)
        passing = [row for row in found[:looked_at] if sieve.passes(row)]
        following = found[looked_at - 1]["number"] if len(found) > looked_at else None
        if len(passing) > limit:
            following = passing[limit - 1]["number"]
        return following, [entry_from(row) for row in passing[:limit]]

    async def record_refusals(self, refusals: Sequence[RefusedRequest]) -> None:
        """Write refused requests, all in one transaction. It is no change: the revision stays."""
        written = [row_of_refusal(each) for each in refusals]

        def work(connection: Connection) -> None:
            connection.execute(REFUSALS.insert(), written)

        if written:
            await self._patiently("record refusals", self._database.write(work))

    async def refusal(self, reference: str) -> RefusedRequest | None:
        """A refused request by its reference, of whatever issuer; None if it is kept no more."""
        if not is_id(reference):
            return None
        found = await self._read("read a refusal", ONE_REFUSAL, reference=reference)
        return refusal_from(max(found, key=lambda row: row["number"])) if found else None

    async def refusals(
        self, issuer: IssuerName, client_id: ClientId, before: int | None, limit: int
    ) -> list[tuple[int, RefusedRequest]]:
        """The refused requests of a client with their numbers, newest first, `limit` (at least 1) at most.

        Those before the one of that number; None: from the newest.
        """
        if limit < 1:
            raise ValueError("a page has at least 1 refusal")
        if not (is_id(issuer) and is_id(client_id)):
            return []
        past = NEWEST if before is None else min(before, NEWEST)
        read = PAGE_OF_REFUSALS
        found = await self._read("list refusals", read, issuer=issuer, client_id=client_id, before=past, limit=limit)
        return [(row["number"], refusal_from(row)) for row in found]

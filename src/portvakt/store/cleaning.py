"""Deleting what no decision needs any more, a small batch at a time.

What goes, and why nothing misses it:

- transactions, once they have expired: an unknown one is answered as an expired one is;
- sessions, once they have expired and have no transaction left: likewise. One that was ended early stays until then;
- codes, a day after they expired: until then one that is used twice is known for what it is, redeemed or not. A
  day, and not the whole life of what the code gave: by then two who hold one code have both tried;
- what a repeat of a refresh may get, once the longest window has passed: it must not be there to be stolen;
- refresh tokens, a day after their own end, or the end of their family or grant. Until then a redeemed one is known
  as a replay. A parent stays as long as its successor may be redeemed: that is when its re-issue is forgotten;
- families without a token, and revoked grants without a code or a family, a day after they were revoked;
- grants that nothing but a list holds: all that came from them has ended, and a newer one says the same. Whoever
  authorizes again every hour so leaves one, and not 24 a day;
- invitations, once they have expired: an unknown one is answered as an expired one is;
- revocations, a day after the last access token that they refuse ended: guards whose clocks differ have all let go;
- refused requests, a week after they were, and whatever more of them there is than the newest `MOST_REFUSALS`.

Never: grants that say something no newer one says (consent is remembered), API keys, users, clients, organisations,
and the audit log.
A day is also the longest life of an access token, so a grant outlives each of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, bindparam, exists, or_, select, tuple_

from portvakt.store.invitations import INVITATIONS
from portvakt.store.schema import (
    CODES,
    FAMILIES,
    GRANTS,
    REFRESH_TOKENS,
    REFUSALS,
    REVOCATIONS,
    SESSIONS,
    TRANSACTIONS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Column, ColumnElement, Connection, FromClause, Row, Select, Table

    from portvakt.model.values import Instant, IssuerName

SMALLEST_BATCH: Final = 2  # a family goes in the batch of its last token
LARGEST_BATCH: Final = 500
KEPT_FOR: Final = 86_400
"""Seconds for which what has ended is still known."""

LONGEST_REISSUE: Final = 60
"""Seconds for which a provider may let the same refresh have the same answer, at most."""

REFUSALS_KEPT_FOR: Final = 7 * 86_400
MOST_REFUSALS: Final = 100_000
"""Of all issuers together: whoever is refused without end fills no disk."""

Keys = set[tuple[str, str]]


def clean(connection: Connection, issuer: IssuerName | None, now: Instant, limit: int) -> int:
    """Delete at most `limit` rows (2 or more), and say how many; 0 only if nothing is due."""
    batch = _Batch(connection, issuer, limit)
    ended = now - KEPT_FOR
    batch.delete(TRANSACTIONS, batch.past(TRANSACTIONS.c.expires_at, now))
    batch.delete(SESSIONS, batch.past(SESSIONS.c.expires_at, now, _has_no(TRANSACTIONS, SESSIONS)))
    batch.delete(INVITATIONS, batch.past(INVITATIONS.c.expires_at, now))
    batch.delete(REVOCATIONS, batch.past(REVOCATIONS.c.until, ended))
    batch.delete(REFUSALS, batch.past(REFUSALS.c.at, now - REFUSALS_KEPT_FOR))
    _clean_ring(batch)
    _forget_reissues(batch, now)
    touched = _clean_codes(batch, ended) | _clean_families(batch, ended)
    _clean_grants(batch, ended, touched)
    return limit - batch.left


class _Batch:
    """The rows that may yet go in one transaction."""

    def __init__(self, connection: Connection, issuer: IssuerName | None, limit: int) -> None:
        self._connection = connection
        self._issuer = issuer
        self.left = limit

    def past(
        self, column: Column[Any], moment: int, *conditions: ColumnElement[bool], most: int = LARGEST_BATCH
    ) -> Sequence[Row[Any]]:
        """Lock rows where some moment has passed and the conditions hold, the oldest first."""
        # In order, or a planner that takes most rows for old ones walks them all.
        query = select(column.table).where(column <= moment, *conditions).order_by(column)
        return self._lock(query, column.table, min(most, self.left))

    def find(self, table: Table, *conditions: ColumnElement[bool]) -> Sequence[Row[Any]]:
        """Lock rows of a table that meet the conditions."""
        return self._lock(select(table).where(*conditions), table, self.left)

    def _lock(self, query: Select[Any], table: FromClause, most: int) -> Sequence[Row[Any]]:
        if not most:
            return ()
        if self._issuer is not None:
            query = query.where(table.c.issuer == self._issuer)
        # Skipped: what another node is about to delete.
        return self._connection.execute(query.limit(most).with_for_update(skip_locked=True)).all()

    def newest(self, column: Column[Any]) -> int:
        """The greatest number that was given; 0: none was."""
        # No max: for few rows PostgreSQL walks another index to find it.
        greatest = select(column).where(column > 0).order_by(column.desc()).limit(1)
        return self._connection.execute(greatest).scalar() or 0

    def of(self, query: Select[Any]) -> Keys:
        """What some rows that stay say, each once."""
        return {(row[0], row[1]) for row in self._connection.execute(query)}

    def delete(self, table: Table, rows: Iterable[Row[Any]]) -> None:
        """Delete rows by their keys."""
        self._each(table.delete(), table, rows)

    def forget(self, table: Table, rows: Iterable[Row[Any]], **values: None) -> None:
        """Empty some columns of rows."""
        self._each(table.update().values(values), table, rows)

    def _each(self, statement: Any, table: Table, rows: Iterable[Row[Any]]) -> None:
        key = [column.name for column in table.primary_key]
        parameters = [{f"of_{name}": getattr(row, name) for name in key} for row in rows]
        if parameters:
            mine = (table.c[name] == bindparam(f"of_{name}") for name in key)
            self._connection.execute(statement.where(*mine), parameters)
            self.left -= len(parameters)


def _has_no(children: Table, parents: Table) -> ColumnElement[bool]:
    """The condition that nothing of the one table refers to a row of the other."""
    return ~exists(select(children.c.issuer).where(_refers(children, parents)).correlate(parents))


def _refers(children: Table, parents: Table) -> ColumnElement[bool]:
    (reference,) = (each for each in children.foreign_key_constraints if each.referred_table is parents)
    return and_(*(element.parent == element.column for element in reference.elements))


def _clean_ring(batch: _Batch) -> None:
    newest = batch.newest(REFUSALS.c.number)
    batch.delete(REFUSALS, batch.past(REFUSALS.c.number, newest - MOST_REFUSALS))


def _forget_reissues(batch: _Batch, now: int) -> None:
    held = REFRESH_TOKENS.c.reissue.is_not(None)
    over = batch.past(REFRESH_TOKENS.c.redeemed_at, now - LONGEST_REISSUE, held)
    batch.forget(REFRESH_TOKENS, over, reissue=None, request=None)


def _clean_codes(batch: _Batch, ended: int) -> Keys:
    """Delete codes, and return the grants that they were of."""
    # Half, here and below: what the deleted rows leave behind is to fit in as well.
    codes = batch.past(CODES.c.expires_at, ended, most=batch.left // 2)
    batch.delete(CODES, codes)
    return {(code.issuer, code.grant_id) for code in codes}


def _clean_families(batch: _Batch, ended: int) -> Keys:
    """Delete refresh tokens, and families without any, and return the grants that these were of."""
    successor = REFRESH_TOKENS.alias("successor")
    may_be_redeemed = exists(
        select(successor.c.issuer).where(
            successor.c.issuer == REFRESH_TOKENS.c.issuer,
            successor.c.family_id == REFRESH_TOKENS.c.family_id,
            successor.c.generation == REFRESH_TOKENS.c.generation + 1,
            successor.c.redeemed_at.is_(None),
            or_(successor.c.expires_at.is_(None), successor.c.expires_at > ended),
        )
    )
    idle = batch.past(REFRESH_TOKENS.c.expires_at, ended, ~may_be_redeemed, most=batch.left // 2)
    batch.delete(REFRESH_TOKENS, idle)
    emptied = {(token.issuer, token.family_id) for token in idle}
    empty = _has_no(REFRESH_TOKENS, FAMILIES)
    families = list(batch.find(FAMILIES, _among(FAMILIES, emptied), empty)) if emptied else []
    batch.delete(FAMILIES, families)
    # Step by step from what ended: for one query with joins SQLite may begin with all tokens.
    revoked = {(grant.issuer, grant.id) for grant in batch.past(GRANTS.c.revoked_at, ended)}
    for ends in (
        batch.past(FAMILIES.c.revoked_at, ended),
        batch.past(FAMILIES.c.ends_at, ended),
        batch.find(FAMILIES, _among(FAMILIES, revoked, "grant_id")) if revoked else (),
    ):
        over = {(family.issuer, family.id) for family in ends}
        if over:
            batch.delete(REFRESH_TOKENS, batch.find(REFRESH_TOKENS, _among(REFRESH_TOKENS, over, "family_id")))
            dead = batch.find(FAMILIES, _among(FAMILIES, over), empty)
            batch.delete(FAMILIES, dead)
            families += dead
    return {(family.issuer, family.grant_id) for family in families}


def _clean_grants(batch: _Batch, ended: int, touched: Keys) -> None:
    users: Keys = set()
    if touched:
        users = batch.of(select(GRANTS.c.issuer, GRANTS.c.user_id).where(_among(GRANTS, touched)))
    childless = (_has_no(CODES, GRANTS), _has_no(FAMILIES, GRANTS))
    batch.delete(GRANTS, batch.past(GRANTS.c.revoked_at, ended, *childless))
    if users:
        theirs = (_among(GRANTS, users, "user_id"), GRANTS.c.created_at <= ended)
        batch.delete(GRANTS, batch.find(GRANTS, *theirs, *childless, _is_superseded()))


def _is_superseded() -> ColumnElement[bool]:
    """The condition that a grant lives, and a newer one says the same: user, client, company and scopes."""
    newer = GRANTS.alias("newer")
    same = (newer.c[name] == GRANTS.c[name] for name in ("issuer", "user_id", "client_id", "scopes"))
    same_company = newer.c.organisation.is_not_distinct_from(GRANTS.c.organisation)
    as_old = newer.c.created_at == GRANTS.c.created_at
    later = or_(newer.c.created_at > GRANTS.c.created_at, and_(as_old, newer.c.id > GRANTS.c.id))
    live = newer.c.revoked_at.is_(None)
    is_there = exists(select(newer.c.id).where(*same, same_company, later, live).correlate(GRANTS))
    return and_(GRANTS.c.revoked_at.is_(None), is_there)


def _among(table: Table, keys: Keys, column: str = "id") -> ColumnElement[bool]:
    """The condition that a row's issuer and that column are one of some pairs."""
    pairs = sorted(keys)
    issuers, ids = zip(*pairs, strict=True)
    # The pairs decide; the lists are there since SQLite finds no index for pairs.
    lists = and_(table.c.issuer.in_(sorted(set(issuers))), table.c[column].in_(ids))
    return and_(lists, tuple_(table.c.issuer, table.c[column]).in_(pairs))

"""`Store`: facts are read and changes applied here, and nowhere else."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError, IntegrityError

from portvakt.model.audit import NOBODY
from portvakt.model.behalf_change import AddRevocation
from portvakt.model.change import Applied, Lost, Note
from portvakt.store import checks, cleaning, last_use, rows, statements
from portvakt.store.address import database_at
from portvakt.store.audit import Audit
from portvakt.store.behalf_reads import BehalfReads
from portvakt.store.errors import StoreUnavailable, our_fault, sqlstate
from portvakt.store.invitation_reads import Invitations
from portvakt.store.lists import Lists
from portvakt.store.migrate import is_current

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection, Executable

    from portvakt.model.audit import By
    from portvakt.model.change import Change
    from portvakt.model.nouns import ClientFacts, SigningKey, User
    from portvakt.model.values import ClientId, Instant, IssuerName, UserId
    from portvakt.store.address import Database
    from portvakt.store.last_use import KeyUses, SecretUses, TokenUses
    from portvakt.store.watch import Watch

ANOTHER_WAS_FIRST = {"40001", "40P01"}  # serialization failure, deadlock
FOREIGN_KEY = "23503"

_NONE: Mapping[Any, Any] = MappingProxyType({})


async def open_store(url: str) -> Store:
    """Open a database that `upgrade` has made: `sqlite:///PATH` or `postgresql://…`.

    Raises: ValueError for a URL that is none; StoreUnavailable if the database is not there, not answering,
    not writable or behind this version's schema.
    """
    store = Store(database_at(url))
    try:
        await store.check()
    except BaseException:
        await store.close()
        raise
    return store


class Store(BehalfReads, Invitations, Lists, Audit):
    """An open database. Made by `open_store`.

    Every method may raise StoreUnavailable, within about 3 seconds. A caller that is cancelled leaves the
    work to end by itself, so no transaction is torn.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._watch: Watch | None = None

    async def check(self) -> None:
        """Return if the database could serve and take changes now. Raises: StoreUnavailable."""
        if not await self._patiently("use the database", self._database.check(is_current)):
            raise StoreUnavailable("the database lacks this version's tables: run `portvakt db upgrade`")

    async def client_facts(self, issuer: IssuerName, client_id: ClientId) -> ClientFacts | None:
        """A client with its owner and its secrets, oldest first; None if there is no such client."""
        if not (checks.is_id(issuer) and checks.is_id(client_id)):
            return None
        read = statements.ONE_CLIENT
        found = rows.facts_from(await self._read("read a client", read, issuer=issuer, id=client_id))
        return found[0] if found else None

    async def public_redirect_uris(self, issuer: IssuerName) -> frozenset[str]:
        """The redirect URIs of all enabled clients of an issuer that have no secret."""
        if not checks.is_id(issuer):
            return frozenset()
        found = await self._read("list redirect URIs", statements.REDIRECTS_OF_PUBLIC_CLIENTS, issuer=issuer)
        return frozenset(uri for row in found for uri in json.loads(row["redirect_uris"]))

    async def user(self, issuer: IssuerName, user_id: UserId) -> User | None:
        """A user by id."""
        if not (checks.is_id(issuer) and checks.is_id(user_id)):
            return None
        found = await self._read("read a user", statements.ONE_USER, issuer=issuer, id=user_id)
        return rows.user_from(found[0]) if found else None

    async def user_by_email(self, issuer: IssuerName, email: str) -> User | None:
        """A user by address, whatever its letter case. Send mail to the stored address only."""
        if not (checks.is_id(issuer) and checks.is_text(email)):
            return None
        read = statements.USER_WITH_EMAIL
        found = await self._read("read a user", read, issuer=issuer, email_key=rows.search_key(email))
        return rows.user_from(found[0]) if found else None

    async def signing_keys(self, issuer: IssuerName) -> tuple[SigningKey, ...]:
        """All keys of an issuer by number, also those whose end has passed."""
        if not checks.is_id(issuer):
            return ()
        found = await self._read("read signing keys", statements.KEYS_OF_ISSUER, issuer=issuer)
        return tuple(rows.key_from(row) for row in found)

    async def apply(self, changes: Sequence[Change], by: By = NOBODY) -> Applied | Lost:
        """Make all the changes true, in this order (revocations last) and in one transaction, or none of them.

        `by`: who makes them, for the log. Changes that are all `Note` raise no revision: nobody's copy grows old.

        Lost: a change found its row taken, gone or altered. No changes are Applied.
        Raises: ValueError, and nothing is written, for a value that no database can hold or that a rule of
        the schema forbids.
        """
        dialect = self._database.dialect
        # On PostgreSQL a revocation locks what every writer waits for at its end: behind it, none waits for a row.
        in_turn = sorted(changes, key=lambda change: isinstance(change, AddRevocation))
        planned = [(change, statements.statement_of(change, dialect, by)) for change in in_turn]
        if not planned:
            return Applied()
        ends = () if all(isinstance(change, Note) for change in changes) else statements.AFTER_CHANGES[dialect]

        def work(connection: Connection) -> None:
            for change, statement in planned:
                if not _touches_one_row(connection, statement):
                    raise _BeatenError(change)
            # Last, since on PostgreSQL every writer waits here for the one before it.
            for statement in ends:
                connection.execute(statement)

        return await self._patiently("apply changes", self._apply(work, is_seen=bool(ends)))

    async def _apply(self, work: Callable[[Connection], None], *, is_seen: bool) -> Applied | Lost:
        try:
            await self._database.write(work)
        except _BeatenError as beaten:
            return Lost(beaten.change)
        if is_seen and self._watch is not None:
            self._watch.applied()
        return Applied()

    async def record_use(
        self, uses: SecretUses, *, refresh_tokens: TokenUses = _NONE, api_keys: KeyUses = _NONE
    ) -> None:
        """Write when secrets, refresh tokens (by digest) and API keys were last used, all in one transaction.

        With a secret's moment comes the address that it was used from, "" if there is none.

        Never moves a last use back. It is no change: the revision stays, so copies of facts stay valid. What is
        gone is passed over.
        """
        writings = last_use.writings(uses, refresh_tokens, api_keys)

        def work(connection: Connection) -> None:
            for statement, parameters in writings:
                connection.execute(statement, parameters)

        if writings:
            await self._patiently("record last use", self._database.write(work))

    async def clean(self, issuer: IssuerName | None, now: Instant, limit: int = cleaning.LARGEST_BATCH) -> int:
        """Delete at most `limit` (2 to 500) rows that no decision needs any more, in one transaction.

        Returns how many there were; 0: nothing is due now. `issuer` None: of all issuers. What goes when stands in
        `cleaning`. It is no change: the revision stays.
        """
        if not cleaning.SMALLEST_BATCH <= limit <= cleaning.LARGEST_BATCH:
            raise ValueError(f"a batch is {cleaning.SMALLEST_BATCH} to {cleaning.LARGEST_BATCH} rows")
        whose = None if issuer is None else checks.checked_id(issuer)

        def work(connection: Connection) -> int:
            return cleaning.clean(connection, whose, now, limit)

        return await self._patiently("clean up", self._database.write(work))

    def watch(self) -> Watch:
        """The store's one watch, begun at the first call: see `Watch.token`. Needs a running loop."""
        if self._watch is None:
            self._watch = self._database.watch()
        return self._watch

    async def close(self) -> None:
        """End what runs, then every connection. The store cannot be used after."""
        if self._watch is not None:
            await self._watch.close()
        await self._at_rest()
        with our_fault("close the database"):
            await self._database.close()


class _BeatenError(Exception):
    """Rolls a transaction back; never leaves this module."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self.change = change


def _touches_one_row(connection: Connection, statement: Executable) -> bool:
    try:
        result = connection.execute(statement, execution_options={"preserve_rowcount": True})
    except IntegrityError as error:
        if sqlstate(error) == FOREIGN_KEY or "FOREIGN KEY" in str(error.orig):
            return False  # what it belongs to is gone
        raise ValueError("a change breaks a rule of the schema") from None
    except DBAPIError as error:
        if sqlstate(error) in ANOTHER_WAS_FIRST:
            return False
        raise
    return result.rowcount == 1

"""`Store`: facts are read and changes applied here, and nowhere else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError

from portvakt.model.change import Applied, Lost
from portvakt.store import rows, statements
from portvakt.store.address import database_at
from portvakt.store.errors import StoreUnavailable, our_fault, sqlstate
from portvakt.store.migrate import is_current

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from sqlalchemy import Connection, Executable, RowMapping, Select

    from portvakt.model.change import Change
    from portvakt.model.nouns import ClientFacts, SigningKey, User
    from portvakt.model.values import ClientId, Instant, IssuerName, SecretId, UserId
    from portvakt.store.address import Database
    from portvakt.store.watch import Watch

PATIENCE = 3.0
"""Seconds after which a caller is told that there is no answer, whatever the driver still waits for."""

READ_PATIENCE = 1.0
"""The same for what only reads: a token request waits for it (FT5)."""

ANOTHER_WAS_FIRST = {"40001", "40P01"}  # serialization failure, deadlock
FOREIGN_KEY = "23503"

ResultT = TypeVar("ResultT")


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


class Store:
    """An open database. Made by `open_store`.

    Every method may raise StoreUnavailable, within about 3 seconds. A caller that is cancelled leaves the
    work to end by itself, so no transaction is torn.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watch: Watch | None = None
        self._running: set[asyncio.Task[Any]] = set()

    async def check(self) -> None:
        """Return if the database could serve and take changes now. Raises: StoreUnavailable."""
        if not await self._patiently("use the database", self._database.check(is_current)):
            raise StoreUnavailable("the database lacks this version's tables: run `portvakt db upgrade`")

    async def client_facts(self, issuer: IssuerName, client_id: ClientId) -> ClientFacts | None:
        """A client with its owner and its secrets, oldest first; None if there is no such client."""
        if not (rows.is_id(issuer) and rows.is_id(client_id)):
            return None
        read = statements.ONE_CLIENT
        found = rows.facts_from(await self._read("read a client", read, issuer=issuer, id=client_id))
        return found[0] if found else None

    async def clients(self, issuer: IssuerName, after: ClientId | None, limit: int) -> list[ClientFacts]:
        """The first `limit` (at least 1) clients of an issuer whose id is greater than `after`, by id.

        Ids are compared byte by byte. `after` need not exist; None begins at the first.
        """
        if limit < 1:
            raise ValueError("a page has at least 1 client")
        if not rows.is_id(issuer) or not (after is None or rows.is_id(after)):
            return []
        read = statements.PAGE_OF_CLIENTS
        return rows.facts_from(await self._read("list clients", read, issuer=issuer, after=after or "", limit=limit))

    async def user(self, issuer: IssuerName, user_id: UserId) -> User | None:
        """A user by id."""
        if not (rows.is_id(issuer) and rows.is_id(user_id)):
            return None
        found = await self._read("read a user", statements.ONE_USER, issuer=issuer, id=user_id)
        return rows.user_from(found[0]) if found else None

    async def users(self, issuer: IssuerName, after: UserId | None, limit: int) -> list[User]:
        """The first `limit` (at least 1) users of an issuer whose id is greater than `after`, by id; see `clients`."""
        if limit < 1:
            raise ValueError("a page has at least 1 user")
        if not rows.is_id(issuer) or not (after is None or rows.is_id(after)):
            return []
        read = statements.PAGE_OF_USERS
        found = await self._read("list users", read, issuer=issuer, after=after or "", limit=limit)
        return [rows.user_from(row) for row in found]

    async def user_by_email(self, issuer: IssuerName, email: str) -> User | None:
        """A user by address, whatever its letter case. Send mail to the stored address only."""
        if not (rows.is_id(issuer) and rows.is_text(email)):
            return None
        read = statements.USER_WITH_EMAIL
        found = await self._read("read a user", read, issuer=issuer, email_key=rows.email_key(email))
        return rows.user_from(found[0]) if found else None

    async def signing_keys(self, issuer: IssuerName) -> tuple[SigningKey, ...]:
        """All keys of an issuer by number, also those whose end has passed."""
        if not rows.is_id(issuer):
            return ()
        found = await self._read("read signing keys", statements.KEYS_OF_ISSUER, issuer=issuer)
        return tuple(rows.key_from(row) for row in found)

    async def apply(self, changes: Sequence[Change]) -> Applied | Lost:
        """Make all the changes true, in this order and in one transaction, or none of them.

        Lost: a change found its row taken, gone or altered. No changes are Applied.
        Raises: ValueError, and nothing is written, for a value that no database can hold or that a rule of
        the schema forbids.
        """
        dialect = self._database.dialect
        planned = [(change, statements.statement_of(change, dialect)) for change in changes]
        if not planned:
            return Applied()

        def work(connection: Connection) -> None:
            for change, statement in planned:
                if not _touches_one_row(connection, statement):
                    raise _BeatenError(change)
            # Last, since on PostgreSQL every writer waits here for the one before it.
            for statement in statements.AFTER_CHANGES[dialect]:
                connection.execute(statement)

        return await self._patiently("apply changes", self._apply(work))

    async def _apply(self, work: Callable[[Connection], None]) -> Applied | Lost:
        try:
            await self._database.write(work)
        except _BeatenError as beaten:
            return Lost(beaten.change)
        if self._watch is not None:
            self._watch.applied()
        return Applied()

    async def record_use(self, uses: Mapping[tuple[IssuerName, ClientId, SecretId], Instant]) -> None:
        """Write when secrets were last used, all in one transaction. Never moves a last use back.

        It is no change: the revision stays, so copies of facts stay valid. A secret that is gone is passed over.
        """
        parameters = [
            {
                "of_issuer": rows.checked_id(issuer),
                "of_client": rows.checked_id(client),
                "of_secret": rows.checked_id(secret),
                "used_at": rows.checked_moment(used_at),
            }
            for (issuer, client, secret), used_at in sorted(uses.items())  # one order, so no deadlock
        ]

        def work(connection: Connection) -> None:
            connection.execute(statements.RECORD_USE, parameters)

        if parameters:
            await self._patiently("record last use", self._database.write(work))

    def watch(self) -> Watch:
        """The store's one watch, begun at the first call: see `Watch.token`. Needs a running loop."""
        if self._watch is None:
            self._watch = self._database.watch()
        return self._watch

    async def close(self) -> None:
        """End what runs, then every connection. The store cannot be used after."""
        if self._watch is not None:
            await self._watch.close()
        if self._running:
            await asyncio.wait(self._running, timeout=PATIENCE)
        with our_fault("close the database"):
            await self._database.close()

    async def _read(self, doing: str, query: Select[Any], **parameters: str | int) -> Sequence[RowMapping]:
        def work(connection: Connection) -> Sequence[RowMapping]:
            return connection.execute(query, parameters).mappings().all()

        return await self._patiently(doing, self._database.read(work), READ_PATIENCE)

    async def _patiently(self, doing: str, work: Coroutine[Any, Any, ResultT], patience: float = PATIENCE) -> ResultT:
        """Wait for some work, but not for ever; it goes on if the caller is cancelled.

        A driver told to stop may itself wait for a server that is gone, so it is not waited for.
        """
        task = asyncio.create_task(work, name=f"portvakt: {doing}")
        self._running.add(task)
        task.add_done_callback(self._done)
        done, _ = await asyncio.wait({task}, timeout=patience)
        if not done:
            task.cancel()
            raise StoreUnavailable(f"cannot {doing}: no answer in {patience:.0f} s")
        with our_fault(doing):
            return task.result()

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen: asyncio need not warn that nobody asked


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

"""What those who administer read of an issuer's audit log, and how it is written out."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from portvakt.model.audit import ActorKind
from portvakt.model.values import ClientId
from portvakt.protocol.govern.actor import AT_THE_COMMAND_LINE, may_address, may_everything, may_read, not_found
from portvakt.protocol.govern.told import without_addresses
from portvakt.server.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from portvakt.model.audit import Act, By, Entry, Told
    from portvakt.model.nouns import Client, Issuer
    from portvakt.model.values import Instant, OrganisationNumber, UserId
    from portvakt.protocol.govern.actor import Actor
    from portvakt.store import Store

EXPORTS = {"csv": "text/csv", "jsonl": "application/jsonl"}
"""The media types of an export, by how its file's name ends."""

EXPORT_PAGE = 100
"""Lines of an export that are read and written out at once, while nobody else is answered."""

COLUMNS = (
    "number",
    "at",
    "act",
    "id",
    "client",
    "user",
    "organisation",
    "actor_kind",
    "actor_issuer",
    "actor",
    "address",
    "request_id",
    "before",
    "after",
)
"""The columns of an export, which are the members of a line's JSON too."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


# A lock belongs to the event loop that it is waited for in.
_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


def _turn() -> asyncio.Lock:
    return _TURNS.setdefault(asyncio.get_running_loop(), asyncio.Lock())


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which lines: of that client, user, organisation, by that actor (its id), of that act, in that time.

    `since` is the first moment, `until` the first that is not.
    """

    client: ClientId | None = None
    user: UserId | None = None
    organisation: OrganisationNumber | None = None
    actor: str | None = None
    act: Act | None = None
    since: Instant | None = None
    until: Instant | None = None


EVERYTHING = Sought()


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """The audit log of one issuer, as far as `actor` may read it. Methods may raise Refusal and StoreUnavailable."""

    issuer: Issuer
    store: Store
    actor: Actor = AT_THE_COMMAND_LINE

    async def page(
        self, sought: Sought = EVERYTHING, *, before: int | None = None, limit: int = 100
    ) -> tuple[int | None, list[Entry]]:
        """Return lines before the one of that number, newest first, and the next `before`: see `Store.audit`.

        Who may not read everything names what they ask about (`may_read`), and is told of some addresses alone
        (`may_address`).
        """
        await self._check(sought)
        following, entries = await self.store.audit(
            self.issuer.name,
            before=before,
            limit=limit,
            client=sought.client,
            user=sought.user,
            organisation=sought.organisation,
            actor=sought.actor,
            act=sought.act,
            since=sought.since,
            until=sought.until,
        )
        return following, await self._with_addresses(entries)

    async def export(self, ending: str, sought: Sought = EVERYTHING) -> AsyncGenerator[str]:
        """Return what yields the lines of a file, "csv" or "jsonl", some at a time. If they may is said at once."""
        await self._check(sought)
        return self._written(ending, sought)

    async def _written(self, ending: str, sought: Sought) -> AsyncGenerator[str]:
        """Yield all lines, newest first, a page at a time. Of all exports one makes a page at any moment.

        However many there are, a request waits for a page, and not for all of theirs. A slow reader holds nobody up.
        """
        spell = csv_line if ending == "csv" else json_line
        before, text = None, csv_line(None) if ending == "csv" else ""
        while True:
            async with _turn():
                before, entries = await self.page(sought, before=before, limit=EXPORT_PAGE)
                text += "".join(map(spell, entries))
            if text:
                yield text
            if before is None:
                return
            text = ""

    async def _check(self, sought: Sought) -> None:
        actor, name, client = self.actor, self.issuer.name, None
        if sought.client is not None and not may_everything(actor, name):
            facts = await self.store.client_facts(name, sought.client)
            client = None if facts is None else facts.client
            if client is None and sought.organisation is None:
                raise Refusal(not_found("client"))
        if not may_read(actor, name, organisation=sought.organisation, client=client, user=sought.user):
            named = "organisation" if sought.organisation else "client" if sought.client else "log"
            raise Refusal(not_found(named))

    async def _with_addresses(self, entries: list[Entry]) -> list[Entry]:
        """Return lines with those addresses that the actor may know."""
        if may_everything(self.actor, self.issuer.name):
            return entries
        clients: dict[By, Client | None] = {}
        told = []
        for entry in entries:
            who = replace(entry.by, address="", request_id="")
            if who not in clients:
                clients[who] = await self._client(who)
            told.append(entry if may_address(self.actor, entry, clients[who]) else without_addresses(entry))
        return told

    async def _client(self, who: By) -> Client | None:
        if who.kind is not ActorKind.CLIENT or who.issuer is None:
            return None
        facts = await self.store.client_facts(who.issuer, ClientId(who.id))
        return None if facts is None else facts.client


def line(entry: Entry) -> dict[str, object]:
    """Return a line as it is written in JSON: the members are `COLUMNS`, moments are RFC 3339 in UTC."""
    event, by = entry.event, entry.by
    return {
        "number": entry.number,
        "at": datetime.fromtimestamp(event.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "act": event.act.value,
        "id": event.id,
        "client": event.client,
        "user": event.user,
        "organisation": event.organisation,
        "actor_kind": by.kind.value,
        "actor_issuer": by.issuer,
        "actor": by.id,
        "address": by.address,
        "request_id": by.request_id,
        "before": _plain(event.before),
        "after": _plain(event.after),
    }


def json_line(entry: Entry) -> str:
    """Return a line of JSON Lines, with its end."""
    return json.dumps(line(entry), ensure_ascii=False) + "\n"


def csv_line(entry: Entry | None) -> str:
    """Return a line of CSV (RFC 4180), with its end; None: the heads.

    A text that a spreadsheet would take for a formula gets an apostrophe in front: names come from strangers.
    """
    told = None if entry is None else line(entry)
    cells = COLUMNS if told is None else [_cell(told[column]) for column in COLUMNS]
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()


def _cell(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _plain(told: Told) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}

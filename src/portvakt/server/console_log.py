"""The page of the audit log, and its export as CSV and JSON lines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from portvakt.model.audit import Act, ActorKind
from portvakt.model.values import ClientId, Instant, IssuerName, OrganisationNumber, UserId
from portvakt.pages import console as views
from portvakt.protocol.govern.actor import may_client
from portvakt.server import administering_audit as audit
from portvakt.server.as_curl import option
from portvakt.server.console_visit import LINES, day_begins, path_with

if TYPE_CHECKING:
    from portvakt.model.audit import Entry, Told
    from portvakt.server.console_visit import Visit

_DAY = 86_400
_MOMENTS = frozenset({"expires", "revoked"})
_LONGEST = 200
_HEADERS = (
    ("cache-control", "no-store"),
    ("pragma", "no-cache"),
    ("vary", "Cookie, Authorization"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
)


async def log_page(visit: Visit) -> None:
    """Answer with a page of the log, newest first, as far as the filters let it through. Raises: Refusal."""
    sought = _sought(visit)
    before = visit.asked("before")
    number = int(before) if before.isascii() and before.isdecimal() and len(before) < len(str(2**63)) else None
    following, entries = await visit.log.page(_filter(sought), before=number, limit=LINES)
    names, clients = await _names(visit, entries), await _clients(visit, entries)
    here, filters = f"{visit.root}/log", {one: getattr(sought, one) for one in _FILTERS}
    spelled = {name: value for name, value in (filters | _days(sought.day)).items() if value and name != "day"}
    options = "".join(option(name, value) for name, value in spelled.items())
    await visit.show(
        views.LogPage(
            brand=visit.brand,
            frame=visit.framed(),
            search_url=here,
            sought=sought,
            acts=tuple(Act),
            lines=tuple(_line(visit, entry, names, clients) for entry in entries),
            next_url=None if following is None else path_with(here, **filters, before=str(following)),
            csv_url=path_with(here + ".csv", **filters),
            jsonl_url=path_with(here + ".jsonl", **filters),
            means=visit.means("GET", path_with("/audit", **spelled), f"audit list{options}"),
            export=visit.means(
                "GET", path_with("/audit", format="csv", **spelled), f"audit export --format csv{options}"
            ),
        )
    )


async def log_file(visit: Visit, ending: str) -> None:
    """Answer with the lines of the same filters as a file. Raises: Refusal."""
    name = f'attachment; filename="{visit.issuer.name}-log.{ending}"'
    media = ("content-type", f"{audit.EXPORTS[ending]}; charset=utf-8")
    lines = await visit.log.export(ending, _filter(_sought(visit)))
    await visit.call.stream((media, ("content-disposition", name), *_HEADERS), lines, visit.send)


_FILTERS = ("client", "user", "organisation", "actor", "act", "day")


def _sought(visit: Visit) -> views.Sought:
    """Return what the query asks for; of somebody who may not read everything, at least what is about themselves."""
    sought = views.Sought(**{name: visit.asked(name).strip()[:_LONGEST] for name in _FILTERS})
    if visit.actor.operator or sought.client or sought.organisation:
        return sought
    return replace(sought, user=visit.facts.user.id)


def _days(day: str) -> dict[str, str]:
    """Return a day as the API and the command ask for it."""
    begins = day_begins(day)
    if begins is None:
        return {}
    first, last = (datetime.fromtimestamp(moment, UTC) for moment in (begins, begins + _DAY))
    return {"since": f"{first:%Y-%m-%dT%H:%M:%SZ}", "until": f"{last:%Y-%m-%dT%H:%M:%SZ}"}


def _filter(sought: views.Sought) -> audit.Sought:
    """Return the filter; an act or a day that is none counts as any."""
    begins = day_begins(sought.day)
    return audit.Sought(
        client=ClientId(sought.client) if sought.client else None,
        user=UserId(sought.user) if sought.user else None,
        organisation=OrganisationNumber(sought.organisation) if sought.organisation else None,
        actor=sought.actor or None,
        act=next((act for act in Act if act == sought.act), None),
        since=begins,
        until=None if begins is None else Instant(begins + _DAY),
    )


async def _names(visit: Visit, entries: list[Entry]) -> dict[tuple[IssuerName | None, str], str]:
    """Return the addresses of the users who did what is on this page."""
    who = {(entry.by.issuer, entry.by.id) for entry in entries if entry.by.kind is ActorKind.USER}
    if not visit.actor.operator:  # who else administers is not theirs to know
        who &= {(visit.facts.user.issuer, str(visit.facts.user.id))}
    users = [await visit.store.user(issuer, UserId(user)) for issuer, user in who if issuer is not None]
    return {(user.issuer, user.id): user.email for user in users if user is not None}


async def _clients(visit: Visit, entries: list[Entry]) -> dict[str, str]:
    """Return the names of the clients of this page that are there, and theirs to see."""
    found = [
        await visit.store.client_facts(visit.issuer.name, client)
        for client in dict.fromkeys(entry.event.client for entry in entries)
        if client is not None
    ]
    seen = [facts.client for facts in found if facts is not None and may_client(visit.actor, facts.client)]
    return {client.id: client.name for client in seen}


def _line(
    visit: Visit, entry: Entry, names: dict[tuple[IssuerName | None, str], str], clients: dict[str, str]
) -> views.LogLine:
    event, by = entry.event, entry.by
    told = {**event.before, **event.after}
    name = told.get("name") or told.get("email") or (told.get("last4") and f"{told['prefix']}…{told['last4']}")
    return views.LogLine(
        number=entry.number,
        act=event.act,
        at=event.at,
        what=str(name or clients.get(event.id) or event.id),
        url=f"{visit.clients_url}/{event.client}" if event.client in clients else None,
        actor=names.get((by.issuer, by.id), by.id or by.kind.value),
        address=by.address,
        reference=by.request_id,
        differences=tuple(
            views.Difference(name=name, before=_spelled(name, event.before), after=_spelled(name, event.after))
            for name in dict.fromkeys((*event.before, *event.after))
            if event.before.get(name) != event.after.get(name)
        ),
    )


def _spelled(name: str, told: Told) -> str | None:
    value = told.get(name)
    if value in (None, (), ""):
        return None
    if name in _MOMENTS and isinstance(value, int):
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if isinstance(value, bool):
        return "✓" if value else "✗"
    return " ".join(value) if isinstance(value, tuple) else str(value)

"""The administration's API: the audit log, a page at a time or all of it as CSV or JSON lines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from portvakt.model.audit import Act
from portvakt.model.values import ClientId, Instant, OrganisationNumber, UserId
from portvakt.server.admin_api_operation import Answer, Export, Operation, Role, Unfit
from portvakt.server.admin_api_shapes import ID, LIMITED, MOMENT, NUMBER, one_of, text
from portvakt.server.administering_audit import EXPORTS, Log, Sought, line
from portvakt.wire.shape import Fault

if TYPE_CHECKING:
    from portvakt.server.admin_api_operation import Ask

_LIST = "audit"
_FILTERS = ("client", "user", "organisation", "actor", "act", "since", "until")


async def read_log(ask: Ask) -> Answer | Export:
    """Return lines of the log, newest first."""
    log = Log(issuer=ask.issuer, store=ask.office.store, actor=ask.who.actor)
    sought = _sought(ask)
    ending = _wanted(ask)
    if ending is not None:
        return Export(EXPORTS[ending], await log.export(ending, sought))
    cursor = ask.cursor(_LIST, *_FILTERS)
    before = None if cursor is None else int(cursor[0])
    following, entries = await log.page(sought, before=before, limit=ask.limit)
    token = ask.following(_LIST, None if following is None else [following], *_FILTERS)
    return Answer(body={"items": [line(entry) for entry in entries], "next": token})


def _wanted(ask: Ask) -> str | None:
    """Return which export; None: a page as JSON. The query goes before the header (RFC 9110 §12.5.1)."""
    asked = ask.text("format")
    if asked is not None:
        return asked if asked in EXPORTS else None
    accepted = {part.partition(";")[0].strip().lower() for part in ask.accept.split(",")}
    if "application/json" in accepted:
        return None
    return next((ending for ending, media_type in EXPORTS.items() if media_type in accepted), None)


def _sought(ask: Ask) -> Sought:
    """Return which lines are asked for; who may not read all of it reads, by default, what concerns them."""
    client, user, organisation, actor, act = (ask.text(name) for name in _FILTERS[:5])
    who = ask.who.actor
    if not who.operator and client is None and organisation is None and user is None:
        user = who.user
        if user is None and len(who.administers) == 1:
            organisation = next(iter(who.administers))
    return Sought(
        client=None if client is None else ClientId(client),
        user=None if user is None else UserId(user),
        organisation=None if organisation is None else OrganisationNumber(organisation),
        actor=actor,
        act=None if act is None else Act(act),
        since=_moment(ask, "since"),
        until=_moment(ask, "until"),
    )


def _moment(ask: Ask, name: str) -> Instant | None:
    said = ask.text(name)
    if said is None:
        return None
    try:
        moment = datetime.fromisoformat(said)
        return Instant(int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))
    except (ValueError, OverflowError):
        raise Unfit((Fault(f"/{name}", "must be a moment such as 2026-11-22T16:00:00Z (RFC 3339)"),)) from None


OPERATIONS = (
    Operation(
        name="readAuditLog",
        method="GET",
        path="/issuers/{issuer}/audit",
        summary=(
            "What happened, who did it and from where, newest first: a page as JSON, or all of it by Accept or format."
            " Who is no operator reads what is about them, or about a client or an organisation of theirs, and no"
            " address but of what they did, or a client of theirs, or somebody unknown at their account."
        ),
        role=Role.ANYBODY,
        handle=read_log,
        query={
            **LIMITED,
            "client": {**ID, "description": "What concerns this client."},
            "user": {**ID, "description": "What concerns this user."},
            "organisation": {**NUMBER, "description": "What concerns this organisation."},
            "actor": {**text(255, 1), "description": "What this user or client did."},
            "act": one_of(Act),
            "since": MOMENT,
            "until": MOMENT,
            "format": one_of(("json", *EXPORTS)),
        },
        answers={200: "AuditLines"},
        refusals=(404,),
        media_types=tuple(EXPORTS.values()),
    ),
)

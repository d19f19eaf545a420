"""Rows of the audit log and of refused requests, to nouns and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from portvakt.model.audit import Act, ActorKind, By, Entry, Event, RefusedRequest
from portvakt.model.values import Instant, IssuerName
from portvakt.store.checks import checked_id, checked_moment, checked_text, is_id, is_text
from portvakt.store.rows import known

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.model.audit import Told
    from portvakt.store.rows import Fields

LONGEST_SAID = 2_000
"""Characters that are kept of each thing that a refused request said."""


def row_of_event(event: Event, by: By) -> Fields:
    """An event and who did it, as a row. Raises: ValueError as the functions of `checks` do."""
    return {
        "issuer": checked_id(event.issuer),
        "at": checked_moment(event.at),
        "act": event.act.value,
        "object": checked_text(event.id),
        "client": None if event.client is None else checked_id(event.client),
        "user_id": None if event.user is None else checked_id(event.user),
        "organisation": None if event.organisation is None else checked_id(event.organisation),
        "before": _text_of(event.before),
        "after": _text_of(event.after),
        "actor_kind": by.kind.value,
        "actor_issuer": None if by.issuer is None else checked_id(by.issuer),
        "actor_id": checked_text(by.id),
        "address": checked_text(by.address),
        "request_id": checked_text(by.request_id),
    }


def entry_from(row: Mapping[Any, Any]) -> Entry:
    """The line of the log in a row."""
    event = Event(
        act=known(Act, row["act"]),
        issuer=IssuerName(row["issuer"]),
        id=row["object"],
        at=Instant(row["at"]),
        client=row["client"],
        user=row["user_id"],
        organisation=row["organisation"],
        before=_told_in(row["before"]),
        after=_told_in(row["after"]),
    )
    by = By(
        kind=known(ActorKind, row["actor_kind"]),
        issuer=row["actor_issuer"],
        id=row["actor_id"],
        address=row["address"],
        request_id=row["request_id"],
    )
    return Entry(number=row["number"], event=event, by=by)


def row_of_refusal(refused: RefusedRequest) -> Fields:
    """A refused request as a row. What it said is a stranger's: it is cut to what a row can hold, never refused."""
    client_id = refused.client_id
    said = {name: _holdable(getattr(refused, name)) for name in ("method", "path", "address", "code", "reason", "near")}
    hints = {
        _holdable(name): _holdable(value) if isinstance(value, str) else value for name, value in refused.hints.items()
    }
    return {
        **said,
        "reference": checked_id(refused.reference),
        "issuer": checked_id(refused.issuer),
        "at": checked_moment(refused.at),
        "client_id": client_id if is_id(client_id) else None,
        "status": refused.status,
        "hints": json.dumps(hints),
    }


def refusal_from(row: Mapping[Any, Any]) -> RefusedRequest:
    """The refused request in a row."""
    return RefusedRequest(
        reference=row["reference"],
        issuer=IssuerName(row["issuer"]),
        at=Instant(row["at"]),
        client_id=row["client_id"],
        method=row["method"],
        path=row["path"],
        address=row["address"],
        status=row["status"],
        code=row["code"],
        reason=row["reason"],
        near=row["near"],
        hints=_told_in(row["hints"]),
    )


def _text_of(told: Told) -> str:
    return checked_text(json.dumps(dict(told), ensure_ascii=False, separators=(",", ":")))


def _told_in(text: str) -> Told:
    told = json.loads(text)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}


def _holdable(text: str) -> str:
    cut = text[:LONGEST_SAID]
    return cut if is_text(cut) else "".join(each if is_text(each) else "\ufffd" for each in cut)

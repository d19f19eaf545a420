"""The pages of refused requests: what was refused of a client, and why one of them was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.pages import console as views
from portvakt.server.administering_refusals import Refusals
from portvakt.server.console_visit import LINES, path_with
from portvakt.server.desk import ADMIN
from portvakt.server.refusal import Refusal

if TYPE_CHECKING:
    from portvakt.model.audit import RefusedRequest
    from portvakt.model.nouns import Client
    from portvakt.server.console_visit import Visit

_LONGEST = 100
_DIGITS = len(str(2**63))


async def refusals_pages(visit: Visit, rest: tuple[str, ...]) -> None:
    """Answer at `/refusals` and below it. Raises: Refusal."""
    match rest:
        case ():
            await _refusals(visit)
        case (reference,):
            await _explain(visit, reference)
        case _:
            await visit.stop(views.Stop.NOT_FOUND)


def _of(visit: Visit) -> Refusals:
    return Refusals(issuer=visit.issuer, store=visit.store, actor=visit.actor, others=tuple(visit.installed.issuers))


async def _refusals(visit: Visit) -> None:
    """Lead to the refusal of a reference, or list a client's."""
    reference = visit.asked("q").strip()[:_LONGEST]
    if reference:
        await _seek(visit, reference)
    elif client_id := visit.asked("client"):
        await _list(visit, client_id)
    else:
        await _show(visit)


async def _seek(visit: Visit, reference: str) -> None:
    try:
        refused = (await _of(visit).explain(reference)).refused
    except Refusal as refusal:
        visit.call.refused = refusal.refused
        await _show(visit, sought=reference, status=refusal.refused.status)
        return
    of_console = visit.root == f"{ADMIN}/{visit.issuer.name}"
    root = f"{ADMIN}/{refused.issuer}" if of_console else visit.root  # an operator comes to where it happened
    await visit.go(f"{root}/refusals/{refused.reference}")


async def _show(visit: Visit, *, sought: str = "", status: int = 200) -> None:
    await visit.show(
        views.Refusals(
            brand=visit.brand,
            frame=visit.framed(),
            search_url=f"{visit.root}/refusals",
            sought=sought,
            client="",
            clients_url=visit.clients_url,
            above=visit.above,
            status=status,
        )
    )


async def _list(visit: Visit, client_id: str) -> None:
    client = (await visit.clients.show(client_id)).client
    before = visit.asked("before")
    number = int(before) if before.isascii() and before.isdecimal() and len(before) < _DIGITS else None
    following, found = await _of(visit).page(client.id, before=number, limit=LINES)
    here = f"{visit.root}/refusals"
    await visit.show(
        views.Refusals(
            brand=visit.brand,
            frame=visit.framed(*_above(visit, client)),
            search_url=here,
            client=client.name,
            clients_url=visit.clients_url,
            above=visit.above,
            lines=tuple(_line(refused, here) for refused in found),
            next_url=None if following is None else path_with(here, client=client.id, before=str(following)),
            means=visit.means("GET", f"/clients/{client.id}/refusals", f"explain --client {client.id}"),
        )
    )


def _line(refused: RefusedRequest, here: str) -> views.RefusalLine:
    return views.RefusalLine(
        reference=refused.reference,
        url=f"{here}/{refused.reference}",
        at=refused.at,
        answered=refused.status,
        code=refused.code,
        reason=refused.reason,
        method=refused.method,
        path=refused.path,
        address=refused.address,
    )


def _above(visit: Visit, client: Client) -> tuple[views.Crumb, ...]:
    return (
        views.Crumb(url=visit.clients_url, room=visit.above),
        views.Crumb(url=f"{visit.clients_url}/{client.id}", name=client.name),
    )


async def _explain(visit: Visit, reference: str) -> None:
    explained = await _of(visit).explain(reference, visit.locale)
    refused, why = explained.refused, explained.explanation
    client, here = await _client(visit, refused), f"{visit.root}/refusals"
    crumb = views.Crumb(url=here, room=views.Room.REFUSALS)
    await visit.show(
        views.Explained(
            brand=visit.brand,
            frame=visit.framed(crumb),
            reference=refused.reference,
            issuer=refused.issuer,
            at=refused.at,
            method=refused.method,
            path=refused.path,
            address=refused.address,
            answered=refused.status,
            code=refused.code,
            client_id=refused.client_id or "",
            client="" if client is None else client.name,
            client_url=None if client is None else f"{visit.clients_url}/{client.id}",
            others_url=None if client is None else path_with(here, client=client.id),
            cause=why.cause,
            cause_in_english=why.cause_in_english,
            rule=why.rule,
            what_to_do=why.what_to_do,
            curl=why.curl,
            means=visit.means("GET", f"/refusals/{refused.reference}", f"explain {refused.reference}"),
        )
    )


async def _client(visit: Visit, refused: RefusedRequest) -> Client | None:
    """Return the client, if it is one of the issuer that is looked at, and theirs to look at."""
    whose = refused.hints.get("issuer") or refused.issuer
    if refused.client_id is None or whose != visit.issuer.name:
        return None
    try:
        return (await visit.clients.show(refused.client_id)).client
    except Refusal:
        return None

"""The administration's API: why requests were refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.server.admin_api_operation import Answer, Operation, Role
from portvakt.server.admin_api_shapes import LIMITED
from portvakt.server.administering_refusals import Refusals, described

if TYPE_CHECKING:
    from portvakt.server.admin_api_operation import Ask

_LIST = "refusals"


def _refusals(ask: Ask) -> Refusals:
    office = ask.office
    others = [issuer for issuer in office.issuers.values() if issuer is not ask.issuer]
    return Refusals(issuer=ask.issuer, store=office.store, actor=ask.who.actor, others=others)


async def list_refusals(ask: Ask) -> Answer:
    """Return a page of a client's refused requests."""
    of = f"{_LIST}/{ask.client_id}"
    cursor = ask.cursor(of)
    before = None if cursor is None else int(cursor[0])
    following, found = await _refusals(ask).page(ask.client_id, before=before, limit=ask.limit)
    token = ask.following(of, None if following is None else [following])
    return Answer(body={"items": [described(refused) for refused in found], "next": token})


async def explain(ask: Ask) -> Answer:
    """Return why a request was refused, and what to do."""
    explained = await _refusals(ask).explain(ask.path["reference"])
    why = explained.explanation
    told = {"cause": why.cause, "rule": why.rule, "what_to_do": why.what_to_do, "curl": why.curl}
    return Answer(body={**described(explained.refused), **told})


OPERATIONS = (
    Operation(
        name="listRefusals",
        method="GET",
        path="/issuers/{issuer}/clients/{client_id}/refusals",
        summary="A page of the requests of a client that were refused, newest first. They are kept for a week.",
        role=Role.OWNER,
        handle=list_refusals,
        query=LIMITED,
        answers={200: "Refusals"},
        refusals=(404,),
    ),
    Operation(
        name="explainRefusal",
        method="GET",
        path="/issuers/{issuer}/refusals/{reference}",
        summary="Why a request was refused, by the Portvakt-Reference of the answer: the cause, the rule, what to do.",
        role=Role.OWNER,
        handle=explain,
        answers={200: "Explanation"},
        refusals=(404,),
    ),
)

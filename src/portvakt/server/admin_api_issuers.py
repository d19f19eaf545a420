"""The administration's API: the issuers that are served, and their signing keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.model.decision import Refused
from portvakt.protocol.govern.actor import may_everything
from portvakt.server import keys
from portvakt.server.admin_api_operation import Answer, Operation, Role
from portvakt.server.admin_api_shown import show_issuer, show_keys
from portvakt.server.refusal import Refusal

if TYPE_CHECKING:
    from portvakt.server.admin_api_operation import Ask

_OPERATORS = Refused("access_denied", "Only an operator administers signing keys.", 403)


async def list_issuers(ask: Ask) -> Answer:
    """Return the issuers: all for an operator, else the one that they are at."""
    actor = ask.who.actor
    some = [issuer for issuer in ask.office.issuers.values() if actor.operator or issuer.name == ask.who.issuer.name]
    return Answer(body={"items": [show_issuer(issuer) for issuer in some], "next": None})


async def show(ask: Ask) -> Answer:
    """Return an issuer."""
    return Answer(body=show_issuer(ask.issuer))


async def list_keys(ask: Ask) -> Answer:
    """Return an issuer's keys."""
    _check(ask)
    found = await ask.office.store.signing_keys(ask.issuer.name)
    return Answer(body={"items": show_keys(found, ask.office.clock()), "next": None})


async def rotate_keys(ask: Ask) -> Answer:
    """Publish a new key."""
    _check(ask)
    office = ask.office
    rotated = await keys.rotate(office.store, ask.issuer, key=office.sealing, clock=office.clock, by=ask.who.by)
    if isinstance(rotated, Refused):
        raise Refusal(rotated)
    return Answer(body={"items": show_keys(rotated, office.clock()), "next": None})


def _check(ask: Ask) -> None:
    if not may_everything(ask.who.actor, ask.issuer.name):
        raise Refusal(_OPERATORS)


OPERATIONS = (
    Operation(
        name="listIssuers",
        method="GET",
        path="/issuers",
        summary="The issuers that you may do something at.",
        role=Role.ANYBODY,
        handle=list_issuers,
        answers={200: "Issuers"},
    ),
    Operation(
        name="showIssuer",
        method="GET",
        path="/issuers/{issuer}",
        summary="An issuer.",
        role=Role.ANYBODY,
        handle=show,
        answers={200: "Issuer"},
        refusals=(404,),
    ),
    Operation(
        name="listKeys",
        method="GET",
        path="/issuers/{issuer}/keys",
        summary="The signing keys of an issuer, oldest first.",
        role=Role.OPERATOR,
        handle=list_keys,
        answers={200: "Keys"},
        refusals=(404,),
    ),
    Operation(
        name="rotateKeys",
        method="POST",
        path="/issuers/{issuer}/keys/rotate",
        summary="Publish a new signing key. It signs once every key set that was cached before has run out.",
        role=Role.OPERATOR,
        handle=rotate_keys,
        answers={200: "Keys"},
        refusals=(404, 409),
    ),
)

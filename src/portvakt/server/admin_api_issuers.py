"""The administration's API: the issuers that are served, and their signing keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.server.admin_api_operation import Answer, Operation, Role
from portvakt.server.admin_api_shown import show_issuer, show_keys
from portvakt.server.administering_keys import SigningKeys

if TYPE_CHECKING:
    from portvakt.server.admin_api_operation import Ask


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
    found = await _keys(ask).every()
    return Answer(body={"items": show_keys(found, ask.office.clock()), "next": None})


async def rotate_keys(ask: Ask) -> Answer:
    """Publish a new key."""
    rotated = await _keys(ask).rotate()
    return Answer(body={"items": show_keys(rotated, ask.office.clock()), "next": None})


async def revoke_key(ask: Ask) -> Answer:
    """End a key."""
    left = await _keys(ask).revoke(ask.path["kid"])
    return Answer(body={"items": show_keys(left, ask.office.clock()), "next": None})


def _keys(ask: Ask) -> SigningKeys:
    office, who = ask.office, ask.who
    return SigningKeys(
        issuer=ask.issuer,
        store=office.store,
        clock=office.clock,
        sealing=office.sealing,
        actor=who.actor,
        by=who.by,
    )


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
    Operation(
        name="revokeKey",
        method="POST",
        path="/issuers/{issuer}/keys/{kid}/revoke",
        summary="End a signing key that somebody else may have: all that it signed is refused. A new one signs.",
        role=Role.OPERATOR,
        handle=revoke_key,
        answers={200: "Keys"},
        refusals=(404,),
    ),
)

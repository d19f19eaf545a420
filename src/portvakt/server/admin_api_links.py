"""The administration's API: links by which users choose a password, told to operators, who may do all anyhow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portvakt.protocol.govern.people import UserWish
from portvakt.server.admin_api_operation import Answer, Operation, Role
from portvakt.server.admin_api_people import merged
from portvakt.server.admin_api_shapes import LIMITED
from portvakt.server.admin_api_shown import moment
from portvakt.server.inviting import Inviting
from portvakt.server.links import Links

if TYPE_CHECKING:
    from portvakt.protocol.govern.invitations import Link
    from portvakt.server.admin_api_operation import Ask

_LIST = "links"


def _inviting(ask: Ask) -> Inviting:
    office = ask.office
    links = Links(issuer=ask.issuer, store=office.store, clock=office.clock, pepper=office.pepper, key=office.links)
    return Inviting(links=links, actor=ask.who.actor, by=ask.who.by)


async def invite(ask: Ask) -> Answer:
    """Give somebody a link to choose their first password."""
    link = await _inviting(ask).invite(ask.body["email"], merged(UserWish(), ask.body))
    return Answer(status=201, body=_shown(link), location=f"{ask.url}/users/{link.user.id}")


async def reset(ask: Ask) -> Answer:
    """Give a user a link to choose another password."""
    link = await _inviting(ask).reset(ask.user_id)
    return Answer(status=201, body=_shown(link), location=f"{ask.url}/users/{ask.user_id}")


async def outbox(ask: Ask) -> Answer:
    """Return the links that wait to be sent."""
    cursor = ask.cursor(_LIST)
    found = await _inviting(ask).outbox(after=None if cursor is None else str(cursor[0]), limit=ask.limit + 1)
    following = [found[ask.limit - 1].user.id] if len(found) > ask.limit else None
    items = [_shown(link) for link in found[: ask.limit]]
    return Answer(body={"items": items, "next": ask.following(_LIST, following)})


def _shown(link: Link) -> dict[str, Any]:
    return {
        "user_id": link.user.id,
        "email": link.user.email,
        "purpose": link.purpose.value,
        "url": link.url.reveal(),
        "expires": moment(link.expires_at),
    }


OPERATIONS = (
    Operation(
        name="inviteUser",
        method="POST",
        path="/issuers/{issuer}/invitations",
        summary="Have somebody choose their first password by a link, mailed or told here; they are made if new.",
        role=Role.OPERATOR,
        handle=invite,
        body="NewInvitation",
        answers={201: "Link"},
        refusals=(404,),
    ),
    Operation(
        name="listInvitations",
        method="GET",
        path="/issuers/{issuer}/invitations",
        summary="A page of the links that wait to be sent.",
        role=Role.OPERATOR,
        handle=outbox,
        reveals=True,
        query=LIMITED,
        answers={200: "Links"},
        refusals=(404,),
    ),
    Operation(
        name="resetPassword",
        method="POST",
        path="/issuers/{issuer}/users/{user_id}/reset",
        summary="Have a user choose another password by a link, mailed or told here; they keep theirs until then.",
        role=Role.OPERATOR,
        handle=reset,
        answers={201: "Link"},
        refusals=(404,),
    ),
)

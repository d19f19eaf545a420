"""The page of the outbox, for operators: links by which users choose a password, that were not sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.pages import console as views
from portvakt.server.console_people import inviting, show_link
from portvakt.server.console_visit import LINES, path_with

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.model.values import UserId
    from portvakt.protocol.govern.invitations import Link
    from portvakt.server.console_visit import Visit


async def outbox_page(visit: Visit) -> None:
    """List the links, or show the one that the form names. Raises: Refusal."""
    if not visit.posts:
        await _list(visit)
        return
    form = await visit.form()
    if form is None:
        await visit.stop(views.Stop.FORM)
        return
    here = f"{visit.root}/outbox"
    if not visit.is_recent:  # whoever has the link can be that user
        await visit.log_in_again(path_with(here, done="again"))
        return
    link = await inviting(visit).waiting(form.get("user", ""))
    await show_link(visit, link, views.Room.OUTBOX, visit.means("GET", "/invitations", "user outbox"))


async def _list(visit: Visit) -> None:
    here, mailing = f"{visit.root}/outbox", visit.installed.mailing
    found = await inviting(visit).outbox(after=visit.asked("after") or None, limit=LINES + 1)
    unsent: Mapping[UserId, str] = {} if mailing is None else mailing.unsent.to.get(visit.issuer.name, {})
    following = found[LINES - 1].user.id if len(found) > LINES else None
    await visit.show(
        views.Outbox(
            brand=visit.brand,
            frame=visit.framed(),
            action=here,
            csrf=visit.csrf,
            logs_in=visit.issuer.provider.authorize_path is not None,
            mail_host="" if mailing is None else mailing.mail.host,
            why="" if mailing is None else mailing.unsent.at_all,
            lines=tuple(_line(visit, link, unsent.get(link.user.id, "")) for link in found[:LINES]),
            next_url=None if following is None else path_with(here, after=following),
            users_url=f"{visit.root}/users",
            again=visit.asked("done") == "again",
            means=visit.means("GET", "/invitations", "user outbox"),
        )
    )


def _line(visit: Visit, link: Link, why: str) -> views.OutboxLine:
    return views.OutboxLine(
        user_id=link.user.id,
        email=link.user.email,
        url=f"{visit.root}/users/{link.user.id}",
        purpose=link.purpose,
        since=link.created_at,
        ends=link.expires_at,
        enabled=link.user.disabled_at is None,
        why=why,
    )

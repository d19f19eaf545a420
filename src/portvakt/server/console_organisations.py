"""The pages of organisations and their members, as an operator sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.pages import console as views
from portvakt.server.administering_organisations import Organisations
from portvakt.server.as_curl import by_other_means
from portvakt.server.console_clients import show_clients
from portvakt.server.console_visit import LINES, NOTHING_TO_DO, number_in, path_with
from portvakt.server.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.model.decision import Refused
    from portvakt.server.console_visit import Visit

_LONGEST = 100


async def organisations_pages(visit: Visit, rest: tuple[str, ...]) -> None:
    """Answer at `/organisations` and below it. Raises: Refusal."""
    match rest:
        case ():
            await _organisations(visit)
        case (number,):
            await _organisation(visit, number)
        case (number, "clients"):
            organisation = await _of(visit).show(number)
            await show_clients(visit, organisation=number, above=organisation.name)
        case _:
            await visit.stop(views.Stop.NOT_FOUND)


def _of(visit: Visit) -> Organisations:
    return Organisations(visit.issuer, visit.store, visit.desk.clock, visit.actor, visit.by)


async def _organisations(visit: Visit) -> None:
    if not visit.posts:
        await _show_organisations(visit)
        return
    form = await visit.form()
    if form is None:
        await visit.stop(views.Stop.FORM)
        return
    number, name = form.get("number", "").strip(), form.get("name", "").strip()
    try:
        made = await _of(visit).create(number, name)
    except Refusal as refusal:
        await _show_organisations(visit, refusal.refused, number=number, name=name)
        return
    await visit.go(path_with(f"{visit.root}/organisations/{made.number}", done=views.PersonDone.CREATED.value))


async def _show_organisations(
    visit: Visit, refused: Refused | None = None, *, number: str = "", name: str = ""
) -> None:
    sought, after = visit.asked("q").strip()[:_LONGEST], visit.asked("after")
    of, here = _of(visit), f"{visit.root}/organisations"
    if sought:
        found = await of.find(sought, after=await of.show(after) if after else None, limit=LINES + 1)
    else:
        found = await of.page(after=after or None, limit=LINES + 1)
    lines, following = found[:LINES], len(found) > LINES
    path, command = path_with("/organisations", search=sought), "organisation list"
    visit.call.refused = refused
    await visit.show(
        views.Organisations(
            brand=visit.brand,
            frame=visit.framed(),
            search_url=here,
            csrf=visit.csrf,
            sought=sought,
            lines=tuple(
                views.OrganisationLine(
                    number=one.number, name=one.name, enabled=one.disabled_at is None, url=f"{here}/{one.number}"
                )
                for one in lines
            ),
            next_url=path_with(here, q=sought, after=lines[-1].number) if following else None,
            means=by_other_means(visit.api_url, visit.issuer, "GET", path, command),
            number=number,
            name=name,
            problem="" if refused is None else refused.description,
            status=200 if refused is None else refused.status,
        )
    )


async def _organisation(visit: Visit, number: str) -> None:
    """Show an organisation, or do what a form of its page says."""
    if not visit.posts:
        await _show_organisation(visit, number)
        return
    form = await visit.form()
    if form is None:
        await visit.stop(views.Stop.FORM)
        return
    here = f"{visit.root}/organisations/{number}"
    raises = form.get("do") == "add" and "administrator" in form
    if (raises or form.get("do") in {"disable", "remove", "raise"}) and not visit.is_recent:
        await visit.log_in_again(path_with(here, done=views.PersonDone.AGAIN.value))
        return
    try:
        done = await _act(visit, number, form)
    except Refusal as refusal:
        await _show_organisation(visit, number, refusal.refused, email=form.get("email", ""))
        return
    await visit.go(path_with(here, done=done.value))


async def _act(visit: Visit, number: str, form: Mapping[str, str]) -> views.PersonDone:
    of, user, version = _of(visit), form.get("user", ""), number_in(form, "version")
    match form.get("do"):
        case "disable":
            await of.set_enabled(number, False, version=version)
            return views.PersonDone.DISABLED
        case "enable":
            await of.set_enabled(number, True, version=version)
            return views.PersonDone.ENABLED
        case "add":
            await of.add_member(number, form.get("email", "").strip(), administrator="administrator" in form)
            return views.PersonDone.CREATED
        case "raise" | "lower" as do:
            await of.set_administrator(number, user, do == "raise")
        case "remove":
            await of.remove_member(number, user)
        case _:
            raise Refusal(NOTHING_TO_DO)
    return views.PersonDone.CHANGED


async def _show_organisation(visit: Visit, number: str, refused: Refused | None = None, *, email: str = "") -> None:
    of, here = _of(visit), f"{visit.root}/organisations"
    organisation = await of.show(number)
    found = await of.members(number, after=visit.asked("after") or None, limit=LINES + 1)
    lines, own = found[:LINES], f"{here}/{organisation.number}"
    enabled = organisation.disabled_at is None
    verb = "disable" if enabled else "enable"
    visit.call.refused = refused
    await visit.show(
        views.OrganisationPage(
            brand=visit.brand,
            frame=visit.framed(views.Crumb(url=here, room=views.Room.ORGANISATIONS)),
            number=organisation.number,
            name=organisation.name,
            enabled=enabled,
            members=tuple(
                views.MemberLine(
                    user_id=one.user.id,
                    email=one.user.email,
                    administrator=one.administrator,
                    since=one.since,
                    url=f"{visit.root}/users/{one.user.id}",
                )
                for one in lines
            ),
            next_url=path_with(own, after=lines[-1].user.id) if len(found) > LINES else None,
            clients_url=f"{own}/clients",
            log_url=path_with(f"{visit.root}/log", organisation=organisation.number),
            action=own,
            csrf=visit.csrf,
            version=organisation.version,
            means=by_other_means(
                visit.api_url, visit.issuer, "POST", f"/organisations/{number}/{verb}", f"organisation {verb} {number}"
            ),
            done=next((one for one in views.PersonDone if one.value == visit.asked("done")), None),
            email=email,
            problem="" if refused is None else refused.description,
            status=200 if refused is None else refused.status,
        )
    )

"""The pages of organisations and their members, as an operator sees them, and of each one, its administrators."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from portvakt.model.values import OrganisationNumber
from portvakt.pages import console as views
from portvakt.server.administering_organisations import Organisations
from portvakt.server.as_curl import option
from portvakt.server.console_clients import show_clients
from portvakt.server.console_visit import LINES, NOTHING_TO_DO, number_in, path_with
from portvakt.server.refusal import Refusal
from portvakt.store.rows import search_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.model.behalf import Member
    from portvakt.model.decision import Refused
    from portvakt.model.nouns import Organisation
    from portvakt.server.console_visit import Visit

_LONGEST = 100
_DANGEROUS = frozenset({"disable", "remove", "raise"})


async def organisations_pages(visit: Visit, rest: tuple[str, ...]) -> None:
    """Answer at `/organisations` and below it. Raises: Refusal."""
    match rest:
        case ():
            await _organisations(visit)
        case (number,):
            await show_organisation(visit, number)
        case (number, "clients"):
            organisation = await _of(visit).show(number)
            await show_clients(visit, organisation=number, above=organisation.name)
        case _:
            await visit.stop(views.Stop.NOT_FOUND)


def _of(visit: Visit) -> Organisations:
    return Organisations(visit.issuer, visit.store, visit.desk.clock, visit.actor, visit.by, visit.desk.pepper)


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
        past = (visit.asked("behind"), OrganisationNumber(after)) if after else None
        found = await of.find(sought, after=past, limit=LINES + 1)
    else:
        found = await of.page(after=after or None, limit=LINES + 1)
    lines, following = found[:LINES], len(found) > LINES
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
            next_url=path_with(
                here, q=sought, behind=search_key(lines[-1].name) if sought else "", after=lines[-1].number
            )
            if following
            else None,
            means=visit.means(
                "GET",
                path_with("/organisations", search=sought),
                "organisation list" + (option("search", sought) if sought else ""),
            ),
            add=_creating(visit, number or "NUMBER", name or "NAME"),
            number=number,
            name=name,
            problem="" if refused is None else refused.description,
            status=200 if refused is None else refused.status,
        )
    )


async def show_organisation(visit: Visit, number: str) -> None:
    """Show an organisation that they administer, or do what a form of its page says. Raises: Refusal."""
    if not visit.posts:
        await _show_organisation(visit, number)
        return
    form = await visit.form()
    if form is None:
        await visit.stop(views.Stop.FORM)
        return
    here, do = f"{visit.root}/organisations/{number}", form.get("do")
    if (do in _DANGEROUS or (do == "add" and "administrator" in form)) and not visit.is_recent:
        await visit.log_in_again(path_with(here, done=views.PersonDone.AGAIN.value))
        return
    try:
        done = await _act(visit, number, form)
    except Refusal as refusal:
        email, administrator = form.get("email", "").strip(), "administrator" in form
        await _show_organisation(visit, number, refusal.refused, email=email, administrator=administrator)
        return
    if do in {"lower", "remove"} and form.get("user") == visit.facts.user.id and not visit.actor.operator:
        await visit.go(visit.frame.home_url)  # whoever takes it from themselves may see this page no more
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


async def _show_organisation(
    visit: Visit, number: str, refused: Refused | None = None, *, email: str = "", administrator: bool = False
) -> None:
    of, operator = _of(visit), visit.actor.operator
    organisation = await of.show(number)
    found = await of.members(number, after=visit.asked("after") or None, limit=LINES + 1)
    lines, above = found[:LINES], f"{visit.root}/organisations"
    own = f"{above}/{organisation.number}"
    crumb = views.Crumb(url=above, room=views.Room.ORGANISATIONS)
    visit.call.refused = refused
    await visit.show(
        views.OrganisationPage(
            brand=visit.brand,
            frame=visit.framed(crumb if operator else views.Crumb(url=visit.root, room=views.Room.SETTINGS)),
            number=organisation.number,
            name=organisation.name,
            enabled=organisation.disabled_at is None,
            members=tuple(_member(visit, number, one) for one in lines),
            next_url=path_with(own, after=lines[-1].user.id) if len(found) > LINES else None,
            clients_url=f"{own}/clients" if operator else path_with(visit.clients_url, organisation=number),
            log_url=path_with(f"{visit.root}/log", organisation=organisation.number),
            action=own,
            csrf=visit.csrf,
            version=organisation.version,
            add=_adding(visit, number, email, administrator),
            switch=_switch(visit, organisation) if operator else None,
            done=next((one for one in views.PersonDone if one.value == visit.asked("done")), None),
            email=email,
            administrator=administrator,
            problem="" if refused is None else refused.description,
            status=200 if refused is None else refused.status,
        )
    )


def _member(visit: Visit, number: str, member: Member) -> views.MemberLine:
    user, path = member.user, f"/organisations/{number}/members/{member.user.id}"
    who, other = f"{number} {shlex.quote(user.email)}", not member.administrator
    change = f"organisation add-member {who} --{'' if other else 'no-'}administrator"
    return views.MemberLine(
        user_id=user.id,
        email=user.email,
        administrator=member.administrator,
        since=member.since,
        url=f"{visit.root}/users/{user.id}" if visit.actor.operator else None,
        change=visit.means("PATCH", path, change, {"administrator": other}),
        remove=visit.means("DELETE", path, f"organisation remove-member {who}"),
    )


# --- by other means ---------------------------------------------------------------------------------------------------


def _creating(visit: Visit, number: str, name: str) -> views.OtherMeans:
    command = "organisation create" + option("number", number) + option("name", name)
    return visit.means("POST", "/organisations", command, {"organisation": number, "name": name})


def _adding(visit: Visit, number: str, named: str, administrator: bool) -> views.OtherMeans:
    """Return how a user is added. `named`: as the form has it: an address, or whoever is no operator has a code."""
    operator = visit.actor.operator
    who = (named if operator else "") or "EMAIL"  # whoever types commands may do everything
    body = {"user": named or ("EMAIL" if operator else "CODE"), "administrator": administrator}
    command = f"organisation add-member {number} {shlex.quote(who)} --{'' if administrator else 'no-'}administrator"
    return visit.means("POST", f"/organisations/{number}/members", command, body)


def _switch(visit: Visit, organisation: Organisation) -> views.OtherMeans:
    number, verb = organisation.number, "disable" if organisation.disabled_at is None else "enable"
    return visit.means("POST", f"/organisations/{number}/{verb}", f"organisation {verb} {number}")

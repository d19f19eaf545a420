"""The pages of users and organisations, as an operator sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.model.values import OrganisationNumber
from portvakt.pages import console as views
from portvakt.server.administering_organisations import Organisations
from portvakt.server.administering_people import People
from portvakt.server.as_curl import by_other_means
from portvakt.server.console_clients import show_clients
from portvakt.server.console_visit import LINES, path_with

if TYPE_CHECKING:
    from portvakt.model.behalf import Member
    from portvakt.model.nouns import User
    from portvakt.server.console_visit import Visit

_LONGEST = 100


async def users_pages(visit: Visit, rest: tuple[str, ...]) -> None:
    """Answer at `/users` and below it. Raises: Refusal."""
    match rest:
        case ():
            await _users(visit)
        case (user_id,):
            await _profile(visit, user_id)
        case (user_id, "clients"):
            user = (await _people(visit).show(user_id)).user
            await show_clients(visit, owner=user, above=user.email)
        case _:
            await visit.stop(views.Stop.NOT_FOUND)


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


def _people(visit: Visit) -> People:
    return People(visit.issuer, visit.store, visit.desk.clock, visit.actor, visit.by)


def _of(visit: Visit) -> Organisations:
    return Organisations(visit.issuer, visit.store, visit.desk.clock, visit.actor, visit.by)


async def _users(visit: Visit) -> None:
    sought, after = visit.asked("q").strip()[:_LONGEST], visit.asked("after")
    people, here = _people(visit), f"{visit.root}/users"
    if sought:
        last = (await people.show(after)).user if after else None
        found = await people.find(sought, after=last, limit=LINES + 1)
    else:
        found = await people.page(after=after or None, limit=LINES + 1)
    lines, following = found[:LINES], len(found) > LINES
    await visit.show(
        views.Users(
            brand=visit.brand,
            frame=visit.framed(),
            search_url=here,
            sought=sought,
            lines=tuple(_line(user, here) for user in lines),
            next_url=path_with(here, q=sought, after=lines[-1].id) if following else None,
            means=by_other_means(visit.api_url, visit.issuer, "GET", path_with("/users", search=sought), "user list"),
        )
    )


def _line(user: User, here: str) -> views.UserLine:
    return views.UserLine(
        url=f"{here}/{user.id}",
        email=user.email,
        roles=tuple(sorted(user.roles)),
        since=user.created_at,
        enabled=user.disabled_at is None,
    )


async def _profile(visit: Visit, user_id: str) -> None:
    person = await _people(visit).show(user_id)
    user, here = person.user, f"{visit.root}/users"
    belongs = await visit.store.memberships_of(visit.issuer.name, user.id)
    await visit.show(
        views.Profile(
            brand=visit.brand,
            frame=visit.framed(views.Crumb(url=here, room=views.Room.USERS)),
            user_id=user.id,
            email=user.email,
            roles=tuple(sorted(user.roles)),
            since=user.created_at,
            enabled=user.disabled_at is None,
            has_password=person.has_password,
            companies=tuple(
                views.Belonging(
                    number=one.organisation.number,
                    name=one.organisation.name,
                    administrator=one.administrator,
                    url=f"{visit.root}/organisations/{one.organisation.number}",
                )
                for one in belongs
            ),
            clients_url=f"{here}/{user.id}/clients",
            log_url=path_with(f"{visit.root}/log", user=user.id),
        )
    )


async def _organisations(visit: Visit) -> None:
    sought, after = visit.asked("q").strip()[:_LONGEST], visit.asked("after")
    of, here = _of(visit), f"{visit.root}/organisations"
    if sought:
        found = await of.find(sought, after=await of.show(after) if after else None, limit=LINES + 1)
    else:
        found = await of.page(after=after or None, limit=LINES + 1)
    lines, following = found[:LINES], len(found) > LINES
    path, command = path_with("/organisations", search=sought), "organisation list"
    await visit.show(
        views.Organisations(
            brand=visit.brand,
            frame=visit.framed(),
            search_url=here,
            sought=sought,
            lines=tuple(
                views.OrganisationLine(
                    number=one.number, name=one.name, enabled=one.disabled_at is None, url=f"{here}/{one.number}"
                )
                for one in lines
            ),
            next_url=path_with(here, q=sought, after=lines[-1].number) if following else None,
            means=by_other_means(visit.api_url, visit.issuer, "GET", path, command),
        )
    )


async def _organisation(visit: Visit, number: str) -> None:
    of, here = _of(visit), f"{visit.root}/organisations"
    organisation = await of.show(OrganisationNumber(number))
    found = await of.members(number, after=visit.asked("after") or None, limit=LINES + 1)
    lines = found[:LINES]
    own = f"{here}/{organisation.number}"
    await visit.show(
        views.OrganisationPage(
            brand=visit.brand,
            frame=visit.framed(views.Crumb(url=here, room=views.Room.ORGANISATIONS)),
            number=organisation.number,
            name=organisation.name,
            enabled=organisation.disabled_at is None,
            members=tuple(_member(visit, one) for one in lines),
            next_url=path_with(own, after=lines[-1].user.id) if len(found) > LINES else None,
            clients_url=f"{own}/clients",
            log_url=path_with(f"{visit.root}/log", organisation=organisation.number),
        )
    )


def _member(visit: Visit, one: Member) -> views.MemberLine:
    return views.MemberLine(
        email=one.user.email,
        administrator=one.administrator,
        since=one.since,
        url=f"{visit.root}/users/{one.user.id}",
    )

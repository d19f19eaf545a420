"""The pages of users, as an operator sees them: list, invite, show, change, disable."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from portvakt.pages import console as views
from portvakt.protocol.govern.people import UserWish
from portvakt.protocol.live import session_lives
from portvakt.server.administering_people import People
from portvakt.server.as_curl import option
from portvakt.server.console_clients import show_clients
from portvakt.server.console_visit import LINES, NOTHING_TO_DO, number_in, path_with
from portvakt.server.inviting import Inviting
from portvakt.server.links import Links
from portvakt.server.refusal import Refusal
from portvakt.store.rows import search_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.model.decision import Refused
    from portvakt.model.nouns import User
    from portvakt.protocol.govern.invitations import Link
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


def _people(visit: Visit) -> People:
    return People(visit.issuer, visit.store, visit.desk.clock, visit.actor, visit.by)


def inviting(visit: Visit) -> Inviting:
    """Return what there is to do about links by which users choose a password."""
    desk = visit.desk
    links = Links(issuer=visit.issuer, store=desk.store, clock=desk.clock, pepper=desk.pepper, key=desk.links_key)
    return Inviting(links=links, actor=visit.actor, by=visit.by)


async def _users(visit: Visit) -> None:
    here = f"{visit.root}/users"
    if not visit.posts:
        await _show_users(visit)
        return
    form = await visit.form()
    if form is None:
        await visit.stop(views.Stop.FORM)
        return
    if not visit.is_recent:  # the link is shown, and whoever has it is that user: an operator, if the form says so
        await visit.log_in_again(here)
        return
    email, roles = form.get("email", "").strip(), form.get("roles", "")
    try:
        wish = UserWish(roles=frozenset(roles.split()))
        if visit.issuer.provider.authorize_path is None:
            person = await _people(visit).create(email, wish)
            await visit.go(path_with(f"{here}/{person.user.id}", done=views.PersonDone.CREATED.value))
        else:
            await show_link(
                visit, await inviting(visit).invite(email, wish), views.Room.USERS, _adding(visit, email, roles)
            )
    except Refusal as refusal:
        await _show_users(visit, refusal.refused, email=email, roles=roles)


async def _show_users(visit: Visit, refused: Refused | None = None, *, email: str = "", roles: str = "") -> None:
    sought, after = visit.asked("q").strip()[:_LONGEST], visit.asked("after")
    people, here = _people(visit), f"{visit.root}/users"
    if sought:
        found = await people.find(sought, after=after or None, limit=LINES + 1)
    else:
        found = await people.page(after=after or None, limit=LINES + 1)
    lines, following = found[:LINES], len(found) > LINES
    visit.call.refused = refused
    await visit.show(
        views.Users(
            brand=visit.brand,
            frame=visit.framed(),
            search_url=here,
            csrf=visit.csrf,
            invites=visit.issuer.provider.authorize_path is not None,
            email=email,
            roles=roles,
            problem="" if refused is None else refused.description,
            status=200 if refused is None else refused.status,
            sought=sought,
            lines=tuple(_line(user, here) for user in lines),
            next_url=path_with(here, q=sought, after=search_key(lines[-1].email) if sought else lines[-1].id)
            if following
            else None,
            means=visit.means(
                "GET", path_with("/users", search=sought), "user list" + (option("search", sought) if sought else "")
            ),
            add=_adding(visit, email, roles),
        )
    )


async def show_link(visit: Visit, link: Link, room: views.Room, means: views.OtherMeans) -> None:
    """Show a link, which is good for a password, below the page of `room`."""
    await visit.show(
        views.LinkShown(
            brand=visit.brand,
            frame=visit.framed(views.Crumb(url=f"{visit.root}/{room.value}", room=room)),
            email=link.user.email,
            link=link.url.reveal(),
            ends=link.expires_at,
            profile_url=f"{visit.root}/users/{link.user.id}",
            means=means,
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
    """Show a user, or do what a form of their page says."""
    if not visit.posts:
        await _show_profile(visit, user_id)
        return
    form = await visit.form()
    if form is None:
        await visit.stop(views.Stop.FORM)
        return
    here = f"{visit.root}/users/{user_id}"
    if form.get("do") in {"disable", "link", "change"} and not visit.is_recent:
        await visit.log_in_again(path_with(here, done=views.PersonDone.AGAIN.value))
        return
    try:
        if form.get("do") == "link":
            link = await inviting(visit).reset(user_id)
            await show_link(visit, link, views.Room.USERS, _acts(visit, link.user).link)
            return
        done = await _act_on_user(visit, user_id, form)
    except Refusal as refusal:
        await _show_profile(visit, user_id, refusal.refused)
        return
    await visit.go(path_with(here, done=done.value))


async def _act_on_user(visit: Visit, user_id: str, form: Mapping[str, str]) -> views.PersonDone:
    people, version = _people(visit), number_in(form, "version")
    match form.get("do"):
        case "disable":
            await people.set_enabled(user_id, False, version=version)
            return views.PersonDone.DISABLED
        case "enable":
            await people.set_enabled(user_id, True, version=version)
            return views.PersonDone.ENABLED
        case "log_out":
            await people.end_sessions(user_id)
            return views.PersonDone.LOGGED_OUT
        case "change":
            roles = frozenset(form.get("roles", "").split())
            await people.change(user_id, lambda was: replace(was, roles=roles), version=version)
            return views.PersonDone.CHANGED
        case _:
            raise Refusal(NOTHING_TO_DO)


async def _show_profile(visit: Visit, user_id: str, refused: Refused | None = None) -> None:
    person = await _people(visit).show(user_id)
    user, here = person.user, f"{visit.root}/users"
    sessions = await visit.store.sessions_of(visit.issuer.name, user.id)
    visit.call.refused = refused
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
                for one in person.memberships
            ),
            clients_url=f"{here}/{user.id}/clients",
            log_url=path_with(f"{visit.root}/log", user=user.id),
            action=f"{here}/{user.id}",
            csrf=visit.csrf,
            version=user.version,
            logs_in=visit.issuer.provider.authorize_path is not None,
            sessions=sum(session_lives(one, user, visit.now) for one in sessions),
            acts=_acts(visit, user),
            done=_done(visit),
            problem="" if refused is None else refused.description,
            status=200 if refused is None else refused.status,
        )
    )


# --- by other means ---------------------------------------------------------------------------------------------------


def _adding(visit: Visit, email: str, roles: str) -> views.OtherMeans:
    """Return how one is invited, or made where nobody logs in."""
    who, named = email or "EMAIL", sorted(set(roles.split()))
    body, options = {"email": who, "roles": named}, option("role", *(named or [""]))
    if visit.issuer.provider.authorize_path is None:
        return visit.means("POST", "/users", "user create" + option("email", who) + options, body)
    return visit.means("POST", "/invitations", f"user invite {shlex.quote(who)}{options}", body)


def _acts(visit: Visit, user: User) -> views.PersonActs:
    here, who, roles = f"/users/{user.id}", shlex.quote(user.email), sorted(user.roles)
    changes = f"user update {who}" + option("role", *(roles or [""]))
    return views.PersonActs(
        change=visit.means("PATCH", here, changes, {"roles": roles}, versioned=True),
        link=visit.means("POST", f"{here}/reset", f"user reset-password {who}"),
        log_out=visit.means("DELETE", f"{here}/sessions", f"user end-session {who} --all"),
        enable=visit.means("POST", f"{here}/enable", f"user enable {who}"),
        disable=visit.means("POST", f"{here}/disable", f"user disable {who}"),
    )


def _done(visit: Visit) -> views.PersonDone | None:
    return next((one for one in views.PersonDone if one.value == visit.asked("done")), None)

"""The administration's API: users, where they are logged in, organisations and who belongs to them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from portvakt.model.values import OrganisationNumber, Secret
from portvakt.protocol.govern.people import UserWish
from portvakt.server.admin_api_operation import Answer, Operation, Role, Versioned
from portvakt.server.admin_api_shapes import LIMITED, text
from portvakt.server.admin_api_shown import (
    show_member,
    show_organisation,
    show_person,
    show_session,
    show_user,
)
from portvakt.server.administering_organisations import Organisations
from portvakt.server.administering_people import People
from portvakt.store.rows import search_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.model.nouns import Organisation
    from portvakt.server.admin_api_operation import Ask
    from portvakt.server.administering_people import Person

_USERS, _ORGANISATIONS, _MEMBERS = "users", "organisations", "members"
_SEARCH = "search"


def _people(ask: Ask) -> People:
    return People(ask.issuer, ask.office.store, ask.office.clock, ask.who.actor, ask.who.by)


def _organisations(ask: Ask) -> Organisations:
    office, who = ask.office, ask.who
    return Organisations(ask.issuer, office.store, office.clock, who.actor, who.by, office.pepper)


# --- users ------------------------------------------------------------------------------------------------------------


async def list_users(ask: Ask) -> Answer:
    """Return a page of users."""
    search, cursor = ask.text(_SEARCH), ask.cursor(_USERS, _SEARCH)
    after = None if cursor is None else str(cursor[0])
    some = _people(ask)
    if search is None:
        found = await some.page(after=after, limit=ask.limit + 1)
    else:
        found = await some.find(search, after=after, limit=ask.limit + 1)
    following = None
    if len(found) > ask.limit:
        last = found[ask.limit - 1]
        following = [last.id if search is None else search_key(last.email)]
    items = [show_user(user) for user in found[: ask.limit]]
    return Answer(body={"items": items, "next": ask.following(_USERS, following, _SEARCH)})


async def create_user(ask: Ask) -> Answer:
    """Make a user."""
    password = ask.body.get("password")
    person = await _people(ask).create(
        ask.body["email"], merged(UserWish(), ask.body), password=None if password is None else Secret(password)
    )
    return replace(_person(person), status=201, location=f"{ask.url}/users/{person.user.id}")


async def show(ask: Ask) -> Answer:
    """Return a user."""
    return _person(await _people(ask).show(ask.user_id))


async def change_user(ask: Ask) -> Answer:
    """Change a user (RFC 7396)."""
    return _person(await _people(ask).change(ask.user_id, lambda wish: merged(wish, ask.body), version=ask.version))


async def disable_user(ask: Ask) -> Answer:
    """Disable a user."""
    return _person(await _people(ask).set_enabled(ask.user_id, False, version=ask.version))


async def enable_user(ask: Ask) -> Answer:
    """Enable a user."""
    return _person(await _people(ask).set_enabled(ask.user_id, True, version=ask.version))


async def set_password(ask: Ask) -> Answer:
    """Give a user a password."""
    return _person(await _people(ask).set_password(ask.user_id, Secret(ask.body["password"])))


async def list_sessions(ask: Ask) -> Answer:
    """Return where a user is logged in."""
    sessions = await _people(ask).sessions(ask.user_id)
    return Answer(body={"items": [show_session(session) for session in sessions], "next": None})


async def end_session(ask: Ask) -> Answer:
    """Log a user out of one browser."""
    await _people(ask).end_session(ask.user_id, ask.session_id)
    return Answer(status=204)


async def end_sessions(ask: Ask) -> Answer:
    """Log a user out everywhere."""
    await _people(ask).end_sessions(ask.user_id)
    return Answer(status=204)


def merged(wish: UserWish, patch: Mapping[str, Any]) -> UserWish:
    """Return a wish with the members of a patch; null is as if it had never been said (RFC 7396 §2)."""
    said: dict[str, Any] = {}
    if "locale" in patch:
        said["locale"] = patch["locale"]
    if "roles" in patch:
        said["roles"] = frozenset(patch["roles"] or ())
    return replace(wish, **said)


def _person(person: Person) -> Answer:
    return Answer(body=show_person(person), version=person.user.version)


# --- organisations ----------------------------------------------------------------------------------------------------


async def list_organisations(ask: Ask) -> Answer:
    """Return a page of organisations."""
    search, cursor = ask.text(_SEARCH), ask.cursor(_ORGANISATIONS, _SEARCH)
    some = _organisations(ask)
    if search is None:
        found = await some.page(after=None if cursor is None else str(cursor[0]), limit=ask.limit + 1)
    else:
        past = None if cursor is None else (str(cursor[0]), OrganisationNumber(str(cursor[1])))
        found = await some.find(search, after=past, limit=ask.limit + 1)
    following = None
    if len(found) > ask.limit:
        last = found[ask.limit - 1]
        following = [last.number] if search is None else [search_key(last.name), last.number]
    items = [show_organisation(each) for each in found[: ask.limit]]
    return Answer(body={"items": items, "next": ask.following(_ORGANISATIONS, following, _SEARCH)})


async def create_organisation(ask: Ask) -> Answer:
    """Make an organisation."""
    made = await _organisations(ask).create(ask.body["organisation"], ask.body["name"])
    return replace(_organisation(made), status=201, location=f"{ask.url}/organisations/{made.number}")


async def show_one(ask: Ask) -> Answer:
    """Return an organisation."""
    return _organisation(await _organisations(ask).show(ask.number))


async def change_organisation(ask: Ask) -> Answer:
    """Call an organisation something else (RFC 7396)."""
    some = _organisations(ask)
    name = ask.body["name"] if "name" in ask.body else (await some.show(ask.number)).name
    return _organisation(await some.change(ask.number, name=name, version=ask.version))


async def disable_organisation(ask: Ask) -> Answer:
    """Disable an organisation."""
    return _organisation(await _organisations(ask).set_enabled(ask.number, False, version=ask.version))


async def enable_organisation(ask: Ask) -> Answer:
    """Enable an organisation."""
    return _organisation(await _organisations(ask).set_enabled(ask.number, True, version=ask.version))


async def list_members(ask: Ask) -> Answer:
    """Return a page of those who belong to an organisation."""
    of = f"{_MEMBERS}/{ask.number}"
    cursor = ask.cursor(of)
    after = None if cursor is None else str(cursor[0])
    found = await _organisations(ask).members(ask.number, after=after, limit=ask.limit + 1)
    following = [found[ask.limit - 1].user.id] if len(found) > ask.limit else None
    items = [show_member(member) for member in found[: ask.limit]]
    return Answer(body={"items": items, "next": ask.following(of, following)})


async def add_member(ask: Ask) -> Answer:
    """Have a user belong to an organisation."""
    administrator = ask.body.get("administrator", False)
    member = await _organisations(ask).add_member(ask.number, ask.body["user"], administrator=administrator)
    where = f"{ask.url}/organisations/{ask.number}/members/{member.user.id}"
    return Answer(status=201, body=show_member(member), location=where)


async def change_member(ask: Ask) -> Answer:
    """Have a member administer the organisation, or no more."""
    some = _organisations(ask)
    return Answer(body=show_member(await some.set_administrator(ask.number, ask.user_id, ask.body["administrator"])))


async def remove_member(ask: Ask) -> Answer:
    """Have a user belong to an organisation no more."""
    await _organisations(ask).remove_member(ask.number, ask.user_id)
    return Answer(status=204)


def _organisation(organisation: Organisation) -> Answer:
    return Answer(body=show_organisation(organisation), version=organisation.version)


_ALL_USERS, _ONE_USER = "/issuers/{issuer}/users", "/issuers/{issuer}/users/{user_id}"
_ALL, _ONE = "/issuers/{issuer}/organisations", "/issuers/{issuer}/organisations/{organisation}"


def _on_a_user(name: str, method: str, path: str, summary: str, handle: Any, **more: Any) -> Operation:
    usual: dict[str, Any] = {"answers": {200: "Person"}, "refusals": (404,), "role": Role.OPERATOR}
    return Operation(name=name, method=method, path=path, summary=summary, handle=handle, **{**usual, **more})


def _on_an_organisation(name: str, method: str, path: str, summary: str, handle: Any, **more: Any) -> Operation:
    usual: dict[str, Any] = {"answers": {200: "Organisation"}, "refusals": (404,), "role": Role.OPERATOR}
    return Operation(name=name, method=method, path=path, summary=summary, handle=handle, **{**usual, **more})


_MAY = {"versioned": Versioned.MAY}
_MUST = {"versioned": Versioned.MUST}
_BY_ADMINISTRATOR = {"role": Role.ADMINISTRATOR}
_MEMBERS_PATH, _MEMBER_PATH = f"{_ONE}/members", f"{_ONE}/members/{{user_id}}"

OPERATIONS = (
    _on_a_user(
        "listUsers",
        "GET",
        _ALL_USERS,
        "A page of users.",
        list_users,
        query={**LIMITED, "search": {**text(200, 1), "description": "Those whose address begins so."}},
        answers={200: "Users"},
    ),
    _on_a_user(
        "createUser",
        "POST",
        _ALL_USERS,
        "Make a user, who can log in if there is a password.",
        create_user,
        body="NewUser",
        answers={201: "Person"},
    ),
    _on_a_user("showUser", "GET", _ONE_USER, "A user, with what they belong to.", show),
    _on_a_user("changeUser", "PATCH", _ONE_USER, "Change a user (RFC 7396).", change_user, body="UserPatch", **_MUST),
    _on_a_user(
        "disableUser",
        "POST",
        f"{_ONE_USER}/disable",
        "Disable a user: they are logged out, and what they gave has ended.",
        disable_user,
        **_MAY,
    ),
    _on_a_user("enableUser", "POST", f"{_ONE_USER}/enable", "Enable a user again.", enable_user, **_MAY),
    _on_a_user(
        "setPassword",
        "POST",
        f"{_ONE_USER}/password",
        "Give a user a password, and end the sessions that began with another.",
        set_password,
        body="NewPassword",
    ),
    _on_a_user(
        "listSessions",
        "GET",
        f"{_ONE_USER}/sessions",
        "The browsers in which a user is logged in.",
        list_sessions,
        answers={200: "Sessions"},
    ),
    _on_a_user(
        "endSessions",
        "DELETE",
        f"{_ONE_USER}/sessions",
        "Log a user out everywhere.",
        end_sessions,
        answers={204: None},
    ),
    _on_a_user(
        "endSession",
        "DELETE",
        f"{_ONE_USER}/sessions/{{session_id}}",
        "Log a user out of one browser.",
        end_session,
        answers={204: None},
    ),
    _on_an_organisation(
        "listOrganisations",
        "GET",
        _ALL,
        "A page of organisations: all, for an operator; else those that you administer.",
        list_organisations,
        role=Role.ANYBODY,
        query={
            **LIMITED,
            "search": {**text(200, 1), "description": "Those whose name or number begins so. For an operator."},
        },
        answers={200: "Organisations"},
    ),
    _on_an_organisation(
        "createOrganisation",
        "POST",
        _ALL,
        "Make an organisation.",
        create_organisation,
        body="NewOrganisation",
        answers={201: "Organisation"},
    ),
    _on_an_organisation("showOrganisation", "GET", _ONE, "An organisation.", show_one, **_BY_ADMINISTRATOR),
    _on_an_organisation(
        "changeOrganisation",
        "PATCH",
        _ONE,
        "Call an organisation something else (RFC 7396).",
        change_organisation,
        body="OrganisationPatch",
        **_MUST,
    ),
    _on_an_organisation(
        "disableOrganisation",
        "POST",
        f"{_ONE}/disable",
        "Disable an organisation: nothing is given for it, and what was has ended.",
        disable_organisation,
        **_MAY,
    ),
    _on_an_organisation(
        "enableOrganisation", "POST", f"{_ONE}/enable", "Enable an organisation again.", enable_organisation, **_MAY
    ),
    _on_an_organisation(
        "listMembers",
        "GET",
        _MEMBERS_PATH,
        "A page of those who belong to an organisation.",
        list_members,
        query=LIMITED,
        answers={200: "Members"},
        **_BY_ADMINISTRATOR,
    ),
    _on_an_organisation(
        "addMember",
        "POST",
        _MEMBERS_PATH,
        "Have a user belong to an organisation: by the code on the page of their account, unless you are an operator.",
        add_member,
        body="NewMember",
        answers={201: "Member"},
        **_BY_ADMINISTRATOR,
    ),
    _on_an_organisation(
        "changeMember",
        "PATCH",
        _MEMBER_PATH,
        "Have a member administer the organisation, or no more.",
        change_member,
        body="MemberPatch",
        answers={200: "Member"},
        **_BY_ADMINISTRATOR,
    ),
    _on_an_organisation(
        "removeMember",
        "DELETE",
        _MEMBER_PATH,
        "Have a user belong to an organisation no more. What they gave for it ends; the secrets of its clients do not:"
        " rotate those that the log has of them (actor, act secret.created).",
        remove_member,
        answers={204: None},
        **_BY_ADMINISTRATOR,
    ),
)

"""`portvakt user`: who there is, their passwords, the links by which they choose one, where they are logged in."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portvakt.cli.administering import administer, at_the_command_line
from portvakt.cli.options import Config, Data, Installation, IssuerName, Json, installation
from portvakt.cli.outcome import Exit, Stop, say, say_json, say_table
from portvakt.cli.paging import After, Limit, page_size, say_page
from portvakt.cli.reading import hidden_text, private_file
from portvakt.cli.times import rfc3339
from portvakt.model.values import Secret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from portvakt.model.behalf import Member, Session
    from portvakt.model.nouns import Organisation, User
    from portvakt.protocol.govern.invitations import Link
    from portvakt.protocol.govern.people import UserWish
    from portvakt.server.administering_people import People, Person
    from portvakt.server.administration import Administration
    from portvakt.server.inviting import Inviting

app = typer.Typer(name="user", help="The users of an issuer, who log in and own clients.", no_args_is_help=True)

Who = Annotated[str, typer.Argument(metavar="USER", help="The user's email address or id.")]
PasswordFile = Annotated[
    str | None, typer.Option("--password-file", metavar="FILE", help="A file of yours alone that holds the password.")
]
Roles = Annotated[
    list[str] | None,
    typer.Option("--role", metavar="ROLE", help='A role, such as developer; repeatable; "" for none.'),
]
_INSTEAD = "pipe it in, or say --password-file FILE"


@app.command("create")
def create(  # noqa: PLR0913  what one is made of
    *,
    email: Annotated[str, typer.Option(metavar="EMAIL", help="The address to log in with.")],
    locale: Annotated[
        str | None,
        typer.Option(metavar="LOCALE", help="The language of their pages: nb or en; default: the browser's."),
    ] = None,
    role: Roles = None,
    password_file: PasswordFile = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    issuer: IssuerName = None,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a user. Without a password they own clients and cannot log in."""
    from portvakt.protocol.govern.people import UserWish  # --help needs none of it

    there = installation(config, data, issuer)
    password = _password(password_file) if password_stdin or password_file is not None else None
    wish = UserWish(locale=locale, roles=_roles(role))
    _tell(there, lambda people: people.create(email, wish, password=password), as_json=as_json)


@app.command("list")
def list_(
    *,
    issuer: IssuerName = None,
    search: Annotated[str | None, typer.Option(metavar="TEXT", help="Only those whose address begins so.")] = None,
    after: After = None,
    limit: Limit = "100",
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List users by id, a page at a time; those that were searched for, by address."""
    wanted = page_size(limit)
    there = installation(config, data, issuer)

    async def ask(administration: "Administration") -> "list[User]":
        from portvakt.store.rows import search_key

        people = administration.people(there.issuer)
        if search is None:
            return await people.page(after=after, limit=wanted + 1)
        behind = None if after is None else search_key((await people.show(after)).user.email)
        return await people.find(search, after=behind, limit=wanted + 1)

    found = administer(there, ask)
    columns = {"USER ID": "user_id", "EMAIL": "email", "ENABLED": "enabled"}
    say_page("users", found, wanted, describe_user, columns, key="user_id", as_json=as_json)


@app.command("show")
def show(
    *, user: Who, issuer: IssuerName = None, config: Config = None, data: Data = None, as_json: Json = False
) -> None:
    """Show a user and the organisations that they belong to."""
    _tell(installation(config, data, issuer), lambda people: people.show(user), as_json=as_json)


@app.command("update")
def update(
    *,
    user: Who,
    locale: Annotated[
        str | None,
        typer.Option(metavar="LOCALE", help='The language of their pages: nb, en, or "" for the browser\'s.'),
    ] = None,
    role: Roles = None,
    issuer: IssuerName = None,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Change a user. What is not named stays; the roles that are named are all that they have."""
    if locale is None and role is None:
        raise Stop(Exit.USAGE, "there is nothing to change: --locale and --role say what")

    def merge(was: "UserWish") -> "UserWish":
        after = was if locale is None else replace(was, locale=locale or None)
        return after if role is None else replace(after, roles=_roles(role))

    _tell(installation(config, data, issuer), lambda people: people.change(user, merge), as_json=as_json)


@app.command("set-password")
def set_password(
    *,
    user: Who,
    password_file: PasswordFile = None,
    issuer: IssuerName = None,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Give a user a password, from standard input or a file. Whoever is logged in as them is logged out."""
    there = installation(config, data, issuer)
    password = _password(password_file)
    _tell(there, lambda people: people.set_password(user, password), as_json=as_json)


@app.command("disable")
def disable(
    *, user: Who, issuer: IssuerName = None, config: Config = None, data: Data = None, as_json: Json = False
) -> None:
    """Disable a user: no log-in, no tokens for their clients; their API keys and what they gave to applications end."""
    there = installation(config, data, issuer)
    _tell(there, lambda people: people.set_enabled(user, False), as_json=as_json)


@app.command("enable")
def enable(
    *, user: Who, issuer: IssuerName = None, config: Config = None, data: Data = None, as_json: Json = False
) -> None:
    """Enable a user again. What ended stays so until they give it anew."""
    there = installation(config, data, issuer)
    _tell(there, lambda people: people.set_enabled(user, True), as_json=as_json)


@app.command("sessions")
def sessions(
    *, user: Who, issuer: IssuerName = None, config: Config = None, data: Data = None, as_json: Json = False
) -> None:
    """List where a user is logged in, the oldest first."""
    there = installation(config, data, issuer)

    async def ask(administration: "Administration") -> "tuple[Session, ...]":
        return await administration.people(there.issuer).sessions(user)

    described = [describe_session(one) for one in administer(there, ask)]
    if as_json:
        say_json({"sessions": described})
        return
    say_table(("ID", "SINCE", "UNTIL"), [tuple(str(value) for value in one.values()) for one in described])


@app.command("end-session")
def end_session(
    *,
    user: Who,
    session: Annotated[str | None, typer.Argument(metavar="[ID]", help="The session's id.")] = None,
    every: Annotated[bool, typer.Option("--all", help="End all of the user's.")] = False,
    issuer: IssuerName = None,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Log a user out of one browser, or everywhere. What they gave to applications stays."""
    if (session is None) is not every:
        raise Stop(Exit.USAGE, "give the id of one session, or --all")

    async def end(people: "People") -> "Person":
        await (people.end_sessions(user) if session is None else people.end_session(user, session))
        return await people.show(user)

    _tell(installation(config, data, issuer), end, as_json=as_json)


def describe_user(user: "User") -> dict[str, Any]:
    """Return a user as it is written in JSON. Moments are RFC 3339 in UTC, or null."""
    return {
        "user_id": user.id,
        "issuer": user.issuer,
        "email": user.email,
        "locale": user.locale,
        "roles": sorted(user.roles),
        "enabled": user.disabled_at is None,
        "created": rfc3339(user.created_at),
    }


def describe_person(person: "Person") -> dict[str, Any]:
    """Return a user with whether they can log in, and their organisations, as it is written in JSON."""
    organisations = [describe_membership(member) for member in person.memberships]
    return {**describe_user(person.user), "has_password": person.has_password, "organisations": organisations}


@app.command("invite")
def invite(
    *,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The address to log in with.")],
    locale: Annotated[str | None, typer.Option(metavar="LOCALE", help="As for create, for a new user.")] = None,
    role: Roles = None,
    issuer: IssuerName = None,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Give somebody a link by which they choose their first password within 7 days; who is not there is made."""
    from portvakt.protocol.govern.people import UserWish  # --help needs none of it

    wish = UserWish(locale=locale, roles=_roles(role))
    _tell_link(installation(config, data, issuer), lambda inviting: inviting.invite(email, wish), as_json=as_json)


@app.command("reset-password")
def reset_password(
    *, user: Who, issuer: IssuerName = None, config: Config = None, data: Data = None, as_json: Json = False
) -> None:
    """Give a user a link by which they choose another password within 24 hours. Until then they keep theirs."""
    _tell_link(installation(config, data, issuer), lambda inviting: inviting.reset(user), as_json=as_json)


@app.command("outbox")
def outbox(
    *,
    issuer: IssuerName = None,
    after: After = None,
    limit: Limit = "100",
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the links that wait for you to send them, by user id. Whoever has one can be that user."""
    wanted = page_size(limit)
    there = installation(config, data, issuer)

    async def ask(administration: "Administration") -> "list[Link]":
        return await administration.inviting(there.issuer).outbox(after=after, limit=wanted + 1)

    found = administer(there, ask)
    columns = {"EMAIL": "email", "FOR": "purpose", "UNTIL": "until", "LINK": "link"}
    say_page("links", found, wanted, describe_link, columns, key="user_id", as_json=as_json)


def describe_link(link: "Link") -> dict[str, str | None]:
    """Return a link for its user, as it is written in JSON: whoever has it can be that user."""
    return {
        "user_id": link.user.id,
        "email": link.user.email,
        "purpose": link.purpose.value,
        "until": rfc3339(link.expires_at),
        "link": link.url.reveal(),
    }


def describe_session(session: "Session") -> dict[str, str | None]:
    """Return what may be shown of a session, as it is written in JSON: never its cookie, which nobody keeps."""
    return {"id": session.id, "since": rfc3339(session.created_at), "until": rfc3339(session.expires_at)}


def describe_membership(member: "Member") -> dict[str, Any]:
    """Return an organisation that a user belongs to, as it is written in JSON."""
    return {**describe_organisation(member.organisation), "administrator": member.administrator}


def describe_organisation(organisation: "Organisation") -> dict[str, Any]:
    """Return an organisation as it is written in JSON."""
    return {
        "organisation_number": organisation.number,
        "issuer": organisation.issuer,
        "name": organisation.name,
        "enabled": organisation.disabled_at is None,
        "created": rfc3339(organisation.created_at),
    }


def tell_person(person: "Person", *, as_json: bool) -> None:
    """Write a user."""
    described = describe_person(person)
    if as_json:
        say_json(described)
        return
    for field, value in described.items():
        if field == "organisations":
            for organisation in value:
                also = ", administrator" if organisation["administrator"] else ""
                also += "" if organisation["enabled"] else ", disabled"
                say(f"organisation  {organisation['organisation_number']}  {organisation['name']}{also}")
            continue
        shown = " ".join(value) if isinstance(value, list) else {True: "yes", False: "no"}.get(value, value)
        if shown:
            say(f"{field:13} {shown}")


def _tell(there: Installation, do: "Callable[[People], Awaitable[Person]]", *, as_json: bool) -> None:
    async def ask(administration: "Administration") -> "Person":
        return await do(administration.people(there.issuer, by=at_the_command_line()))

    tell_person(administer(there, ask), as_json=as_json)


def _tell_link(there: Installation, do: "Callable[[Inviting], Awaitable[Link]]", *, as_json: bool) -> None:
    async def ask(administration: "Administration") -> "Link":
        return await do(administration.inviting(there.issuer, by=at_the_command_line()))

    described = describe_link(administer(there, ask))
    if as_json:
        say_json(described)
        return
    for field, value in described.items():
        say(f"{field:13} {value}")
    say()
    say("The link works once. Send it to nobody but the user: whoever has it can be them.")


def _roles(named: list[str] | None) -> frozenset[str]:
    return frozenset(role for role in named or () if role)


def _password(file: str | None) -> Secret:
    """Read a password: never an argument, which every process of the machine may read."""
    return Secret(hidden_text("password", _INSTEAD) if file is None else private_file("--password-file", file))

"""`portvakt organisation`: create, list, show, update, members, add-member, remove-member, disable, enable."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from portvakt.cli.administering import administer, at_the_command_line
from portvakt.cli.options import Config, Data, Installation, IssuerName, Json, installation
from portvakt.cli.outcome import say, say_json
from portvakt.cli.paging import After, Limit, page_size, say_page
from portvakt.cli.times import rfc3339
from portvakt.cli.users import Who, describe_organisation, describe_user, tell_person

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from portvakt.model.behalf import Member
    from portvakt.model.nouns import Organisation
    from portvakt.server.administering_organisations import Organisations
    from portvakt.server.administering_people import Person
    from portvakt.server.administration import Administration

app = typer.Typer(name="organisation", help="The companies that users belong to and act for.", no_args_is_help=True)

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The organisation number.")]


@app.command("create")
def create(
    *,
    number: Annotated[str, typer.Option(metavar="NUMBER", help="Its number in its country's register.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="What it is called.")],
    issuer: IssuerName = None,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make an organisation."""
    there = installation(config, data, issuer)
    _tell(there, lambda organisations: organisations.create(number, name), as_json=as_json)


@app.command("list")
def list_(
    *,
    issuer: IssuerName = None,
    search: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only those whose name begins so, or whose number does.")
    ] = None,
    after: After = None,
    limit: Limit = "100",
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List organisations by number, a page at a time; those that were searched for, by name."""
    wanted = page_size(limit)
    there = installation(config, data, issuer)

    async def ask(administration: "Administration") -> "list[Organisation]":
        from portvakt.store.rows import search_key

        organisations = administration.organisations(there.issuer)
        if search is None:
            return await organisations.page(after=after, limit=wanted + 1)
        behind = None
        if after is not None:
            last = await organisations.show(after)
            behind = (search_key(last.name), last.number)
        return await organisations.find(search, after=behind, limit=wanted + 1)

    found = administer(there, ask)
    columns = {"NUMBER": "organisation_number", "NAME": "name", "ENABLED": "enabled"}
    key = "organisation_number"
    say_page("organisations", found, wanted, describe_organisation, columns, key=key, as_json=as_json)


@app.command("show")
def show(
    *, number: Number, issuer: IssuerName = None, config: Config = None, data: Data = None, as_json: Json = False
) -> None:
    """Show an organisation."""
    _tell(installation(config, data, issuer), lambda organisations: organisations.show(number), as_json=as_json)


@app.command("update")
def update(
    *,
    number: Number,
    name: Annotated[str, typer.Option(metavar="NAME", help="What it is called.")],
    issuer: IssuerName = None,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Call an organisation something else."""
    there = installation(config, data, issuer)
    _tell(there, lambda organisations: organisations.change(number, name=name), as_json=as_json)


@app.command("members")
def members(
    *,
    number: Number,
    issuer: IssuerName = None,
    after: After = None,
    limit: Limit = "100",
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List who belongs to an organisation, by user id, a page at a time."""
    wanted = page_size(limit)
    there = installation(config, data, issuer)

    async def ask(administration: "Administration") -> "list[Member]":
        return await administration.organisations(there.issuer).members(number, after=after, limit=wanted + 1)

    found = administer(there, ask)
    columns = {"USER ID": "user_id", "EMAIL": "email", "ADMINISTRATOR": "administrator"}
    say_page("members", found, wanted, describe_member, columns, key="user_id", as_json=as_json)


@app.command("add-member")
def add_member(
    *,
    number: Number,
    user: Who,
    administrator: Annotated[
        bool | None,
        typer.Option("--administrator/--no-administrator", help="Whether they administer what is the organisation's."),
    ] = None,
    issuer: IssuerName = None,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Have a user belong to an organisation, so that they may let applications act for it.

    For who belongs to it already, --administrator and --no-administrator say whether they administer it.
    """

    async def add(organisations: "Organisations") -> None:
        await organisations.add_member(number, user, administrator=administrator or False)
        if administrator is not None:
            await organisations.set_administrator(number, user, administrator)

    _tell_member(installation(config, data, issuer), user, add, as_json=as_json)


@app.command("remove-member")
def remove_member(
    *,
    number: Number,
    user: Who,
    issuer: IssuerName = None,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Have a user belong to an organisation no more. What they gave to applications for it ends."""
    there = installation(config, data, issuer)
    _tell_member(there, user, lambda organisations: organisations.remove_member(number, user), as_json=as_json)


@app.command("disable")
def disable(
    *, number: Number, issuer: IssuerName = None, config: Config = None, data: Data = None, as_json: Json = False
) -> None:
    """Disable an organisation: no new tokens for it, and guards refuse those that were given."""
    there = installation(config, data, issuer)
    _tell(there, lambda organisations: organisations.set_enabled(number, False), as_json=as_json)


@app.command("enable")
def enable(
    *, number: Number, issuer: IssuerName = None, config: Config = None, data: Data = None, as_json: Json = False
) -> None:
    """Enable an organisation again."""
    there = installation(config, data, issuer)
    _tell(there, lambda organisations: organisations.set_enabled(number, True), as_json=as_json)


def describe_member(member: "Member") -> dict[str, Any]:
    """Return a user of an organisation as it is written in JSON."""
    return {**describe_user(member.user), "since": rfc3339(member.since), "administrator": member.administrator}


def _tell(there: Installation, do: "Callable[[Organisations], Awaitable[Organisation]]", *, as_json: bool) -> None:
    async def ask(administration: "Administration") -> "Organisation":
        return await do(administration.organisations(there.issuer, by=at_the_command_line()))

    described = describe_organisation(administer(there, ask))
    if as_json:
        say_json(described)
        return
    for field, value in described.items():
        say(f"{field:20} {({True: 'yes', False: 'no'}).get(value, value)}")


def _tell_member(
    there: Installation, user: str, do: "Callable[[Organisations], Awaitable[None]]", *, as_json: bool
) -> None:
    async def ask(administration: "Administration") -> "Person":
        await do(administration.organisations(there.issuer, by=at_the_command_line()))
        return await administration.people(there.issuer).show(user)

    tell_person(administer(there, ask), as_json=as_json)

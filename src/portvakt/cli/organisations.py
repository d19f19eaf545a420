"""`portvakt organisation`: create, list, add-member, remove-member, disable, enable."""

from typing import TYPE_CHECKING, Annotated

import typer

from portvakt.cli.administering import administer
from portvakt.cli.options import Config, Data, Installation, IssuerName, Json, installation
from portvakt.cli.outcome import say, say_json, say_table
from portvakt.cli.paging import After, Limit, page_size
from portvakt.cli.users import Who, describe_organisation, tell_person

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from portvakt.model.nouns import Organisation
    from portvakt.server.administering_people import People, Person
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
    _tell(there, lambda people: people.create_organisation(number, name), as_json=as_json)


@app.command("list")
def list_(
    *,
    issuer: IssuerName = None,
    after: After = None,
    limit: Limit = "100",
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List organisations by number, a page at a time."""
    wanted = page_size(limit)
    there = installation(config, data, issuer)

    async def ask(administration: "Administration") -> "list[Organisation]":
        return await administration.people(there.issuer).organisations(after=after, limit=wanted + 1)

    found = administer(there, ask)
    page = found[:wanted]
    following = page[-1].number if len(found) > wanted else None
    if as_json:
        say_json({"organisations": [describe_organisation(each) for each in page], "next": following})
        return
    rows = [(each.number, each.name, "yes" if each.disabled_at is None else "no") for each in page]
    say_table(("NUMBER", "NAME", "ENABLED"), rows)
    if following is not None:
        say(f"There are more: --after {following}")


@app.command("add-member")
def add_member(
    *,
    number: Number,
    user: Who,
    issuer: IssuerName = None,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Have a user belong to an organisation, so that they may let applications act for it."""
    _tell_member(installation(config, data, issuer), lambda people: people.add_member(number, user), as_json=as_json)


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
    _tell_member(installation(config, data, issuer), lambda people: people.remove_member(number, user), as_json=as_json)


@app.command("disable")
def disable(
    *, number: Number, issuer: IssuerName = None, config: Config = None, data: Data = None, as_json: Json = False
) -> None:
    """Disable an organisation: no new tokens for it; those that were given end by themselves."""
    there = installation(config, data, issuer)
    _tell(there, lambda people: people.set_organisation_enabled(number, enabled=False), as_json=as_json)


@app.command("enable")
def enable(
    *, number: Number, issuer: IssuerName = None, config: Config = None, data: Data = None, as_json: Json = False
) -> None:
    """Enable an organisation again."""
    there = installation(config, data, issuer)
    _tell(there, lambda people: people.set_organisation_enabled(number, enabled=True), as_json=as_json)


def _tell(there: Installation, do: "Callable[[People], Awaitable[Organisation]]", *, as_json: bool) -> None:
    async def ask(administration: "Administration") -> "Organisation":
        return await do(administration.people(there.issuer))

    described = describe_organisation(administer(there, ask))
    if as_json:
        say_json(described)
        return
    for field, value in described.items():
        say(f"{field:20} {({True: 'yes', False: 'no'}).get(value, value)}")


def _tell_member(there: Installation, do: "Callable[[People], Awaitable[Person]]", *, as_json: bool) -> None:
    async def ask(administration: "Administration") -> "Person":
        return await do(administration.people(there.issuer))

    tell_person(administer(there, ask), as_json=as_json)

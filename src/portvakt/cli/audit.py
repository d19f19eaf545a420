"""`portvakt audit`: list, export."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portvakt.cli.administering import administer
from portvakt.cli.options import Config, Data, Installation, IssuerName, Json, installation
from portvakt.cli.outcome import Exit, Stop, say
from portvakt.cli.paging import Limit, page_size, say_lines
from portvakt.cli.times import moment
from portvakt.model.audit import Act
from portvakt.model.values import ClientId, OrganisationNumber, UserId

if TYPE_CHECKING:
    from portvakt.model.audit import Entry
    from portvakt.server.administering_audit import Sought
    from portvakt.server.administration import Administration

app = typer.Typer(name="audit", help="What happened at an issuer, who did it and from where.", no_args_is_help=True)

Client = Annotated[str | None, typer.Option(metavar="ID", help="Only what concerns this client.")]
User = Annotated[str | None, typer.Option(metavar="ID", help="Only what concerns this user.")]
Organisation = Annotated[str | None, typer.Option(metavar="NUMBER", help="Only what concerns this organisation.")]
Actor = Annotated[str | None, typer.Option(metavar="ID", help="Only what this user or client did.")]
Which = Annotated[str | None, typer.Option("--act", metavar="ACT", help="Only this, such as client.created.")]
Since = Annotated[str | None, typer.Option(metavar="WHEN", help="From then on: 24h (ago), or 2027-01-31.")]
Until = Annotated[str | None, typer.Option(metavar="WHEN", help="Before then: 24h (ago), or 2027-01-31.")]


class Format(StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSONL = "jsonl"


@app.command("list")
def list_(  # noqa: PLR0913  one for each filter
    *,
    issuer: IssuerName = None,
    client: Client = None,
    user: User = None,
    organisation: Organisation = None,
    actor: Actor = None,
    act: Which = None,
    since: Since = None,
    until: Until = None,
    before: Annotated[str | None, typer.Option(metavar="NUMBER", help="Begin behind this line.")] = None,
    limit: Limit = "100",
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List what happened, newest first, a page at a time."""
    wanted = page_size(limit)
    if before is not None and not (before.isascii() and before.isdecimal() and len(before) <= len(str(2**62))):
        raise Stop(Exit.USAGE, "--before must be the number of a line")
    there = installation(config, data, issuer)
    sought = _sought(there, client, user, organisation, actor, act, since, until)

    async def ask(administration: "Administration") -> "tuple[int | None, list[Entry]]":
        past = None if before is None else int(before)
        return await administration.log(there.issuer).page(sought(), before=past, limit=wanted)

    following, entries = administer(there, ask)
    columns = {"NUMBER": "number", "AT": "at", "ACT": "act", "WHAT": "id", "BY": "actor", "FROM": "address"}
    described = [_described(entry) for entry in entries]
    say_lines("lines", described, following, columns, as_json=as_json, option="--before")


@app.command("export")
def export(  # noqa: PLR0913  one for each filter
    *,
    issuer: IssuerName = None,
    format_: Annotated[Format, typer.Option("--format", help="csv, or jsonl: one JSON object a line.")] = Format.JSONL,
    client: Client = None,
    user: User = None,
    organisation: Organisation = None,
    actor: Actor = None,
    act: Which = None,
    since: Since = None,
    until: Until = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Write the whole log on standard output, newest first."""
    there = installation(config, data, issuer)
    sought = _sought(there, client, user, organisation, actor, act, since, until)

    async def ask(administration: "Administration") -> None:
        async for some in await administration.log(there.issuer).export(format_.value, sought()):
            say(some.replace("\r\n", "\n").rstrip("\n"))

    administer(there, ask)


def _sought(
    there: Installation,
    client: str | None,
    user: str | None,
    organisation: str | None,
    actor: str | None,
    act: str | None,
    since: str | None,
    until: str | None,
) -> "Any":
    """Return what makes the filters, once the server's rooms may be loaded. Raises: Stop."""
    try:
        which = None if act is None else Act(act)
    except ValueError:
        raise Stop(Exit.USAGE, f"--act must be one of {', '.join(Act)}") from None
    now = there.clock()
    first = None if since is None else moment("--since", since, now)
    last = None if until is None else moment("--until", until, now)

    def make() -> "Sought":
        from portvakt.server.administering_audit import Sought

        return Sought(
            client=None if client is None else ClientId(client),
            user=None if user is None else UserId(user),
            organisation=None if organisation is None else OrganisationNumber(organisation),
            actor=actor,
            act=which,
            since=first,
            until=last,
        )

    return make


def _described(entry: "Entry") -> dict[str, object]:
    from portvakt.server.administering_audit import line

    return line(entry)

"""`portvakt api-key`: create, list, revoke."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from portvakt.cli.administering import administer, at_the_command_line
from portvakt.cli.options import Config, Data, IssuerName, Json, installation
from portvakt.cli.outcome import say, say_json, say_table
from portvakt.cli.times import expiry, rfc3339
from portvakt.model.values import Instant

if TYPE_CHECKING:
    from portvakt.model.behalf import ApiKey
    from portvakt.protocol.govern.api_keys import NewApiKey
    from portvakt.server.administration import Administration

app = typer.Typer(name="api-key", help="The personal API keys of users.", no_args_is_help=True)

User = Annotated[str, typer.Option("--user", metavar="EMAIL", help="Whose: an email address or id.")]


@app.command("create")
def create(
    *,
    user: User,
    issuer: IssuerName = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="What it is for.")] = "",
    organisation: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="For which company, if the user has several.")
    ] = None,
    expires: Annotated[str, typer.Option(metavar="WHEN", help="When it ends: 180d, 2027-01-31 or never.")] = "never",
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a key. It is shown this once."""
    there = installation(config, data, issuer)
    now = there.clock()
    lives = expiry("--expires", expires, now)

    async def ask(administration: "Administration") -> "NewApiKey":
        from portvakt.protocol.govern.api_keys import KeyWish

        end = None if lives is None else Instant(now + lives)
        wish = KeyWish(name=name, organisation=organisation, expires_at=end)
        people = administration.people(there.issuer, by=at_the_command_line())
        return await administration.create_api_key(people, user, wish)

    made = administer(there, ask)
    described = describe_key(made.row, now)
    if as_json:
        say_json({"id": described.pop("id"), "api_key": made.text.reveal(), **described})
        return
    _say(described)
    say(f"{'api_key':20} {made.text.reveal()}")
    say()
    say("The key is not shown again: keep it in a secret manager, never in code.")


@app.command("list")
def list_(
    *, user: User, issuer: IssuerName = None, config: Config = None, data: Data = None, as_json: Json = False
) -> None:
    """List a user's keys, the oldest first."""
    there = installation(config, data, issuer)

    async def ask(administration: "Administration") -> "tuple[ApiKey, ...]":
        return await administration.people(there.issuer).api_keys(user)

    described = [describe_key(key, there.clock()) for key in administer(there, ask)]
    if as_json:
        say_json({"api_keys": described})
        return
    shown = ("id", "name", "organisation_number", "state", "expires", "last_used")
    rows = [tuple(one[field] or "-" for field in shown) for one in described]
    say_table(("ID", "NAME", "ORGANISATION", "STATE", "EXPIRES", "LAST USED"), rows)


@app.command("revoke")
def revoke(
    *,
    key: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")],
    user: User,
    issuer: IssuerName = None,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Revoke a key: APIs refuse it within five seconds."""
    there = installation(config, data, issuer)

    async def ask(administration: "Administration") -> "ApiKey":
        people = administration.people(there.issuer, by=at_the_command_line())
        return await people.revoke_api_key(user, key)

    described = describe_key(administer(there, ask), there.clock())
    if as_json:
        say_json(described)
    else:
        _say(described)


def describe_key(key: "ApiKey", now: Instant) -> dict[str, Any]:
    """Return what may be shown of a key, as it is written in JSON: never the key itself, which nobody keeps."""
    ended = key.expires_at is not None and now >= key.expires_at
    return {
        "id": key.id,
        "issuer": key.issuer,
        "user_id": key.user_id,
        "name": key.name,
        "organisation_number": key.organisation,
        "created": rfc3339(key.created_at),
        "expires": rfc3339(key.expires_at),
        "last_used": rfc3339(key.last_used_at),
        "state": "revoked" if key.revoked_at is not None else "expired" if ended else "live",
    }


def _say(described: dict[str, Any]) -> None:
    for field, value in described.items():
        if value:
            say(f"{field:20} {value}")

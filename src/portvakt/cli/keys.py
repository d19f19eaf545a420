"""`portvakt keys`: list, rotate, revoke."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from portvakt.cli.administering import administer, at_the_command_line
from portvakt.cli.options import Config, Data, Installation, IssuerName, Json, installation
from portvakt.cli.outcome import Exit, Stop, say_json, say_table
from portvakt.cli.times import rfc3339

if TYPE_CHECKING:
    from portvakt.model.nouns import SigningKey
    from portvakt.model.values import Instant
    from portvakt.server.administration import Administration

app = typer.Typer(name="keys", help="The signing keys of an issuer.", no_args_is_help=True)


@app.command("list")
def list_(*, issuer: IssuerName = None, config: Config = None, data: Data = None, as_json: Json = False) -> None:
    """List the keys, oldest first. An issuer's first key is made when it is first needed, so now if it has none."""
    there = installation(config, data, issuer)

    async def ask(administration: "Administration") -> "tuple[SigningKey, ...]":
        return await administration.keys(there.issuer)

    _say(there, administer(there, ask), as_json=as_json)


@app.command("rotate")
def rotate(*, issuer: IssuerName = None, config: Config = None, data: Data = None, as_json: Json = False) -> None:
    """Publish a successor of the newest key; it signs once every key set cached before has run out."""
    there = installation(config, data, issuer)

    async def ask(administration: "Administration") -> "tuple[SigningKey, ...]":
        return await administration.rotate_keys(there.issuer, by=at_the_command_line())

    _say(there, administer(there, ask), as_json=as_json)


@app.command("revoke", context_settings={"ignore_unknown_options": True})  # a key's id may begin with a hyphen
def revoke(
    *,
    kid: Annotated[str, typer.Argument(metavar="KID", help="The key, as `portvakt keys list` names it.")],
    issuer: IssuerName = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """End a key that somebody else may have, at once: all that it signed is refused. A new one signs in its place."""
    there = installation(config, data, issuer)
    if not yes and not (sys.stdin.isatty() and typer.confirm(f"Revoke {kid} and all that it signed?")):
        raise Stop(Exit.REFUSED, f"{kid} was not revoked; say --yes to revoke it without being asked")

    async def ask(administration: "Administration") -> "tuple[SigningKey, ...]":
        return await administration.revoke_key(there.issuer, kid, by=at_the_command_line())

    _say(there, administer(there, ask), as_json=as_json)


def describe(keys: "tuple[SigningKey, ...]", now: "Instant") -> list[dict[str, str | None]]:
    """Return the keys as they are written in JSON. State: next (it will sign), signing, retired, revoked."""
    from portvakt.protocol.govern.keys import state_of  # --help needs no cryptography

    return [
        {
            "kid": key.id,
            "algorithm": key.algorithm.value,
            "state": state_of(key, keys, now).value,
            "created": rfc3339(key.created_at),
            "signs_from": rfc3339(key.signs_from),
            "published_until": rfc3339(key.published_until),
            "revoked": rfc3339(key.revoked_at),
        }
        for key in keys
    ]


def _say(there: Installation, keys: "tuple[SigningKey, ...]", *, as_json: bool) -> None:
    described = describe(keys, there.clock())
    if as_json:
        say_json({"issuer": there.issuer.name, "keys": described})
        return
    heads = ("KID", "ALGORITHM", "STATE", "SIGNS FROM", "PUBLISHED UNTIL")
    fields = ("kid", "algorithm", "state", "signs_from", "published_until")
    say_table(heads, [[key[field] or "-" for field in fields] for key in described])

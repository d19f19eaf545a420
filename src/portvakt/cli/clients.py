"""`portvakt client`: create, list, show, rotate-secret, disable, enable."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from portvakt.cli.administering import administer, at_the_command_line
from portvakt.cli.options import Config, Data, Installation, IssuerName, Json, installation
from portvakt.cli.outcome import Exit, Stop, say, say_json, say_table
from portvakt.cli.paging import After, Limit, page_size
from portvakt.cli.times import expiry, length, rfc3339
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.values import Instant, Seconds

if TYPE_CHECKING:
    from portvakt.model.nouns import ClientFacts, ClientSecret
    from portvakt.protocol.govern.secrets import NewSecret
    from portvakt.server.administering_clients import Clients
    from portvakt.server.administration import Administration

EXPIRING = Seconds(7 * 86_400)
"""How long before its end a secret is said to be expiring: the longest overlap of a rotation."""

app = typer.Typer(name="client", help="The clients of an issuer, and their secrets.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The client's id.")]
Expires = Annotated[str, typer.Option(metavar="WHEN", help="When its secret ends: 180d, 2027-01-31 or never.")]


@app.command("create")
def create(  # noqa: PLR0913  what it is made of
    *,
    name: Annotated[str, typer.Option(metavar="NAME", help="What it is called.")],
    issuer: IssuerName = None,
    owner: Annotated[str | None, typer.Option(metavar="EMAIL", help="Whose it is; default: the operator.")] = None,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    scope: Annotated[list[str] | None, typer.Option(metavar="S", help="What it may ask for; repeatable.")] = None,
    default_scope: Annotated[
        list[str] | None, typer.Option(metavar="S", help="What it gets if it asks for nothing; repeatable.")
    ] = None,
    redirect_uri: Annotated[
        list[str] | None,
        typer.Option(metavar="URI", help="Where users come back to, so that it may act for them; repeatable."),
    ] = None,
    grant: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE", help="A grant type that it may use; repeatable; default: all that fit."),
    ] = None,
    auth: Annotated[
        str, typer.Option(metavar="METHOD", help="any_secret, client_secret_basic, client_secret_post or none.")
    ] = "any_secret",
    expires: Expires = "180d",
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a client. Its secret is shown this once."""
    from portvakt.protocol.govern.clients import Wish  # --help needs none of it

    try:
        method = ClientAuthentication(auth)
    except ValueError:
        raise Stop(Exit.USAGE, f"--auth must be one of {', '.join(ClientAuthentication)}") from None
    there = installation(config, data, issuer)
    lives = expiry("--expires", expires, there.clock())

    async def ask(administration: "Administration") -> "NewSecret":
        wish = Wish(
            name=name,
            description=description,
            scopes=tuple(scope or ()),
            default_scopes=tuple(default_scope or ()),
            redirect_uris=tuple(redirect_uri or ()),
            grants=tuple(grant or ()),
            authentication=method,
            expires_in=lives,
        )
        return await clients_of(administration, there).create(wish, await administration.owner(there.issuer, owner))

    _say_new(administer(there, ask), there.clock(), as_json=as_json)


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
    """List clients by id, a page at a time."""
    wanted = page_size(limit)
    there = installation(config, data, issuer)

    async def ask(administration: "Administration") -> "list[ClientFacts]":
        return await clients_of(administration, there).page(after=after, limit=wanted + 1)

    found = administer(there, ask)
    page = found[:wanted]
    following = page[-1].client.id if len(found) > wanted else None
    if as_json:
        say_json({"clients": [describe(facts, there.clock()) for facts in page], "next": following})
        return
    rows = [_row(describe(facts, there.clock())) for facts in page]
    say_table(("CLIENT ID", "NAME", "OWNER", "ENABLED", "SECRETS"), rows)
    if following is not None:
        say(f"There are more: --after {following}")


@app.command("show")
def show(
    *, client_id: Id, issuer: IssuerName = None, config: Config = None, data: Data = None, as_json: Json = False
) -> None:
    """Show a client."""
    there = installation(config, data, issuer)

    async def ask(administration: "Administration") -> "ClientFacts":
        return await clients_of(administration, there).show(client_id)

    _say_client(administer(there, ask), there.clock(), as_json=as_json)


@app.command("rotate-secret")
def rotate_secret(
    *,
    client_id: Id,
    issuer: IssuerName = None,
    grace: Annotated[
        str, typer.Option(metavar="TIME", help="How long the older secrets still work: 0, 90s, 1h, 24h, up to 7d.")
    ] = "24h",
    expires: Expires = "180d",
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Give a client a new secret, shown this once; the older ones end after the grace, or at their own end."""
    overlap = length("--grace", grace)
    there = installation(config, data, issuer)
    lives = expiry("--expires", expires, there.clock())

    async def ask(administration: "Administration") -> "NewSecret":
        return await clients_of(administration, there).rotate_secret(client_id, grace=overlap, expires_in=lives)

    _say_new(administer(there, ask), there.clock(), as_json=as_json)


@app.command("disable")
def disable(
    *, client_id: Id, issuer: IssuerName = None, config: Config = None, data: Data = None, as_json: Json = False
) -> None:
    """Disable a client: it is refused as if it did not exist, until it is enabled again."""
    _set_enabled(installation(config, data, issuer), client_id, enabled=False, as_json=as_json)


@app.command("enable")
def enable(
    *, client_id: Id, issuer: IssuerName = None, config: Config = None, data: Data = None, as_json: Json = False
) -> None:
    """Enable a client again."""
    _set_enabled(installation(config, data, issuer), client_id, enabled=True, as_json=as_json)


def clients_of(administration: "Administration", there: Installation) -> "Clients":
    """Return the clients of the issuer that is meant, as whoever types sees them."""
    return administration.clients(there.issuer, by=at_the_command_line())


def _set_enabled(there: Installation, client_id: str, *, enabled: bool, as_json: bool) -> None:
    async def ask(administration: "Administration") -> "ClientFacts":
        return await clients_of(administration, there).set_enabled(client_id, enabled)

    _say_client(administer(there, ask), there.clock(), as_json=as_json)


def describe(facts: "ClientFacts", now: Instant) -> dict[str, Any]:
    """Return a client as it is written in JSON. Moments are RFC 3339 in UTC, or null."""
    client = facts.client
    return {
        "client_id": client.id,
        "issuer": client.issuer,
        "name": client.name,
        "description": client.description,
        "owner": facts.owner.email,
        "authentication": client.authentication.value,
        "grants": sorted(client.grants),
        "redirect_uris": list(client.redirect_uris),
        "scopes": list(client.scopes),
        "default_scopes": list(client.default_scopes),
        "enabled": client.disabled_at is None,
        "created": rfc3339(client.created_at),
        "secrets": [describe_secret(secret, now) for secret in facts.secrets],
    }


def describe_secret(secret: "ClientSecret", now: Instant) -> dict[str, str | None]:
    """Return what may be shown of a secret (K4: its prefix and last four characters)."""
    return {
        "id": secret.id,
        "prefix": secret.prefix,
        "last4": secret.last4,
        "created": rfc3339(secret.created_at),
        "expires": rfc3339(secret.expires_at),
        "last_used": rfc3339(secret.last_used_at),
        "state": secret_state(secret, now),
    }


def secret_state(secret: "ClientSecret", now: Instant) -> str:
    """Return live, expiring (it ends within `EXPIRING`), expired or revoked."""
    if secret.revoked_at is not None:
        return "revoked"
    if secret.expires_at is None or secret.expires_at > now + EXPIRING:
        return "live"
    return "expired" if now >= secret.expires_at else "expiring"


def _say_new(new: "NewSecret", now: Instant, *, as_json: bool) -> None:
    """Write a client with its new secret: the one place where a secret leaves for the screen."""
    described = describe(new.facts, now)
    if as_json:
        revealed = {} if new.secret is None else {"client_secret": new.secret.reveal()}
        say_json({"client_id": described.pop("client_id"), **revealed, **described})
        return
    _say_fields(described)
    if new.secret is not None:
        say(f"client_secret  {new.secret.reveal()}")
        say()
        say("The secret is not shown again: keep it in a secret manager, never in code.")


def _say_client(facts: "ClientFacts", now: Instant, *, as_json: bool) -> None:
    described = describe(facts, now)
    if as_json:
        say_json(described)
    else:
        _say_fields(described)


def _say_fields(described: dict[str, Any]) -> None:
    for field, value in described.items():
        if field == "secrets":
            for secret in value:
                say(f"secret         {_secret_line(secret)}")
            continue
        shown = " ".join(value) if isinstance(value, list) else {True: "yes", False: "no"}.get(value, value)
        if shown:
            say(f"{field:14} {shown}")


def _secret_line(secret: dict[str, str | None]) -> str:
    ends = f"ends {secret['expires']}" if secret["expires"] else "has no end"
    used = f"last used {secret['last_used']}" if secret["last_used"] else "not used yet (written once a minute)"
    return f"{secret['prefix']}…{secret['last4']}  {secret['state']}, {ends}, {used}  ({secret['id']})"


def _row(described: dict[str, Any]) -> tuple[str, ...]:
    states = [secret["state"] for secret in described["secrets"]]
    usable = sum(state in {"live", "expiring"} for state in states)
    return (
        described["client_id"],
        described["name"],
        described["owner"],
        "yes" if described["enabled"] else "no",
        f"{usable} of {len(states)} usable" if states else "none",
    )

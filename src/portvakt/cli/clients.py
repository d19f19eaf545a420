"""`portvakt client`: create, list, show, update, rotate-secret, revoke-secret, disable, enable, delete."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portvakt.cli.administering import administer, at_the_command_line
from portvakt.cli.options import Config, Data, Installation, IssuerName, Json, installation
from portvakt.cli.outcome import Exit, Stop, say, say_json
from portvakt.cli.paging import After, Limit, page_size, say_page
from portvakt.cli.showing_clients import describe, say_client, say_new, usable
from portvakt.cli.times import expiry, length
from portvakt.model.nouns import ClientAuthentication
from portvakt.model.provider import Quota
from portvakt.model.values import SecretId

if TYPE_CHECKING:
    from portvakt.cli.paging import Columns
    from portvakt.model.nouns import ClientFacts
    from portvakt.protocol.govern.secrets import NewSecret
    from portvakt.server.administering_clients import Clients
    from portvakt.server.administration import Administration

app = typer.Typer(name="client", help="The clients of an issuer, and their secrets.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The client's id.")]
Authentication = Annotated[
    str, typer.Option(metavar="METHOD", help="any_secret, client_secret_basic, client_secret_post or none.")
]
TokenQuota = Annotated[
    str | None, typer.Option(metavar="N/TIME", help="Its own quota of tokens, such as 100/60s; none: the issuer's.")
]
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
    auth: Authentication = "any_secret",
    organisation: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Whose it is, if it is to be an organisation's.")
    ] = None,
    token_quota: TokenQuota = None,
    expires: Expires = "180d",
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a client. Its secret is shown this once."""
    from portvakt.protocol.govern.clients import Wish  # --help needs none of it

    method = _method(auth)
    quota = _quota(token_quota)
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
            **quota,
        )
        whose = await administration.owner(there.issuer, owner, at_the_command_line())
        return await clients_of(administration, there).create(wish, whose, organisation=organisation)

    say_new(administer(there, ask), there.clock(), as_json=as_json)


@app.command("list")
def list_(  # noqa: PLR0913  one for each filter
    *,
    issuer: IssuerName = None,
    owner: Annotated[str | None, typer.Option(metavar="EMAIL", help="Only this user's.")] = None,
    organisation: Annotated[str | None, typer.Option(metavar="NUMBER", help="Only this organisation's.")] = None,
    search: Annotated[str | None, typer.Option(metavar="TEXT", help="Only those whose name begins so.")] = None,
    after: After = None,
    limit: Limit = "100",
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List clients by id, a page at a time; those that were searched for, by name."""
    if sum(each is not None for each in (owner, organisation, search)) > 1:
        raise Stop(Exit.USAGE, "--owner, --organisation and --search are three lists; give one of them")
    wanted = page_size(limit)
    there = installation(config, data, issuer)

    async def ask(administration: "Administration") -> "list[ClientFacts]":
        clients = clients_of(administration, there)
        if search is not None:
            from portvakt.store.rows import search_key

            behind = None
            if after is not None:
                last = (await clients.show(after)).client
                behind = (search_key(last.name), last.id)
            return await clients.find(search, after=behind, limit=wanted + 1)
        whose = None if owner is None else (await administration.people(there.issuer).show(owner)).user.id
        return await clients.page(after=after, limit=wanted + 1, owner=whose, organisation=organisation)

    found = administer(there, ask)
    named: Columns = {"CLIENT ID": "client_id", "NAME": "name", "OWNER": "owner", "ENABLED": "enabled"}
    columns, now = {**named, "SECRETS": usable}, there.clock()
    say_page("clients", found, wanted, lambda each: describe(each, now), columns, key="client_id", as_json=as_json)


@app.command("show")
def show(
    *, client_id: Id, issuer: IssuerName = None, config: Config = None, data: Data = None, as_json: Json = False
) -> None:
    """Show a client."""
    there = installation(config, data, issuer)

    async def ask(administration: "Administration") -> "ClientFacts":
        return await clients_of(administration, there).show(client_id)

    say_client(administer(there, ask), there.clock(), as_json=as_json)


@app.command("update")
def update(  # noqa: PLR0913  what it is made of
    *,
    client_id: Id,
    issuer: IssuerName = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="What it is called.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    scope: Annotated[
        list[str] | None, typer.Option(metavar="S", help='What it may ask for, all of it; repeatable; "" for nothing.')
    ] = None,
    default_scope: Annotated[
        list[str] | None, typer.Option(metavar="S", help="What it gets if it asks for nothing; the same.")
    ] = None,
    redirect_uri: Annotated[
        list[str] | None, typer.Option(metavar="URI", help="Where users come back to; the same.")
    ] = None,
    grant: Annotated[
        list[str] | None, typer.Option(metavar="TYPE", help='Which grant types it may use; "" for all that fit.')
    ] = None,
    auth: Annotated[str | None, typer.Option(metavar="METHOD", help="How it authenticates.")] = None,
    token_quota: TokenQuota = None,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Change a client. What no option names stays as it is."""
    named: dict[str, Any] = {
        "name": name,
        "description": description,
        "scopes": _listed(scope),
        "default_scopes": _listed(default_scope),
        "redirect_uris": _listed(redirect_uri),
        "grants": _listed(grant),
        "authentication": None if auth is None else _method(auth),
    }
    wanted = {member: value for member, value in named.items() if value is not None} | _quota(token_quota)
    if not wanted:
        raise Stop(Exit.USAGE, "nothing to change; --help lists what there is")
    there = installation(config, data, issuer)

    async def ask(administration: "Administration") -> "ClientFacts":
        return await clients_of(administration, there).change(client_id, lambda wish: replace(wish, **wanted))

    say_client(administer(there, ask), there.clock(), as_json=as_json)


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

    say_new(administer(there, ask), there.clock(), as_json=as_json)


@app.command("revoke-secret")
def revoke_secret(
    *,
    client_id: Id,
    secret_id: Annotated[str, typer.Argument(metavar="SECRET_ID", help="The secret's id, as client show lists it.")],
    issuer: IssuerName = None,
    force: Annotated[bool, typer.Option("--force", help="Also if it was used within the last hour.")] = False,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Revoke one secret of a client, at once."""
    there = installation(config, data, issuer)

    async def ask(administration: "Administration") -> "ClientFacts":
        clients = clients_of(administration, there)
        confirmed = (await clients.show(client_id)).client.name if force else None
        return await clients.revoke_secret(client_id, SecretId(secret_id), confirmed=confirmed)

    say_client(administer(there, ask), there.clock(), as_json=as_json)


@app.command("delete")
def delete(
    *,
    client_id: Id,
    issuer: IssuerName = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Delete a client with its secrets and all that users gave it. This cannot be undone."""
    there = installation(config, data, issuer)

    async def show(administration: "Administration") -> "ClientFacts":
        return await clients_of(administration, there).show(client_id)

    async def ask(administration: "Administration") -> None:
        await clients_of(administration, there).delete(client_id)

    name = administer(there, show).client.name
    if not yes and not (sys.stdin.isatty() and typer.confirm(f"Delete {name} ({client_id})?")):
        raise Stop(Exit.REFUSED, f"{name} was not deleted; say --yes to delete it without being asked")
    administer(there, ask)
    if as_json:
        say_json({"deleted": client_id})
    else:
        say(f"deleted {client_id}")


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

    say_client(administer(there, ask), there.clock(), as_json=as_json)


def _method(text: str) -> ClientAuthentication:
    try:
        return ClientAuthentication(text)
    except ValueError:
        raise Stop(Exit.USAGE, f"--auth must be one of {', '.join(ClientAuthentication)}") from None


def _listed(texts: list[str] | None) -> tuple[str, ...] | None:
    """Return what a repeatable option names: None if it was not given, nothing for one empty text."""
    return None if texts is None else () if texts == [""] else tuple(texts)


def _quota(text: str | None) -> "dict[str, Quota | None]":
    """Return the quota that was given, by the name that a client has for it; nothing if none was."""
    if text is None or text == "none":
        return {} if text is None else {"token_quota": None}
    limit, slash, window = text.partition("/")
    if not slash or not limit.isdecimal() or not limit.isascii() or len(limit) > len("1000000000"):
        raise Stop(Exit.USAGE, "--token-quota must be a number and a length of time, such as 100/60s, or none")
    return {"token_quota": Quota(int(limit), length("--token-quota", window))}

"""`portvakt init`: an installation in a folder.

Everything that it makes is either used again by a second run or stands in nobody's way, and portvakt.toml comes
last: so a run that is killed leaves nothing that a second one does not complete.
"""

import os
import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from portvakt.cli.administering import administer, at_the_command_line, upgrade_database
from portvakt.cli.options import DEFAULT_CONFIG, Installation, Json
from portvakt.cli.outcome import Exit, Stop, say, say_json

if TYPE_CHECKING:
    from portvakt.model.nouns import User
    from portvakt.server.administration import Administration
    from portvakt.server.settings import Settings

DEFAULT_EMAIL = "operator@localhost"
DEFAULT_PORT = "8040"

_TEMPLATE = """\
# The settings of this portvakt. `portvakt check-config` says whether they are right.
# Arguments come first, then variables (PORTVAKT_PORT, …), then files that variables name (PORTVAKT_SECRET_FILE, …),
# then this file. Paths are relative to its folder.

# Where the installation is reached. With https it stands behind a proxy, whose address then belongs in
# trusted_proxies.
# url = "https://id.example.com"
# host = "127.0.0.1"
# port = 8040
# trusted_proxies = ["10.0.0.7"]
# log_level = "info"

{database}
# The installation's secret: client secrets are checked and signing keys opened with it. Keep a copy in a safe
# place, apart from the copies of the database: neither is of use without the other.
{secret}

# One table for each issuer. It exists from the next start or command on.
# providers: breeze, luca, prisjakt, standard, or a file that describes your own, such as "acme.toml". The
# installation has one issuer more of its own, portvakt, whose users are its operators.

[issuers.breeze]
provider = "breeze"
url = "{base_url}/breeze"
# quotas = {{ token = "100/hour", api = "off" }}

[issuers.standard]
provider = "standard"
url = "{base_url}/standard"
# api_url = "https://api.example.com"
# algorithm = "ES256"
# lifetime = 600
# title = "Example AS"  # what its pages are headed with, and their colour
# colour = "#1d4f7c"
# test = true  # its pages say that nothing here is real; on a host of its own

# Who sends invitations and links to choose another password; without it they wait for `portvakt user outbox`.
# [mail]
# host = "smtp.example.com"
# from = "access@example.com"
# username = "access"
# password_file = "mail.password"  # a file that only you can read
# tls = "starttls"  # or "tls" (port 465)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be made. `database` None: the variables say where it is."""

    config: Path
    database: str | None = field(repr=False)  # it may hold a password
    email: str

    def beside(self, ending: str) -> Path:
        """A file beside the settings and of their name: portvakt.secret beside portvakt.toml."""
        return self.config.with_suffix(ending)


def init(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing, take the defaults.")] = False,
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="sqlite:///FILE or postgresql://…; PORTVAKT_DATABASE hides it from `ps`."),
    ] = None,
    email: Annotated[str | None, typer.Option(metavar="EMAIL", help=f"The operator; default {DEFAULT_EMAIL}.")] = None,
    config: Annotated[str, typer.Option(metavar="FILE", help="The settings to write.")] = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Make an installation: settings, its secret, the database, the first operator."""
    path = Path(config)
    try:
        _require_room(path)
        plan = _plan(path, database, email) if yes else _ask(path, database, email)
        settings, operator = _make(plan)
    except OSError as error:
        raise Stop(Exit.REFUSED, f"cannot write in {path.parent}: {error.strerror or 'no reason given'}") from None
    _say_done(plan, settings, operator, as_json=as_json)


def _require_room(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise Stop(Exit.REFUSED, f"{path} exists already; edit it, or name another with --config")
    if not path.parent.is_dir():
        raise Stop(Exit.REFUSED, f"there is no folder {path.parent}; make it first")


def _plan(path: Path, database: str | None, email: str | None) -> Plan:
    named = database is not None or not {"PORTVAKT_DATABASE", "PORTVAKT_DATABASE_FILE"} & os.environ.keys()
    default = "sqlite:///" + path.with_suffix(".db").name
    return Plan(config=path, database=(database or default) if named else None, email=email or DEFAULT_EMAIL)


def _ask(path: Path, database: str | None, email: str | None) -> Plan:
    if not sys.stdin.isatty():
        raise Stop(Exit.USAGE, "there is nobody to ask: add --yes to take the defaults (see portvakt init --help)")
    plan = _plan(path, database, email)
    if plan.database is not None and database is None:
        database = typer.prompt("Database", default=plan.database, err=True)
    if email is None:
        email = typer.prompt("The operator's email address", default=plan.email, err=True)
    if not typer.confirm(f"Make {plan.config} and {plan.beside('.secret')}?", default=True, err=True):
        raise Stop(Exit.REFUSED, "nothing was made")
    return _plan(path, database, email)


def _make(plan: Plan) -> "tuple[Settings, User]":
    """Make everything. Raises: Stop, SettingsRefused, OSError."""
    from portvakt.server.private_files import put, write_whole  # --help needs none of it
    from portvakt.server.settings import load

    named = plan.beside(".database")
    was_named = named.exists()
    draft = write_whole(plan.config, _text(plan))
    try:
        try:
            settings = load({}, os.environ, draft)
            upgrade_database(settings)
        except BaseException:
            if not was_named and not plan.config.exists():
                named.unlink(missing_ok=True)  # it may be the wrong one, and would stand in the way of the right one
            raise
        operator = _first_operator(settings, plan.email)
        if not put(draft, plan.config):
            raise Stop(Exit.REFUSED, f"{plan.config} exists already: another init was faster")
    finally:
        draft.unlink(missing_ok=True)
    return settings, operator


def _text(plan: Plan) -> str:
    """The text of portvakt.toml; what it names is made first."""
    port = os.environ.get("PORTVAKT_PORT", DEFAULT_PORT)
    base_url = os.environ.get("PORTVAKT_URL", f"http://127.0.0.1:{port if port.isdecimal() else DEFAULT_PORT}")
    plain = base_url.isprintable() and not set(base_url) & {'"', "\\"}
    return _TEMPLATE.format(
        database=_database_lines(plan),
        secret=_secret_lines(plan),
        base_url=base_url if plain else f"http://127.0.0.1:{DEFAULT_PORT}",  # the settings will refuse the variable
    )


def _secret_lines(plan: Plan) -> str:
    if {"PORTVAKT_SECRET", "PORTVAKT_SECRET_FILE"} & os.environ.keys():
        return "# It comes from PORTVAKT_SECRET or PORTVAKT_SECRET_FILE."
    path = plan.beside(".secret")
    _write_or_find(path, secrets.token_urlsafe(32) + "\n")
    return f'secret_file = "{_quoted(path.name)}"'


def _database_lines(plan: Plan) -> str:
    """Name the database. A URL with a password goes into a file of its own: settings are shown and copied."""
    if plan.database is None:
        return "# The database comes from PORTVAKT_DATABASE or PORTVAKT_DATABASE_FILE.\n"
    if "@" not in plan.database and "password" not in plan.database:
        return f'database = "{_quoted(plan.database)}"\n'
    path = plan.beside(".database")
    if not _write_or_find(path, plan.database + "\n") and path.read_text() != plan.database + "\n":
        raise Stop(Exit.REFUSED, f"{path} names another database; remove it, or name no database")
    return f'database_file = "{_quoted(path.name)}"  # a file of its own: the URL may hold a password\n'


def _write_or_find(path: Path, text: str) -> bool:
    """Write a private file. False: there is one, that of a run before. Raises: Stop if somebody else made that."""
    from portvakt.server.private_files import is_trusted, write_new

    if write_new(path, text):
        return True
    if not is_trusted(path.lstat()):
        raise Stop(Exit.REFUSED, f"{path} belongs to another user; remove it, or make the installation elsewhere")
    return False


def _quoted(text: str) -> str:
    """Write a text for between the quotes of a TOML string."""
    if not text.isprintable():
        raise Stop(Exit.USAGE, "a name or URL holds a control character")
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _first_operator(settings: "Settings", email: str) -> "User":
    from portvakt.jose.sealing import derive, place, unseal
    from portvakt.server.application import KEYS
    from portvakt.server.clock import system_clock

    async def ask(administration: "Administration") -> "User":
        for key in await administration.keys(settings.own):  # a database of another installation has another secret
            unseal(derive(settings.secret, KEYS), key.sealed, place(key.issuer, key.id))
        return await administration.create_operator(email, at_the_command_line())

    return administer(Installation(settings, settings.own, system_clock), ask)


def _say_done(plan: Plan, settings: "Settings", operator: "User", *, as_json: bool) -> None:
    if as_json:
        issuers = {issuer.name: issuer.url for issuer in settings.issuers}
        made = {"config": str(plan.config), "database": settings.shown_database, "operator": operator.email}
        say_json({**made, "issuers": issuers})
        return
    option = "" if str(plan.config) == DEFAULT_CONFIG else f" --config {plan.config}"
    say(f"Made {plan.config}; the database is {settings.shown_database}, the operator {operator.email}.")
    say()
    say("Next:")
    say(f"  portvakt client create --issuer standard --name 'My program' --scope read --default-scope read{option}")
    say(f"  portvakt serve{option}")
    say()
    standard = settings.issuers[-1]  # of the two in the template
    say(f"Then {standard.url}{standard.provider.token_paths[0]} gives out tokens.")
    say(f"The console is at {settings.url}/admin, once you have a password:")
    say(f"  portvakt user set-password {operator.email} --issuer {settings.own.name}{option}")
    say()
    say(f"Keep a copy of {plan.beside('.secret')} apart from the database: neither is of use without the other.")

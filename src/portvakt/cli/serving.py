"""`portvakt serve`, `check-config` and `db upgrade`."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from portvakt.cli.administering import explaining, require_schema, upgrade_database
from portvakt.cli.options import Config, Data, Json, config_path, load_settings
from portvakt.cli.outcome import Exit, complain, say, say_json, say_table

if TYPE_CHECKING:
    from portvakt.server.settings import Settings

database = typer.Typer(name="db", help="The database.", no_args_is_help=True)


def serve(
    *,
    config: Config = None,
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Where to listen; default 127.0.0.1.")] = None,
    port: Annotated[str | None, typer.Option(metavar="N", help="Default 8040.")] = None,
    as_json: Json = False,
) -> None:
    """Serve the issuers of portvakt.toml. The first line on standard output says that it is ready.

    SIGTERM drains and stops. SIGHUP reads the settings again; wrong ones are told in the log and change nothing.
    """
    settings = load_settings(config, host=host, port=port)
    from portvakt.server.serving import run  # wrong settings are told before anything is loaded

    _remark(settings)

    def announce(base_url: str) -> None:
        if as_json:
            say_json({"ready": True, "base_url": base_url, "issuers": issuers_of(settings)})
            return
        say(f"portvakt serves {len(settings.issuers)} issuers at {base_url}; Ctrl-C stops it.")
        sys.stdout.flush()  # a reader behind a pipe waits for it

    def read_again(**fixed: object) -> "Settings":
        return load_settings(config, None, **{"host": host, "port": port, **fixed})

    with explaining():
        require_schema(settings)
        code = run(settings, on_ready=announce, read_again=read_again)
    if code:
        raise typer.Exit(code)


def check_config(*, config: Config = None, data: Data = None, as_json: Json = False) -> None:
    """Say whether the settings are right, and everything that is wrong with them."""
    from portvakt.server.settings import SettingsRefused, remarks

    try:
        settings = load_settings(config, data)
    except SettingsRefused as refused:
        if as_json:
            problems = [{"source": problem.source, "text": problem.text} for problem in refused.problems]
            say_json({"ok": False, "problems": problems, "remarks": []})
            raise typer.Exit(Exit.SETTINGS) from None
        raise
    if as_json:
        say_json({"ok": True, "problems": [], "remarks": list(remarks(settings)), "issuers": issuers_of(settings)})
        return
    _remark(settings)
    say(f"{config_path(config, data)} is right. Database: {settings.shown_database}")
    rows = [
        (name, shown["provider"], shown["token_endpoint"], shown["audience"])
        for name, shown in issuers_of(settings).items()
    ]
    say_table(("ISSUER", "PROVIDER", "TOKEN ENDPOINT", "AUDIENCE OF ITS TOKENS"), rows)


@database.command("upgrade")
def upgrade(*, config: Config = None, data: Data = None, as_json: Json = False) -> None:
    """Bring the database to this version; one that is there already stays as it is."""
    settings = load_settings(config, data)
    upgrade_database(settings)
    if as_json:
        say_json({"database": settings.shown_database, "current": True})
    else:
        say(f"{settings.shown_database} is of this version.")


def issuers_of(settings: "Settings") -> dict[str, dict[str, str]]:
    """Return the issuers of portvakt.toml as they are written in JSON, by name."""
    return {
        issuer.name: {
            "provider": issuer.provider.name,
            "base_url": issuer.url,
            "token_endpoint": issuer.url + issuer.provider.token_paths[0],
            "api_url": issuer.api_url,
            "audience": issuer.audience,
        }
        for issuer in settings.issuers
    }


def _remark(settings: "Settings") -> None:
    from portvakt.server.settings import remarks

    for remark in remarks(settings):
        complain(f"note: {remark}")

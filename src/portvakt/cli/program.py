"""The command line: every command in one place. A new one is one line in `assemble`."""

import functools
from collections.abc import Callable
from typing import Annotated

import typer
from typer.main import get_command

from portvakt.cli import (
    api_keys,
    audit,
    clients,
    connections,
    explain,
    init,
    inspect,
    keys,
    login,
    logout,
    organisations,
    sandbox,
    serving,
    token,
    users,
)


@functools.cache  # to make it takes a tenth of a second
def command(*, terminal: bool) -> Callable[..., object]:
    """Return what runs a command line, for a terminal or for a pipe."""
    return get_command(assemble(terminal=terminal))


def assemble(*, terminal: bool) -> typer.Typer:
    """Return the program. Modules of commands load nothing but what their help needs."""
    app = typer.Typer(
        name="portvakt",
        help="OAuth 2.0 for companies that offer an API and for the developers who integrate with one.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich" if terminal else None,  # in a pipe: plain, and half as long to load
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_every_command)
    app.command("sandbox")(sandbox.sandbox)
    # "-10m" turns it back; it is no option, nor is "-2h" the short one for help
    backwards = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
    app.command("clock", context_settings=backwards)(sandbox.clock)
    # What is too much is refused by the command, which does not repeat it: it may be a secret.
    app.command("token", context_settings={"allow_extra_args": True})(token.token)
    app.command("login", context_settings={"allow_extra_args": True})(login.login)
    app.command("logout", context_settings={"allow_extra_args": True})(logout.logout)
    app.command("connections")(connections.connections)
    app.command("inspect", context_settings={"allow_extra_args": True})(inspect.inspect)
    app.command("init")(init.init)
    app.command("serve")(serving.serve)
    app.command("check-config")(serving.check_config)
    app.add_typer(serving.database)
    app.add_typer(clients.app)
    app.add_typer(users.app)
    app.add_typer(organisations.app)
    app.add_typer(api_keys.app)
    app.add_typer(keys.app)
    app.add_typer(audit.app)
    app.command("explain")(explain.explain)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # slow to load

        print(f"portvakt {version('portvakt')}")
        raise typer.Exit


def _every_command(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """OAuth 2.0 for companies that offer an API and for the developers who integrate with one."""

"""`portvakt login`: a user logs in with a browser, and what they gave is kept in a file of their own."""

import asyncio
import sys
import threading
import time
import webbrowser
from typing import TYPE_CHECKING, Annotated

import typer

from portvakt.cli.identity import (
    BaseUrl,
    ClientIdOption,
    Environment,
    Identity,
    NoSecret,
    SecretFile,
    SecretStdin,
    Who,
    as_a_command,
    identity,
    no_secret,
    refuse_arguments,
)
from portvakt.cli.options import Json
from portvakt.cli.outcome import Exit, Stop, say, say_json
from portvakt.cli.reading import CaFile
from portvakt.cli.times import in_words, rfc3339
from portvakt.model.values import Instant

if TYPE_CHECKING:
    from portvakt.client import Connection, Login
    from portvakt.client.folder import LoginFile

_LOCK_PAUSE = 0.05


def login(  # noqa: PLR0913  what a client and a log-in are made of
    context: typer.Context,
    who: Who,
    *,
    environment: Environment = None,
    base_url: BaseUrl = None,
    client_id: ClientIdOption = None,
    secret_file: SecretFile = None,
    secret_stdin: SecretStdin = False,
    _client_secret: NoSecret = None,
    scope: Annotated[str, typer.Option(metavar="S", help="What to ask for: names with a space between them.")] = "",
    organisation_number: Annotated[
        str | None, typer.Option(metavar="N", help="The only company that will do, where users choose one (Luca).")
    ] = None,
    locale: Annotated[str | None, typer.Option(metavar="L", help="The language of its pages: nb or en (Luca).")] = None,
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Come back to this port; 0: any that is free.")
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Open no browser; open the URL that is shown yourself.")
    ] = False,
    ca_file: CaFile = None,
    as_json: Json = False,
) -> None:
    """Log in with a browser, for a client to act on your behalf.

    portvakt login luca --client-id ID --secret-file FILE

    The browser comes back to http://127.0.0.1:PORT/callback, which must be registered for the client. The log-in is
    kept in a file of yours; `portvakt token` and programs of yours use it. The client secret comes from
    PORTVAKT_CLIENT_SECRET, else from a file (--secret-file or PORTVAKT_CLIENT_SECRET_FILE), or from standard input
    (--secret-stdin); a public client has none. Exit codes: 1 refused; 5 no answer.
    """
    refuse_arguments(context, _client_secret)
    meant = identity(
        who,
        environment=environment,
        base_url=base_url,
        client_id=client_id,
        secret_file=secret_file,
        secret_stdin=secret_stdin,
        ca_file=ca_file,
    )
    chosen = {"organisation_number": organisation_number, "locale": locale}
    more = {name: value for name, value in chosen.items() if value is not None}
    done = _explained(meant, scope, more, port=port, opens_browser=not no_browser)
    _tell(done, as_json=as_json)


def _explained(meant: Identity, scope: str, more: dict[str, str], *, port: int, opens_browser: bool) -> "Login":
    """Return the log-in, kept. Raises: Stop."""
    from portvakt import client
    from portvakt.client.folder import LoginFile, LoginFileRefused, login_folder
    from portvakt.client.loopback import NobodyCameBack

    try:
        connection = meant.connect(scope=scope)
        done = asyncio.run(_by_browser(connection, more, port=port, opens_browser=opens_browser))
        file = LoginFile(login_folder(), done.issuer, done.client_id)
        _keep(file, done)
    except ValueError as error:
        if str(error).startswith("client_secret is missing"):
            raise no_secret() from None
        raise Stop(Exit.USAGE, as_a_command(error)) from None
    except LoginFileRefused as error:
        raise Stop(Exit.SETTINGS, str(error)) from None
    except OSError as error:
        raise Stop(Exit.REFUSED, f"127.0.0.1 cannot be listened on: {error.strerror}") from None
    except client.ClientError as error:
        unanswered = isinstance(error, client.Unreachable | client.RateLimited | NobodyCameBack)
        raise Stop(Exit.UNAVAILABLE if unanswered else Exit.REFUSED, as_a_command(error)) from None
    return done


async def _by_browser(connection: "Connection", more: dict[str, str], *, port: int, opens_browser: bool) -> "Login":
    """Send a browser and wait for it."""
    from portvakt.client.loopback import BACK_WITHIN, listening

    async with listening(port) as here:  # first of all: nobody else comes to have the port
        start = await connection.astart_login(redirect_uri=here.redirect_uri, **more)
        waits = (
            f"It has {BACK_WITHIN / 60:g} min to come back to {here.redirect_uri}, "
            "which must be registered for the client.\n"
            "Where a page says that something is wrong, it will not come back: Ctrl-C ends the wait."
        )
        print(f"Log in with your browser:\n{start.url}\n{waits}", file=sys.stderr, flush=True)
        if opens_browser:
            # It may be one in this terminal, which does not return before it is closed.
            threading.Thread(target=webbrowser.open, args=(start.url,), name="portvakt-browser", daemon=True).start()
        return await here.login(lambda url: connection.afinish_login(url, start.kept))


def _keep(file: "LoginFile", done: "Login") -> None:
    """Put the log-in into its file, once nobody is renewing the one before it."""
    from portvakt.client.folder import unlock

    while (lock := file.lock()) is None:
        time.sleep(_LOCK_PAUSE)
    try:
        file.write(done)
    finally:
        unlock(lock)


def _tell(done: "Login", *, as_json: bool) -> None:
    now = Instant(int(time.time()))
    ends = Instant(done.expires_at)
    if as_json:
        say_json(
            {
                "issuer": done.issuer,
                "client_id": done.client_id,
                "scope": done.scope,
                "expires_at": rfc3339(ends),
                "renewable": done.refresh_token is not None,
            }
        )
        return
    say(f"logged in at {done.issuer} for {done.client_id}{f', scope {done.scope}' if done.scope else ''}")
    if done.refresh_token is None:
        say(f"until {in_words(ends, now)}: the server gave nothing to renew it with")

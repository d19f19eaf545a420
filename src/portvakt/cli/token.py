"""`portvakt token`: an access token for a shell, asked for as a program's client asks."""

import time
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
from portvakt.cli.times import from_now
from portvakt.model.values import Instant

if TYPE_CHECKING:
    from portvakt.client import Token


def token(  # noqa: PLR0913  what a client is made of
    context: typer.Context,
    who: Who,
    *,
    environment: Environment = None,
    base_url: BaseUrl = None,
    client_id: ClientIdOption = None,
    scope: Annotated[str, typer.Option(metavar="S", help="What to ask for: names with a space between them.")] = "",
    resource: Annotated[str | None, typer.Option(metavar="URL", help="The API it is to be for (RFC 8707).")] = None,
    secret_file: SecretFile = None,
    secret_stdin: SecretStdin = False,
    _client_secret: NoSecret = None,
    log_in: Annotated[
        bool, typer.Option("--login", help="Use the log-in that is kept here, as is done where there is no other way.")
    ] = False,
    max_wait: Annotated[int, typer.Option(metavar="S", min=0, help="Seconds to wait at most if told to.")] = 30,
    ca_file: CaFile = None,
    as_json: Json = False,
) -> None:
    """Get an access token, and print it alone.

    portvakt token breeze --environment test | portvakt inspect

    The client secret comes from PORTVAKT_CLIENT_SECRET, else from a file (--secret-file or
    PORTVAKT_CLIENT_SECRET_FILE), or from standard input (--secret-stdin). At Luca, and for a client without a secret,
    the token is one of the user who ran `portvakt login`. Exit codes: 1 refused; 5 no answer, or too many requests:
    try again later.
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
    got = _explained(meant, scope=scope, resource=resource, login="stored" if log_in else None, max_wait=max_wait)
    if as_json:
        say_json({"access_token": got.value, "token_type": "Bearer", "expires_at": got.expires_at, "scope": got.scope})
    else:
        say(got.value)


def _explained(meant: Identity, **wanted: object) -> "Token":
    """Return the token. Raises: Stop."""
    from portvakt import client

    try:
        return meant.connect(**wanted).get_token()
    except ValueError as error:
        if str(error).startswith("client_secret is missing"):
            raise no_secret() from None
        raise Stop(Exit.USAGE, as_a_command(error)) from None
    except client.LoginRequired as error:
        if meant.secret is None:
            raise no_secret(f"and {as_a_command(error)}") from None
        raise Stop(Exit.REFUSED, as_a_command(error)) from None
    except client.RateLimited as error:
        when = from_now(error.retry_at, Instant(int(time.time())))
        raise Stop(Exit.UNAVAILABLE, f"{as_a_command(error)} ({when})") from None
    except client.ClientError as error:
        may_pass = isinstance(error, client.Unreachable) and not error.lasting
        raise Stop(Exit.UNAVAILABLE if may_pass else Exit.REFUSED, as_a_command(error)) from None

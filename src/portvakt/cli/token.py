"""`portvakt token`: an access token for a shell, asked for as a program's client asks."""

import os
import re
import time
from typing import Annotated

import typer

from portvakt.cli.options import Json
from portvakt.cli.outcome import Exit, Stop, say, say_json
from portvakt.cli.reading import CaFile, authorities, hidden_text, private_file
from portvakt.cli.times import from_now
from portvakt.model.values import Instant, Secret

CLIENT_ID = "PORTVAKT_CLIENT_ID"
SECRET = "PORTVAKT_CLIENT_SECRET"
SECRET_FILE = "PORTVAKT_CLIENT_SECRET_FILE"

_WAYS = f"set {SECRET}, or name a file with --secret-file or {SECRET_FILE}, or pipe it with --secret-stdin"
_AS_A_COMMAND = {
    "environment and base_url": "--environment and --base-url",
    "base_url": "--base-url",
    "client_id": "--client-id",
    "client_secret": "the client secret",
    "max_wait": "--max-wait",
    "tls=": "--ca-file",
    "which connect cannot": "which this command cannot",
    "It is asked again from": "Try again from",
}
"""What the library says, in a program's words, and what a command says."""

_PROGRAMS_WORDS = re.compile("|".join(_AS_A_COMMAND))
_NO_ARGUMENT = f"a secret is never an argument, which everybody on this machine can see: {_WAYS}"


def token(  # noqa: PLR0913  what a client is made of
    context: typer.Context,
    who: Annotated[str, typer.Argument(metavar="PROVIDER|URL", help="breeze, prisjakt, standard; or an issuer's URL.")],
    *,
    environment: Annotated[
        str | None, typer.Option(metavar="NAME", help="The provider's: test or production, for one that has them.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="A sandbox's, or another place where the provider answers.")
    ] = None,
    client_id: Annotated[str | None, typer.Option(metavar="ID", help=f"Default: {CLIENT_ID}.")] = None,
    scope: Annotated[str, typer.Option(metavar="S", help="What to ask for: names with a space between them.")] = "",
    resource: Annotated[str | None, typer.Option(metavar="URL", help="The API it is to be for (RFC 8707).")] = None,
    secret_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="It holds the client secret, and only you may read it.")
    ] = None,
    secret_stdin: Annotated[
        bool, typer.Option("--secret-stdin", help="Read the client secret from standard input; a terminal is asked.")
    ] = False,
    _client_secret: Annotated[list[str] | None, typer.Option("--client-secret", "--secret", hidden=True)] = None,
    max_wait: Annotated[int, typer.Option(metavar="S", min=0, help="Seconds to wait at most if told to.")] = 30,
    ca_file: CaFile = None,
    as_json: Json = False,
) -> None:
    """Get an access token, and print it alone.

    portvakt token breeze --environment test | portvakt inspect

    The client secret comes from PORTVAKT_CLIENT_SECRET, else from a file (--secret-file or
    PORTVAKT_CLIENT_SECRET_FILE), or from standard input (--secret-stdin). Exit codes: 1 refused; 5 no answer, or too
    many requests: try again later.
    """
    if context.args or _client_secret:
        raise Stop(Exit.USAGE, _NO_ARGUMENT)
    from portvakt.client.connection import located  # loads no HTTP yet

    try:
        located(who, environment, base_url)
    except ValueError as error:
        raise Stop(Exit.USAGE, _as_a_command(error)) from None
    secret = _secret(secret_file, from_stdin=secret_stdin)
    trust = authorities(ca_file)
    name = client_id or os.environ.get(CLIENT_ID)
    if not name:
        raise Stop(Exit.USAGE, f"which client? Say --client-id ID, or set {CLIENT_ID}")
    from portvakt import client  # HTTP is loaded once everything is there

    try:
        connection = client.connect(
            who,
            environment=environment,
            base_url=base_url,
            client_id=name,
            client_secret=secret.reveal(),
            scope=scope,
            resource=resource,
            max_wait=max_wait,
            tls=trust,
        )
        got = connection.get_token()
    except ValueError as error:
        raise Stop(Exit.USAGE, _as_a_command(error)) from None
    except client.RateLimited as error:
        when = from_now(error.retry_at, Instant(int(time.time())))
        raise Stop(Exit.UNAVAILABLE, f"{_as_a_command(error)} ({when})") from None
    except client.ClientError as error:
        may_pass = isinstance(error, client.Unreachable) and not error.lasting
        code = Exit.UNAVAILABLE if may_pass else Exit.REFUSED
        raise Stop(code, _as_a_command(error)) from None
    if as_json:
        say_json({"access_token": got.value, "token_type": "Bearer", "expires_at": got.expires_at, "scope": got.scope})
    else:
        say(got.value)


def _as_a_command(error: Exception) -> str:
    return _PROGRAMS_WORDS.sub(lambda said: _AS_A_COMMAND[said[0]], str(error)).removesuffix(".")


def _secret(file: str | None, *, from_stdin: bool) -> Secret:
    """Return the client secret: from where an option says, else from the variables. Raises: Stop."""
    if file is not None and from_stdin:
        raise Stop(Exit.USAGE, "--secret-file and --secret-stdin name two secrets; give one of them")
    if from_stdin:
        text, source = hidden_text("client secret", _WAYS), "--secret-stdin"
    elif file is not None:
        text, source = private_file("--secret-file", file), "--secret-file"
    elif SECRET in os.environ:
        text, source = os.environ[SECRET], SECRET
    elif SECRET_FILE in os.environ:
        text, source = private_file(SECRET_FILE, os.environ[SECRET_FILE]), SECRET_FILE
    else:
        raise Stop(Exit.USAGE, f"there is no client secret: {_WAYS}")
    if not text:
        raise Stop(Exit.SETTINGS, f"{source}: is empty")
    if not text.isprintable():
        raise Stop(Exit.SETTINGS, f"{source}: holds a line break or another control character, so no secret")
    return Secret(text)

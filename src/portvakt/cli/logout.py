"""`portvakt logout`: a log-in is given back to the server, and forgotten."""

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
    refuse_arguments,
)
from portvakt.cli.options import Json
from portvakt.cli.outcome import Exit, Stop, say, say_json
from portvakt.cli.reading import CaFile

if TYPE_CHECKING:
    from portvakt.client import Connection
    from portvakt.client.folder import LoginFile

_LOCK_PAUSE = 0.05


def logout(  # noqa: PLR0913  what a client is made of
    context: typer.Context,
    who: Who,
    *,
    environment: Environment = None,
    base_url: BaseUrl = None,
    client_id: ClientIdOption = None,
    secret_file: SecretFile = None,
    secret_stdin: SecretStdin = False,
    _client_secret: NoSecret = None,
    forget: Annotated[bool, typer.Option("--forget", help="Only remove it here; tell the server nothing.")] = False,
    ca_file: CaFile = None,
    as_json: Json = False,
) -> None:
    """Log out: give the log-in back to the server, where that takes it (RFC 7009), and remove it here.

    Where the server cannot be asked, or refuses, nothing is removed: say --forget. Exit codes: 1 refused; 4 there is
    no such log-in; 5 no answer.
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
    revoked = _explained(meant, tells_server=not forget)
    if as_json:
        say_json({"removed": True, "revoked": revoked})
    elif revoked:
        say("logged out: the server ended the log-in, and it is removed here")
    else:
        told = "" if forget else ", which has no way to take it back by itself"
        say(f"removed here; nothing was ended at the server{told}: the user can, under connected applications")


def _explained(meant: Identity, *, tells_server: bool) -> bool:
    """Remove the log-in. Return whether the server ended it. Raises: Stop."""
    from portvakt import client
    from portvakt.client.arguments import located
    from portvakt.client.folder import LoginFile, LoginFileRefused, login_folder, unlock

    try:
        _, issuer, *_ = located(meant.who, meant.environment, meant.base_url, None)
        connection = meant.connect(login="stored") if tells_server else None
        file = LoginFile(login_folder(), issuer, meant.client_id)
        if file.read() is None:
            raise Stop(Exit.NOT_FOUND, f"nobody is logged in at {issuer} for {meant.client_id}")
        while (lock := file.lock()) is None:  # somebody is renewing it
            time.sleep(_LOCK_PAUSE)
        try:
            return _removed(connection, file)
        finally:
            unlock(lock)
    except ValueError as error:
        raise Stop(Exit.USAGE, as_a_command(error)) from None
    except LoginFileRefused as error:
        raise Stop(Exit.SETTINGS, str(error)) from None
    except client.ClientError as error:
        unanswered = isinstance(error, client.Unreachable | client.RateLimited)
        text = f"{as_a_command(error)} Nothing was removed; --forget removes it here alone"
        raise Stop(Exit.UNAVAILABLE if unanswered else Exit.REFUSED, text) from None


def _removed(connection: "Connection | None", file: "LoginFile") -> bool:
    login = file.read()
    revoked = connection is not None and login is not None and connection.revoke_login(login)
    file.remove()
    return revoked

"""Who a command acts as: the provider or issuer, the client, and its secret, which is never an argument."""

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from portvakt.cli.outcome import Exit, Stop
from portvakt.cli.reading import authorities, hidden_text, private_file
from portvakt.model.values import Secret

if TYPE_CHECKING:
    import ssl

    from portvakt.client import Connection

CLIENT_ID = "PORTVAKT_CLIENT_ID"
SECRET = "PORTVAKT_CLIENT_SECRET"
SECRET_FILE = "PORTVAKT_CLIENT_SECRET_FILE"

_WAYS = f"set {SECRET}, or name a file with --secret-file or {SECRET_FILE}, or pipe it with --secret-stdin"
_NO_ARGUMENT = f"a secret is never an argument, which everybody on this machine can see: {_WAYS}"
_AS_A_COMMAND = {
    "environment and base_url": "--environment and --base-url",
    "base_url": "--base-url",
    "client_id": "--client-id",
    "client_secret": "the client secret",
    "max_wait": "--max-wait",
    "organisation_number": "--organisation-number",
    "tls=": "--ca-file",
    "It is asked again from": "Try again from",
    ": leave login out": "",
}
"""What the library says, in a program's words, and what a command says."""

_PROGRAMS_WORDS = re.compile("|".join(_AS_A_COMMAND))

Who = Annotated[
    str, typer.Argument(metavar="PROVIDER|URL", help="breeze, luca, prisjakt, standard; or an issuer's URL.")
]
Environment = Annotated[
    str | None, typer.Option(metavar="NAME", help="The provider's: test or production, for one that has them.")
]
BaseUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="A sandbox's, or another place where the provider answers.")
]
ClientIdOption = Annotated[str | None, typer.Option("--client-id", metavar="ID", help=f"Default: {CLIENT_ID}.")]
SecretFile = Annotated[
    str | None, typer.Option(metavar="FILE", help="It holds the client secret, and only you may read it.")
]
SecretStdin = Annotated[
    bool, typer.Option("--secret-stdin", help="Read the client secret from standard input; a terminal is asked.")
]
NoSecret = Annotated[list[str] | None, typer.Option("--client-secret", "--secret", hidden=True)]


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A client at a provider. `secret` None: a public client."""

    who: str
    environment: str | None
    base_url: str | None
    client_id: str
    secret: Secret | None = field(repr=False)
    trust: "ssl.SSLContext | None"

    def connect(self, **more: object) -> "Connection":
        """Return the connection. Raises: ValueError, as `portvakt.client.connect` does."""
        from portvakt import client  # HTTP is loaded once everything is there

        secret = {} if self.secret is None else {"client_secret": self.secret.reveal()}
        arguments: dict[str, object] = {**secret, **more}
        del secret
        return client.connect(
            self.who,
            environment=self.environment,
            base_url=self.base_url,
            client_id=self.client_id,
            tls=self.trust,
            **arguments,  # type: ignore[arg-type]  # named by the caller
        )


def refuse_arguments(context: typer.Context, secrets: list[str] | None) -> None:
    """Raise Stop for what is too much on the command line: it may be a secret, and is not repeated."""
    if context.args or secrets:
        raise Stop(Exit.USAGE, _NO_ARGUMENT)


def identity(
    who: str,
    *,
    environment: str | None,
    base_url: str | None,
    client_id: str | None,
    secret_file: str | None,
    secret_stdin: bool,
    ca_file: str | None,
) -> Identity:
    """Return who is meant, from options and variables. Raises: Stop."""
    from portvakt.client.arguments import located  # loads no HTTP yet

    try:
        located(who, environment, base_url)  # before a secret is asked for
    except ValueError as error:
        raise Stop(Exit.USAGE, as_a_command(error)) from None
    secret = _secret(secret_file, from_stdin=secret_stdin)
    trust = authorities(ca_file)
    name = client_id or os.environ.get(CLIENT_ID)
    if not name:
        raise Stop(Exit.USAGE, f"which client? Say --client-id ID, or set {CLIENT_ID}")
    return Identity(who=who, environment=environment, base_url=base_url, client_id=name, secret=secret, trust=trust)


def no_secret(otherwise: str = "") -> Stop:
    """Return what is said where a secret is missing, and what else is."""
    return Stop(Exit.USAGE, f"there is no client secret: {_WAYS}; {otherwise}".rstrip("; "))


def as_a_command(error: Exception) -> str:
    """Return what the library says, in a command's words."""
    return _PROGRAMS_WORDS.sub(lambda said: _AS_A_COMMAND[said[0]], str(error)).removesuffix(".")


def _secret(file: str | None, *, from_stdin: bool) -> Secret | None:
    """Return the client secret: from where an option says, else from the variables; None: nowhere. Raises: Stop."""
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
        return None
    if not text:
        raise Stop(Exit.SETTINGS, f"{source}: is empty")
    if not text.isprintable():
        raise Stop(Exit.SETTINGS, f"{source}: holds a line break or another control character, so no secret")
    return Secret(text)

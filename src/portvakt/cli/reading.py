"""What a command reads besides its line: a hidden text from standard input, a private file, certificate authorities.

Nothing here repeats what it read.
"""

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from portvakt.cli.outcome import Exit, Stop

if TYPE_CHECKING:
    import ssl

LARGEST = 16 * 1024
"""Characters of a text that is read, octets of a private file."""

_SLACK = 1024  # white space and `Bearer ` around a text of the largest size
_TERMINAL_LINE = 4095  # n_tty(4): a terminal keeps no more of a line, and says nothing of the rest
_OTHERS = 0o077
_ROOT = 0

CaFile = Annotated[
    str | None,
    typer.Option("--ca-file", metavar="FILE", help="Trust these certificate authorities (PEM), not the system's."),
]


def hidden_text(what: str, instead: str) -> str:
    """Return what stands on standard input, without the newline at its end; a terminal is asked, and shows nothing.

    `what` is how it is called; `instead` says how to give it, where there is none.

    Raises:
        Stop: nothing is there, it is no text, or longer than 16 KiB.
    """
    if sys.stdin is None or sys.stdin.closed:
        raise Stop(Exit.USAGE, f"standard input is closed; {instead}")
    text = _typed(what, instead) if sys.stdin.isatty() else _piped(what)
    if not text.strip():
        raise Stop(Exit.REFUSED, f"there is no {what} on standard input; {instead}")
    return text.removesuffix("\n").removesuffix("\r")


def _piped(what: str) -> str:
    try:
        text = sys.stdin.read(LARGEST + _SLACK + 1)
    except UnicodeDecodeError:
        text = None
    except OSError as error:
        raise Stop(Exit.REFUSED, f"standard input cannot be read: {error.strerror or 'no reason given'}") from None
    if text is None:  # raised outside of the `except`, whose error holds what was read
        raise Stop(Exit.REFUSED, f"what stands on standard input is no text, so no {what}")
    if len(text) > LARGEST + _SLACK or len(text.strip()) > LARGEST:
        raise Stop(Exit.REFUSED, f"what stands on standard input is longer than 16 KiB, so no {what}")
    return text


def _typed(what: str, instead: str) -> str:
    import getpass  # only where somebody sits at a terminal
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            text = getpass.getpass(f"{what.capitalize()} (it is not shown): ", stream=sys.stderr)
        except EOFError:
            text = ""
        except getpass.GetPassWarning:
            raise Stop(Exit.USAGE, f"this terminal cannot hide what is typed; {instead}") from None
    if len(text) >= _TERMINAL_LINE:
        raise Stop(Exit.REFUSED, f"a terminal keeps only {_TERMINAL_LINE} characters of a line; {instead}")
    return text


def private_file(source: str, path: str) -> str:
    """Return the text of a file that holds a secret, without the newline at its end.

    `source` is the option or variable that names it. As with a server's secrets, it must belong to us or to root, and
    nobody else may read it: a warning would be seen by nobody where programs run alone.

    Raises:
        Stop: it cannot be read, is not ours alone, is empty, larger than 16 KiB or no text.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else "not a path"
        raise _wrong_file(source, f"the file that it names cannot be read: {reason}") from None
    try:
        _require_ours(source, os.fstat(descriptor), path)
        content = os.read(descriptor, LARGEST + 1)
    finally:
        os.close(descriptor)
    if len(content) > LARGEST:
        raise _wrong_file(source, "the file that it names is larger than 16 KiB")
    try:
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        text = None
    if text is None:  # raised outside of the `except`, whose error holds what was read
        raise _wrong_file(source, "the file that it names is not UTF-8 text")
    if not text:
        raise _wrong_file(source, "the file that it names is empty")
    return text


def _require_ours(source: str, status: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _wrong_file(source, "what it names is not a file; to pipe a secret, say --secret-stdin")
    if status.st_uid not in (_ROOT, os.geteuid()):
        text = "the file that it names belongs to another user, who knows what is in it; make one of your own"
        raise _wrong_file(source, text)
    if status.st_mode & _OTHERS:
        raise _wrong_file(source, f"others can read the file that it names; run: chmod 600 {Path(path)}")


def authorities(path: str | None) -> "ssl.SSLContext | None":
    """Return what trusts the certificate authorities of a PEM file alone; None for none. Raises: Stop."""
    if path is None:
        return None
    import ssl  # not for --help

    try:
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise _wrong_file("--ca-file", "the file that it names holds no certificates in PEM") from None
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else "not a path"
        raise _wrong_file("--ca-file", f"the file that it names cannot be read: {reason}") from None


def _wrong_file(source: str, text: str) -> Stop:
    return Stop(Exit.SETTINGS, f"{source}: {text}")

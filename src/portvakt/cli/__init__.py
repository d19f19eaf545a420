"""The `portvakt` command."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from portvakt.cli.outcome import Exit, Stop, Unsaid, complain, saying

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code (`outcome.Exit`). Errors are one line each on standard error."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, as by `>&-`: what would be said there goes nowhere
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    try:
        code = _run(list(sys.argv[1:] if arguments is None else arguments))
        with saying():
            sys.stdout.flush()  # here, where it can still be told
        return code  # noqa: TRY300  an error above is what this is about
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except (BrokenPipeError, Unsaid) as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left goes nowhere
        if isinstance(error, Unsaid):  # else whoever read has gone, as `head` does
            complain(f"what there is to say cannot be written: {error}")
        return Exit.REFUSED
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(str(error.format_message()).rstrip(), file=sys.stderr)  # type: ignore[attr-defined]  # typer's own
            return Exit.USAGE
        stopped = _explain(error)
        if stopped is None:
            raise  # a fault of ours: its traceback is what helps
        for text in stopped.text.splitlines():
            complain(text)
        return stopped.code


def _run(arguments: list[str]) -> int:
    from portvakt.cli.program import command  # so that a library user of `main` pays when it runs

    run = command(terminal=sys.stdout.isatty())
    with saying():  # --help is not said by us
        code = run(args=arguments, prog_name="portvakt", standalone_mode=False)
    return code if isinstance(code, int) else Exit.OK


def _explain(error: Exception) -> Stop | None:
    """Turn an error that a command may end with into its line and its code; None for one that it may not."""
    import typer  # is loaded by now

    if isinstance(error, Stop):
        return error
    if isinstance(error, typer.Abort):
        return Stop(Exit.INTERRUPTED, "interrupted; nothing more was done")
    if isinstance(error, typer.TyperException):
        return _explain_usage(error)
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("portvakt"):
        return Stop(Exit.REFUSED, "this command needs more of portvakt; run: pip install 'portvakt[server]'")
    from portvakt.server.settings import SettingsRefused  # only needed once something is wrong

    if not isinstance(error, SettingsRefused):
        return None
    typed = all(problem.source.startswith("--") for problem in error.problems)
    return Stop(Exit.USAGE if typed else Exit.SETTINGS, str(error))


def _explain_usage(error: Exception) -> Stop:
    """Say in one line what is wrong with the command line."""
    code = Exit(getattr(error, "exit_code", Exit.USAGE))
    describe = getattr(error, "format_message", None)
    said = " ".join((str(describe()) if callable(describe) else str(error)).split()).rstrip(".")
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "portvakt")
    return Stop(code, f"{said[:1].lower()}{said[1:]}; see: {path} --help" if said else "")

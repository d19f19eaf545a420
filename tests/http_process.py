"""A server as a process of its own: `python http_process.py DRAIN_DELAY DRAIN`. Its first line of output is its URL."""

from __future__ import annotations

import sys

from portvakt.server.http import run, serve
from portvakt.server.log import Log
from portvakt.server.request_head import Limits
from raw_http import Echo


def say(line: str) -> None:
    """Print one line, at once."""
    print(line, flush=True)  # noqa: T201


async def end() -> None:
    """Say that all is over."""
    say("ended")


def main() -> int:
    """Serve until a signal."""
    limits = Limits(drain_delay=float(sys.argv[1]), drain=float(sys.argv[2]), sweep=0.05)
    log = Log()
    app = Echo()
    return run(
        lambda: serve(
            app,
            host="127.0.0.1",
            port=0,
            log=log,
            limits=limits,
            on_ready=say,
            on_draining=lambda: say("draining"),
            end=end,
        ),
        log,
    )


if __name__ == "__main__":
    sys.exit(main())

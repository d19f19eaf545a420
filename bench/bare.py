"""A server that signs and does nothing else, under the same HTTP shell: what this machine leaves of the limit."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from portvakt.server import http
from portvakt.server.log import Log

MESSAGE = b"x" * 500
BODY = b"x" * 850
HEADERS = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(BODY))]


def main() -> int:
    """Serve on the port of the first argument until a signal."""
    key, how, algorithm = rsa.generate_private_key(65537, 2048), padding.PKCS1v15(), SHA256()
    log = Log(os.open(os.devnull, os.O_WRONLY))

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        key.sign(MESSAGE, how, algorithm)
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": BODY})

    async def serving() -> bool:
        return await http.serve(
            app,
            host="127.0.0.1",
            port=int(sys.argv[1]),
            log=log,
            on_ready=lambda url: print(json.dumps({"base_url": url}), flush=True),
        )

    return http.run(serving, log)


if __name__ == "__main__":
    sys.exit(main())

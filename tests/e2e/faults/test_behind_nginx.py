"""Two nodes behind Debian's nginx, which keeps connections to them: restarts, and what can be read in two ways."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nodes import Caller, a_node, asked, free_port, load_on, until
from raw_http import status, talk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nodes import Installed

pytestmark = pytest.mark.long

PROGRAM = shutil.which("nginx") or "/usr/sbin/nginx"
CONFIGURATION = """\
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log off;
  lingering_close off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream portvakt {{
    server 127.0.0.1:{one} max_fails=0;
    server 127.0.0.1:{other} max_fails=0;
    keepalive 8;
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://portvakt;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
    }}
  }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, one: int, other: int) -> Iterator[int]:
    """Run nginx before two ports; give its own."""
    if not Path(PROGRAM).exists():
        missing = "no nginx: run `./dev test --long` as root, or apt-get install nginx-light"
        if os.environ.get("PORTVAKT_REQUIRE_SERVICES") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    port = free_port()
    user = "user root root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, user=user, one=one, other=other, port=port))
    command = [PROGRAM, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            until(lambda: asked(port, "/livez").status == 200, "nginx answers")
            yield port
        finally:
            process.terminate()


def test_FT26_nodes_that_restart_one_after_the_other_lose_no_request(on_sqlite: Installed) -> None:
    shell, ports = on_sqlite.shell, (free_port(), free_port())
    with contextlib.ExitStack() as running:
        nodes = [running.enter_context(a_node(shell, port=port)) for port in ports]
        front = running.enter_context(nginx(shell.folder, *ports))
        with load_on(front, on_sqlite.client, callers=4, pause=0.02) as load:
            for number in (0, 1, 0, 1):
                before = len(load.answers)
                assert nodes[number].stop() == 0
                nodes[number] = running.enter_context(a_node(shell, port=ports[number]))
                until(lambda before=before: len(load.answers) > before + 100, "some load")  # type: ignore[misc]
            answers = load.end()

    assert [answer for answer in answers if answer.status != 200] == []


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
CHUNKED = b"0\r\n\r\n" + SMUGGLED
assert (len(SMUGGLED), len(CHUNKED)) == (43, 48)
AMBIGUOUS = {
    "Content-Length and Transfer-Encoding": (b"Content-Length: 5\r\nTransfer-Encoding: chunked", CHUNKED),
    "chunked, identity": (b"Transfer-Encoding: chunked, identity", CHUNKED),
    "xchunked": (b"Content-Length: 48\r\nTransfer-Encoding: xchunked", CHUNKED),
    "Transfer-Encoding twice": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", CHUNKED),
    "space before the colon": (b"Content-Length: 48\r\nTransfer-Encoding : chunked", CHUNKED),
    "a tab in chunked": (b"Content-Length: 48\r\nTransfer-Encoding:\tchunked", CHUNKED),
    "two lengths": (b"Content-Length: 0\r\nContent-Length: 43", SMUGGLED),
    "a length with a sign": (b"Content-Length: +43", SMUGGLED),
    "a bare CR": (b"X: y\rTransfer-Encoding: chunked\r\nContent-Length: 48", CHUNKED),
    "a folded line": (b"X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 48", CHUNKED),
    "NUL": (b"X: \0\r\nContent-Length: 48", CHUNKED),
}


def test_Y1_Y3_nobody_smuggles_a_request_past_nginx(on_sqlite: Installed) -> None:
    shell = on_sqlite.shell
    with a_node(shell) as node, nginx(shell.folder, node.port, node.port) as front:
        for name, (headers, sent) in AMBIGUOUS.items():
            head = b"POST /acme/token HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + headers + b"\r\n\r\n"
            reply = talk(front, head + sent)
            assert reply.count(b"HTTP/1.1 ") == 1, (name, reply)
            assert 400 <= status(reply) < 502, (name, reply)
            caller = Caller(front, on_sqlite.client)
            assert [caller.token().status for _ in range(3)] == [200] * 3, name  # on nginx's kept connections
            caller.close()
        assert node.stop() == 0
    assert {event["path"] for event in node.events("request")} <= {"/acme/token", "/livez"}

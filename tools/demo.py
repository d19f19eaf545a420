"""The demonstration behind `./dev demo`: a sandbox, and the documents' own curl commands tried against it.

It prints one screen: what runs where, the commands ready to paste, and what they just answered. Then the sandbox
goes on until Ctrl-C; with `--once` it ends, and the exit code says whether every answer was the documented one.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

PORT = 8040
PATIENCE = 30.0
SHOWN_TOKEN = 24
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Try:
    """A command of the documents, what it is for, and the members that its answer must begin with."""

    title: str
    command: str
    expected: str


def main(arguments: list[str]) -> int:
    """Run the demonstration; return the exit code."""
    if arguments not in ([], ["--once"]):
        print("usage: ./dev demo [--once]")
        return 0 if arguments in (["--help"], ["-h"]) else 2
    once = bool(arguments)
    port = _free_port()
    for number in (signal.SIGTERM, signal.SIGHUP):  # the sandbox goes with us, whoever ends us
        signal.signal(number, lambda *_: sys.exit(0))
    with subprocess.Popen(
        [sys.executable, "-m", "portvakt.cli", "sandbox", "--json", "--port", str(port)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is ours to pass on
    ) as sandbox:
        try:
            assert sandbox.stdout is not None
            line = sandbox.stdout.readline()
            if not line:
                print("The sandbox did not start; its own words stand above.")
                return 1
            wrong = _show(json.loads(line), once=once)
            if once or wrong:
                return 1 if wrong else 0
            print(f"\nThe sandbox goes on at http://127.0.0.1:{port}. Ctrl-C ends it.", flush=True)
            return sandbox.wait()
        except KeyboardInterrupt:
            print()
            return 0
        finally:
            if sandbox.poll() is None:
                sandbox.send_signal(signal.SIGTERM)
                sandbox.wait(PATIENCE)


def _show(told: dict[str, object], *, once: bool) -> int:
    """Try everything and print it; return how many answers were not as documented. `once`: it ends with that."""
    issuers = told["issuers"]
    assert isinstance(issuers, dict)
    breeze, prisjakt = issuers["breeze-test"], issuers["prisjakt"]
    print(f"portvakt plays {len(issuers)} issuers at {told['base_url']}, with credentials made for this run:")
    for name, issuer in issuers.items():
        print(f"  {name:18} base_url {issuer['base_url']}")
    wrong = 0
    for token_command, call_command in (_breeze(breeze), _prisjakt(prisjakt)):
        answer = _try(token_command)
        token = json.loads(answer).get("access_token", "") if answer else ""
        wrong += not token
        wrong += _try(call_command, token) is None
    wrong += _try(_wrong_environment(breeze, issuers["breeze-production"])) is None
    if once:
        print("\nThe sandbox ends here. Without --once it goes on, for you to try it.")
    else:
        print("\nThe tokens above are cut short. To make the calls yourself, put a whole one into a variable first:")
        print(f"  TOKEN=$({_token_command(prisjakt)})")
        print("\nNext: turn the clock and see a token expire:")
        print(f"  {_program()} clock +2h --url {told['base_url']}")
    print("\nEvery answer was the documented one." if not wrong else f"\n{wrong} answers were not the documented ones.")
    return wrong


def _breeze(issuer: dict[str, str]) -> tuple[Try, Try]:
    body = json.dumps(
        {
            "grant_type": "client_credentials",
            "client_id": issuer["client_id"],
            "client_secret": issuer["client_secret"],
        },
        indent=2,
    )
    return (
        Try(
            "Breeze: request an access token (Getting started, step 1)",
            f"curl -X POST {issuer['base_url']}/oauth/token \\\n-H \"Content-Type: application/json\" \\\n-d '{body}'",
            '{"access_token":"eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.',
        ),
        Try(
            "Breeze: make your first API call (step 2)",
            f"curl -X POST {issuer['base_url']}/graphql \\\n"
            '-H "Authorization: Bearer $TOKEN" \\\n-H "Content-Type: application/json" \\\n'
            '-d \'{"query": "query GetCurrentUser { Me { _id userId email } }"}\'',
            '{"data":{"Me":{"_id":"user_',
        ),
    )


def _prisjakt(issuer: dict[str, str]) -> tuple[Try, Try]:
    return (
        Try(
            "Prisjakt: obtain an access token (Calling an API, step 1)",
            f"curl -X POST '{issuer['auth_url']}/oauth2/token' \\\n"
            "--header 'Content-Type: application/x-www-form-urlencoded' \\\n--header 'Accept: application/json' \\\n"
            "--data 'grant_type=client_credentials' \\\n"
            f"--data 'client_id={issuer['client_id']}' \\\n--data 'client_secret={issuer['client_secret']}'",
            '{"access_token":"eyJhbGciOi',
        ),
        Try(
            "Prisjakt: call the API (step 2)",
            f"curl -X GET '{issuer['api_url']}/echo' \\\n--header 'Accept: */*' \\\n"
            '--header "Authorization: Bearer $TOKEN"',
            '{"method":"GET","path":"/prisjakt/api/echo"',
        ),
    )


def _wrong_environment(test: dict[str, str], production: dict[str, str]) -> Try:
    form = f"grant_type=client_credentials&client_id={test['client_id']}&client_secret={test['client_secret']}"
    return Try(
        "Breeze: test credentials do not work in production",
        f"curl -X POST {production['base_url']}/oauth/token -d '{form}'",
        '{"error":"invalid_client","error_description":"Invalid client credentials"}',
    )


def _token_command(issuer: dict[str, str]) -> str:
    url = f"{issuer['auth_url']}/oauth2/token"
    ask = f"curl -s {url} -u {issuer['client_id']}:{issuer['client_secret']} -d grant_type=client_credentials"
    return ask + """ | sed 's/.*"access_token":"//; s/".*//'"""


def _try(tried: Try, token: str = "") -> str | None:
    """Run a command, print both it and its answer; return the answer, None if it is not the expected one."""
    print(f"\n{tried.title}")
    print(textwrap.indent(tried.command, "  "))
    done = subprocess.run(  # noqa: S602  the commands are the documents' own, for a shell
        tried.command + " --silent --show-error --max-time 10",
        shell=True,
        env={**os.environ, "TOKEN": token},
        capture_output=True,
        text=True,
        check=False,
    )
    answer = done.stdout.strip()
    right = done.returncode == 0 and answer.startswith(tried.expected)
    print(f"  {'=>' if right else 'NOT AS DOCUMENTED =>'} {_shortened(answer) or done.stderr.strip()}")
    return answer if right else None


def _shortened(answer: str) -> str:
    """Return an answer with its access token cut short: a screen has only so much room."""
    try:
        members = json.loads(answer)
    except ValueError:
        return answer
    token = members.get("access_token") if isinstance(members, dict) else None
    return answer.replace(token, token[:SHOWN_TOKEN] + "…") if token else answer


def _program() -> str:
    return shlex.quote(os.path.relpath(ROOT / ".venv" / "bin" / "portvakt"))


def _free_port() -> int:
    """Return 8040, or the next port that is free."""
    for port in range(PORT, PORT + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SystemExit(f"no port from {PORT} to {PORT + 99} is free")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

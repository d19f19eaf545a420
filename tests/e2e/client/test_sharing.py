"""One log-in in a file, for all processes of a user: one of them renews it, and no crash loses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from browsing import come_back
from portvakt.client import Login, LoginRequired, connect
from portvakt.client.folder import OVERRIDE, LoginFile, login_files, read_login, unlock
from programs import environment

if TYPE_CHECKING:
    from pathlib import Path

    from played import Play

MANY = 50
BACK = "http://127.0.0.1/callback"

HERD = """
import hashlib, json, os, sys
import httpx2
from portvakt.client import connect
from portvakt.client.fetch import _trust

who = json.load(sys.stdin)
_trust(from_environment=True)
wait, go = os.pipe()
hear, say = os.pipe()
for _ in range(int(sys.argv[1])):
    if os.fork() == 0:
        os.close(go)
        os.read(wait, 1)
        said = "nothing"
        try:
            connection = connect("standard", login="stored", **who)
            with httpx2.Client(auth=connection.auth, timeout=30) as http:
                status = http.get(connection.api_url + "/echo").status_code
            said = f"{status} {hashlib.sha256(connection.get_token().value.encode()).hexdigest()}"
        except BaseException as error:
            said = repr(error)
        os.write(say, said.encode() + b"\\n")
        os._exit(0)
os.close(say)
os.close(go)
with os.fdopen(hear) as lines:
    print(lines.read(), end="")
"""

KILLED = """
import json, os, signal, sys
from portvakt.client import connect
from portvakt.client.fetch import Fetcher
from portvakt.client.folder import LoginFile
from pathlib import Path

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def when(place, name, time, *, after=False):
    real, times = getattr(place, name), []
    def instead(*arguments):
        times.append(1)
        if len(times) == time and not after:
            die()
        done = real(*arguments)
        if len(times) == time:
            die()
        return done
    setattr(place, name, instead)

who = json.load(sys.stdin)
point = sys.argv[1]
if point == "before it is noted":
    when(LoginFile, "write", 1)
elif point == "before it is sent":
    when(Fetcher, "send", 1)
elif point == "before it is kept":
    when(LoginFile, "write", 2)
elif point == "with a draft":
    when(Path, "replace", 2)
else:
    when(LoginFile, "write", 2, after=True)
connect("standard", login="stored", **who).get_token()
"""


class Shared:
    """A log-in of the sandbox's public client at `standard`, in a folder of the test's own."""

    def __init__(self, play: Play, folder: Path) -> None:
        there = play.issuer("standard")
        self.play = play
        self.who: dict[str, Any] = {"base_url": there["base_url"], "client_id": there["public_client_id"]}
        self.file = LoginFile(folder, there["base_url"], there["public_client_id"])
        connection = connect("standard", **self.who)
        start = connection.start_login(redirect_uri=BACK)
        self.put(connection.finish_login(come_back(start.url, there["users"][1]), start.kept))

    def put(self, login: Login) -> None:
        lock = self.file.lock()
        assert lock is not None
        self.file.write(login)
        unlock(lock)

    def read(self) -> Login:
        login = self.file.read()
        assert login is not None
        return login

    def end(self) -> None:
        """Let the access token be at its end."""
        self.put(replace(self.read(), expires_at=1))

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env=environment(**{OVERRIDE: str(self.file.path.parent)}),
            input=json.dumps(self.who),
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    def herd(self) -> list[str]:
        """Let many processes call the API at once; return what each has to say."""
        done = self.run(HERD, str(MANY))
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    def called(self) -> int:
        connection = connect("standard", login="stored", **self.who)
        with httpx2.Client(auth=connection.auth) as http:
            return http.get(f"{connection.api_url}/echo").status_code


@pytest.fixture
def shared(play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shared:
    folder = tmp_path / "logins"
    monkeypatch.setenv(OVERRIDE, str(folder))
    return Shared(play, folder)


@pytest.mark.timeout(240)
def test_FT34_fifty_processes_make_one_redemption_each_time_and_nobody_is_logged_out(shared: Shared) -> None:
    first = shared.read()
    with shared.play.watched() as at_its_end:
        shared.end()
        told = shared.herd()
    second = shared.read()
    with shared.play.watched() as once_refused:
        shared.play.turn(700)  # the server's clock alone: the token still looks good here
        told_again = shared.herd()
    third = shared.read()

    for said, login in ((told, second), (told_again, third)):
        assert len(said) == MANY
        assert {line.partition(" ")[0] for line in said} == {"200"}
        assert len(set(said)) == 1
        assert login.asked_at is None
    assert at_its_end.tokens == once_refused.tokens == [200]
    assert len({login.refresh_token for login in (first, second, third)}) == 3
    assert shared.called() == 200


@pytest.mark.parametrize(
    "point", ["before it is noted", "before it is sent", "before it is kept", "with a draft", "once it is kept"]
)
def test_FT2_a_process_that_is_killed_while_it_renews_loses_nothing(shared: Shared, point: str) -> None:
    before = shared.read()
    shared.end()

    killed = shared.run(KILLED, point)
    left = shared.read()
    status = shared.called()
    after = shared.read()

    assert killed.returncode == -signal.SIGKILL
    assert status == 200
    assert after.refresh_token != before.refresh_token
    assert after.asked_at is None
    if point == "once it is kept":
        assert left == after
    else:
        assert left.refresh_token == before.refresh_token
    shared.end()
    assert shared.called() == 200  # and it goes on being renewed
    assert sorted(path.suffix for path in shared.file.path.parent.iterdir()) == [".json", ".lock"]


def test_a_log_in_that_ended_is_removed_and_the_user_told_what_to_type(shared: Shared) -> None:
    connection = connect("standard", **shared.who)
    assert connection.revoke_login(shared.read())
    shared.end()

    with shared.play.watched() as seen, pytest.raises(LoginRequired) as required:
        connect("standard", login="stored", **shared.who).get_token()
    with shared.play.watched() as seen_again, pytest.raises(LoginRequired, match="nobody is logged in"):
        connect("standard", login="stored", **shared.who).get_token()

    line = f"Run: portvakt login standard --base-url {shared.who['base_url']} --client-id {shared.who['client_id']}"
    assert str(required.value).endswith(line)
    assert seen.tokens == [400]
    assert seen_again.tokens == []
    assert shared.file.read() is None


def test_K6_what_is_kept_is_for_this_user_alone(shared: Shared) -> None:
    (path,) = login_files(shared.file.path.parent)

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert read_login(path) == shared.read()
    assert "Secret(***)" in repr(shared.read())
    assert os.environ[OVERRIDE] == str(path.parent)

"""SIGHUP: the settings are read again, and whoever is being served does not notice."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

from nodes import KEY_SET, METADATA, Node, a_node, half_a_request, load_on, until
from raw_http import read_all, status

if TYPE_CHECKING:
    from nodes import Installed


def hang_up(node: Node, event: str = "reloaded") -> dict[str, object]:
    """Send SIGHUP; return what the log says of it."""
    before = len(node.events(event))
    node.process.send_signal(signal.SIGHUP)
    until(lambda: len(node.events(event)) > before, event)
    return node.events(event)[-1]


def test_FT26_a_hangup_brings_new_settings_without_a_lost_request(on_sqlite: Installed) -> None:
    with a_node(on_sqlite.shell) as node, load_on(node.port, on_sqlite.client, callers=2) as load:
        peer, rest = half_a_request(node, on_sqlite.client)
        keys = node.get(KEY_SET).body
        on_sqlite.configure(
            lifetime="77", more=f'[issuers.second]\nprovider = "breeze"\nurl = "http://127.0.0.1:{node.port}/second"\n'
        )

        said = hang_up(node)

        fresh = node.token(on_sqlite.client).json()
        peer.sendall(rest)
        peer.shutdown(1)
        begun_before = read_all(peer)
        peer.close()
        assert node.get(KEY_SET).body == keys
        assert node.get("/second/.well-known/jwks.json").status == 200
        answers = load.end()
        assert node.stop() == 0
    assert said["issuers"] == ["second", "acme", "portvakt"]
    assert said["after_restart"] == []
    assert fresh["expires_in"] == 77
    assert status(begun_before) == 200
    assert json.loads(begun_before.partition(b"\r\n\r\n")[2])["expires_in"] == 600  # by the settings it came under
    assert {answer.status for answer in answers} == {200}


def test_FT26_an_issuer_that_is_taken_out_is_served_no_more(on_sqlite: Installed) -> None:
    with a_node(on_sqlite.shell) as node:
        on_sqlite.configure()
        text = (on_sqlite.shell.folder / "portvakt.toml").read_text()
        (on_sqlite.shell.folder / "portvakt.toml").write_text(text.replace("acme", "other"))

        hang_up(node)

        assert node.get(METADATA).status == 404
        assert node.get(METADATA.replace("acme", "other")).status == 200


def test_FT26_wrong_settings_are_all_told_and_change_nothing(on_sqlite: Installed) -> None:
    canary = "hunter2-4f9a7c"
    with a_node(on_sqlite.shell) as node:
        on_sqlite.configure(more=f'log_level = "{canary}"\nlog_levle = 1', lifetime=f'"{canary}"')

        said = hang_up(node, "reload_refused")

        answer = node.token(on_sqlite.client)
        assert (answer.status, answer.json()["expires_in"]) == (200, 600)
        on_sqlite.configure(lifetime="60")
        hang_up(node)
        assert node.token(on_sqlite.client).json()["expires_in"] == 60
    problems = json.dumps(said["problems"])
    assert all(name in problems for name in ("log_level", "log_levle", "lifetime"))
    assert canary not in problems


def test_FT26_what_a_quota_has_counted_outlives_a_hangup(on_sqlite: Installed) -> None:
    on_sqlite.configure(quotas='{ token = "3/hour" }')
    with a_node(on_sqlite.shell) as node:
        assert [node.token(on_sqlite.client).status for _ in range(2)] == [200, 200]
        on_sqlite.configure(quotas='{ token = "4/hour" }')

        hang_up(node)

        assert [node.token(on_sqlite.client).status for _ in range(3)] == [200, 200, 429]


def test_FT26_last_uses_outlive_a_hangup(on_sqlite: Installed) -> None:
    other = on_sqlite.new_client()
    with a_node(on_sqlite.shell) as node:
        assert node.token(on_sqlite.client).status == 200

        hang_up(node)

        assert on_sqlite.last_use(on_sqlite.client) is not None
        assert node.token(other).status == 200
        assert node.stop() == 0
    assert on_sqlite.last_use(other) is not None


def test_FT26_what_takes_a_restart_is_said_and_waits_for_it(on_sqlite: Installed) -> None:
    folder = on_sqlite.shell.folder
    (folder / "other.secret").write_text("q3V9x0-ZrT_b1Lk7uMw8Yc2NhPfJdGaE5sXoKiQeRtU")
    (folder / "other.secret").chmod(0o600)
    with a_node(on_sqlite.shell) as node:
        on_sqlite.configure(more='host = "localhost"\nlog_level = "warning"', lifetime="66")
        text = (folder / "portvakt.toml").read_text()
        text = text.replace("portvakt.secret", "other.secret").replace("portvakt.db", "other.db")
        (folder / "portvakt.toml").write_text(text)

        said = hang_up(node)

        answer = node.token(on_sqlite.client)
        own = node.get("/portvakt/.well-known/oauth-authorization-server").json()["issuer"]
        assert node.stop() == 0
    assert said["after_restart"] == ["host", "database", "secret"]
    assert said["level"] == "warning"
    assert (answer.status, answer.json()["expires_in"]) == (200, 66)
    assert own == f"http://127.0.0.1:{node.port}/portvakt"
    assert node.events("request") == []  # of level info


def test_FT26_a_hangup_while_the_store_is_away_changes_nothing(on_sqlite: Installed) -> None:
    file = on_sqlite.shell.folder / "portvakt.db"
    with a_node(on_sqlite.shell) as node:
        on_sqlite.configure(lifetime="66")
        file.rename(file.with_suffix(".aside"))

        said = hang_up(node, "reload_failed")

        file.with_suffix(".aside").rename(file)
        assert said["error"] == "StoreUnavailable"
        until(lambda: node.token(on_sqlite.client).status == 200, "tokens again")
        assert node.token(on_sqlite.client).json()["expires_in"] == 600
        hang_up(node)
        assert node.token(on_sqlite.client).json()["expires_in"] == 66

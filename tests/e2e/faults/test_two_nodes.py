"""Two nodes over one database: what is done by a command holds on both, revocations within a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nodes import a_node, load_on, until

if TYPE_CHECKING:
    from nodes import Installed, Node

SOON = 1.0


def until_refused(node: Node, client: dict[str, str]) -> None:
    until(lambda: node.token(client).status == 401, "it is refused", SOON)


def test_A10_a_client_and_a_secret_work_at_once_and_end_within_a_second_on_every_node(anywhere: Installed) -> None:
    shell, client = anywhere.shell, anywhere.client
    with a_node(shell) as one, a_node(shell) as other:
        nodes = (one, other)
        assert [node.token(client).status for node in nodes] == [200, 200]

        new = anywhere.new_client()
        assert [node.token(new).status for node in nodes] == [200, 200]

        rotated = client | shell.json("client", "rotate-secret", client["client_id"], "--issuer", "acme")
        assert [node.token(rotated).status for node in nodes] == [200, 200]
        assert [node.token(client).status for node in nodes] == [200, 200]  # the old one, in the overlap

        last = client | shell.json("client", "rotate-secret", client["client_id"], "--issuer", "acme", "--grace", "0")
        for node in nodes:
            until_refused(node, rotated)
            assert node.token(last).status == 200

        made = shell.json("client", "rotate-secret", client["client_id"], "--issuer", "acme")
        newest = client | made
        assert [node.token(each).status for node in nodes for each in (newest, last)] == [200] * 4
        live = next(secret["id"] for secret in made["secrets"] if last["client_secret"].endswith(secret["last4"]))
        shell.run("client", "revoke-secret", client["client_id"], live, "--issuer", "acme", "--force")
        for node in nodes:
            until_refused(node, last)
            assert node.token(newest).status == 200

        shell.run("client", "disable", client["client_id"], "--issuer", "acme")
        for node in nodes:
            until_refused(node, newest)

        shell.run("client", "enable", client["client_id"], "--issuer", "acme")
        assert [node.token(newest).status for node in nodes] == [200, 200]
        assert [node.stop() for node in nodes] == [0, 0]


@pytest.mark.parametrize(
    "anywhere",
    ["sqlite", pytest.param("postgresql", marks=[pytest.mark.services, pytest.mark.long])],
    indirect=True,
)
def test_A10_a_disabled_client_is_refused_under_load(anywhere: Installed) -> None:
    shell, client = anywhere.shell, anywhere.client
    with a_node(shell) as node, load_on(node.port, client, callers=2) as load:
        shell.run("client", "disable", client["client_id"], "--issuer", "acme")

        until(lambda: 401 in load.statuses(), "it is refused", SOON)
        first = next(answer for answer in load.answers if answer.status == 401)
        answers = load.end()

    assert {answer.status for answer in answers if answer.began > first.began + first.took} <= {401, 429}
    assert {answer.status for answer in answers} <= {200, 401, 429}

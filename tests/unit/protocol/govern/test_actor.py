"""Who may see and change what: every role against every kind of object."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import ISSUER, NOW, a_client, a_user
from portvakt.model.audit import Act, Event
from portvakt.model.values import IssuerName, OrganisationNumber, UserId
from portvakt.protocol.govern.actor import (
    AT_THE_COMMAND_LINE,
    Actor,
    actor_of,
    may_client,
    may_everything,
    may_organisation,
    may_own,
    may_read,
)

if TYPE_CHECKING:
    from portvakt.model.nouns import Client

OWN = IssuerName("portvakt")
ACME = OrganisationNumber("123456789")
OTHER = OrganisationNumber("987654321")
ME = a_user().id

OPERATOR = Actor(issuer=OWN, user=UserId("user_op"), operator=True)
DEVELOPER = Actor(issuer=ISSUER, user=ME, developer=True)
USER = Actor(issuer=ISSUER, user=ME)
ADMINISTRATOR = Actor(issuer=ISSUER, user=ME, administers=frozenset({ACME}))
ELSEWHERE = Actor(issuer=IssuerName("elsewhere"), user=ME, developer=True, administers=frozenset({ACME}))
NOBODY = Actor()

MINE = a_client().client
THEIRS = replace(MINE, owner=UserId("user_other"))
OF_ACME = replace(THEIRS, organisation=ACME)
MINE_OF_OTHER = replace(MINE, organisation=OTHER)


@pytest.mark.parametrize(
    ("actor", "clients"),
    [
        (OPERATOR, {"mine", "theirs", "acme's", "other's"}),
        (AT_THE_COMMAND_LINE, {"mine", "theirs", "acme's", "other's"}),
        (DEVELOPER, {"mine"}),
        (ADMINISTRATOR, {"acme's"}),
        (replace(ADMINISTRATOR, developer=True), {"mine", "acme's"}),
        (USER, set()),
        (ELSEWHERE, set()),
        (NOBODY, set()),
    ],
)
def test_Z2_everybody_sees_the_clients_that_are_theirs(actor: Actor, clients: set[str]) -> None:
    every: dict[str, Client] = {"mine": MINE, "theirs": THEIRS, "acme's": OF_ACME, "other's": MINE_OF_OTHER}

    assert {name for name, client in every.items() if may_client(actor, client)} == clients


@pytest.mark.parametrize(
    ("actor", "owners"),
    [
        (OPERATOR, {"me", "acme", "other", "somebody"}),
        (DEVELOPER, {"me"}),
        (ADMINISTRATOR, {"acme"}),
        (USER, set()),
        (ELSEWHERE, set()),
        (NOBODY, set()),
    ],
)
def test_Z2_clients_are_made_for_oneself_or_ones_organisation(actor: Actor, owners: set[str]) -> None:
    every = {"me": (ME, None), "acme": (ME, ACME), "other": (ME, OTHER), "somebody": (UserId("user_other"), None)}

    assert {name for name, (user, number) in every.items() if may_own(actor, ISSUER, user, number)} == owners


def test_an_organisation_is_its_administrators_and_the_operators() -> None:
    actors = {
        "operator": OPERATOR,
        "developer": DEVELOPER,
        "administrator": ADMINISTRATOR,
        "elsewhere": ELSEWHERE,
        "nobody": NOBODY,
    }

    assert {name for name, actor in actors.items() if may_organisation(actor, ISSUER, ACME)} == {
        "operator",
        "administrator",
    }
    assert {name for name, actor in actors.items() if may_everything(actor, ISSUER)} == {"operator"}


@pytest.mark.parametrize(
    ("actor", "lines"),
    [
        (OPERATOR, {"mine", "theirs", "acme's", "other's"}),
        (DEVELOPER, {"mine"}),
        (USER, {"mine"}),
        (ADMINISTRATOR, {"mine", "acme's"}),
        (ELSEWHERE, set()),
        (NOBODY, set()),
    ],
)
def test_the_log_is_read_as_far_as_it_concerns_one(actor: Actor, lines: set[str]) -> None:
    mine = Event(act=Act.CLIENT_CREATED, issuer=ISSUER, id="client_1", at=NOW, user=ME)
    every = {
        "mine": mine,
        "theirs": replace(mine, user=UserId("user_other")),
        "acme's": replace(mine, user=None, organisation=ACME),
        "other's": replace(mine, organisation=OTHER),
    }

    assert {name for name, event in every.items() if may_read(actor, event)} == lines


def test_only_an_enabled_user_of_the_installations_own_issuer_is_an_operator() -> None:
    operator = replace(a_user(), issuer=OWN, roles=frozenset({"operator", "developer"}))

    assert actor_of(operator, OWN, frozenset()).operator
    assert not actor_of(replace(operator, issuer=ISSUER), OWN, frozenset()).operator
    assert not actor_of(replace(operator, roles=frozenset()), OWN, frozenset()).operator
    gone = actor_of(replace(operator, disabled_at=NOW), OWN, frozenset({ACME}))
    assert gone == Actor(issuer=OWN, user=operator.id)

"""Who may see and change what: every role against every kind of object."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from builders import ISSUER, NOW, a_client, a_user
from portvakt.model.audit import Act, ActorKind, By, Entry, Event
from portvakt.model.values import IssuerName, OrganisationNumber, UserId
from portvakt.protocol.govern.actor import (
    AT_THE_COMMAND_LINE,
    Actor,
    actor_of,
    may_address,
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
        (OPERATOR, {"all", "mine", "theirs", "my client's", "acme's client's", "acme's", "other's"}),
        (DEVELOPER, {"mine", "my client's"}),
        (USER, {"mine"}),
        (ADMINISTRATOR, {"mine", "acme's client's", "acme's"}),
        (ELSEWHERE, set()),
        (NOBODY, set()),
    ],
)
def test_the_log_is_read_as_far_as_it_concerns_one(actor: Actor, lines: set[str]) -> None:
    every: dict[str, dict[str, Any]] = {
        "all": {},
        "mine": {"user": ME},
        "theirs": {"user": UserId("user_other")},
        "my client's": {"client": MINE},
        "acme's client's": {"client": OF_ACME},
        "acme's": {"organisation": ACME},
        "other's": {"organisation": OTHER, "client": MINE, "user": ME},
    }

    assert {name for name, about in every.items() if may_read(actor, ISSUER, **about)} == lines


BY_ME = By(kind=ActorKind.USER, issuer=ISSUER, id=ME, address="192.0.2.7")
BY_CLIENT = By(kind=ActorKind.CLIENT, issuer=ISSUER, id=MINE.id, address="192.0.2.8")
ACTS: dict[str, tuple[By, UserId | None, Client | None]] = {
    "mine": (BY_ME, None, None),
    "another's": (replace(BY_ME, id="user_other"), ME, None),
    "an operator's": (replace(BY_ME, issuer=OWN), ME, None),
    "my client's": (BY_CLIENT, None, MINE),
    "an app's that I use": (BY_CLIENT, ME, THEIRS),
    "acme's client's": (BY_CLIENT, None, OF_ACME),
    "a deleted client's": (BY_CLIENT, ME, None),
    "tried at my account": (By(address="192.0.2.9"), ME, None),
    "tried at another's": (By(address="192.0.2.9"), UserId("user_other"), None),
    "a command's": (By(kind=ActorKind.COMMAND, id=ME), ME, None),
}


@pytest.mark.parametrize(
    ("actor", "acts"),
    [
        (OPERATOR, set(ACTS)),
        (AT_THE_COMMAND_LINE, set(ACTS)),
        (USER, {"mine", "tried at my account"}),
        (DEVELOPER, {"mine", "tried at my account", "my client's"}),
        (ADMINISTRATOR, {"mine", "tried at my account", "acme's client's"}),
        (ELSEWHERE, set()),
        (NOBODY, set()),
    ],
)
def test_an_address_is_told_to_whom_it_concerns(actor: Actor, acts: set[str]) -> None:
    def line(by: By, user: UserId | None) -> Entry:
        return Entry(number=1, event=Event(act=Act.GRANT_GIVEN, issuer=ISSUER, id="x", at=NOW, user=user), by=by)

    assert {name for name, (by, user, client) in ACTS.items() if may_address(actor, line(by, user), client)} == acts


def test_only_an_enabled_user_of_the_installations_own_issuer_is_an_operator() -> None:
    operator = replace(a_user(), issuer=OWN, roles=frozenset({"operator", "developer"}))

    assert actor_of(operator, OWN, frozenset()).operator
    assert not actor_of(replace(operator, issuer=ISSUER), OWN, frozenset()).operator
    assert not actor_of(replace(operator, roles=frozenset()), OWN, frozenset()).operator
    gone = actor_of(replace(operator, disabled_at=NOW), OWN, frozenset({ACME}))
    assert gone == Actor(issuer=OWN, user=operator.id)

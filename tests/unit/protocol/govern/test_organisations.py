"""Decisions about organisations and who belongs to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builders import NOW, a_client, a_user, an_issuer
from portvakt.model.audit import Act
from portvakt.model.behalf import ApiKey, Ended, Grant, Member
from portvakt.model.behalf_change import AddRevocation, RevokeApiKey, RevokeGrant
from portvakt.model.change import (
    AddMember,
    AddOrganisation,
    ChangeOrganisation,
    Note,
    RemoveMember,
    SetAdministrator,
    SetOrganisation,
    SetOrganisationDisabled,
)
from portvakt.model.decision import Granted, Refused
from portvakt.model.nouns import Organisation
from portvakt.model.values import ApiKeyId, ClientId, GrantId, Instant, OrganisationNumber
from portvakt.protocol.govern.organisations import (
    Belonging,
    add_member,
    change_organisation,
    create_organisation,
    remove_member,
    set_administrator,
    set_organisation_enabled,
)

ISSUER = an_issuer("luca")
USER = a_user()
BAKERY = Organisation(issuer=ISSUER.name, number=OrganisationNumber("312047152"), name="Bakeri AS", created_at=NOW)
BOATS = OrganisationNumber("313580261")
MEMBER = Member(user=USER, organisation=BAKERY, since=NOW)
ADMINISTRATOR = replace(MEMBER, administrator=True)
KEY = (ISSUER.name, BAKERY.number, USER.id)
UNTIL = Instant(NOW + 86_400 + 60)


def a_grant(name: str, organisation: OrganisationNumber, **fields: Any) -> Grant:
    about: Any = {
        "issuer": ISSUER.name,
        "user_id": USER.id,
        "client_id": ClientId("c"),
        "scopes": (),
        "created_at": NOW,
    }
    return Grant(id=GrantId(name), organisation=organisation, **about, **fields)


def an_api_key(name: str, organisation: OrganisationNumber) -> ApiKey:
    return ApiKey(issuer=ISSUER.name, id=ApiKeyId(name), user_id=USER.id, organisation=organisation, created_at=NOW)


def belonging(member: Member | None = None) -> Belonging:
    return Belonging(
        user=USER,
        organisation=BAKERY,
        member=member,
        grants=(
            a_grant("g1", BAKERY.number),
            a_grant("g2", BOATS),
            a_grant("g3", BAKERY.number, revoked_at=NOW),
        ),
        api_keys=(an_api_key("k1", BAKERY.number), an_api_key("k2", BOATS)),
    )


def notes(decision: Any) -> list[tuple[Act, str, dict[str, Any], dict[str, Any]]]:
    events = [change.event for change in decision.changes if isinstance(change, Note)]
    assert {event.organisation for event in events} <= {BAKERY.number}
    return [(event.act, event.id, dict(event.before), dict(event.after)) for event in events]


def made_true(decision: Any) -> list[Any]:
    return [change for change in decision.changes if not isinstance(change, Note)]


def organisation(number: str = "312047152", name: str = "Bakeri AS", known: Organisation | None = None) -> Any:
    return create_organisation(ISSUER, known, number=number, name=name, now=NOW)


def test_an_organisation_is_made() -> None:
    assert organisation() == Granted(BAKERY)
    assert made_true(organisation()) == [AddOrganisation(BAKERY)]
    assert notes(organisation()) == [
        (Act.ORGANISATION_CREATED, BAKERY.number, {}, {"name": "Bakeri AS", "enabled": True})
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": ""},
        {"number": "12a"},
        {"number": "٣"},
        {"number": "1" * 21},
        {"name": " "},
        {"name": "x" * 201},
        {"name": "a\nb"},
        {"known": BAKERY},
    ],
)
def test_an_organisation_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    assert isinstance(organisation(**wrong), Refused)


def test_an_organisation_is_called_something_else() -> None:
    decision = change_organisation(BAKERY, name="Båt AS", now=NOW)

    assert isinstance(decision, Granted)
    after = replace(BAKERY, name="Båt AS")
    assert decision.answer == replace(after, version=BAKERY.version + 1)
    assert made_true(decision) == [
        ChangeOrganisation(ISSUER.name, BAKERY.number, BAKERY.version),
        SetOrganisation(after),
    ]
    assert notes(decision) == [(Act.ORGANISATION_CHANGED, BAKERY.number, {"name": "Bakeri AS"}, {"name": "Båt AS"})]
    assert change_organisation(BAKERY, name=BAKERY.name, now=NOW).changes == ()
    assert isinstance(change_organisation(BAKERY, name="", now=NOW), Refused)


def test_G7_what_was_given_for_a_disabled_organisation_and_to_its_clients_the_guards_refuse() -> None:
    client = a_client().client
    dead = replace(client, id=ClientId("client_dead"), disabled_at=NOW)

    disabled = set_organisation_enabled(BAKERY, [client], enabled=False, now=NOW)
    enabled = set_organisation_enabled(disabled.answer, [client, dead], enabled=True, now=NOW)

    assert disabled.answer == replace(BAKERY, disabled_at=NOW, version=2)
    assert made_true(disabled) == [
        ChangeOrganisation(ISSUER.name, BAKERY.number, 1),
        SetOrganisationDisabled(ISSUER.name, BAKERY.number, NOW),
        AddRevocation(ISSUER.name, Ended.CLIENT, client.id, UNTIL, before=Instant(NOW + 60)),
        AddRevocation(ISSUER.name, Ended.ORGANISATION, BAKERY.number, UNTIL, before=Instant(NOW + 60)),
    ]
    assert enabled.answer == replace(BAKERY, version=3)
    assert made_true(enabled) == [
        ChangeOrganisation(ISSUER.name, BAKERY.number, 2),
        SetOrganisationDisabled(ISSUER.name, BAKERY.number, None),
        AddRevocation(ISSUER.name, Ended.CLIENT, client.id, UNTIL, before=NOW),
        AddRevocation(ISSUER.name, Ended.ORGANISATION, BAKERY.number, UNTIL, before=NOW),
    ]
    assert [note[0] for note in notes(disabled) + notes(enabled)] == [
        Act.ORGANISATION_DISABLED,
        Act.ORGANISATION_ENABLED,
    ]
    assert set_organisation_enabled(BAKERY, [], enabled=True, now=NOW).changes == ()


@pytest.mark.parametrize("administrator", [False, True])
def test_a_member_joins(administrator: bool) -> None:
    decision = add_member(belonging(), administrator=administrator, now=NOW)

    assert decision.answer == replace(MEMBER, administrator=administrator)
    assert made_true(decision) == [AddMember(*KEY, NOW), *([SetAdministrator(*KEY, True)] if administrator else [])]
    assert notes(decision) == [(Act.MEMBER_ADDED, USER.id, {}, {"administrator": administrator})]


def test_who_joins_again_stays_what_they_are_or_becomes_more() -> None:
    assert add_member(belonging(ADMINISTRATOR), administrator=False, now=NOW).answer == ADMINISTRATOR
    assert add_member(belonging(ADMINISTRATOR), administrator=False, now=NOW).changes == ()
    assert made_true(add_member(belonging(MEMBER), administrator=True, now=NOW)) == [SetAdministrator(*KEY, True)]


def test_a_member_administers_the_organisation_and_does_so_no_more() -> None:
    more = set_administrator(belonging(MEMBER), administrator=True, now=NOW)
    less = set_administrator(belonging(ADMINISTRATOR), administrator=False, now=NOW)

    assert (more, less) == (Granted(ADMINISTRATOR), Granted(MEMBER))
    assert made_true(less) == [SetAdministrator(*KEY, False)]
    assert notes(less) == [(Act.MEMBER_CHANGED, USER.id, {"administrator": True}, {"administrator": False})]


def test_G6_who_leaves_an_organisation_ends_what_they_gave_and_hold_for_it_alone() -> None:
    decision = remove_member(ISSUER, belonging(ADMINISTRATOR), now=NOW)

    assert isinstance(decision, Granted)
    assert made_true(decision) == [
        RemoveMember(*KEY),
        RevokeApiKey(ISSUER.name, ApiKeyId("k1"), NOW),
        RevokeGrant(ISSUER.name, GrantId("g1"), NOW),
        AddRevocation(ISSUER.name, Ended.GRANT, "g1", UNTIL),
    ]
    assert notes(decision)[-1] == (Act.MEMBER_REMOVED, USER.id, {"administrator": True}, {})


def test_who_is_no_member_can_neither_leave_nor_administer() -> None:
    for decision in (
        remove_member(ISSUER, belonging(), now=NOW),
        set_administrator(belonging(), administrator=True, now=NOW),
    ):
        assert isinstance(decision, Refused)
        assert decision.status == 404

"""Decisions about users and organisations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from builders import NOW, a_user, an_issuer
from portvakt.model.behalf import Ended, Grant, Password, Session
from portvakt.model.change import (
    AddMember,
    AddOrganisation,
    AddRevocation,
    AddUser,
    EndSession,
    RemoveMember,
    RevokeGrant,
    SetOrganisationDisabled,
    SetPassword,
    SetUserDisabled,
)
from portvakt.model.decision import Granted, Refused
from portvakt.model.nouns import Organisation
from portvakt.model.values import ClientId, GrantId, Instant, OrganisationNumber, SessionId
from portvakt.protocol.govern.people import (
    add_member,
    create_organisation,
    create_user,
    remove_member,
    set_organisation_enabled,
    set_password,
    set_user_enabled,
)

if TYPE_CHECKING:
    from portvakt.model.nouns import User

ISSUER = an_issuer("luca")
USER = a_user()
BAKERY = Organisation(issuer=ISSUER.name, number=OrganisationNumber("312047152"), name="Bakeri AS", created_at=NOW)
BOATS = replace(BAKERY, number=OrganisationNumber("313580261"), name="Båt AS")


def a_grant(name: str, organisation: Organisation, **fields: Any) -> Grant:
    return Grant(
        issuer=ISSUER.name,
        id=GrantId(name),
        user_id=USER.id,
        client_id=ClientId("c"),
        organisation=organisation.number,
        scopes=(),
        created_at=NOW,
        **fields,
    )


GRANTS = (a_grant("g1", BAKERY), a_grant("g2", BOATS), a_grant("g3", BAKERY, revoked_at=NOW))
LIVE = Session(
    issuer=ISSUER.name,
    id=SessionId("s1"),
    digest=b"",
    user_id=USER.id,
    created_at=NOW,
    expires_at=Instant(NOW + 1),
)
SESSIONS = (LIVE, replace(LIVE, id=SessionId("s2"), revoked_at=NOW))


def created(known: User | None = None, *, email: str = "a@example.com", locale: str | None = "nb") -> Any:
    return create_user(ISSUER, known, email=email, locale=locale, random=b"r" * 32, now=NOW)


def test_a_user_is_made_with_an_id_of_its_own() -> None:
    decision = created()

    assert decision.changes == (AddUser(decision.answer),)
    assert decision.answer.id.startswith("user_")
    assert (decision.answer.email, decision.answer.locale) == ("a@example.com", "nb")


@pytest.mark.parametrize("email", ["", "a", "@b", "a@", "a b@c", "a@b:1", "<a@b>", "a@" + "b" * 254])
def test_what_is_no_address_is_refused(email: str) -> None:
    assert created(email=email).status == 400


def test_another_locale_and_an_address_that_is_taken_are_refused() -> None:
    assert isinstance(created(locale="xx"), Refused)
    assert isinstance(created(USER), Refused)
    assert isinstance(created(locale=None), Granted)


def test_U7_a_new_password_ends_the_sessions_that_began_with_another() -> None:
    password = Password(issuer=ISSUER.name, user_id=USER.id, hash="$argon2id$", changed_at=NOW)

    decision = set_password(password, SESSIONS, now=NOW)

    assert decision.changes == (SetPassword(password), EndSession(ISSUER.name, SessionId("s1"), NOW))


def test_G7_a_disabled_user_has_given_nothing_any_more_and_the_guards_are_told() -> None:
    decision = set_user_enabled(ISSUER, USER, GRANTS, (), enabled=False, now=NOW)

    assert decision.answer.disabled_at == NOW
    assert decision.changes[0] == SetUserDisabled(ISSUER.name, USER.id, NOW)
    assert [type(change) for change in decision.changes[1:]] == [RevokeGrant, AddRevocation] * 2


def test_U7_whoever_is_logged_in_as_a_disabled_user_is_so_no_more_once_they_are_enabled() -> None:
    decision = set_user_enabled(ISSUER, USER, (), SESSIONS, enabled=False, now=NOW)

    assert decision.changes == (
        SetUserDisabled(ISSUER.name, USER.id, NOW),
        EndSession(ISSUER.name, SessionId("s1"), NOW),
    )


def test_an_enabled_user_gets_nothing_back_by_itself() -> None:
    disabled = replace(USER, disabled_at=NOW)

    assert set_user_enabled(ISSUER, disabled, GRANTS, SESSIONS, enabled=True, now=NOW).changes == (
        SetUserDisabled(ISSUER.name, USER.id, None),
    )


def test_what_is_so_already_stays_as_it_is() -> None:
    assert set_user_enabled(ISSUER, USER, GRANTS, SESSIONS, enabled=True, now=NOW).changes == ()
    assert set_organisation_enabled(BAKERY, enabled=True, now=NOW) == Granted(BAKERY)
    assert add_member(USER, BAKERY, [BAKERY], now=NOW).changes == ()


def organisation(number: str = "312047152", name: str = "Bakeri AS", known: Organisation | None = None) -> Any:
    return create_organisation(ISSUER, known, number=number, name=name, now=NOW)


def test_an_organisation_is_made() -> None:
    assert organisation() == Granted(BAKERY)
    assert organisation().changes == (AddOrganisation(BAKERY),)


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


def test_an_organisation_is_disabled_and_enabled() -> None:
    disabled = set_organisation_enabled(BAKERY, enabled=False, now=NOW)
    enabled = set_organisation_enabled(disabled.answer, enabled=True, now=NOW)

    assert disabled.changes == (SetOrganisationDisabled(ISSUER.name, BAKERY.number, NOW),)
    assert enabled.answer == BAKERY
    assert enabled.changes == (SetOrganisationDisabled(ISSUER.name, BAKERY.number, None),)


def test_a_member_joins() -> None:
    assert add_member(USER, BAKERY, [BOATS], now=NOW).changes == (AddMember(ISSUER.name, BAKERY.number, USER.id, NOW),)


def test_G6_who_leaves_an_organisation_ends_what_they_gave_for_it_alone() -> None:
    decision = remove_member(ISSUER, USER, BAKERY, [BAKERY, BOATS], GRANTS, now=NOW)

    until = Instant(NOW + 86_400 + 60)
    assert isinstance(decision, Granted)
    assert decision.changes == (
        RemoveMember(ISSUER.name, BAKERY.number, USER.id),
        RevokeGrant(ISSUER.name, GrantId("g1"), NOW),
        AddRevocation(ISSUER.name, Ended.GRANT, GrantId("g1"), until),
    )


def test_who_is_no_member_cannot_leave() -> None:
    decision = remove_member(ISSUER, USER, BAKERY, [BOATS], GRANTS, now=NOW)

    assert isinstance(decision, Refused)
    assert decision.status == 404

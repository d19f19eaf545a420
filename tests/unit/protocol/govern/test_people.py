"""Decisions about users and organisations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from builders import NOW, a_client, a_user, an_issuer
from portvakt.model.audit import Act
from portvakt.model.behalf import ApiKey, Ended, Grant, Invitation, Password, Purpose, Session
from portvakt.model.behalf_change import AddRevocation, EndSession, RevokeApiKey, RevokeGrant, SetPassword
from portvakt.model.change import AddUser, ChangeUser, EndInvitation, Note, SetUser, SetUserDisabled
from portvakt.model.decision import Granted, Refused
from portvakt.model.values import ApiKeyId, ClientId, GrantId, Instant, OrganisationNumber, SessionId, UserId
from portvakt.protocol.govern.people import (
    Holdings,
    UserWish,
    change_user,
    create_user,
    end_sessions,
    set_password,
    set_user_enabled,
    wish_of,
)

if TYPE_CHECKING:
    from portvakt.model.nouns import User

ISSUER = an_issuer("luca")
USER = a_user(roles=frozenset({"developer"}))
OPERATOR = replace(USER, roles=frozenset({"operator"}), version=3)
SECOND = replace(OPERATOR, id=UserId("user_second"), version=7)


def a_grant(name: str, **fields: Any) -> Grant:
    return Grant(
        issuer=ISSUER.name,
        id=GrantId(name),
        user_id=USER.id,
        client_id=ClientId("c"),
        organisation=OrganisationNumber("312047152"),
        scopes=(),
        created_at=NOW,
        **fields,
    )


LIVE = Session(
    issuer=ISSUER.name,
    id=SessionId("s1"),
    digest=b"",
    user_id=USER.id,
    created_at=NOW,
    expires_at=Instant(NOW + 1),
)
SESSIONS = (LIVE, replace(LIVE, id=SessionId("s2"), revoked_at=NOW), replace(LIVE, id=SessionId("s3")))
KEY = ApiKey(issuer=ISSUER.name, id=ApiKeyId("key_1"), user_id=USER.id, created_at=NOW)
CLIENT = a_client(owner=USER).client
INVITATION = Invitation(
    issuer=ISSUER.name, user_id=USER.id, digest=b"d" * 32, purpose=Purpose.RESET, created_at=NOW, expires_at=NOW
)
HELD = Holdings(
    grants=(a_grant("g1"), a_grant("g2", revoked_at=NOW)),
    sessions=SESSIONS,
    api_keys=(KEY, replace(KEY, id=ApiKeyId("key_2"), revoked_at=NOW)),
    clients=(CLIENT,),
    invitation=INVITATION,
)
UNTIL = Instant(NOW + 86_400 + 60)


def notes(decision: Any) -> list[tuple[Act, str, dict[str, Any], dict[str, Any]]]:
    """Return what the log is told: what, of which thing, before and after."""
    events = [change.event for change in decision.changes if isinstance(change, Note)]
    assert all((event.issuer, event.at, event.user) == (ISSUER.name, NOW, USER.id) for event in events)
    return [(event.act, event.id, dict(event.before), dict(event.after)) for event in events]


def made_true(decision: Any) -> list[Any]:
    """Return the changes but for the log's."""
    return [change for change in decision.changes if not isinstance(change, Note)]


def created(known: User | None = None, *, email: str = "a@example.com", operates: bool = False, **wish: Any) -> Any:
    return create_user(
        ISSUER, known, email=email, wish=UserWish(**wish), may_operate=operates, random=b"r" * 32, now=NOW
    )


def test_a_user_is_made_with_an_id_of_its_own() -> None:
    decision = created(locale="nb", roles=frozenset({"developer"}))

    assert made_true(decision) == [AddUser(decision.answer)]
    assert decision.answer.id.startswith("user_")
    assert (decision.answer.email, decision.answer.locale) == ("a@example.com", "nb")
    (note,) = (change for change in decision.changes if isinstance(change, Note))
    assert (note.event.act, note.event.user) == (Act.USER_CREATED, decision.answer.id)
    assert note.event.after == {"email": "a@example.com", "locale": "nb", "roles": ("developer",), "enabled": True}


@pytest.mark.parametrize("email", ["", "a", "@b", "a@", "a b@c", "a@b:1", "<a@b>", "a@" + "b" * 254])
def test_what_is_no_address_is_refused(email: str) -> None:
    assert created(email=email).status == 400


@pytest.mark.parametrize(
    "wish",
    [
        {"locale": "xx"},
        {"roles": frozenset({""})},
        {"roles": frozenset({"two words"})},
        {"roles": frozenset({"æ"})},
        {"roles": frozenset({"r" * 65})},
        {"roles": frozenset(map(str, range(21)))},
    ],
)
def test_what_nobody_can_be_is_refused_of_new_users_and_of_old_ones(wish: dict[str, Any]) -> None:
    assert isinstance(created(**wish), Refused)
    assert isinstance(change_user(USER, UserWish(**wish), None, now=NOW), Refused)


def test_an_address_that_is_taken_is_refused() -> None:
    assert isinstance(created(USER), Refused)
    assert isinstance(created(locale=None), Granted)


def test_only_users_of_the_installations_own_issuer_are_operators() -> None:
    operator = frozenset({"operator"})

    assert isinstance(created(roles=operator), Refused)
    assert isinstance(change_user(USER, UserWish(roles=operator), None, now=NOW), Refused)
    assert isinstance(created(roles=operator, operates=True), Granted)
    assert isinstance(change_user(USER, UserWish(roles=operator), (), now=NOW), Granted)


def test_a_user_is_changed_and_the_log_says_what_alone() -> None:
    decision = change_user(USER, replace(wish_of(USER), locale="nb"), None, now=NOW)

    assert isinstance(decision, Granted)
    after = replace(USER, locale="nb")
    assert made_true(decision) == [ChangeUser(ISSUER.name, USER.id, USER.version), SetUser(after)]
    assert decision.answer == replace(after, version=USER.version + 1)
    assert notes(decision) == [(Act.USER_CHANGED, USER.id, {"locale": None}, {"locale": "nb"})]


def test_a_user_who_is_so_already_stays_as_they_are() -> None:
    assert change_user(USER, wish_of(USER), None, now=NOW) == Granted(USER)
    assert change_user(USER, wish_of(USER), None, now=NOW).changes == ()


def test_the_last_operator_stays_one() -> None:
    assert change_user(OPERATOR, UserWish(), (), now=NOW) == Refused(
        "last_operator", "This is the last operator who is enabled: make another one first.", 409
    )
    assert isinstance(set_user_enabled(ISSUER, OPERATOR, HELD, (), enabled=False, now=NOW), Refused)
    assert isinstance(change_user(OPERATOR, replace(wish_of(OPERATOR), locale="nb"), (), now=NOW), Granted)


def test_of_two_operators_who_end_each_other_the_second_is_decided_again() -> None:
    for decision in (
        change_user(OPERATOR, UserWish(), (SECOND,), now=NOW),
        set_user_enabled(ISSUER, OPERATOR, HELD, (SECOND,), enabled=False, now=NOW),
    ):
        assert decision.changes[:2] == (
            ChangeUser(ISSUER.name, OPERATOR.id, 3),
            ChangeUser(ISSUER.name, SECOND.id, 7),
        )


def test_an_operator_who_is_disabled_is_none_to_keep() -> None:
    disabled = replace(OPERATOR, disabled_at=NOW)

    assert isinstance(change_user(disabled, UserWish(), (), now=NOW), Granted)


def test_U7_a_new_password_ends_the_sessions_that_began_with_another() -> None:
    password = Password(issuer=ISSUER.name, user_id=USER.id, hash="$argon2id$", changed_at=NOW)

    decision = set_password(USER, password, SESSIONS, now=NOW)

    assert made_true(decision) == [
        SetPassword(password),
        *(EndSession(ISSUER.name, SessionId(one), NOW) for one in ("s1", "s3")),
    ]
    assert [note[:2] for note in notes(decision)] == [
        (Act.SESSION_ENDED, "s1"),
        (Act.SESSION_ENDED, "s3"),
        (Act.PASSWORD_SET, USER.id),
    ]


def test_one_session_is_ended_or_all_of_them() -> None:
    one = end_sessions(USER, SESSIONS, SessionId("s3"), now=NOW)

    assert made_true(one) == [EndSession(ISSUER.name, SessionId("s3"), NOW)]
    assert notes(one) == [(Act.SESSION_ENDED, "s3", {}, {})]
    assert len(made_true(end_sessions(USER, SESSIONS, now=NOW))) == 2


def test_G7_a_disabled_user_has_nothing_any_more_and_the_guards_are_told() -> None:
    decision = set_user_enabled(ISSUER, USER, HELD, None, enabled=False, now=NOW)

    assert isinstance(decision, Granted)
    assert decision.answer == replace(USER, disabled_at=NOW, version=USER.version + 1)
    assert made_true(decision) == [
        ChangeUser(ISSUER.name, USER.id, USER.version),
        SetUserDisabled(ISSUER.name, USER.id, NOW),
        EndInvitation(ISSUER.name, INVITATION.digest),
        EndSession(ISSUER.name, SessionId("s1"), NOW),
        EndSession(ISSUER.name, SessionId("s3"), NOW),
        RevokeApiKey(ISSUER.name, KEY.id, NOW),
        RevokeGrant(ISSUER.name, GrantId("g1"), NOW),
        AddRevocation(ISSUER.name, Ended.GRANT, "g1", UNTIL),
        AddRevocation(ISSUER.name, Ended.CLIENT, CLIENT.id, UNTIL, before=Instant(NOW + 60)),
        AddRevocation(ISSUER.name, Ended.USER, USER.id, UNTIL, before=Instant(NOW + 60)),
    ]
    assert notes(decision)[-1] == (Act.USER_DISABLED, USER.id, {"enabled": True}, {"enabled": False})
    assert (Act.API_KEY_REVOKED, KEY.id, {}, {}) in notes(decision)


def test_an_enabled_user_gets_nothing_back_by_itself() -> None:
    disabled = replace(USER, disabled_at=NOW)

    decision = set_user_enabled(ISSUER, disabled, HELD, None, enabled=True, now=NOW)

    assert made_true(decision) == [
        ChangeUser(ISSUER.name, USER.id, USER.version),
        SetUserDisabled(ISSUER.name, USER.id, None),
        AddRevocation(ISSUER.name, Ended.CLIENT, CLIENT.id, UNTIL, before=NOW),
        AddRevocation(ISSUER.name, Ended.USER, USER.id, UNTIL, before=NOW),
    ]
    assert notes(decision) == [(Act.USER_ENABLED, USER.id, {"enabled": False}, {"enabled": True})]


def test_who_is_enabled_or_disabled_already_stays_so() -> None:
    assert set_user_enabled(ISSUER, USER, HELD, None, enabled=True, now=NOW).changes == ()
    assert set_user_enabled(ISSUER, replace(USER, disabled_at=NOW), HELD, None, enabled=False, now=NOW).changes == ()

"""Decisions about links by which users choose a password."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builders import NOW, PEPPER, a_user, an_issuer
from portvakt.jose.sealing import UnsealFailed
from portvakt.model.audit import Act
from portvakt.model.behalf import Invitation, Password, Purpose, Session
from portvakt.model.behalf_change import EndSession, SetPassword
from portvakt.model.change import EndInvitation, Note, PutInvitation
from portvakt.model.decision import Granted, Refused
from portvakt.model.values import Instant, Secret, SessionId, UserId
from portvakt.protocol.credentials import Kind, opaque_digest
from portvakt.protocol.govern.invitations import (
    RANDOM_OCTETS,
    choose_password,
    give_link,
    is_good,
    open_link,
)

ISSUER = an_issuer("luca")
USER = a_user()
KEY = b"k" * 32
PASSWORD = Password(issuer=ISSUER.name, user_id=USER.id, hash="$argon2id$", changed_at=NOW)
SESSION = Session(
    issuer=ISSUER.name,
    id=SessionId("s1"),
    digest=b"",
    user_id=USER.id,
    created_at=NOW,
    expires_at=Instant(NOW + 1),
)


def given(purpose: Purpose = Purpose.RESET, *, user: Any = USER, provider: str = "luca") -> Any:
    return give_link(an_issuer(provider), user, purpose, pepper=PEPPER, key=KEY, random=b"r" * RANDOM_OCTETS, now=NOW)


def row(decision: Any) -> Invitation:
    put = decision.changes[0]
    assert isinstance(put, PutInvitation)
    made: Invitation = put.invitation
    return made


@pytest.mark.parametrize(
    ("purpose", "life", "act"),
    [(Purpose.INVITED, 7 * 86_400, Act.USER_INVITED), (Purpose.RESET, 86_400, Act.PASSWORD_RESET_ASKED)],
)
def test_a_link_is_good_for_a_week_or_a_day_and_what_is_kept_of_it_is_a_digest(
    purpose: Purpose, life: int, act: Act
) -> None:
    decision = given(purpose)

    made, link = row(decision), decision.answer
    address, token = link.url.reveal().split("=")
    assert address == f"{ISSUER.url}/password?token"
    assert made.digest == opaque_digest(Kind.INVITATION, PEPPER, Secret(token))
    assert (made.expires_at, link.expires_at, link.purpose) == (NOW + life, NOW + life, purpose)
    (note,) = (change for change in decision.changes if isinstance(change, Note))
    assert (note.event.act, note.event.user, note.event.after) == (act, USER.id, {"expires": NOW + life})
    assert token not in repr(decision)
    assert token.encode() not in (made.sealed or b"")


def test_whoever_sends_a_link_opens_it_in_its_place_alone() -> None:
    decision = given()
    made = row(decision)

    assert open_link(ISSUER, USER, made, key=KEY) == decision.answer
    assert open_link(ISSUER, USER, replace(made, sealed=None), key=KEY) is None
    with pytest.raises(UnsealFailed):
        open_link(ISSUER, replace(USER, id=UserId("user_other")), made, key=KEY)


def test_who_cannot_log_in_gets_no_link() -> None:
    assert isinstance(given(user=replace(USER, disabled_at=NOW)), Refused)
    assert isinstance(given(provider="prisjakt"), Refused)


def test_a_link_gives_one_password_and_ends_what_began_with_another() -> None:
    made = row(given())

    decision = choose_password(USER, made, PASSWORD, (SESSION,), now=NOW)

    assert isinstance(decision, Granted)
    assert decision.answer == USER
    assert [change for change in decision.changes if not isinstance(change, Note)] == [
        EndInvitation(ISSUER.name, made.digest),
        SetPassword(PASSWORD),
        EndSession(ISSUER.name, SESSION.id, NOW),
    ]


def test_a_link_that_was_used_has_expired_or_is_a_disabled_users_gives_nothing() -> None:
    made = row(given())
    disabled = replace(USER, disabled_at=NOW)

    assert is_good(made, USER, Instant(made.expires_at - 1))
    for invitation, user, now in ((None, USER, NOW), (made, USER, made.expires_at), (made, disabled, NOW)):
        assert not is_good(invitation, user, now)
        assert isinstance(choose_password(user, invitation, PASSWORD, (), now=now), Refused)

"""Whether what a grant or a session rests on still stands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from behalf_store import a_world
from builders import NOW, a_user
from portvakt.model.behalf import Session, Standing
from portvakt.model.values import Instant, IssuerName, SessionId, UserId
from portvakt.protocol.live import is_live, scopes_left, session_lives, why_client_is_dead, why_not_live


def a_standing() -> Standing:
    world = a_world()
    world.agree()
    return world.standing(world.grant())


def test_a_grant_of_which_everything_stands_is_live() -> None:
    assert why_not_live(a_standing()) == ""
    assert is_live(a_standing())


def test_a_grant_for_no_company_needs_no_membership() -> None:
    standing = a_standing()
    bare = replace(standing, grant=replace(standing.grant, organisation=None), organisation=None, is_member=False)

    assert is_live(bare)


@pytest.mark.parametrize("at", [Instant(0), NOW, Instant(NOW + 10**6)])
@pytest.mark.parametrize("what", ["grant", "user", "client", "owner", "organisation"])
def test_G7_whatever_is_disabled_ends_it_whatever_the_clock_says(what: str, at: Instant) -> None:
    standing = a_standing()
    assert standing.organisation is not None
    ended = {
        "grant": replace(standing, grant=replace(standing.grant, revoked_at=at)),
        "user": replace(standing, user=replace(standing.user, disabled_at=at)),
        "client": replace(
            standing, client=replace(standing.client, client=replace(standing.client.client, disabled_at=at))
        ),
        "owner": replace(standing, client=replace(standing.client, owner=a_user(disabled_at=at))),
        "organisation": replace(standing, organisation=replace(standing.organisation, disabled_at=at)),
    }[what]

    assert what in why_not_live(ended)
    assert not is_live(ended)


def test_G6_G7_membership_that_ended_and_a_company_that_is_gone_end_it() -> None:
    assert "member" in why_not_live(replace(a_standing(), is_member=False))
    assert "organisation" in why_not_live(replace(a_standing(), organisation=None))


def test_a_grant_holds_what_its_client_still_has_in_the_order_in_which_it_was_granted() -> None:
    standing = a_standing()

    def with_scopes(*scopes: str) -> Standing:
        client = replace(standing.client.client, scopes=scopes)
        return replace(standing, client=replace(standing.client, client=client))

    assert scopes_left(with_scopes("write", "more", "read")) == ("read", "write")
    assert scopes_left(with_scopes("write")) == ("write",)
    assert "scope" in why_not_live(with_scopes("more"))
    assert is_live(replace(with_scopes(), grant=replace(standing.grant, scopes=())))


def test_a_client_that_is_not_known_is_nobody() -> None:
    assert why_client_is_dead(None) == "unknown client"


@pytest.mark.parametrize(
    ("revoked", "end", "user", "lives"),
    [(None, 1, None, True), (None, 0, None, False), (NOW, 1, None, False), (None, 1, NOW, False)],
)
def test_a_session_lives_until_it_ends_is_revoked_or_its_user_is_disabled(
    revoked: Instant | None, end: int, user: Instant | None, lives: bool
) -> None:
    session = Session(
        issuer=IssuerName("acme"),
        id=SessionId("ses_a"),
        digest=b"d",
        user_id=UserId("user_abc"),
        created_at=NOW,
        expires_at=Instant(NOW + end),
        revoked_at=revoked,
    )

    assert session_lives(session, a_user(disabled_at=user), NOW) is lives

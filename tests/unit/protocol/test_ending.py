"""What ends before its time, and for how long that is remembered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from behalf_store import a_world
from builders import NOW
from portvakt.model.audit import Act
from portvakt.model.behalf import Ended
from portvakt.model.behalf_change import AddRevocation, RevokeGrant
from portvakt.model.change import Note
from portvakt.model.values import ClientId, Instant, IssuerName, KeyId, OrganisationNumber, Seconds, UserId
from portvakt.protocol.ending import (
    CLOCKS_DIFFER,
    LONGEST_LIFETIME,
    begin_client,
    begin_organisation,
    begin_user,
    end_client,
    end_client_for_good,
    end_grant,
    end_key,
    end_organisation,
    end_user,
)
from portvakt.protocol.events import of_grant
from portvakt.server import settings_values
from portvakt.store import cleaning

ACME = IssuerName("acme")
NUMBER = OrganisationNumber("312047152")
UNTIL = Instant(NOW + LONGEST_LIFETIME + CLOCKS_DIFFER)


def test_no_settings_give_a_token_a_longer_life_than_revocations_are_kept_for() -> None:
    assert settings_values.LONGEST_LIFETIME <= LONGEST_LIFETIME <= cleaning.KEPT_FOR


def test_what_may_begin_again_refuses_what_was_issued_until_now_by_any_clock() -> None:
    before = Instant(NOW + CLOCKS_DIFFER)

    assert end_client(ACME, ClientId("c"), NOW) == AddRevocation(ACME, Ended.CLIENT, "c", UNTIL, before)
    assert end_user(ACME, UserId("u"), NOW) == AddRevocation(ACME, Ended.USER, "u", UNTIL, before)
    assert end_organisation(ACME, NUMBER, NOW) == AddRevocation(ACME, Ended.ORGANISATION, NUMBER, UNTIL, before)


def test_what_ended_for_good_refuses_whatever_names_it() -> None:
    assert end_client_for_good(ACME, ClientId("c"), NOW) == AddRevocation(ACME, Ended.CLIENT, "c", UNTIL)
    assert end_key(ACME, KeyId("k"), NOW) == AddRevocation(ACME, Ended.KEY, "k", UNTIL)


def test_what_begins_again_while_guards_refuse_what_it_gets_is_told_to_them() -> None:
    now, until, before = Instant(NOW + 5), Instant(UNTIL + 5), Instant(NOW + 4)

    assert begin_client(ACME, ClientId("c"), NOW, now) == (AddRevocation(ACME, Ended.CLIENT, "c", until, before),)
    assert begin_user(ACME, UserId("u"), NOW, now) == (AddRevocation(ACME, Ended.USER, "u", until, before),)
    assert begin_organisation(ACME, NUMBER, NOW, now) == (
        AddRevocation(ACME, Ended.ORGANISATION, NUMBER, until, before),
    )


@pytest.mark.parametrize(
    ("lasted", "before"),
    [(-3, 0), (0, 0), (1, 0), (2, 1), (CLOCKS_DIFFER, CLOCKS_DIFFER - 1), (CLOCKS_DIFFER + 1, None)],
)
def test_what_is_got_from_the_second_of_the_beginning_on_is_good_unless_the_end_was_in_it(
    lasted: int, before: int | None
) -> None:
    """Negative: the clock of who enables it is behind. None: guards need not be told any more."""
    told = begin_client(ACME, ClientId("c"), NOW, Instant(NOW + lasted))

    assert [each.before for each in told] == ([] if before is None else [NOW + before])
    assert [each.until for each in told] == ([] if before is None else [UNTIL + max(0, lasted)])


def test_a_lifetime_that_was_lowered_since_shortens_no_memory() -> None:
    world = a_world()
    world.agree()
    grant = world.grant()

    ends = end_grant(replace(world.issuer, lifetime=Seconds(1)), grant, NOW)

    assert ends == (
        RevokeGrant(world.issuer.name, grant.id, NOW),
        AddRevocation(world.issuer.name, Ended.GRANT, grant.id, UNTIL),
        Note(of_grant(grant, Act.GRANT_REVOKED, NOW)),
    )
    assert end_grant(world.issuer, replace(grant, revoked_at=NOW), NOW) == ()

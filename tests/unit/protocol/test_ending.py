"""What ends before its time, and for how long that is remembered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from behalf_store import a_world
from builders import NOW
from portvakt.model.audit import Act
from portvakt.model.behalf import Ended
from portvakt.model.change import AddRevocation, Note, RevokeGrant
from portvakt.model.values import ClientId, Instant, IssuerName, KeyId, OrganisationNumber, Seconds, UserId
from portvakt.protocol.ending import (
    CLOCKS_DIFFER,
    LONGEST_LIFETIME,
    begin_client,
    begin_organisation,
    begin_user,
    end_client,
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


def test_what_has_ended_has_whatever_names_it_refused() -> None:
    assert end_client(ACME, ClientId("c"), NOW) == AddRevocation(ACME, Ended.CLIENT, "c", UNTIL)
    assert end_user(ACME, UserId("u"), NOW) == AddRevocation(ACME, Ended.USER, "u", UNTIL)
    assert end_organisation(ACME, NUMBER, NOW) == AddRevocation(ACME, Ended.ORGANISATION, NUMBER, UNTIL)
    assert end_key(ACME, KeyId("k"), NOW) == AddRevocation(ACME, Ended.KEY, "k", UNTIL)


def test_what_begins_again_has_only_what_was_issued_before_it_ended_refused() -> None:
    ended_at = Instant(NOW - 86_400)
    before = Instant(ended_at + CLOCKS_DIFFER)

    assert begin_client(ACME, ClientId("c"), ended_at, NOW) == AddRevocation(ACME, Ended.CLIENT, "c", UNTIL, before)
    assert begin_user(ACME, UserId("u"), ended_at, NOW) == AddRevocation(ACME, Ended.USER, "u", UNTIL, before)
    assert begin_organisation(ACME, NUMBER, ended_at, NOW) == AddRevocation(
        ACME, Ended.ORGANISATION, NUMBER, UNTIL, before
    )


@pytest.mark.parametrize(
    ("lasted", "before"),
    [(0, 0), (1, 0), (2, 1), (CLOCKS_DIFFER + 1, CLOCKS_DIFFER), (CLOCKS_DIFFER + 2, CLOCKS_DIFFER), (-3, 0)],
)
def test_what_begins_soon_again_gets_what_works_from_this_second_on_unless_it_ended_in_it(
    lasted: int, before: int
) -> None:
    """Negative: whoever enables it has a clock that is behind."""
    told = begin_client(ACME, ClientId("c"), NOW, Instant(NOW + lasted))

    assert (told.before, told.until) == (NOW + before, UNTIL + max(0, lasted))


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

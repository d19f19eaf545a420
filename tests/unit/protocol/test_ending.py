"""What ends before its time, and for how long that is remembered."""

from __future__ import annotations

from dataclasses import replace

from behalf_store import a_world
from builders import NOW
from portvakt.model.audit import Act
from portvakt.model.behalf import Ended
from portvakt.model.change import AddRevocation, Note, RevokeGrant
from portvakt.model.values import ClientId, Instant, IssuerName, KeyId, OrganisationNumber, Seconds, UserId
from portvakt.protocol.ending import (
    CLOCKS_DIFFER,
    LONGEST_LIFETIME,
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
UNTIL = Instant(NOW + LONGEST_LIFETIME + CLOCKS_DIFFER)


def test_no_settings_give_a_token_a_longer_life_than_revocations_are_kept_for() -> None:
    assert settings_values.LONGEST_LIFETIME <= LONGEST_LIFETIME <= cleaning.KEPT_FOR


def test_what_may_begin_again_refuses_only_what_was_issued_until_now() -> None:
    number = OrganisationNumber("312047152")

    assert end_client(ACME, ClientId("c"), NOW) == AddRevocation(ACME, Ended.CLIENT, "c", UNTIL, NOW)
    assert end_user(ACME, UserId("u"), NOW) == AddRevocation(ACME, Ended.USER, "u", UNTIL, NOW)
    assert end_organisation(ACME, number, NOW) == AddRevocation(ACME, Ended.ORGANISATION, number, UNTIL, NOW)
    assert end_key(ACME, KeyId("k"), NOW) == AddRevocation(ACME, Ended.KEY, "k", UNTIL, None)


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

"""A client of an organisation that acts for itself: all of that organisation's, and nothing of anybody else's."""

from __future__ import annotations

from dataclasses import replace

from builders import ISSUER, a_client
from portvakt.model.values import IssuerName, OrganisationNumber, UserId
from portvakt.protocol.govern.actor import actor_for, may_client, may_everything, may_organisation, may_own, may_read

OWN, OTHER = OrganisationNumber("312047152"), OrganisationNumber("999999999")
ACTOR = actor_for(ISSUER, OWN)
SOMEBODY = UserId("user_abc")


def test_Z2_it_has_what_is_its_organisations_and_nothing_of_its_makers() -> None:
    personal = a_client().client

    assert may_client(ACTOR, replace(personal, organisation=OWN))
    assert not may_client(ACTOR, replace(personal, organisation=OTHER))
    assert not may_client(ACTOR, replace(personal, organisation=OWN, issuer=IssuerName("other")))
    assert not may_client(ACTOR, personal)
    assert may_own(ACTOR, ISSUER, SOMEBODY, OWN)
    assert not may_own(ACTOR, ISSUER, SOMEBODY, OTHER)
    assert not may_own(ACTOR, ISSUER, SOMEBODY, None)
    assert may_organisation(ACTOR, ISSUER, OWN)
    assert not may_everything(ACTOR, ISSUER)


def test_Z2_it_reads_of_its_organisation_alone() -> None:
    assert may_read(ACTOR, ISSUER, organisation=OWN)
    assert not may_read(ACTOR, ISSUER, organisation=OTHER)
    assert not may_read(ACTOR, ISSUER, user=SOMEBODY)
    assert not may_read(ACTOR, ISSUER)

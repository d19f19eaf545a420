"""Users and organisations are disabled and enabled by one statement each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.model.change import AddOrganisation, AddUser, Applied, Lost, SetOrganisationDisabled, SetUserDisabled
from portvakt.model.nouns import Organisation
from portvakt.model.values import Instant, OrganisationNumber
from stored import ACME, OTHER, OWNER, a_user

if TYPE_CHECKING:
    from portvakt.store import Store

NUMBER = OrganisationNumber("312047152")


async def test_a_user_is_disabled_and_enabled(store: Store) -> None:
    await store.apply([AddUser(a_user())])

    seen = []
    for moment in (Instant(7), None):
        assert await store.apply([SetUserDisabled(ACME, OWNER, moment)]) == Applied()
        user = await store.user(ACME, OWNER)
        assert user is not None
        seen.append(user.disabled_at)

    assert seen == [7, None]


async def test_an_organisation_is_disabled_and_enabled(store: Store) -> None:
    await store.apply([AddOrganisation(Organisation(issuer=ACME, number=NUMBER, name="One AS", created_at=Instant(1)))])

    seen = []
    for moment in (Instant(7), None):
        assert await store.apply([SetOrganisationDisabled(ACME, NUMBER, moment)]) == Applied()
        organisation = await store.organisation(ACME, NUMBER)
        assert organisation is not None
        seen.append(organisation.disabled_at)

    assert seen == [7, None]


async def test_what_is_not_there_is_lost(store: Store) -> None:
    await store.apply([AddUser(a_user())])

    for change in (SetUserDisabled(OTHER, OWNER, None), SetOrganisationDisabled(ACME, NUMBER, None)):
        assert await store.apply([change]) == Lost(change)

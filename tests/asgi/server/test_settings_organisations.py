"""`ISSUER/settings/organisations/NUMBER`: administrators of an organisation look after its members, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from administered import ACME, ADMINISTRATOR, BAKERY, DEVELOPER, FOUNDRY, MEMBER, OTHERS_ADMINISTRATOR
from browsers import admin, signed_in

if TYPE_CHECKING:
    from administered import Administered, Role
    from html_pages import Form, Page
    from portvakt.model.behalf import Member
    from portvakt.model.values import OrganisationNumber, UserId

SETTINGS = f"/{ACME.name}/settings"
HERE = f"{SETTINGS}/organisations/{BAKERY}"
QUARTER = 15 * 60


def form_about(page: Page, role: Role) -> Form:
    """Return the form of a page that changes that member."""
    return next(form for form in page.forms if form.fields.get("user") == role.user_id)


async def members(administered: Administered, number: OrganisationNumber = BAKERY) -> dict[UserId, bool]:
    """Return who belongs to an organisation, and whether they administer it."""
    found: list[Member] = await administered.served.store.members(ACME.name, number, None, 99)
    return {one.user.id: one.administrator for one in found}


async def test_settings_lead_an_administrator_to_the_members_of_their_organisation(administered: Administered) -> None:
    browser = await signed_in(administered, ADMINISTRATOR)
    settings = await browser.get(SETTINGS)
    mine = (await browser.get(f"{SETTINGS}/organisations/{BAKERY}")).links

    page = await browser.get(next(link for link in settings.links if "/organisations/" in link))

    assert page.heading == "Eksempelfjord Bakeri AS"
    assert MEMBER.email in page.text
    assert "Disable organisation" not in page.text
    assert {(await browser.get(link)).status for link in mine if link.startswith(f"{SETTINGS}/")} == {200}
    assert not [link for link in mine if "/users/" in link]
    developer = await (await signed_in(administered, DEVELOPER)).get(SETTINGS)
    assert not [link for link in developer.links if "/organisations/" in link]


async def test_an_administrator_raises_lowers_and_removes_a_member(administered: Administered) -> None:
    browser = await signed_in(administered, ADMINISTRATOR)
    seen = []

    for do in ("raise", "lower", "remove"):
        done = await browser.submit(form_about(await browser.get(HERE), MEMBER), do=do)
        assert done.location == f"{HERE}?done=changed"
        seen.append((await members(administered)).get(MEMBER.user_id))

    assert seen == [True, False, None]


async def test_what_is_dangerous_asks_an_administrator_to_log_in_again(administered: Administered) -> None:
    browser = await signed_in(administered, ADMINISTRATOR)
    administered.served.clock.advance(QUARTER + 1)
    page = await browser.get(HERE)
    adds = next(form for form in page.forms if form.fields.get("do") == "add")

    stopped = [await browser.submit(form_about(page, MEMBER), do=do) for do in ("raise", "remove")]
    stopped.append(await browser.submit(adds, email=DEVELOPER.email, administrator="yes"))
    before = await members(administered)
    again = await browser.log_in(admin(ADMINISTRATOR), await browser.get(stopped[0].location))
    done = await browser.submit(form_about(again, MEMBER), do="raise")

    assert {page.location for page in stopped} == {f"/{ACME.name}/login?return_to={HERE}%3Fdone%3Dagain"}
    assert before == {ADMINISTRATOR.user_id: True, MEMBER.user_id: False}
    assert "You have logged in again" in again.text
    assert done.location == f"{HERE}?done=changed"


@pytest.mark.parametrize("do", ["lower", "remove"])
async def test_who_takes_it_from_themselves_comes_to_their_account(administered: Administered, do: str) -> None:
    browser = await signed_in(administered, ADMINISTRATOR)

    done = await browser.submit(form_about(await browser.get(HERE), ADMINISTRATOR), do=do)

    assert urlsplit(done.location).path == f"/{ACME.name}/account"
    assert (await members(administered)).get(ADMINISTRATOR.user_id) is (False if do == "lower" else None)
    assert (await browser.get(HERE)).status == 403


@pytest.mark.parametrize("role", [DEVELOPER, OTHERS_ADMINISTRATOR, MEMBER], ids=lambda role: role.label)
async def test_Z2_no_form_changes_the_members_of_anothers_organisation(administered: Administered, role: Role) -> None:
    browser = await signed_in(administered, role)
    own = f"{SETTINGS}/organisations/{FOUNDRY}" if role is OTHERS_ADMINISTRATOR else f"{SETTINGS}/advanced/new"
    form = next(iter((await browser.get(own)).forms), None)
    csrf = {} if form is None else {"csrf": form.fields["csrf"]}
    before = await members(administered)

    said = []
    for do in ("add", "raise", "lower", "remove", "disable", "enable"):
        sent = {**csrf, "do": do, "user": str(MEMBER.user_id), "email": role.email, "version": "1"}
        said.append((await browser.post(HERE, sent)).status)

    assert set(said) == {403 if role is MEMBER else 404}
    assert await members(administered) == before


async def test_Z2_an_administrator_disables_no_organisation_and_moves_nobody_of_another(
    administered: Administered,
) -> None:
    browser = await signed_in(administered, ADMINISTRATOR)
    form = form_about(await browser.get(HERE), MEMBER)

    disabled = await browser.submit(form, do="disable", version="1")
    raised = await browser.submit(form, do="raise", user=str(OTHERS_ADMINISTRATOR.user_id))
    unknown = await browser.submit(form, do="raise", user="user_nobody")
    by_address = await browser.submit(form, do="raise", user=DEVELOPER.email)
    organisation = await administered.served.store.organisation(ACME.name, BAKERY)

    assert disabled.status == 403
    assert organisation is not None
    assert organisation.disabled_at is None
    assert {page.status for page in (raised, unknown, by_address)} == {404}
    assert all("The user is no member of that organisation." in page.text for page in (raised, unknown, by_address))
    assert await members(administered, FOUNDRY) == {OTHERS_ADMINISTRATOR.user_id: True}

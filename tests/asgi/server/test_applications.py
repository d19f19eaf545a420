"""`ISSUER/settings`: developers change their own applications alone, administrators those of their organisations."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from administered import (
    ACME,
    ADMINISTRATOR,
    BAKERY,
    COMPANYS_PROGRAM,
    DEVELOPER,
    FOUNDRY,
    MEMBER,
    OPERATOR,
    OTHERS_ADMINISTRATOR,
    OWN,
)
from browsers import a_browser, admin, signed_in
from issuing import known
from portvakt.model.change import Applied, ChangeUser, SetUser
from portvakt.model.values import ClientId

if TYPE_CHECKING:
    from administered import Administered, Role
    from html_pages import Page
    from people_served import Browser
    from portvakt.model.change import Change

SETTINGS = "/acme/settings"
MINE = f"{SETTINGS}/advanced"


def page_of(role: Role) -> str:
    """Return where that role's client, or its program's, is looked after."""
    return f"{MINE}/{known(ACME, role.label).client_id}"


MATRIX = [
    (DEVELOPER, page_of(DEVELOPER), 200),
    (DEVELOPER, page_of(COMPANYS_PROGRAM), 404),
    (DEVELOPER, page_of(ADMINISTRATOR), 404),
    (DEVELOPER, f"{MINE}?organisation={BAKERY}", 404),
    (DEVELOPER, f"{SETTINGS}/log", 200),
    (DEVELOPER, f"{SETTINGS}/log?client={known(ACME, 'program').client_id}", 404),
    (ADMINISTRATOR, page_of(COMPANYS_PROGRAM), 200),
    (ADMINISTRATOR, page_of(DEVELOPER), 404),
    (ADMINISTRATOR, page_of(ADMINISTRATOR), 404),  # their own client, but they are no developer
    (ADMINISTRATOR, f"{SETTINGS}/log?organisation={BAKERY}", 200),
    (ADMINISTRATOR, f"{SETTINGS}/log.csv?organisation={FOUNDRY}", 404),
    (OTHERS_ADMINISTRATOR, page_of(COMPANYS_PROGRAM), 404),
    (OTHERS_ADMINISTRATOR, f"{MINE}?organisation={FOUNDRY}", 200),
    (OTHERS_ADMINISTRATOR, f"{MINE}?organisation={BAKERY}", 404),
    (ADMINISTRATOR, f"{SETTINGS}/organisations/{BAKERY}", 200),
    (ADMINISTRATOR, f"{SETTINGS}/organisations/{FOUNDRY}", 404),
    (ADMINISTRATOR, f"{SETTINGS}/organisations/999999999", 404),
    (ADMINISTRATOR, f"{SETTINGS}/organisations", 404),
    (ADMINISTRATOR, f"{SETTINGS}/users/{MEMBER.user_id}", 404),
    (OTHERS_ADMINISTRATOR, f"{SETTINGS}/organisations/{BAKERY}", 404),
    (DEVELOPER, f"{SETTINGS}/organisations/{BAKERY}", 404),
    (MEMBER, f"{SETTINGS}/organisations/{BAKERY}", 403),
    (MEMBER, SETTINGS, 403),
    (MEMBER, page_of(COMPANYS_PROGRAM), 403),
    *((DEVELOPER, f"{SETTINGS}/{room}", 404) for room in ("nothing", "keys", "outbox", "users", "clients")),
    (DEVELOPER, f"{MINE}/{known(ACME).client_id}/change", 404),
]


@pytest.mark.parametrize(("role", "path", "status"), MATRIX, ids=lambda one: getattr(one, "label", str(one)))
async def test_Z2_each_sees_their_own_and_what_is_not_theirs_is_not_there(
    administered: Administered, role: Role, path: str, status: int
) -> None:
    browser = await signed_in(administered, role)

    page = await browser.get(path)

    assert page.status == status


@pytest.mark.parametrize("do", ["rotate", "revoke", "disable", "enable", "delete"])
async def test_Z2_no_form_changes_what_is_anothers(administered: Administered, do: str) -> None:
    browser = await signed_in(administered, DEVELOPER)
    own = (await browser.get(page_of(DEVELOPER))).forms[0]
    others = known(ACME, COMPANYS_PROGRAM.label).client_id
    before = await administered.served.store.client_facts(ACME.name, ClientId(others))

    page = await browser.post(f"{MINE}/{others}", {**own.fields, "do": do, "confirm": "program", "version": "1"})

    assert page.status == 404
    assert await administered.served.store.client_facts(ACME.name, ClientId(others)) == before


async def test_Z2_the_owner_of_what_an_operator_disabled_reads_so_and_finds_no_way_to_enable_it(
    administered: Administered,
) -> None:
    client_id = known(ACME, DEVELOPER.label).client_id
    owner, operator = await signed_in(administered, DEVELOPER), await signed_in(administered, OPERATOR)

    async def dos(browser: Browser, path: str) -> tuple[Page, set[str]]:
        page = await browser.get(path)
        return page, {form.fields.get("do", "") for form in page.forms} & {"enable", "disable"}

    mine, consoles = page_of(DEVELOPER), f"/admin/acme/clients/{client_id}"
    page, before = await dos(owner, mine)
    await owner.submit(page.form(mine), do="disable", confirm="")
    own, may = await dos(owner, mine)
    page, takes = await dos(operator, consoles)
    await operator.submit(page.form(consoles), do="disable", confirm="")
    seen, left = await dos(owner, mine)
    tried = await owner.submit(own.form(mine), do="enable", version="3", confirm="")
    page, operators = await dos(operator, consoles)

    assert (before, may, takes, left, operators) == ({"disable"}, {"enable"}, {"enable", "disable"}, set(), {"enable"})
    assert "An operator disabled it, and only an operator enables it again: ask them." in seen.text
    assert tried.status == 403
    assert "only an operator enables it again" in tried.text


async def test_who_is_not_logged_in_logs_in_and_comes_to_the_settings(administered: Administered) -> None:
    browser = await a_browser(administered, DEVELOPER)

    asked = await browser.get(MINE)
    page = await browser.log_in(admin(DEVELOPER), await browser.get(asked.location))

    assert page.heading == "API applications"


async def test_a_developer_goes_from_settings_to_advanced_and_makes_an_application(administered: Administered) -> None:
    browser = await signed_in(administered, DEVELOPER)

    settings = await browser.get(SETTINGS)
    advanced = await browser.get(next(link for link in settings.links if link.endswith("/advanced")))
    new = await browser.get(next(link for link in advanced.links if link.endswith("/new")))
    made = await browser.submit(
        new.form("/new"), name="Bilagsroboten", redirect_uris="https://app.example/cb\r\nhttps://app.example/cb2"
    )
    client_id = re.search(r'id="client_id"[^>]* value="([^"]+)"', made.text)
    assert client_id
    facts = await administered.served.store.client_facts(ACME.name, ClientId(client_id[1]))

    assert "New API application" in advanced.text
    assert new.heading == "New API application"
    assert facts is not None
    assert facts.client.owner == DEVELOPER.user_id
    assert facts.client.redirect_uris == ("https://app.example/cb", "https://app.example/cb2")
    assert "authorization_code" in facts.client.grants


async def test_an_administrator_makes_an_application_of_the_organisations(administered: Administered) -> None:
    browser = await signed_in(administered, ADMINISTRATOR)
    form = (await browser.get(f"{MINE}/new")).form("/new")

    made = await browser.submit(form, name="Kassa")
    stolen = await browser.submit(form, name="Theirs", organisation=str(FOUNDRY))
    listed = await browser.get(MINE)

    assert (made.status, stolen.status) == (200, 403)
    assert "Kassa" in listed.text
    assert "Theirs" not in listed.text


async def test_Z2_a_developer_gives_themselves_neither_a_quota_nor_a_scope_of_an_operators(
    administered: Administered,
) -> None:
    browser = await signed_in(administered, DEVELOPER)
    form = (await browser.get(f"{MINE}/new")).form("/new")

    pages = [
        await browser.submit(form, name="Greedy", **more)
        for more in ({"token_quota": "1000000/1s"}, {"scopes": "portvakt:revocations"}, {"owner": OPERATOR.email})
    ]

    assert [page.status for page in pages] == [400, 400, 200]  # whose it is, a developer does not say


async def test_an_operator_who_is_a_developer_too_has_in_the_settings_what_developers_have(
    administered: Administered,
) -> None:
    store = administered.served.store
    user = await store.user(OWN.name, OPERATOR.user_id)
    assert user is not None
    both: list[Change] = [SetUser(replace(user, roles=frozenset({"operator", "developer"})))]
    assert await store.apply(both) == Applied()
    browser, settings = await signed_in(administered, OPERATOR), f"/{OWN.name}/settings"

    new = (await browser.get(f"{settings}/advanced/new")).form("/new")
    console = (await browser.get(f"/admin/{OWN.name}/clients/new")).form("/new")

    assert "owner" not in new.fields
    assert "owner" in console.fields


async def test_who_loses_the_role_loses_the_pages(administered: Administered) -> None:
    browser = await signed_in(administered, DEVELOPER)
    assert (await browser.get(page_of(DEVELOPER))).status == 200
    store = administered.served.store
    user = await store.user(ACME.name, DEVELOPER.user_id)
    assert user is not None

    changes: list[Change] = [ChangeUser(ACME.name, user.id, user.version), SetUser(replace(user, roles=frozenset()))]
    assert await store.apply(changes) == Applied()

    assert (await browser.get(page_of(DEVELOPER))).status == 403


async def test_A9_an_administrator_adds_whoever_gave_them_their_code_and_no_address(administered: Administered) -> None:
    theirs = await (await signed_in(administered, DEVELOPER)).get("/acme/account")
    code = re.search(r"<code>([^<]+)</code>", theirs.text)
    assert code is not None
    browser, here = await signed_in(administered, ADMINISTRATOR), f"{SETTINGS}/organisations/{BAKERY}"

    async def add(text: str) -> Page:
        adds = next(form for form in (await browser.get(here)).forms if "email" in form.fields)
        return await browser.submit(adds, email=text)

    refused = [await add(DEVELOPER.email), await add("nobody@example.no"), await add(DEVELOPER.user_id)]
    before = await administered.served.store.memberships_of(ACME.name, DEVELOPER.user_id)
    await add(code[1])
    after = await administered.served.store.memberships_of(ACME.name, DEVELOPER.user_id)

    assert {page.status for page in refused} == {400}
    assert (before, [one.organisation.number for one in after]) == ((), [BAKERY])


async def test_the_account_leads_to_the_settings_of_those_who_have_any(administered: Administered) -> None:
    found = {}
    for role in (DEVELOPER, ADMINISTRATOR, MEMBER):
        browser = await signed_in(administered, role)
        found[role.label] = SETTINGS in (await browser.get("/acme/account")).links

    assert found == {"developer": True, "administrator": True, "member": False}

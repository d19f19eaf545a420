"""The console's pages of users and organisations: who is invited, disabled and raised there, and who is not."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest

from administered import ACME, ADMINISTRATOR, BAKERY, DEVELOPER, FOUNDRY, MEMBER, OPERATOR, OTHER, OWN
from browsers import admin, signed_in
from builders import NOW
from portvakt.model.change import AddUser, Applied
from portvakt.model.nouns import User
from portvakt.model.values import OrganisationNumber, UserId

if TYPE_CHECKING:
    from administered import Administered
    from html_pages import Form, Page

USERS = f"/admin/{ACME.name}/users"
DEV = f"{USERS}/{DEVELOPER.user_id}"
COMPANIES = f"/admin/{ACME.name}/organisations"
QUARTER = 15 * 60


def form_that(page: Page, do: str) -> Form:
    """Return the first form of a page that may do something."""
    return next(form for form in page.forms if do in (form.fields.get("do"), *form.choices.get("do", ())))


async def test_an_invited_user_chooses_a_password_by_the_link_that_is_shown(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    form = (await browser.get(USERS)).form("/users")

    page = await browser.submit(form, email="new@example.no", roles="developer auditor")
    found = re.search(r'id="link"[^>]* value="([^"]+)"', page.text)
    assert found
    administered.served.secrets.add(found[1].rpartition("=")[2])
    user = await administered.served.store.user_by_email(ACME.name, "new@example.no")

    assert found[1].startswith(f"{ACME.url}/password?")
    assert user is not None
    assert user.roles == {"developer", "auditor"}


async def test_where_nobody_logs_in_a_user_is_made_without_a_link(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    form = (await browser.get(f"/admin/{OTHER.name}/users")).form("/users")

    done = await browser.submit(form, email="program@example.no", roles="")
    page = await browser.get(done.location)

    assert page.heading == "program@example.no"
    assert "Added." in page.text


@pytest.mark.parametrize(
    ("email", "problem"), [("nobody", "An email address is NAME@HOST."), (OPERATOR.email.upper(), "")]
)
async def test_a_user_who_cannot_be_made_is_not_and_why_is_said(
    administered: Administered, email: str, problem: str
) -> None:
    browser = await signed_in(administered, OPERATOR)
    form = (await browser.get(f"/admin/{OWN.name}/users")).form("/users")

    page = await browser.submit(form, email=email, roles="")

    assert page.status in {400, 409}
    assert problem in page.text
    assert page.form("/users").fields["email"] == email


async def test_the_other_means_of_a_form_name_all_its_fields_and_then_what_was_filled_in(
    administered: Administered,
) -> None:
    browser = await signed_in(administered, OPERATOR)
    users, company = await browser.get(USERS), await browser.get(f"{COMPANIES}/{BAKERY}")

    refused = await browser.submit(users.form("/users"), email=DEVELOPER.email, roles="auditor developer")
    unknown = await browser.submit(form_that(company, "add"), email="nobody@example.no", administrator="yes")
    shown = [html.unescape(page.text) for page in (users, company, refused, unknown)]

    assert """'{"email": "EMAIL", "roles": []}'""" in shown[0]
    assert "user invite EMAIL --role '' --issuer" in shown[0]
    assert """'{"user": "EMAIL", "administrator": false}'""" in shown[1]
    assert f"add-member {BAKERY} EMAIL --no-administrator --issuer" in shown[1]
    assert '"roles": ["auditor", "developer"]}' in shown[2]
    assert f"user invite {DEVELOPER.email} --role auditor --role developer --issuer" in shown[2]
    assert """'{"user": "nobody@example.no", "administrator": true}'""" in shown[3]
    assert f"add-member {BAKERY} nobody@example.no --administrator --issuer" in shown[3]
    assert 'name="administrator" value="yes" checked>' in shown[3]


async def test_a_user_is_changed_logged_out_disabled_and_enabled(administered: Administered) -> None:
    browser, theirs = await signed_in(administered, OPERATOR), await signed_in(administered, DEVELOPER)

    changed = await browser.submit(form_that(await browser.get(DEV), "change"), roles="reader")
    late = await browser.submit(form_that(await browser.get(DEV), "change"), version="1", roles="late")
    out = await browser.submit(form_that(await browser.get(DEV), "log_out"))
    disabled = await browser.submit(form_that(await browser.get(DEV), "disable"))
    after = await administered.served.store.user(ACME.name, DEVELOPER.user_id)
    enabled = await browser.submit(form_that(await browser.get(DEV), "enable"))

    dones = [page.location.rpartition("=")[2] for page in (changed, out, disabled, enabled)]
    assert dones == ["changed", "logged_out", "disabled", "enabled"]
    assert late.status == 412
    assert after is not None
    assert (after.roles, after.disabled_at is None) == (frozenset({"reader"}), False)
    assert (await theirs.get("/acme/account")).has_form("/login")


async def test_a_link_for_another_password_is_shown_to_who_logged_in_just_now(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    form = form_that(await browser.get(DEV), "link")
    shown = await browser.submit(form)
    administered.served.clock.advance(QUARTER + 1)

    later = await browser.submit(form)
    again = await browser.log_in(admin(OPERATOR), await browser.get(later.location))

    assert shown.heading == "Link to choose a password"
    assert later.location.startswith("/portvakt/login?return_to=")
    assert "You have logged in again" in again.text


async def test_the_last_operator_stays_one(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    path = f"/admin/{OWN.name}/users/{OPERATOR.user_id}"

    page = await browser.submit(form_that(await browser.get(path), "disable"))

    assert page.status == 409
    assert (await browser.get("/admin")).status == 200


async def test_an_organisation_is_made_and_its_members_come_rise_and_go(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    form = (await browser.get(COMPANIES)).form("/organisations")

    made = await browser.submit(form, number="315555555", name="Ny AS")
    twice = await browser.submit(form, number="315555555", name="Ny AS")
    here = made.location.partition("?")[0]
    await browser.submit(form_that(await browser.get(here), "add"), email=MEMBER.email)
    store = administered.served.store
    seen = []
    for do in ("raise", "lower", "remove"):
        await browser.submit(form_that(await browser.get(here), do), do=do)
        seen.append(
            [one.administrator for one in await store.members(ACME.name, OrganisationNumber("315555555"), None, 9)]
        )

    assert twice.status in {400, 409}
    assert seen == [[True], [False], []]


async def test_an_organisation_is_disabled_and_enabled(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    here = f"{COMPANIES}/{FOUNDRY}"

    disabled = await browser.submit(form_that(await browser.get(here), "disable"))
    enabled = await browser.submit(form_that(await browser.get(here), "enable"))
    unknown = await browser.submit(form_that(await browser.get(here), "add"), email="who@example.no")

    assert [page.location.rpartition("=")[2] for page in (disabled, enabled)] == ["disabled", "enabled"]
    assert unknown.status == 404
    assert "There is no such user." in unknown.text


@pytest.mark.parametrize("path", [USERS, DEV, COMPANIES, f"{COMPANIES}/{BAKERY}"])
async def test_U1_no_form_of_another_page_changes_people(administered: Administered, path: str) -> None:
    browser = await signed_in(administered, OPERATOR)

    page = await browser.post(path, {"csrf": "x", "do": "disable", "version": "1", "email": "x@example.no"})
    nothing = await browser.post(path, {**(await browser.get(path)).forms[0].fields, "do": "explode", "email": "x"})

    assert page.status == 403
    assert nothing.status in {400, 409}


async def test_what_is_dangerous_to_people_needs_a_recent_log_in(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    administered.served.clock.advance(QUARTER + 1)
    company = f"{COMPANIES}/{BAKERY}"

    stopped = [
        await browser.submit(form_that(await browser.get(path), do), do=do)
        for path, do in ((DEV, "disable"), (DEV, "change"), (company, "disable"), (company, "remove"))
    ]

    assert {page.location.partition("?")[0] for page in stopped} == {"/portvakt/login"}
    assert ADMINISTRATOR.email in (await browser.get(company)).text


async def test_a_session_that_lies_open_makes_no_operator_and_no_administrator(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)
    administered.served.clock.advance(QUARTER + 1)
    invites = (await browser.get(f"/admin/{OWN.name}/users")).form("/users")
    adds = form_that(await browser.get(f"{COMPANIES}/{BAKERY}"), "add")

    stopped = [
        await browser.submit(invites, email="thief@example.no", roles="operator"),
        await browser.submit(adds, email=MEMBER.email, administrator="on"),
    ]

    store = administered.served.store
    assert {page.location.partition("?")[0] for page in stopped} == {"/portvakt/login"}
    assert await store.user_by_email(OWN.name, "thief@example.no") is None
    assert await store.administered(ACME.name, MEMBER.user_id) == frozenset()


async def test_an_address_is_a_word_of_the_command_that_is_shown(administered: Administered) -> None:
    odd = User(id=UserId("user_odd"), issuer=ACME.name, email="x;curl|sh@example.no", created_at=NOW)
    assert await administered.served.store.apply([AddUser(odd)]) == Applied()

    page = await (await signed_in(administered, OPERATOR)).get(f"{USERS}/user_odd/clients")

    (command,) = re.findall(r"portvakt client list [^<]*", html.unescape(page.text))
    assert f" --owner '{odd.email}' " in command

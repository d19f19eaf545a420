"""Every page by keyboard alone, in a browser that runs no script."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from pages_browser import PHONE, serving
from pages_shown import SAMPLES, consent, log_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from pages_browser import PageServer

STOPS = """[...document.querySelectorAll(
    'a[href], button:enabled, input:not([type=hidden]), select, textarea, summary'
)].filter(one => one.checkVisibility())"""
FOCUS = """() => {
    const one = document.activeElement;
    if (!one || one === document.body) return null;
    const ring = one.closest('.choice, .chip') || one;
    const style = getComputedStyle(ring);
    const box = ring.getBoundingClientRect();
    return [STOPS.indexOf(one), style.outlineStyle, parseFloat(style.outlineWidth), Math.min(box.width, box.height)];
}"""


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def posted(pages: PageServer) -> dict[str, str]:
    """Return the one form that was posted."""
    ((_, body),) = pages.posted
    return {name: value for name, (value,) in parse_qs(body, keep_blank_values=True).items()}


@pytest.fixture(scope="module")
def phone(chromium: Browser) -> Iterator[Page]:
    """A phone's tab, in which tests may run scripts of their own."""
    context = chromium.new_context(viewport={"width": PHONE[0], "height": PHONE[1]})
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", SAMPLES)
def test_tab_reaches_everything_and_shows_where_it_is(phone: Page, pages: PageServer, name: str) -> None:
    phone.goto(pages.at(name, "nb"))
    phone.evaluate(f"window.STOPS = {STOPS}; document.body.tabIndex = -1; document.body.focus()")

    seen: dict[int, tuple[str, float, float]] = {}
    for _ in range(60):
        phone.keyboard.press("Tab")
        found = phone.evaluate(FOCUS)
        if found is None:
            break
        seen.setdefault(found[0], tuple(found[1:]))  # a date is one field with several stops
    # Of a group of radios Tab reaches one, the arrows the others.
    wanted = phone.evaluate("STOPS.flatMap((one, at) => one.type === 'radio' && !one.checked ? [] : [at])")

    assert [number for number in wanted if number not in seen] == []
    assert {where: ring for where, ring in seen.items() if ring[0] != "solid" or ring[1] < 2} == {}
    assert {where: ring for where, ring in seen.items() if ring[2] < 24} == {}  # WCAG 2.2 §2.5.8


def test_one_logs_in_with_two_fields_and_enter(page: Page, pages: PageServer) -> None:
    page.goto(pages.at("log_in", "nb"))
    page.wait_for_selector("#email:focus")

    page.keyboard.type("kari@fjell.example")
    press(page, "Tab")
    page.keyboard.type("a pass phrase")
    press(page, "Enter")
    page.wait_for_url("**/done")

    assert posted(pages) == {
        "csrf": "csrf",
        "return_to": "/luca-test/authorize?client_id=x",
        "email": "kari@fjell.example",
        "password": "a pass phrase",
    }


def test_after_a_wrong_password_the_next_try_begins_where_it_must(page: Page, pages: PageServer) -> None:
    page.goto(pages.at("log_in_wrong", "nb"))
    page.wait_for_selector("#password:focus")

    page.keyboard.type("another")
    press(page, "Enter")
    page.wait_for_url("**/done")

    assert posted(pages)["email"] == "kari.nordmann@fjordogfjell.example"
    assert posted(pages)["password"] == "another"


def test_one_chooses_a_company_and_allows(page: Page, pages: PageServer) -> None:
    page.goto(pages.at("consent_several", "nb"))

    press(page, "Tab", "Tab", "ArrowDown", "Tab", "Tab", "Enter")
    page.wait_for_url("**/done")

    assert posted(pages) == {
        "transaction": "tx_1",
        "csrf": "csrf",
        "organisation": "987654321",
        "decision": "allow",
    }


def test_enter_in_the_list_of_companies_decides_nothing(page: Page, pages: PageServer) -> None:
    page.goto(pages.at("consent_chosen", "nb"))

    press(page, "Tab", "Tab", "Enter")
    page.wait_for_timeout(200)

    assert pages.posted == []
    assert page.url == pages.at("consent_chosen", "nb")


def test_nobody_allows_without_a_company(page: Page, pages: PageServer) -> None:
    page.goto(pages.at("consent_several", "nb"))

    page.click("button[value=allow]")
    page.wait_for_timeout(200)

    assert pages.posted == []


def test_one_denies_without_a_company(page: Page, pages: PageServer) -> None:
    page.goto(pages.at("consent_several", "nb"))

    page.click("button[value=deny]")
    page.wait_for_url("**/done")

    assert posted(pages) == {"transaction": "tx_1", "csrf": "csrf", "decision": "deny"}


def test_access_is_revoked_in_two_steps(page: Page, pages: PageServer) -> None:
    page.goto(pages.at("connected", "nb"))
    button = page.locator("details button").nth(1)
    assert not button.is_visible()

    page.locator("summary").nth(1).focus()
    press(page, "Enter", "Tab", "Enter")
    page.wait_for_url("**/done")

    assert posted(pages) == {"csrf": "csrf", "client": "client_bank", "organisation": "923609016"}


def test_a_session_elsewhere_is_ended_by_its_own_button(page: Page, pages: PageServer) -> None:
    page.goto(pages.at("sessions", "nb"))
    page.get_by_role("button", name="Logg ut der").nth(1).focus()

    press(page, "Enter")
    page.wait_for_url("**/done")

    assert posted(pages) == {"csrf": "csrf", "do": "end", "session": "ses_3"}


def test_all_sessions_elsewhere_are_ended_by_the_last_button(page: Page, pages: PageServer) -> None:
    page.goto(pages.at("sessions", "en"))
    page.get_by_role("button", name="Log out of all other browsers").focus()

    press(page, "Enter")
    page.wait_for_url("**/done")

    assert posted(pages) == {"csrf": "csrf", "do": "end_others"}


def test_a_key_is_made_with_a_name_and_no_end(page: Page, pages: PageServer) -> None:
    page.goto(pages.at("api_keys", "nb"))

    page.select_option("#organisation", "912345678")
    page.fill("#name", "Nattlig")
    press(page, "Enter")
    page.wait_for_url("**/done")

    assert posted(pages) == {
        "csrf": "csrf",
        "do": "create",
        "organisation": "912345678",
        "name": "Nattlig",
        "expires": "",
    }


def test_a_consent_leads_back_to_the_application_and_wherever_it_sends_the_user_on(page: Page) -> None:
    """Chromium holds every redirect after a form to `form-action`."""
    views = {"consent": consent(redirect_uri="http://127.0.0.1:1/callback")}
    with serving({}) as last, serving({}) as application, serving(views) as issuer:
        application.leads_to = f"{last.url}/done"
        issuer.after = f"{application.url}/callback"
        page.goto(issuer.at("consent", "en"))
        page.click("input[type=radio]")
        page.click("button[value=allow]")
        page.wait_for_url(f"{last.url}/done")


def test_a_form_that_has_no_application_is_led_nowhere_else(page: Page) -> None:
    with serving({}) as elsewhere, serving({"log_in": replace(log_in(), redirect_uri=None)}) as issuer:
        issuer.after = f"{elsewhere.url}/evil"
        page.goto(issuer.at("log_in", "en"))
        page.fill("#email", "kari@fjell.example")
        page.fill("#password", "x")
        press(page, "Enter")
        page.wait_for_timeout(300)

        assert page.url == issuer.at("log_in", "en")
        assert elsewhere.asked == []


def test_pages_print_without_their_buttons(page: Page, pages: PageServer) -> None:
    page.emulate_media(media="print")
    page.goto(pages.at("api_keys_made", "nb"))

    assert page.locator("#made").is_visible()
    assert not page.locator(".actions").first.is_visible()
    assert not page.locator(".make").is_visible()
    assert not page.locator("nav").first.is_visible()

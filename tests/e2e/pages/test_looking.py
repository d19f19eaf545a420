"""Every page as a browser shows it: no finding of axe, nothing cut off, nothing loaded from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe

from pages_browser import NARROW, PHONE, WIDE
from pages_shown import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from pages_browser import PageServer
    from portvakt.pages.locale import Locale

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LANGUAGES: dict[str, Locale] = {"light": "nb", "dark": "en"}  # each page in both, each in one of them


@pytest.fixture(scope="module", params=SCHEMES)
def looking(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[tuple[Page, Locale]]:
    """A phone's tab in one scheme, and the language in which to look: tests may run scripts of their own in it."""
    context = chromium.new_context(
        viewport={"width": PHONE[0], "height": PHONE[1]}, color_scheme=request.param, reduced_motion="reduce"
    )
    yield context.new_page(), LANGUAGES[request.param]
    context.close()


@pytest.mark.parametrize("name", SAMPLES)
def test_axe_finds_nothing(looking: tuple[Page, Locale], pages: PageServer, name: str) -> None:
    page, locale = looking
    page.goto(pages.at(name, locale))
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")

    results = Axe().run(page, options={"resultTypes": ["violations"]})

    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in results.response["violations"]] == []


@pytest.mark.parametrize("locale", LANGUAGES.values())
def test_no_page_is_wider_than_its_window(chromium: Browser, pages: PageServer, locale: Locale) -> None:
    widths = (NARROW[0], WIDE[0] // 2, WIDE[0])  # a phone, a desktop at 200 %, a desktop
    context = chromium.new_context()
    page = context.new_page()
    too_wide = []
    for name in SAMPLES:
        page.goto(pages.at(name, locale))
        for width in widths:
            page.set_viewport_size({"width": width, "height": 640})
            if page.evaluate("document.documentElement.scrollWidth") > width:
                too_wide.append((name, width))
    context.close()

    assert too_wide == []


def test_U6_pages_load_from_their_own_server_alone_and_break_no_rule_of_theirs(
    chromium: Browser, pages: PageServer
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    asked: set[str] = set()
    said: list[str] = []
    page.on("request", lambda request: asked.add(request.url))
    page.on("console", lambda message: said.append(message.text) if "status of" not in message.text else None)
    for name in SAMPLES:
        page.goto(pages.at(name, "nb"))
    context.close()

    assert {url for url in asked if not url.startswith((pages.url + "/", "data:image/"))} == set()
    assert said == []


@pytest.mark.parametrize(("locale", "label", "done"), [("en", "Copy", "Copied"), ("nb", "Kopier", "Kopiert")])
def test_what_is_shown_once_is_copied_by_a_button_that_says_so(
    chromium: Browser, pages: PageServer, locale: Locale, label: str, done: str
) -> None:
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(pages.at("console_secret", locale))
    page.click(".page > .means summary")
    copied, said = [], []
    for button in page.get_by_role("button", name=label).all():
        button.press("Enter")
        said.append(page.locator(".copied:text-matches('.')").inner_text())
        copied.append(page.evaluate("navigator.clipboard.readText()"))
    shown = [page.locator(f"#{one}").input_value() for one in ("client_id", "client_secret", "curl")]
    others = page.locator(".means pre").all_inner_texts()
    context.close()

    assert copied == [*shown, *others]
    assert said == [done] * len(copied)


@pytest.mark.parametrize("field", ["#client_secret", ".means pre >> nth=0"])
def test_where_there_is_no_clipboard_the_button_selects(chromium: Browser, pages: PageServer, field: str) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.add_init_script("Object.defineProperty(Navigator.prototype, 'clipboard', {value: undefined})")
    page.goto(pages.at("console_secret", "en"))
    page.click(".page > .means summary")
    page.locator(f"{field} >> xpath=following-sibling::button").click()
    said, selected = page.locator(".copied:text-matches('.')").inner_text(), page.evaluate("`${getSelection()}`")
    one = page.locator(field)
    text, focused = one.evaluate("one => one.value ?? one.innerText"), one.evaluate("one => one.matches(':focus')")
    context.close()

    assert (said, selected, focused) == ("Selected, ready to be copied", text, True)


def test_the_stylesheet_is_asked_for_once(chromium: Browser, pages: PageServer) -> None:
    context = chromium.new_context()
    page = context.new_page()
    pages.asked.clear()
    for name in ("log_in", "consent_several", "connected"):
        page.goto(pages.at(name, "nb"))
    context.close()

    assert len([path for path in pages.asked if path.endswith(".css")]) == 1


def test_U4_a_page_is_shown_in_no_frame(chromium: Browser, pages: PageServer) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{pages.url}/done")
    page.set_content(f'<iframe src="{pages.at("log_in", "nb")}"></iframe>')
    page.wait_for_load_state("networkidle")

    shown = [frame.url for frame in page.frames if frame != page.main_frame]
    context.close()

    assert shown == ["chrome-error://chromewebdata/"]

"""Where a user is logged in: what they see, what they end, and what nobody else can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import NOW
from issuing import LUCA, STANDARD
from people_served import KARI, SAM
from portvakt.model.behalf_change import EndSession
from portvakt.server.account import SESSION_LIFE

if TYPE_CHECKING:
    from html_pages import Form, Page
    from people_served import Browser, Person, Served
    from portvakt.model.nouns import Issuer

WITH_PEOPLE = pytest.mark.parametrize("issuer", [LUCA, STANDARD], ids=lambda issuer: issuer.name)


async def logged_in(people: Served, issuer: Issuer, person: Person = KARI) -> Browser:
    browser = people.browser(issuer, language="en")
    people.serving.clock.advance(1)
    await browser.log_in(person)
    return browser


async def sessions_page(browser: Browser) -> Page:
    return await browser.get(f"{browser.root}/sessions?locale=en")


def others(page: Page) -> list[Form]:
    """Return the form of each line but this browser's own."""
    return [form for form in page.forms if form.fields.get("do") == "end"]


async def is_in(browser: Browser) -> bool:
    return not (await browser.get(f"{browser.root}/account")).has_form("/login")


@WITH_PEOPLE
async def test_a_user_sees_their_live_sessions_and_which_is_this_one(people: Served, issuer: Issuer) -> None:
    await logged_in(people, issuer)
    people.serving.clock.advance(SESSION_LIFE - 1)
    first = await logged_in(people, issuer)
    gone = await logged_in(people, issuer)
    await gone.submit((await gone.get(f"{gone.root}/logout")).form("/logout"))
    await logged_in(people, issuer, SAM)
    second = await logged_in(people, issuer)

    page = await sessions_page(first)

    assert page.status == 200
    assert (page.text.count("This browser"), page.text.count("Another browser")) == (1, 1)
    assert page.text.index("This browser") < page.text.index("Another browser")
    assert len(others(page)) == len(others(await sessions_page(second))) == 1
    assert "nowhere else" in (await sessions_page(await logged_in(people, STANDARD if issuer is LUCA else LUCA))).text


@WITH_PEOPLE
async def test_U7_one_other_session_is_ended_and_its_cookie_opens_nothing(people: Served, issuer: Issuer) -> None:
    mine, lost, third = [await logged_in(people, issuer) for _ in range(3)]
    consent = (await lost.authorize()).form("/consent")
    stolen = await people.store.sessions_of(issuer.name, KARI.user_id)
    (form,) = [form for form in others(await sessions_page(mine)) if form.fields["session"] == stolen[1].id]

    page = await mine.submit(form)

    assert page.location == f"{mine.root}/sessions"
    assert [await is_in(browser) for browser in (mine, lost, third)] == [True, False, True]
    assert (await lost.submit(consent, decision="allow")).status == 400
    assert (await mine.submit(form)).status == 303  # once more changes nothing


async def test_U7_all_other_sessions_are_ended_at_once(people: Served) -> None:
    mine, *rest = [await logged_in(people, LUCA) for _ in range(4)]
    sam = await logged_in(people, LUCA, SAM)
    (form,) = [form for form in (await sessions_page(mine)).forms if form.fields.get("do") == "end_others"]

    await mine.submit(form)

    assert await is_in(mine)
    assert await is_in(sam)
    assert not any([await is_in(browser) for browser in rest])
    assert others(await sessions_page(mine)) == []


async def test_nobody_ends_the_session_of_somebody_else(people: Served) -> None:
    mine, other, sam = (
        await logged_in(people, LUCA),
        await logged_in(people, LUCA),
        await logged_in(people, LUCA, SAM),
    )
    (form,) = others(await sessions_page(mine))
    (theirs,) = await people.store.sessions_of(LUCA.name, SAM.user_id)
    own = [one.id for one in await people.store.sessions_of(LUCA.name, KARI.user_id)]

    for session in (theirs.id, own[0], "", "ses_x", "' OR 1"):
        assert (await mine.submit(form, session=session)).status == 303

    assert [await is_in(browser) for browser in (mine, other, sam)] == [True, True, True]


async def test_U1_a_form_from_elsewhere_ends_no_session_of_a_user(people: Served) -> None:
    mine, other, sam = (
        await logged_in(people, LUCA),
        await logged_in(people, LUCA),
        await logged_in(people, LUCA, SAM),
    )
    (form,) = others(await sessions_page(mine))

    wrong = [
        await mine.post("/sessions", form.fields, origin="https://evil.example"),
        await mine.post("/sessions", form.fields, sec_fetch_site="cross-site"),
        await mine.submit(form, csrf=""),
        await sam.submit(form),
        await mine.post("/sessions", {"do": "end_others"}),
    ]
    stranger = await people.browser(LUCA).submit(form)

    assert {page.status for page in wrong} == {403}
    assert stranger.has_form("/login")
    assert await is_in(other)


async def test_whoever_is_not_logged_in_logs_in_and_sees_their_sessions(people: Served) -> None:
    browser = people.browser(LUCA)
    page = await browser.get("/sessions")

    answer = await browser.submit(page.form("/login"), email=KARI.email, password=KARI.password)

    assert answer.location == "/sessions"


async def test_a_session_that_was_ended_elsewhere_meanwhile_is_as_wanted(people: Served) -> None:
    mine, _ = await logged_in(people, LUCA), await logged_in(people, LUCA)
    (form,) = others(await sessions_page(mine))
    (ended,) = [
        one for one in await people.store.sessions_of(LUCA.name, KARI.user_id) if one.id == form.fields["session"]
    ]
    await people.apply(EndSession(LUCA.name, ended.id, NOW))

    assert (await mine.submit(form)).location == "/sessions"

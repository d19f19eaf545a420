"""What a user sees and ends: the session, and what was given to which application."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import NOW
from failing_store import FailingStore
from issuing import LUCA, STANDARD, a_copy, known, serving
from people_served import FIRST, KARI, SAM, SECOND, quick
from portvakt.model.behalf_change import EndSession
from portvakt.model.change import RemoveMember
from portvakt.protocol.ending import end_grant

if TYPE_CHECKING:
    from pathlib import Path

    from html_pages import Page
    from people_served import Browser, Served
    from portvakt.model.nouns import Issuer

WITH_PEOPLE = pytest.mark.parametrize("issuer", [LUCA, STANDARD], ids=lambda issuer: issuer.name)


def lines_of(page: Page) -> list[tuple[str, str | None]]:
    """Return the client and company of each line of the page."""
    return [
        (form.fields["client"], form.fields.get("organisation") or None)
        for form in page.forms
        if "client" in form.fields
    ]


async def test_U14_a_link_to_the_way_out_only_asks(people: Served) -> None:
    browser = people.browser(LUCA)
    await browser.log_in(KARI)

    asked = await browser.get("/logout", sec_fetch_site="cross-site", referer="https://evil.example/")

    assert asked.form("/logout").fields.keys() >= {"csrf"}
    assert KARI.email in (await browser.get("/account")).text


async def test_U14_U1_a_form_from_elsewhere_ends_no_session(people: Served) -> None:
    browser, other = people.browser(LUCA), people.browser(LUCA)
    await browser.log_in(KARI)
    await other.log_in(SAM)
    form = (await browser.get("/logout")).form("/logout")
    foreign = (await other.get("/logout")).form("/logout")

    wrong = [
        await browser.post("/logout", form.fields, origin="https://evil.example"),
        await browser.post("/logout", form.fields, origin="null"),
        await browser.post("/logout", form.fields, sec_fetch_site="cross-site"),
        await browser.submit(foreign),
        await browser.post("/logout", {}),
        await browser.post("/logout", {"csrf": (await browser.authorize()).form("/consent").fields["csrf"]}),
    ]

    assert {page.status for page in wrong} == {403}
    assert KARI.email in (await browser.get("/account")).text


@WITH_PEOPLE
async def test_U7_after_a_log_out_the_cookie_opens_nothing(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    consent = (await browser.ask_consent(KARI)).form("/consent")
    kept = dict(browser.cookies)

    page = await browser.submit((await browser.get(f"{browser.root}/logout")).form("/logout"))

    assert page.location == f"{browser.root}/logout"
    assert not any(name.endswith("-session") for name in browser.cookies)
    assert (await browser.get(page.location)).status == 200
    browser.cookies = kept
    assert (await browser.get(f"{browser.root}/account")).has_form("/login")
    assert (await browser.submit(consent, decision="allow")).status == 400
    assert people.serving.rows()["codes"] == 0


@WITH_PEOPLE
async def test_one_line_stands_for_a_client_and_a_company_and_its_end_is_the_end_of_all_in_it(
    people: Served, issuer: Issuer
) -> None:
    browser = people.browser(issuer)
    tokens: dict[tuple[str, str], list[str]] = {}
    for label, number in (("app", str(FIRST)), ("app", str(FIRST)), ("app", str(SECOND)), ("other", str(FIRST))):
        code = await browser.get_code(SAM, label, organisation_number=number, prompt="consent")
        tokens.setdefault((label, number), []).append(await exchanged(people, issuer, code, label))
    client = {label: known(issuer, label).client_id for label in ("app", "other")}
    page = await browser.get(f"{browser.root}/connected")
    assert sorted(lines_of(page)) == sorted([(client["app"], FIRST), (client["app"], SECOND), (client["other"], FIRST)])

    await revoke(browser, page, client["app"], FIRST)

    left = lines_of(await browser.get(f"{browser.root}/connected"))
    assert sorted(left) == sorted([(client["app"], SECOND), (client["other"], FIRST)])
    for (label, number), found in tokens.items():
        for token in found:
            answer = await people.refresh(issuer, token, label)
            assert answer.status == (400 if (label, number) == ("app", FIRST) else 200)
    _, told = await people.store.revocations(issuer.name, 0, 10)
    assert len(told) == 2


async def exchanged(people: Served, issuer: Issuer, code: str, label: str) -> str:
    token: str = (await people.exchange(issuer, code, label)).json()["refresh_token"]
    return token


async def revoke(browser: Browser, page: Page, client_id: str, organisation: str) -> None:
    (form,) = [
        form
        for form in page.forms
        if (form.fields.get("client"), form.fields.get("organisation")) == (client_id, organisation)
    ]
    assert (await browser.submit(form)).location == f"{browser.root}/connected"


async def test_I5_what_is_revoked_before_its_code_was_redeemed_gives_nothing(people: Served) -> None:
    browser = people.browser(LUCA)
    code = await browser.get_code(KARI)
    page = await browser.get("/connected")

    await revoke(browser, page, known(LUCA, "app").client_id, KARI.companies[0])

    assert (await people.exchange(LUCA, code)).json()["error"] == "invalid_grant"


@WITH_PEOPLE
async def test_what_another_request_ends_meanwhile_is_as_wanted_and_the_rest_ends_too(
    peopled_file: Path, tmp_path: Path, issuer: Issuer
) -> None:
    path = a_copy(peopled_file, tmp_path)
    store = FailingStore(path)
    async with serving(path, [LUCA, STANDARD], store=store) as served:
        people = quick(served)
        browser = people.browser(issuer)
        tokens = [
            await exchanged(people, issuer, await browser.get_code(KARI, prompt="consent"), "app") for _ in range(3)
        ]
        page = await browser.get(f"{browser.root}/connected")
        first, *_ = await store.grants_of_user(issuer.name, KARI.user_id)
        store.beforehand["apply"] = lambda: store.apply(end_grant(issuer, first, NOW))

        await revoke(browser, page, known(issuer, "app").client_id, KARI.companies[0])

        assert await store.grants_of_user(issuer.name, KARI.user_id) == ()
        assert [(await people.refresh(issuer, token)).status for token in tokens] == [400, 400, 400]
        (session,) = await store.sessions_of(issuer.name, KARI.user_id)
        store.beforehand["apply"] = lambda: store.apply([EndSession(issuer.name, session.id, NOW)])
        form = (await browser.get(f"{browser.root}/logout")).form("/logout")
        assert (await browser.submit(form)).status == 303
    await store.close()


@pytest.mark.parametrize("first", ["the revocation", "the code"])
async def test_U9_a_line_that_is_revoked_while_it_gives_again_has_ended(
    peopled_file: Path, tmp_path: Path, first: str
) -> None:
    path = a_copy(peopled_file, tmp_path)
    store = FailingStore(path)
    async with serving(path, [STANDARD], store=store) as served:
        people = quick(served)
        browser, other = people.browser(STANDARD), people.browser(STANDARD)
        await browser.get_code(KARI)
        other.cookies = dict(browser.cookies)
        page = await browser.get(f"{browser.root}/connected")
        line = (known(STANDARD, "app").client_id, KARI.companies[0])

        if first == "the revocation":  # the code was decided on what was there before
            store.beforehand["apply"] = lambda: revoke(browser, page, *line)
            assert (await other.authorize()).has_form("/consent")
        else:
            store.beforehand["apply"] = lambda: other.get_code(KARI)
            await revoke(browser, page, *line)

        assert await store.grants_of_user(STANDARD.name, KARI.user_id) == ()
    await store.close()


async def test_nobody_revokes_for_somebody_else(people: Served) -> None:
    mine, theirs = people.browser(LUCA), people.browser(LUCA)
    code = await mine.get_code(KARI)
    await theirs.get_code(SAM)
    form = (await theirs.get("/connected")).forms[-1]

    await theirs.submit(form, client=known(LUCA, "app").client_id, organisation=KARI.companies[0])
    stolen = await mine.submit(form)
    foreign = await mine.post("/connected", form.fields, origin="https://evil.example")

    assert (stolen.status, foreign.status) == (403, 403)
    assert (await people.exchange(LUCA, code)).status == 200


async def test_a_company_that_the_user_left_still_shows_what_was_given_for_it(people: Served) -> None:
    browser = people.browser(LUCA)
    await browser.get_code(SAM)
    await people.apply(RemoveMember(LUCA.name, FIRST, SAM.user_id))

    page = await browser.get("/connected")

    assert lines_of(page) == [(known(LUCA, "app").client_id, FIRST)]
    await revoke(browser, page, known(LUCA, "app").client_id, FIRST)
    assert lines_of(await browser.get("/connected")) == []


async def test_whoever_is_not_logged_in_is_asked_to_and_comes_back(people: Served) -> None:
    for path in ("/account", "/connected"):
        browser = people.browser(LUCA)
        page = await browser.get(path)
        answer = await browser.submit(page.form("/login"), email=KARI.email, password=KARI.password)
        assert answer.location == path
        assert (await people.browser(LUCA).post(path, {})).status in {200, 405}


async def test_a_line_says_when_the_application_last_renewed_its_access(people: Served) -> None:
    browser = people.browser(LUCA, language="en")
    token = await exchanged(people, LUCA, await browser.get_code(KARI), "app")
    before = await browser.get("/connected")
    people.serving.clock.advance(86400)
    await people.refresh(LUCA, token)
    people.serving.clock.advance(86400)

    await people.serving.application._uses.write(people.store)

    after = await browser.log_in(KARI, await browser.get("/connected"))
    assert "16.\u00a0januar 2027" not in before.text
    assert "16.\u00a0januar 2027" in after.text

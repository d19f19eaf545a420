"""The user's answer: from the browser that was asked, for a company that was offered, once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from builders import NOW
from failing_store import FailingStore
from issuing import LUCA, STANDARD, a_copy, known, serving
from people_served import ALONE, CALLBACK, COMPANIES, FIRST, KARI, LONER, SAM, SECOND, an_application, quick
from portvakt.model.change import AddMember, RemoveMember, SetClientDisabled
from portvakt.protocol.answer.consent import TRANSACTION_LIFE
from portvakt.store import StoreUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from html_pages import Page
    from people_served import Browser, Served
    from portvakt.model.nouns import Issuer

WITH_PEOPLE = pytest.mark.parametrize("issuer", [LUCA, STANDARD], ids=lambda issuer: issuer.name)
FROM_ELSEWHERE: tuple[dict[str, str], ...] = (
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},
    {"content_type": "text/plain"},
    {"content_type": "application/json"},
)


def given(people: Served) -> tuple[int, int]:
    rows = people.serving.rows()
    return rows["grants"], rows["codes"]


@WITH_PEOPLE
async def test_U1_an_answer_from_another_page_gives_nothing(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    form = (await browser.ask_consent(KARI)).form("/consent")
    sent = {**form.fields, "decision": "allow"}

    for headers in FROM_ELSEWHERE:
        assert (await browser.post(form.action, sent, **headers)).status == 403, headers
    for name in ("csrf", "transaction"):
        for text in ("", "x", "å", form.fields[name] + "x", form.fields[name][:-1], form.fields[name].upper()):
            page = await browser.post(form.action, {**sent, name: text})
            assert page.status in {400, 403}, (name, text)

    assert given(people) == (0, 0)
    assert "code" in (await browser.post(form.action, sent, origin="", sec_fetch_site="")).sent_back  # an old browser


@WITH_PEOPLE
async def test_U1_U2_the_form_of_one_browser_is_none_in_another(people: Served, issuer: Issuer) -> None:
    mine, theirs = people.browser(issuer), people.browser(issuer)
    form = (await mine.ask_consent(KARI)).form("/consent")
    own = (await theirs.ask_consent(SAM)).form("/consent")

    stranger = await people.browser(issuer).submit(form, decision="allow")
    forwarded = await theirs.submit(form, decision="allow")
    mixed = await theirs.submit(own, decision="allow", transaction=form.fields["transaction"])
    same_user = people.browser(issuer)
    await same_user.log_in(KARI)

    assert stranger.status == 400  # nobody is logged in there
    assert (forwarded.status, mixed.status) == (403, 403)
    assert (await same_user.submit(form, decision="allow")).status == 403
    assert given(people) == (0, 0)


async def test_U8_a_forwarded_request_begins_anew_for_whoever_opens_it(people: Served) -> None:
    mine, victim = people.browser(LUCA), people.browser(LUCA)
    page = await mine.ask_consent(KARI)
    (other,) = [link for link in page.links if "/login" in link]

    theirs = await victim.log_in(SAM, await victim.get(other))

    assert theirs.form("/consent").fields["transaction"] != page.form("/consent").fields["transaction"]
    assert SAM.email in theirs.text


@WITH_PEOPLE
async def test_U8_the_form_of_who_was_logged_in_before_is_refused(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    form = (await browser.ask_consent(KARI)).form("/consent")
    await browser.log_in(SAM)

    page = await browser.submit(form, decision="allow")

    assert page.status == 403
    assert given(people) == (0, 0)


@WITH_PEOPLE
async def test_U11_a_double_click_gives_one_code(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    form = (await browser.ask_consent(KARI)).form("/consent")

    pages = await asyncio.gather(*(browser.submit(form, decision="allow") for _ in range(8)))

    assert sorted(page.status for page in pages) == [303, *[409] * 7]
    assert given(people) == (1, 1)
    assert all(page.links == ["https://app.example/"] for page in pages if page.status == 409)


@WITH_PEOPLE
@pytest.mark.parametrize(("first", "second"), [("allow", "allow"), ("allow", "deny"), ("deny", "allow")])
async def test_U11_back_and_replay_answer_nothing_a_second_time(
    people: Served, issuer: Issuer, first: str, second: str
) -> None:
    browser = people.browser(issuer)
    form = (await browser.ask_consent(KARI)).form("/consent")
    answered = await browser.submit(form, decision=first)

    again = await browser.submit(form, decision=second)

    assert answered.status == 303
    assert again.status == 409
    assert given(people) == ((1, 1) if first == "allow" else (0, 0))
    if first == "allow":  # and what the first gave is still good
        assert (await people.exchange(issuer, answered.sent_back["code"])).status == 200


@WITH_PEOPLE
async def test_U11_two_tabs_are_two_requests(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    one = await browser.ask_consent(KARI, state="one")
    two = await browser.authorize("other", state="two")

    second = await browser.submit(two.form("/consent"), decision="allow")
    first = await browser.submit(one.form("/consent"), decision="allow")

    assert (first.sent_back["state"], second.sent_back["state"]) == ("one", "two")
    assert (await people.exchange(issuer, second.sent_back["code"], "other")).status == 200
    assert (await people.exchange(issuer, first.sent_back["code"], "app")).status == 200


@WITH_PEOPLE
async def test_an_answer_that_comes_too_late_is_a_page(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    early, late = [(await browser.ask_consent(KARI)).form("/consent") for _ in range(2)]

    people.serving.clock.advance(TRANSACTION_LIFE - 1)
    assert "code" in (await browser.submit(early, decision="allow")).sent_back
    people.serving.clock.advance(1)

    assert (await browser.submit(late, decision="allow")).status == 400
    assert given(people) == (1, 1)


@WITH_PEOPLE
async def test_a_form_without_a_decision_is_no_answer(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    form = (await browser.ask_consent(KARI)).form("/consent")

    for decision in ({}, {"decision": ""}, {"decision": "Allow"}, {"decision": "yes"}):
        assert (await browser.submit(form, **decision)).status == 403

    assert given(people) == (0, 0)
    assert "code" in (await browser.submit(form, decision="allow")).sent_back


# --- the company ------------------------------------------------------------------------------------------------------


@WITH_PEOPLE
async def test_the_companies_of_the_user_may_be_chosen_and_one_must_be(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    page = await browser.ask_consent(SAM, locale="nb")
    form = page.form("/consent")
    assert form.choices["organisation"] == [FIRST, SECOND, "312047154"]
    assert all(COMPANIES[number] in page.text for number in SAM.companies)

    missing = await browser.submit(form, decision="allow")

    assert (missing.status, missing.lang) == (400, "nb")
    (other,) = [link for link in missing.links if "/login" in link]
    assert (await browser.log_in(KARI, await browser.get(other))).has_form("/consent")
    assert given(people) == (0, 0)


@WITH_PEOPLE
async def test_G6_a_tampered_form_chooses_nothing_that_was_not_offered(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    forms = [
        (await browser.ask_consent(SAM)).form("/consent"),
        (await browser.authorize(organisation_number=FIRST)).form("/consent"),
    ]

    for form, wrong in (
        (forms[0], ALONE),
        (forms[0], "x"),
        (forms[1], SECOND),
        (forms[1], ALONE),
        (forms[1], "' OR 1"),
    ):
        assert (await browser.submit(form, decision="allow", organisation=wrong)).status == 403, wrong
    assert given(people) == (0, 0)

    forced = await browser.submit(forms[1], decision="allow")
    (grant,) = await people.store.grants_of_user(issuer.name, SAM.user_id)
    assert "code" in forced.sent_back
    assert grant.organisation == FIRST


@WITH_PEOPLE
async def test_G6_the_company_that_was_shown_is_given_or_none(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    form = (await browser.ask_consent(KARI, locale="en")).form("/consent")
    await people.apply(AddMember(issuer.name, FIRST, KARI.user_id, NOW), RemoveMember(issuer.name, ALONE, KARI.user_id))

    for sent in ({}, {"organisation": FIRST}, {"organisation": ALONE}):
        page = await browser.submit(form, decision="allow", **sent)
        assert (page.status, page.lang) == (403, "en")
        assert COMPANIES[FIRST] in page.text
        assert COMPANIES[ALONE] not in page.text
        assert "Your companies changed" in page.text
    assert given(people) == (0, 0)

    again = await browser.submit(page.form("/consent"), decision="allow")

    (grant,) = await people.store.grants_of_user(issuer.name, KARI.user_id)
    assert "code" in again.sent_back
    assert grant.organisation == FIRST


@WITH_PEOPLE
async def test_G6_a_company_that_came_while_the_page_stood_open_is_not_given(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    form = (await browser.ask_consent(KARI)).form("/consent")
    await people.apply(AddMember(issuer.name, FIRST, KARI.user_id, NOW))

    assert "code" in (await browser.submit(form, decision="allow")).sent_back

    (grant,) = await people.store.grants_of_user(issuer.name, KARI.user_id)
    assert grant.organisation == ALONE


@WITH_PEOPLE
async def test_G6_of_several_one_is_chosen_also_where_one_is_left(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    form = (await browser.ask_consent(SAM, locale="nb")).form("/consent")
    await people.apply(*(RemoveMember(issuer.name, number, SAM.user_id) for number in SAM.companies[1:]))

    left = [await browser.submit(form, decision="allow", **sent) for sent in ({}, {"organisation": SECOND})]

    assert {(page.status, page.lang) for page in left} == {(403, "nb")}
    assert all("organisation" not in page.form("/consent").choices for page in left)
    assert given(people) == (0, 0)
    assert "code" in (await browser.submit(form, decision="allow", organisation=FIRST)).sent_back


async def test_G6_who_had_no_company_gives_none_that_came(people: Served) -> None:
    browser = people.browser(STANDARD)
    form = (await browser.ask_consent(LONER)).form("/consent")
    await people.apply(AddMember(STANDARD.name, FIRST, LONER.user_id, NOW))

    page = await browser.submit(form, decision="allow")

    assert page.status == 403
    assert COMPANIES[FIRST] in page.text
    assert given(people) == (0, 0)


@WITH_PEOPLE
async def test_U2_what_a_page_showed_is_no_text_that_a_browser_may_change(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    one = (await browser.ask_consent(KARI)).form("/consent")
    two = (await browser.authorize(state="two", prompt="consent")).form("/consent")
    shown, _, signature = one.fields["csrf"].partition(".")
    await people.apply(AddMember(issuer.name, FIRST, KARI.user_id, NOW))
    assert shown == ALONE

    for wrong in (f"{FIRST}.{signature}", f"several.{signature}", f".{signature}", signature, two.fields["csrf"]):
        page = await browser.submit(one, decision="allow", organisation=FIRST, csrf=wrong)
        assert (page.status, page.has_form("/consent")) == (403, False), wrong

    assert given(people) == (0, 0)


@WITH_PEOPLE
async def test_G6_who_left_the_company_meanwhile_gives_nothing(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    form = (await browser.ask_consent(SAM, organisation_number=FIRST, locale="nb")).form("/consent")
    await people.apply(RemoveMember(issuer.name, FIRST, SAM.user_id))

    page = await browser.submit(form, decision="allow")

    assert (page.status, page.lang) == (403, "nb")
    other, back = page.links
    assert back.startswith(f"{CALLBACK}?error=access_denied&")
    assert "state=s+1" in back
    again = await browser.get((await browser.get(other)).form("/login").fields["return_to"])
    assert again.status == 403  # for the same company, with every parameter that matters
    assert given(people) == (0, 0)


@WITH_PEOPLE
async def test_I5_a_client_that_was_disabled_meanwhile_gets_nothing(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    form = (await browser.ask_consent(KARI)).form("/consent")
    await people.apply(SetClientDisabled(issuer.name, known(issuer, "app").client_id, NOW))

    for decision in ("allow", "deny"):
        page = await browser.submit(form, decision=decision)
        assert (page.status, page.header("location")) == (400, None)

    assert given(people) == (0, 0)


# --- what strangers put into a page -----------------------------------------------------------------------------------

NASTY = (
    ("<script>alert(1)</script>", "<script"),
    ('"><img src=x onerror=alert(1)>', "<img"),
    ("{{7*7007}}{% raw %}${7*7007}", "49049"),
    ("</title><svg onload=alert(1)>", "<svg onload"),
    ("\u202egpj.exe", "\u202e"),
    ("x" * 5000, "x" * 500),
)
"""Names, and what would show that one of them is more than text."""


@WITH_PEOPLE
async def test_W1_W2_a_clients_name_is_text_on_every_page(people: Served, issuer: Issuer) -> None:
    for number, (name, bad) in enumerate(NASTY):
        await people.apply(*an_application(issuer, f"nasty{number}", name=name))
        browser = people.browser(issuer)
        log_in = await browser.authorize(f"nasty{number}")
        asked = await browser.log_in(KARI, log_in)
        done = await browser.submit(asked.form("/consent"), decision="allow")
        again = await browser.submit(asked.form("/consent"), decision="allow")
        connected = await browser.get(f"{browser.root}/connected")

        assert "code" in done.sent_back
        assert [page.heading for page in (log_in, asked, again, connected) if bad in page.text] == [], name[:20]


@WITH_PEOPLE
async def test_W5_quotes_and_comments_are_data_in_every_field(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    page = await browser.authorize()
    for text in ("' OR '1'='1", '" ; --', "\\", "%' OR", "kari@example.com'--"):
        wrong = await browser.submit(page.form("/login"), email=text, password=text)
        assert wrong.status == 403
    form = (await browser.log_in(KARI, page)).form("/consent")
    for text in ("' OR '1'='1", '" ; --', "\\", "%' OR"):
        for name in ("transaction", "organisation", "decision"):
            assert (await browser.submit(form, **{"decision": "allow", name: text})).status in {400, 403}
    assert given(people) == (0, 0)


# --- our faults -------------------------------------------------------------------------------------------------------


@WITH_PEOPLE
async def test_FT5_a_store_that_fails_is_a_page_and_the_answer_may_be_given_again(
    peopled_file: Path, tmp_path: Path, issuer: Issuer
) -> None:
    path = a_copy(peopled_file, tmp_path)
    store = FailingStore(path)
    async with serving(path, [LUCA, STANDARD], store=store) as served:
        people = quick(served)
        browser = people.browser(issuer, language="nb")
        page = await browser.authorize()
        store.failing["apply"] = StoreUnavailable("cannot apply: the database is gone")
        fails(await browser.submit(page.form("/login"), email=KARI.email, password=KARI.password))
        store.failing.clear()
        asked = await browser.log_in(KARI, page)
        store.failing["apply"] = StoreUnavailable("cannot apply: the database is gone")
        fails(await browser.authorize())
        fails(await browser.submit(asked.form("/consent"), decision="allow"))
        assert given(people) == (0, 0)
        store.failing.clear()

        answered = await browser.submit(asked.form("/consent"), decision="allow")

        assert (await people.exchange(issuer, answered.sent_back["code"])).status == 200
    await store.close()


def fails(page: Page) -> None:
    assert (page.status, page.header("retry-after")) == (503, "1")
    assert page.lang == "nb"
    assert (page.header("portvakt-reference") or "no reference") in page.text


async def test_a_strange_query_beside_an_answer_is_no_fault_of_ours(people: Served) -> None:
    browser: Browser = people.browser(LUCA)
    form = (await browser.ask_consent(KARI)).form("/consent")
    form.action += "?" + "a=1&" * 300

    assert "code" in (await browser.submit(form, decision="allow")).sent_back

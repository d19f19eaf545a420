"""Links by which users choose a password: who gets one, what it is good for, and that it is good once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from issuing import INSTALLATION, LUCA, PRISJAKT
from people_served import KARI, settled
from portvakt.model.audit import NOBODY, Act, By
from portvakt.model.values import Instant, Secret
from portvakt.protocol.govern.actor import Actor
from portvakt.protocol.govern.people import UserWish
from portvakt.server.administration import Administration, Refusal
from portvakt.server.password_page import ASKED_FOR, ASKED_FROM

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from html_pages import Page
    from people_served import Browser, Served
    from portvakt.protocol.govern.invitations import Link
    from portvakt.server.inviting import Inviting

NEW = "quite-another-phrase"
DAY = 86_400


@pytest.fixture
def inviting(people: Served) -> Inviting:
    return Administration(people.store, INSTALLATION, clock=people.serving.clock).inviting(LUCA)


async def follow(people: Served, browser: Browser, link: Link) -> Page:
    """Follow a link as a browser does; return the page where one chooses."""
    people.serving.secrets.add(link.url.reveal().partition("token=")[2])
    parts = urlsplit(link.url.reveal())
    first = await browser.get(f"{parts.path}?{parts.query}")
    assert (first.status, first.location, first.header("referrer-policy")) == (
        303,
        f"{browser.root}/password",
        "no-referrer",
    )
    return await browser.get(first.location)


async def choose(people: Served, browser: Browser, page: Page, password: str = NEW) -> Page:
    people.serving.secrets.add(password)
    return await browser.submit(page.form("/password"), password=password)


async def logs_in(people: Served, email: str, password: str) -> bool:
    browser = people.browser(LUCA)
    form = (await browser.get(f"{browser.root}/login")).form("/login")
    return (await browser.submit(form, email=email, password=password)).status == 303


async def forgets(people: Served, email: str, *, address: str = "192.0.2.1") -> Page:
    """Ask for a link, and wait until what follows has happened."""
    browser = people.browser(LUCA, language="en", address=address)
    page = await browser.get(f"{browser.root}/forgot-password")
    answer = await browser.submit(page.form("/forgot-password"), email=email)
    await settled()
    return answer


async def refused(asked: Awaitable[object]) -> int:
    with pytest.raises(Refusal) as refusal:
        await asked
    return refusal.value.refused.status


async def test_who_is_invited_chooses_a_password_and_logs_in(people: Served, inviting: Inviting) -> None:
    link = await inviting.invite("new@example.com", UserWish(locale="nb"))
    browser = people.browser(LUCA, language="en")

    page = await follow(people, browser, link)
    done = await choose(people, browser, page)

    assert (page.status, page.lang) == (200, "nb")
    assert "new@example.com" in page.text
    assert (done.status, done.heading) == (200, "Passordet er lagret")
    assert await logs_in(people, "new@example.com", NEW)


async def test_a_link_is_good_once(people: Served, inviting: Inviting) -> None:
    link = await inviting.reset(KARI.email)
    first, second = people.browser(LUCA), people.browser(LUCA)
    pages = [await follow(people, browser, link) for browser in (first, second)]

    answers = await asyncio.gather(
        choose(people, first, pages[0]), choose(people, second, pages[1], "the-other-ones-phrase")
    )

    assert sorted(answer.status for answer in answers) == [200, 403]
    assert (await follow(people, people.browser(LUCA), link)).status == 403


async def test_a_new_link_ends_the_older_one_and_a_new_password_ends_them_all(
    people: Served, inviting: Inviting
) -> None:
    older, newer = await inviting.reset(KARI.email), await inviting.reset(KARI.user_id)
    browser = people.browser(LUCA)
    assert (await follow(people, browser, older)).status == 403

    page = await follow(people, browser, newer)
    administration = Administration(people.store, INSTALLATION, clock=people.serving.clock)
    await administration.people(LUCA).set_password(KARI.email, Secret(NEW))

    assert (await choose(people, browser, page)).status == 403
    assert await logs_in(people, KARI.email, NEW)


@pytest.mark.parametrize(("invited", "life"), [(True, 7 * DAY), (False, DAY)])
async def test_a_link_ends_by_itself(people: Served, inviting: Inviting, invited: bool, life: int) -> None:
    link = await (inviting.invite("new@example.com") if invited else inviting.reset(KARI.email))
    browser = people.browser(LUCA)
    people.serving.clock.advance(life - 1)
    before = await follow(people, browser, link)

    people.serving.clock.advance(1)

    assert (before.status, (await choose(people, browser, before)).status) == (200, 403)
    assert await people.store.clean(None, Instant(people.serving.clock())) > 0
    assert await inviting.outbox() == []


async def test_the_link_of_who_is_disabled_is_no_good_any_more(people: Served, inviting: Inviting) -> None:
    link = await inviting.reset(KARI.email)
    users = Administration(people.store, INSTALLATION, clock=people.serving.clock).people(LUCA)

    await users.set_enabled(KARI.email, False)
    await users.set_enabled(KARI.email, True)

    assert (await follow(people, people.browser(LUCA), link)).status == 403


async def test_U1_a_password_is_chosen_in_the_browser_that_followed_the_link_by_its_own_form_alone(
    people: Served, inviting: Inviting
) -> None:
    page = await follow(people, browser := people.browser(LUCA), await inviting.reset(KARI.email))
    form = page.form("/password")

    answers = [
        await browser.submit(form, leave_out=["csrf"], password=NEW),
        await browser.submit(form, csrf="x" * 43, password=NEW),
        await browser.post(form.action, {**form.fields, "password": NEW}, origin="https://evil.example"),
        await browser.post(form.action, {**form.fields, "password": NEW}, sec_fetch_site="cross-site"),
        await people.browser(LUCA).submit(form, password=NEW),
    ]

    assert [answer.status for answer in answers] == [403] * 5
    assert await logs_in(people, KARI.email, KARI.password)


@pytest.mark.parametrize("token", ["", "x", "pvk_in_" + "A" * 49, "a%0D%0Aset-cookie:%20b=c", "%00", "%FF"])
async def test_what_is_no_link_is_told_so_and_sets_no_cookie(people: Served, token: str) -> None:
    browser = people.browser(LUCA, language="en")

    page = await browser.get(f"{browser.root}/password?token={token}")

    assert (page.status, page.heading) == (403, "This link no longer works")
    assert browser.cookies == {}


@pytest.mark.parametrize("password", ["short", "", "x" * 257])
async def test_a_password_that_nobody_may_have_is_asked_for_again(
    people: Served, inviting: Inviting, password: str
) -> None:
    browser = people.browser(LUCA)
    page = await follow(people, browser, await inviting.reset(KARI.email))

    again = await choose(people, browser, page, password or "")

    assert again.status == 400
    assert (await choose(people, browser, again)).status == 200


async def test_who_was_logged_in_with_the_old_password_is_so_no_more(people: Served, inviting: Inviting) -> None:
    old, new = people.browser(LUCA), people.browser(LUCA)
    await old.log_in(KARI)

    await choose(people, new, await follow(people, new, await inviting.reset(KARI.email)))

    assert (await old.get(f"{old.root}/account")).has_form("/login")
    assert not await logs_in(people, KARI.email, KARI.password)


async def test_the_answer_is_the_same_whoever_has_the_email(people: Served, inviting: Inviting) -> None:
    answers = [await forgets(people, email) for email in (KARI.email, "nobody@example.com", "", "x" * 5000)]

    assert {(answer.status, answer.text.replace(answer.lang, "")) for answer in answers} == {
        (200, answers[0].text.replace(answers[0].lang, ""))
    }
    assert [link.user.email for link in await inviting.outbox()] == [KARI.email]


async def test_a_link_that_was_asked_for_is_in_the_log_with_the_address(people: Served, inviting: Inviting) -> None:
    await forgets(people, KARI.email, address="198.51.100.7")

    _, (line, *_) = await people.store.audit(LUCA.name, before=None, limit=10)

    assert (line.event.act, line.event.user) == (Act.PASSWORD_RESET_ASKED, KARI.user_id)
    assert (line.by.kind, line.by.address) == (NOBODY.kind, "198.51.100.7")
    assert line.by.request_id
    (link,) = await inviting.outbox()
    people.serving.secrets.add(link.url.reveal().partition("token=")[2])


async def test_nobody_is_sent_links_without_end(people: Served) -> None:
    for number in range(ASKED_FOR.limit + 2):
        await forgets(people, KARI.email, address=f"192.0.2.{number + 10}")

    _, lines = await people.store.audit(LUCA.name, before=None, limit=100)
    assert len(lines) == ASKED_FOR.limit
    for number in range(ASKED_FROM.limit):
        await forgets(people, f"nobody{number}@example.com", address="198.51.100.9")
    await forgets(people, "sam@example.com", address="198.51.100.9")
    _, lines = await people.store.audit(LUCA.name, before=None, limit=100)
    assert len(lines) == ASKED_FOR.limit


async def test_U1_a_link_is_asked_for_in_our_own_form_alone(people: Served, inviting: Inviting) -> None:
    browser = people.browser(LUCA)
    form = (await browser.get(f"{browser.root}/forgot-password")).form("/forgot-password")

    answers = [
        await browser.submit(form, leave_out=["csrf"], email=KARI.email),
        await browser.post(form.action, {**form.fields, "email": KARI.email}, origin="https://evil.example"),
        await people.browser(LUCA).submit(form, email=KARI.email),
    ]

    assert [answer.status for answer in answers] == [403] * 3
    assert await inviting.outbox() == []


async def test_the_outbox_is_for_operators_and_has_pages(people: Served, inviting: Inviting) -> None:
    links = [await inviting.invite(f"{number}@example.com") for number in range(3)]
    by_user = {link.user.id: link for link in links}

    first = await inviting.outbox(limit=2)
    rest = await inviting.outbox(after=first[-1].user.id)

    assert [link.user.id for link in first + rest] == sorted(by_user)
    assert all(link == by_user[link.user.id] for link in first + rest)
    administration = Administration(people.store, INSTALLATION, clock=people.serving.clock)
    theirs = administration.inviting(LUCA, Actor(issuer=LUCA.name, user=KARI.user_id, developer=True), By())
    assert await refused(theirs.outbox()) == 403
    assert await refused(theirs.invite("x@example.com")) == 403
    assert await refused(theirs.reset(KARI.email)) == 404


async def test_who_has_a_password_is_not_invited_and_nobody_is_where_nobody_logs_in(
    people: Served, inviting: Inviting
) -> None:
    administration = Administration(people.store, INSTALLATION, clock=people.serving.clock)

    assert await refused(inviting.invite(KARI.email)) == 409
    assert await refused(inviting.reset("nobody@example.com")) == 404
    assert await refused(administration.inviting(PRISJAKT).invite("new@example.com")) == 400
    again = [await inviting.invite("new@example.com") for _ in range(2)]
    assert again[0].user == again[1].user

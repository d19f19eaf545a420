"""Logging in: who gets a session, where it leads, and what strangers can do with the form."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from builders import NOW
from issuing import BREEZE, LUCA, PRISJAKT, STANDARD
from people_served import KARI, SAM, TRIES, Browser, Person, settled
from portvakt.model.behalf_change import SetPassword
from portvakt.model.change import AddUser
from portvakt.model.nouns import User
from portvakt.model.values import Secret, UserId
from portvakt.server.account import LOG_INS, SESSION_LIFE, WRONG_PASSWORDS, WRONG_PASSWORDS_OF_ADDRESS
from portvakt.server.administering_people import People
from portvakt.server.passwords import THREADS, WAITING, Busy

if TYPE_CHECKING:
    from html_pages import Page
    from issuing import Serving
    from people_served import Served
    from portvakt.model.nouns import Issuer

WITH_PEOPLE = pytest.mark.parametrize("issuer", [LUCA, STANDARD], ids=lambda issuer: issuer.name)
NOBODY = Person("nobody", ())


def session_of(browser: Browser) -> str | None:
    return next((value for name, value in browser.cookies.items() if name.endswith("-session")), None)


async def try_password(browser: Browser, person: Person, password: str) -> Page:
    page = await browser.get(f"{browser.root}/login")
    return await browser.submit(page.form("/login"), email=person.email, password=password)


@WITH_PEOPLE
async def test_the_right_password_begins_a_session_for_this_issuer_alone(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)

    page = await browser.log_in(KARI)

    assert page.status == 200
    assert KARI.email in page.text
    assert set(browser.cookies) == {f"__Host-portvakt-{issuer.name}-visit", f"__Host-portvakt-{issuer.name}-session"}
    other = STANDARD if issuer is LUCA else LUCA
    foreign = people.browser(
        other, cookies={name.replace(issuer.name, other.name): value for name, value in browser.cookies.items()}
    )
    assert (await foreign.get(f"{foreign.root}/account")).has_form("/login")


async def test_a_provider_without_users_has_no_pages(breeze: Serving, prisjakt: Serving) -> None:
    for served, issuer in ((breeze, BREEZE), (prisjakt, PRISJAKT)):
        for path in ("/login", "/logout", "/account", "/connected", "/consent", "/authorize"):
            assert (await served.get(issuer.url + path)).status == 404, path


@pytest.mark.parametrize("spelled", ["kari@example.com", " kari@example.com ", "KARI@EXAMPLE.COM"])
async def test_U13_an_email_is_one_user_in_any_letter_case(people: Served, spelled: str) -> None:
    browser = people.browser(LUCA)
    page = await browser.get("/login")

    answer = await browser.submit(page.form("/login"), email=spelled, password=KARI.password)

    assert answer.location == "/account"


@pytest.mark.parametrize(
    "spelled",
    [
        "\uff4bari@example.com",
        "kari\u200b@example.com",
        "kari@example.com.",
        "kar\u0131@example.com",
    ],
    ids=ascii,
)
async def test_U13_a_look_alike_is_nobody(people: Served, spelled: str) -> None:
    browser = people.browser(LUCA)
    page = await browser.get("/login")

    answer = await browser.submit(page.form("/login"), email=spelled, password=KARI.password)

    assert answer.status == 403
    assert session_of(browser) is None


async def test_A9_an_unknown_user_a_wrong_password_and_a_disabled_user_are_one_answer(people: Served) -> None:
    gone = Person("gone", ())
    hashed: list[str | None] = []
    passwords = people.serving.application._passwords
    verify = passwords._verify

    def noting(known: str | None, password: Secret) -> bool:
        hashed.append(known)
        return verify(known, password)

    passwords._verify = noting  # type: ignore[method-assign]

    pages = [
        await try_password(people.browser(LUCA), who, "not-the-password-of-anybody") for who in (NOBODY, KARI, gone)
    ]

    assert {page.status for page in pages} == {403}
    assert {page.heading for page in pages} == {"Log in"}
    texts = [page.text.replace(who.email, "?") for page, who in zip(pages, (NOBODY, KARI, gone), strict=True)]
    assert (
        len({text.replace(page.form("/login").fields["csrf"], "?") for text, page in zip(texts, pages, strict=True)})
        == 1
    )
    assert len(hashed) == 3  # the same work for each


async def test_A9_as_much_is_read_for_an_unknown_email_as_for_a_known_one(people: Served) -> None:
    asked: list[str] = []
    read = people.store._read

    async def noting(doing: str, *about: Any, **more: Any) -> Any:
        asked.append(doing)
        return await read(doing, *about, **more)

    people.store._read = noting
    reads = []
    for email in (NOBODY.email, KARI.email, ""):
        browser = people.browser(LUCA)
        form = (await browser.get("/login")).form("/login")
        asked.clear()
        assert (await browser.submit(form, email=email, password="wrong-wrong-wrong")).status == 403
        reads.append(tuple(asked))
        await settled()

    assert reads == [("read a user", "read a password")] * 3


@WITH_PEOPLE
async def test_U7_a_password_that_changes_while_it_is_checked_lets_nobody_in(people: Served, issuer: Issuer) -> None:
    passwords = people.serving.application._passwords
    verify = passwords.verify

    async def slowly(known: str | None, password: Secret) -> bool:
        right = await verify(known, password)
        await People(issuer, people.store, people.serving.clock).set_password(KARI.email, Secret("another-long-phrase"))
        return right

    passwords.verify = slowly  # type: ignore[method-assign]  # stood in for, to be slow at a moment
    browser = people.browser(issuer)
    page = await try_password(browser, KARI, KARI.password)
    passwords.verify = verify  # type: ignore[method-assign]  # stood in for, to be slow at a moment

    assert (page.status, session_of(browser)) == (403, None)
    (begun,) = await people.store.sessions_of(issuer.name, KARI.user_id)
    assert begun.revoked_at is not None
    assert (await try_password(browser, KARI, "another-long-phrase")).status == 303


async def test_a_user_who_is_disabled_does_not_get_in_with_the_right_password(people: Served) -> None:
    disabled = User(id=UserId("user_late"), issuer=LUCA.name, email="late@example.com", created_at=NOW, disabled_at=NOW)
    await people.apply(AddUser(disabled))
    kari = await people.store.password(LUCA.name, KARI.user_id)
    await people.apply(SetPassword(replace(kari, user_id=disabled.id)))

    page = await try_password(people.browser(LUCA), Person("late", ()), KARI.password)

    assert page.status == 403


async def test_A13_wrong_passwords_are_counted_for_one_email_and_address(people: Served) -> None:
    browser = people.browser(LUCA)
    for _ in range(TRIES):
        assert (await try_password(browser, KARI, "wrong-wrong-wrong")).status == 403

    limited = await try_password(browser, KARI, KARI.password)
    elsewhere = await try_password(people.browser(LUCA, address="198.51.100.7"), KARI, KARI.password)
    another = await try_password(browser, SAM, SAM.password)

    assert limited.status == 429
    assert 1 <= int(limited.header("retry-after") or 0) <= WRONG_PASSWORDS.window
    assert elsewhere.location == another.location == "/account"
    people.serving.clock.advance(WRONG_PASSWORDS.window)
    assert (await try_password(browser, KARI, KARI.password)).location == "/account"


async def test_A13_letter_case_and_spaces_make_no_new_bucket(people: Served) -> None:
    for number in range(TRIES):
        name = "KaRi" if number % 2 else " kari"
        assert (await try_password(people.browser(LUCA), Person(name, ()), "wrong-wrong-wrong")).status == 403

    assert (await try_password(people.browser(LUCA), KARI, "wrong-wrong-wrong")).status == 429


async def test_A13_many_guesses_at_once_are_counted_before_they_are_checked(people: Served) -> None:
    hashed: list[str | None] = []
    passwords = people.serving.application._passwords
    verify = passwords._verify

    def noting(known: str | None, password: Secret) -> bool:
        hashed.append(known)
        return verify(known, password)

    passwords._verify = noting  # type: ignore[method-assign]

    pages = await asyncio.gather(
        *(try_password(people.browser(LUCA), KARI, f"wrong-number-{guess}") for guess in range(TRIES + 15))
    )

    assert len(hashed) == TRIES
    assert sorted({page.status for page in pages}) == [403, 429]


async def test_A13_right_passwords_do_not_count_as_wrong_ones(people: Served) -> None:
    for _ in range(TRIES + 2):
        assert (await try_password(people.browser(LUCA), KARI, KARI.password)).location == "/account"


async def test_U10_one_user_leaves_no_end_of_sessions(people: Served) -> None:
    for _ in range(LOG_INS.limit):
        assert (await try_password(people.browser(LUCA), KARI, KARI.password)).status == 303
    sessions = people.serving.rows()["sessions"]

    limited = await try_password(people.browser(LUCA), KARI, KARI.password)

    assert (limited.status, limited.header("retry-after")) == (429, str(LOG_INS.window))
    assert people.serving.rows()["sessions"] == sessions
    assert (await try_password(people.browser(LUCA), SAM, SAM.password)).status == 303
    assert (await try_password(people.browser(LUCA, address="2001:db8::1"), KARI, KARI.password)).status == 303
    people.serving.clock.advance(LOG_INS.window)
    assert (await try_password(people.browser(LUCA), KARI, KARI.password)).status == 303


async def test_A13_who_tries_many_emails_is_stopped_by_address(people: Served) -> None:
    for number in range(WRONG_PASSWORDS_OF_ADDRESS.limit):
        page = await try_password(people.browser(LUCA), Person(f"guess{number}", ()), "wrong-wrong-wrong")
        assert page.status == 403

    assert (await try_password(people.browser(LUCA), SAM, SAM.password)).status == 429
    assert (await try_password(people.browser(LUCA, address="2001:db8::1"), SAM, SAM.password)).status == 303


async def test_a_crowd_at_the_door_is_told_to_come_again_and_not_counted(people: Served) -> None:
    async def busy(_known: object, _password: object) -> bool:
        raise Busy

    verify = people.serving.application._passwords.verify
    people.serving.application._passwords.verify = busy  # type: ignore[method-assign, assignment]
    for _ in range(TRIES + 1):
        page = await try_password(people.browser(LUCA), KARI, KARI.password)
        assert (page.status, page.header("retry-after")) == (503, "1")
    people.serving.application._passwords.verify = verify  # type: ignore[method-assign]

    assert (await try_password(people.browser(LUCA), KARI, KARI.password)).location == "/account"
    assert THREADS + WAITING > 10


async def test_U7_a_session_has_a_new_id_at_each_log_in_and_the_old_one_is_refused(people: Served) -> None:
    browser = people.browser(LUCA)
    await browser.log_in(KARI)
    first = session_of(browser)
    assert first is not None

    await browser.log_in(SAM)

    second = session_of(browser)
    assert second not in {None, first}
    assert SAM.email in (await browser.get("/account")).text
    old = people.browser(LUCA, cookies={"__Host-portvakt-luca-session": first})
    assert (await old.get("/account")).has_form("/login")


@pytest.mark.parametrize("planted", ["pvk_se_" + "A" * 49, "x", "pvk_se_", "%00", "a" * 5000])
async def test_U7_a_planted_cookie_is_no_session_and_does_not_become_one(people: Served, planted: str) -> None:
    browser = people.browser(LUCA, cookies={"__Host-portvakt-luca-session": planted})

    page = await browser.get("/account")
    await browser.log_in(KARI, page)

    assert session_of(browser) not in {None, planted}


async def test_U7_a_session_ends_by_itself(people: Served) -> None:
    browser = people.browser(LUCA)
    await browser.log_in(KARI)

    people.serving.clock.advance(SESSION_LIFE - 1)
    assert KARI.email in (await browser.get("/account")).text
    people.serving.clock.advance(1)

    assert (await browser.get("/account")).has_form("/login")


FROM_ELSEWHERE: tuple[dict[str, str], ...] = (
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "https://luca.example.evil"},
    {"origin": "http://luca.example"},
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},
    {"content_type": "text/plain"},
    {"content_type": "multipart/form-data; boundary=x"},
    {"content_type": "application/json"},
)


async def test_U1_a_log_in_from_another_page_is_refused(people: Served) -> None:
    for headers in FROM_ELSEWHERE:
        browser = people.browser(LUCA)
        form = (await browser.get("/login")).form("/login")

        page = await browser.post(
            form.action, {**form.fields, "email": KARI.email, "password": KARI.password}, **headers
        )

        assert page.status == 403
        assert session_of(browser) is None


async def test_U1_a_log_in_form_of_another_browser_is_shown_again(people: Served) -> None:
    mine, theirs = people.browser(LUCA), people.browser(LUCA)
    form = (await theirs.get("/login")).form("/login")
    await mine.get("/login")

    for leave_out in ((), ("csrf",)):
        page = await mine.submit(form, leave_out=leave_out, email=KARI.email, password=KARI.password)
        assert page.status == 403
        assert session_of(mine) is None
        assert KARI.password not in page.text


async def test_a_browser_that_keeps_no_cookies_is_told_so_by_the_form_again(people: Served) -> None:
    browser = people.browser(LUCA)
    form = (await browser.get("/login")).form("/login")
    browser.cookies.clear()

    page = await browser.submit(form, email=KARI.email, password=KARI.password)

    assert page.status == 403
    assert page.has_form("/login")


ELSEWHERE: tuple[str, ...] = (
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "https:/evil.example",
    "javascript:alert(1)",
    "/account\r\nset-cookie: x=y",
    "/account#//evil.example",
    "/logout",
    "/login",
    "/api/v1/oauth2/authorize/../../evil",
    "/api/v1/oauth2/authorize%2f..",
    "/settings/../logout",
    "/settings/%2e%2E/logout",
    "/settings/.%2e/.%2e/evil",
    "/settings/..\\..\\evil",
    "/account/\u2028",
    "",
    "/account?" + "x" * 9000,
)


async def test_O1_a_log_in_leads_nowhere_but_to_our_own_pages(people: Served) -> None:
    for wanted in ELSEWHERE:
        browser = people.browser(LUCA)
        by_link = await browser.get(f"/login?return_to={quote(wanted)}")
        form = by_link.form("/login")
        assert form.fields["return_to"] == "/account"

        page = await browser.submit(form, email=KARI.email, password=KARI.password, return_to=wanted)

        assert page.location == "/account"


async def test_O6_the_redirect_after_a_password_is_303_and_has_no_body(people: Served) -> None:
    page = await try_password(people.browser(LUCA), KARI, KARI.password)

    assert (page.status, page.text) == (303, "")


@pytest.mark.parametrize("query", ["a=1&" * 200, "&" * 500, "return_to=%ff", "return_to=/account&return_to=/connected"])
async def test_a_strange_query_is_no_fault_of_ours(people: Served, query: str) -> None:
    browser = people.browser(LUCA)
    for path in ("/login", "/account", "/logout", "/connected"):
        assert (await browser.get(f"{path}?{query}")).status == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"a", b"\xff=1", b"csrf=%ff", b"email=a&email=b", b"a=1&" * 300, b"x=" + b"y" * 20_000],
    ids=lambda body: str(body[:12]),
)
async def test_U1_a_form_that_cannot_be_read_is_refused(people: Served, body: bytes) -> None:
    browser = people.browser(LUCA)
    await browser.get("/login")

    assert (await browser.post("/login", body)).status == 403


@pytest.mark.parametrize("password", ["", "x" * 300, "x" * 3000, "\u00e9" * 200])
async def test_a_password_of_any_length_is_only_wrong(people: Served, password: str) -> None:
    assert (await try_password(people.browser(LUCA), KARI, password)).status == 403


async def test_the_language_is_the_requests_then_the_users_then_the_browsers(people: Served) -> None:
    browser = people.browser(LUCA, language="nb-NO,nb;q=0.9")
    assert (await browser.get("/login")).lang == "nb"
    assert (await browser.authorize(locale="en")).lang == "en"
    assert (await browser.authorize(locale="sv")).lang == "nb"
    assert (await people.browser(LUCA).authorize()).lang == "en"

    asked = await browser.ask_consent(SAM)
    assert asked.lang == "en"  # his own setting
    assert (await browser.authorize(locale="nb")).lang == "nb"
    assert (await people.browser(LUCA, language="en").ask_consent(KARI)).lang == "nb"


async def test_a_language_that_is_chosen_on_a_page_is_that_of_every_page_that_follows(people: Served) -> None:
    browser = people.browser(LUCA)
    await browser.log_in(SAM)
    assert (await browser.get(f"{browser.root}/account")).lang == "en"  # his own setting
    link = f"{browser.root}/account?locale=nb"

    assert (await browser.get(link)).lang == "nb"
    assert (await browser.get(link, referer="https://elsewhere.example/")).lang == "nb"
    assert (await browser.get(f"{browser.root}/account")).lang == "en"  # nobody chose it here

    assert (await browser.get(link, referer=f"{browser.origin}/")).lang == "nb"
    assert browser.cookies["__Host-portvakt-language"] == "nb"
    assert (await browser.get(f"{browser.root}/sessions")).lang == "nb"
    assert (await browser.authorize(locale="en")).lang == "en"
    assert (await browser.authorize()).lang == "nb"
    again = await browser.get(link, referer=f"{browser.origin}/")
    assert "set-cookie" not in dict(again.headers)  # once is enough

    browser.cookies["__Host-portvakt-language"] = "sv"
    assert (await browser.get(f"{browser.root}/account")).lang == "en"


async def test_a_wrong_password_keeps_the_language_the_application_and_the_way_back(people: Served) -> None:
    browser = people.browser(LUCA, language="en")
    first = await browser.authorize(locale="nb")

    again = await browser.submit(first.form("/login"), email=KARI.email, password="wrong-wrong-wrong")

    assert (first.lang, again.lang) == ("nb", "nb")
    assert again.header("content-security-policy") == first.header("content-security-policy")
    assert "<bdi>app</bdi>" in again.text
    consent = await browser.log_in(KARI, again)
    assert consent.has_form("/consent")


async def test_another_account_is_a_log_in_for_the_same_application(people: Served) -> None:
    browser = people.browser(LUCA)
    asked = await browser.ask_consent(KARI)
    (other,) = [link for link in asked.links if "/login" in link]

    page = await browser.get(other)

    assert "form-action 'self' https:" in (page.header("content-security-policy") or "")
    assert SAM.email in (await browser.log_in(SAM, page)).text


async def test_H7_no_page_answers_a_preflight(people: Served) -> None:
    headers = [("origin", "https://app.example"), ("access-control-request-method", "POST")]
    for path in ("/login", "/consent", "/logout", "/connected", "/account", LUCA.provider.authorize_path):
        answer = await people.serving.get(f"{LUCA.url}{path}", "OPTIONS", headers)
        assert answer.status == 405
        assert not any(name.startswith("access-control-") for name, _ in answer.headers)


async def test_U10_before_a_log_in_nothing_is_kept(people: Served) -> None:
    before = people.serving.rows()

    for number in range(200):
        browser = people.browser(LUCA)
        page = await browser.authorize(state=f"s{number}")
        await browser.submit(page.form("/login"), email=f"nobody{number % 5}@example.com", password="wrong-wrong-wrong")

    assert people.serving.rows() == before


async def test_K1_the_log_says_why_and_never_the_email_or_password(people: Served) -> None:
    await try_password(people.browser(LUCA), KARI, "wrong-wrong-wrong")
    await people.browser(LUCA).post("/login", {"email": KARI.email}, origin="https://evil.example")

    lines = [line for line in people.serving.lines() if line.get("path") == "/login" and line["status"] == 403]

    assert [bool(line.get("reason")) for line in lines] == [True, True]
    assert not any(KARI.email in str(line) for line in lines)

"""The authorization endpoint over HTTP: what is a page, what goes back to the client, and what is kept meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import NOW
from issuing import LUCA, STANDARD, a_copy, known, serving
from people_served import ALONE, CALLBACK, CHALLENGE, FIRST, KARI, LONER, LOOPBACK, SAM, SECOND, an_application, quick
from portvakt.model.change import AddMember, RemoveMember, SetClientDisabled, SetOrganisationDisabled
from portvakt.model.values import Instant
from portvakt.protocol.answer.consent import PENDING_LIMIT, TRANSACTION_LIFE
from portvakt.server.account import SESSION_LIFE
from portvakt.server.authorize import AUTHORIZATIONS
from portvakt.server.request_head import Limits
from portvakt.wire.authorize_request import AUTHORIZE_LIMIT

if TYPE_CHECKING:
    from pathlib import Path

    from people_served import Browser, Served
    from portvakt.model.nouns import Issuer

WITH_PEOPLE = pytest.mark.parametrize("issuer", [LUCA, STANDARD], ids=lambda issuer: issuer.name)
EVIL = "https://evil.example/cb"
WRONG = (
    {"response_type": "token"},
    {"response_type": ""},
    {"response_type": "code token"},
    {"scope": "nothing-like-that"},
    {"scope": "read  write"},
    {"code_challenge_method": "plain", "code_challenge": CHALLENGE},
    {"code_challenge_method": "S512", "code_challenge": CHALLENGE},
    {"code_challenge_method": "s256", "code_challenge": CHALLENGE},
    {"code_challenge_method": "", "code_challenge": CHALLENGE},
    {"code_challenge": "short", "code_challenge_method": "S256"},
    {"code_challenge": "", "code_challenge_method": "S256"},
    {"prompt": "none login"},
    {"prompt": "select_account"},
    {"response_mode": "form_post"},
    {"response_mode": "fragment"},
    {"resource": "https://api.elsewhere.example"},
    {"request": "eyJhbGciOiJub25lIn0.e30."},
    {"request_uri": "https://evil.example/request"},
    {"organisation_number": "1 OR 1=1"},
)
"""What is wrong with a request whose client and redirect URI are known."""


@WITH_PEOPLE
async def test_O1_O5_nothing_is_sent_to_an_unknown_place_whatever_else_is_wrong(people: Served, issuer: Issuer) -> None:
    stranger, user = people.browser(issuer), people.browser(issuer)
    await user.log_in(KARI)
    before = people.serving.rows()

    for browser in (stranger, user):
        for more in ({}, *WRONG):
            for place in ({"redirect_uri": EVIL}, {"client_id": "client_unknown"}):
                page = await browser.authorize(**{**more, **place})
                assert page.status == 400, (more, place)
                assert page.header("location") is None
                assert EVIL not in page.text

    assert people.serving.rows() == before


@WITH_PEOPLE
async def test_O5_an_error_goes_back_only_after_somebody_logged_in(people: Served, issuer: Issuer) -> None:
    for wrong in WRONG:
        stranger = people.browser(issuer)
        asked = await stranger.authorize(**wrong)
        assert asked.has_form("/login"), wrong
        assert "Something is wrong with what <bdi>app</bdi> asks" in asked.text, wrong
    assert "Something is wrong" not in (await people.browser(issuer).authorize()).text

    browser = people.browser(issuer)
    for wrong in WRONG:
        page = await browser.authorize(**wrong)
        page = await browser.log_in(KARI, page) if page.has_form("/login") else page
        assert page.location.startswith(CALLBACK + "?"), wrong
        said = page.sent_back
        assert said.keys() == {"error", "error_description", "state", "iss"}
        assert (said["state"], said["iss"]) == ("s 1", issuer.url)
        assert "code" not in said


async def test_P1_P4_each_wrong_challenge_is_invalid_request(people: Served) -> None:
    browser = people.browser(STANDARD)
    await browser.log_in(KARI)
    for wrong in [one for one in WRONG if "code_challenge" in one]:
        assert (await browser.authorize(**wrong)).sent_back["error"] == "invalid_request", wrong

    for label in ("app", "spa"):  # required by `standard`, and of every public client
        page = await browser.authorize(label, code_challenge="", code_challenge_method="")
        assert page.sent_back["error"] == "invalid_request"


async def test_luca_takes_a_challenge_and_asks_for_none(people: Served) -> None:
    code = await people.code(LUCA, code_challenge=CHALLENGE, code_challenge_method="S256")
    plain = await people.code(LUCA)

    assert (await people.exchange(LUCA, plain)).status == 200
    assert (await people.exchange(LUCA, code)).json()["error"] == "invalid_grant"


@WITH_PEOPLE
async def test_R15_redirect_uri_is_what_the_provider_says(people: Served, issuer: Issuer) -> None:
    await people.apply(*an_application(issuer, "one", redirect_uris=(CALLBACK,)))
    browser = people.browser(issuer)
    await browser.log_in(KARI)

    one = await browser.authorize("one", redirect_uri="")
    two = await browser.authorize("app", redirect_uri="")

    assert one.status == (400 if issuer is LUCA else 200)
    assert two.status == 400


@WITH_PEOPLE
@pytest.mark.parametrize(
    "more",
    [
        f"&redirect_uri={EVIL}",
        "&client_id=client_other",
        "&state=again",
        "&redirect_uri=%0d%0aset-cookie:%20x=y",
        "&x=%00",
        "&x=%ff",
        "&" + "&".join(f"x{number}=1" for number in range(150)),
    ],
    ids=lambda more: more[:24],
)
async def test_R16_R17_a_request_with_two_readings_is_a_page(people: Served, issuer: Issuer, more: str) -> None:
    browser = people.browser(issuer)
    await browser.log_in(KARI)

    page = await browser.get(browser.authorize_path() + more)

    assert (page.status, page.header("location")) == (400, None)


async def test_R17_no_character_of_a_redirect_uri_splits_a_header(people: Served) -> None:
    browser = people.browser(LUCA)
    for place in ("\r\nset-cookie: x=y", "\t", " ", "\u2028", "%0d%0aset-cookie:%20x=y", "#x", "%23x"):
        page = await browser.authorize(redirect_uri=CALLBACK + place)
        assert (page.status, page.header("location")) == (400, None)


@WITH_PEOPLE
async def test_R9_the_port_of_loopback_is_a_public_clients_own(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    await browser.log_in(KARI)
    elsewhere = LOOPBACK.replace("127.0.0.1", "127.0.0.1:49152")

    confidential = await browser.authorize("app", redirect_uri=elsewhere)

    assert confidential.status == 400
    if issuer is STANDARD:
        page = await browser.authorize("spa", redirect_uri=elsewhere)
        back = await browser.submit(page.form("/consent"), decision="allow")
        assert back.location.startswith(elsewhere + "?")
        assert (await browser.authorize("spa", redirect_uri=elsewhere + "2")).status == 400


async def test_at_a_test_issuer_of_lucas_every_client_has_any_port_of_loopback(
    peopled_file: Path, tmp_path: Path
) -> None:
    testing = replace(LUCA, test=True)
    async with serving(a_copy(peopled_file, tmp_path), [testing]) as served:
        browser = quick(served).browser(testing)
        page = await browser.ask_consent(KARI, redirect_uri="http://127.0.0.1:5555/cb")

        back = await browser.submit(page.form("/consent"), decision="allow")

    assert back.location.startswith("http://127.0.0.1:5555/cb?code=")


async def test_state_comes_back_as_it_was_sent(people: Served) -> None:
    browser = people.browser(LUCA)
    await browser.log_in(KARI)
    every = "".join(map(chr, range(0x20, 0x7F)))

    for state in ("", every, "a" * 2048, "%41+ &=#"):
        page = await browser.authorize(state=state)
        back = await browser.submit(page.form("/consent"), decision="allow")
        assert back.sent_back.get("state", "") == state
    for state in ("a" * 2049, "å", "a\tb"):
        assert (await browser.authorize(state=state)).status == 400


async def test_a_long_state_is_kept_through_the_log_in(people: Served) -> None:
    browser = people.browser(LUCA)
    state = '"' * 2048

    page = await browser.ask_consent(KARI, state=state)
    back = await browser.submit(page.form("/consent"), decision="allow")

    assert back.sent_back["state"] == state


@WITH_PEOPLE
async def test_X1_every_answer_says_who_sends_it(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    page = await browser.ask_consent(KARI)

    allowed = await browser.submit(page.form("/consent"), decision="allow")
    denied = await browser.submit((await browser.authorize(prompt="consent")).form("/consent"), decision="deny")

    members = ["code", "scope", "state", "iss"] if issuer is LUCA else ["code", "state", "iss"]
    assert list(allowed.sent_back) == members
    assert allowed.sent_back["iss"] == denied.sent_back["iss"] == issuer.url
    assert denied.sent_back["error"] == "access_denied"


async def test_a_posted_request_becomes_a_page_where_the_session_comes_along(people: Served) -> None:
    browser = people.browser(STANDARD)
    await browser.log_in(KARI)
    path, _, query = browser.authorize_path().partition("?")

    page = await browser.post(path, query.encode(), origin="https://app.example", sec_fetch_site="cross-site")

    assert page.location == f"{path}?{query}"
    assert (await browser.get(page.location)).has_form("/consent")


async def test_T7_a_posted_request_is_a_form_of_bounded_length(people: Served) -> None:
    browser = people.browser(STANDARD)
    path, _, query = browser.authorize_path().partition("?")

    for media_type in ("multipart/form-data; boundary=x", "application/json", "text/plain", ""):
        assert (await browser.post(path, query.encode(), content_type=media_type)).status == 400
    assert (await browser.post(path, query.encode() + b"&x=" + b"y" * 20_000)).status == 400
    assert (await browser.post(f"{path}?{query}", query.encode())).status == 400


def as_long_as(browser: Browser, length: int) -> str:
    """Return the path and query of a good request, whose query has that many characters."""
    path = browser.authorize_path(prompt="consent")
    return f"{path}&pad={'%22' * ((length - len(path.partition('?')[2]) - 5) // 3)}"


@WITH_PEOPLE
async def test_a_request_of_any_length_that_is_taken_survives_every_way_through_the_log_in(
    people: Served, issuer: Issuer
) -> None:
    browser = people.browser(issuer)
    path = as_long_as(browser, AUTHORIZE_LIMIT)

    asked = await browser.log_in(KARI, await browser.get(path))
    (other,) = [link for link in asked.links if "/login" in link]
    again = await browser.log_in(SAM, await browser.get(other))
    missing = await browser.submit(again.form("/consent"), decision="allow")
    (other,) = [link for link in missing.links if "/login" in link]

    assert AUTHORIZE_LIMIT - 3 < len(path.partition("?")[2]) <= AUTHORIZE_LIMIT
    assert all(len(link) <= Limits().target_bytes for page in (asked, again, missing) for link in page.links)
    assert (await browser.log_in(KARI, await browser.get(other))).has_form("/consent")


@WITH_PEOPLE
async def test_a_longer_request_is_one_page_that_says_so_wherever_it_comes_in(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer, language="en")
    path = as_long_as(browser, AUTHORIZE_LIMIT + 3)
    endpoint, _, query = path.partition("?")

    pages = [await browser.get(path), await browser.get(path.replace("%22", '"'))]
    if issuer is STANDARD:
        pages += [await browser.post(endpoint, query.encode()), await browser.post(endpoint, b'"' * 8000)]

    assert {(page.status, page.heading) for page in pages} == {(400, "Something is wrong with this link")}
    assert all(f"longer than {AUTHORIZE_LIMIT} characters" in page.text for page in pages)


async def test_luca_takes_no_posted_request_and_nobody_takes_another_method(people: Served) -> None:
    for issuer, methods in ((LUCA, ("POST", "PUT", "HEAD")), (STANDARD, ("PUT", "DELETE", "HEAD"))):
        for method in methods:
            url = f"{issuer.url}{issuer.provider.authorize_path}"
            assert (await people.serving.get(url, method)).status == 405


@WITH_PEOPLE
async def test_a_disabled_client_is_an_unknown_one(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    await browser.log_in(KARI)
    await people.apply(SetClientDisabled(issuer.name, known(issuer, "app").client_id, NOW))

    assert (await browser.authorize()).status == 400
    assert (await browser.authorize("other")).status == 200


# --- how often one is asked -------------------------------------------------------------------------------------------


async def test_luca_asks_every_time(people: Served) -> None:
    browser = people.browser(LUCA)
    await browser.get_code(KARI)

    assert (await browser.authorize()).has_form("/consent")


async def test_U9_an_agreement_is_remembered_for_a_client_that_proves_who_it_is(people: Served) -> None:
    browser = people.browser(STANDARD)
    await browser.get_code(KARI)

    again = await browser.get(browser.authorize_path(), sec_fetch_site="cross-site")
    asked = [
        await browser.authorize(scope="read write"),
        await browser.authorize(prompt="consent"),
        await browser.authorize("other"),
    ]

    assert (await people.exchange(STANDARD, again.sent_back["code"])).status == 200
    assert all(page.has_form("/consent") for page in asked)


async def test_U9_a_public_client_is_asked_for_each_time(people: Served) -> None:
    browser = people.browser(STANDARD)
    await browser.get_code(KARI, "spa")

    page = await browser.get(browser.authorize_path("spa"), sec_fetch_site="cross-site")

    assert page.has_form("/consent")


async def test_an_agreement_for_one_company_is_none_where_there_is_a_choice(people: Served) -> None:
    browser = people.browser(STANDARD)
    await browser.get_code(SAM)

    assert (await browser.authorize()).has_form("/consent")
    assert (await browser.authorize(organisation_number=SECOND)).has_form("/consent")
    assert "code" in (await browser.authorize(organisation_number=FIRST)).sent_back


# --- what a client wants the user to be asked -------------------------------------------------------------------------


async def test_prompt_login_asks_for_the_password_again_and_once(people: Served) -> None:
    browser = people.browser(STANDARD)
    await browser.get_code(KARI)

    for prompt in ({"prompt": "login"}, {"max_age": "0"}, {"prompt": "login", "max_age": "1"}):
        page = await browser.authorize(**prompt)
        assert page.has_form("/login"), prompt
        answer = await browser.submit(page.form("/login"), email=KARI.email, password=KARI.password)
        people.serving.clock.advance(60)
        assert "code" in (await browser.get(answer.location)).sent_back, prompt  # agreed to before
    stranger = people.browser(STANDARD)
    assert "code" in (await stranger.log_in(KARI, await stranger.authorize(prompt="login"))).sent_back


async def test_prompt_login_and_consent_asks_for_both(people: Served) -> None:
    browser = people.browser(STANDARD)
    await browser.get_code(KARI)

    page = await browser.log_in(SAM, await browser.authorize(prompt="login consent"))

    assert page.has_form("/consent")
    assert SAM.email in page.text


async def test_max_age_asks_who_logged_in_longer_ago(people: Served) -> None:
    browser = people.browser(STANDARD)
    await browser.get_code(KARI)

    people.serving.clock.advance(60)

    assert "code" in (await browser.authorize(max_age="60")).sent_back
    assert (await browser.authorize(max_age="59")).has_form("/login")


async def test_prompt_none_shows_no_page(people: Served) -> None:
    browser, stranger = people.browser(STANDARD), people.browser(STANDARD)
    loner = people.browser(STANDARD)
    await browser.log_in(SAM)
    await loner.log_in(KARI)
    people.serving.clock.advance(60)

    answers = [
        ("login_required", await stranger.authorize(prompt="none")),
        ("login_required", await stranger.authorize(prompt="none", scope="nothing-like-that")),
        ("login_required", await browser.authorize(prompt="none", max_age="59")),
        ("interaction_required", await browser.authorize(prompt="none")),
        ("consent_required", await browser.authorize(prompt="none", organisation_number=FIRST)),
        ("consent_required", await loner.authorize(prompt="none")),
        ("consent_required", await loner.authorize(prompt="none", organisation_number=FIRST)),
        ("invalid_scope", await browser.authorize(prompt="none", scope="nothing-like-that")),
    ]

    for error, page in answers:
        assert page.location.startswith(CALLBACK + "?")
        said = page.sent_back
        assert (said["error"], said["state"], said["iss"]) == (error, "s 1", STANDARD.url)
    assert people.serving.rows()["transactions"] == 0


@pytest.mark.parametrize("label", ["app", "spa"])
async def test_G6_prompt_none_does_not_tell_to_which_company_a_user_belongs(people: Served, label: str) -> None:
    browser = people.browser(STANDARD)
    await browser.log_in(KARI)

    theirs = await browser.authorize(label, prompt="none", organisation_number=ALONE)
    another = await browser.authorize(label, prompt="none", organisation_number=FIRST)

    assert theirs.location == another.location


async def test_U9_prompt_none_lets_in_who_agreed_and_no_public_client(people: Served) -> None:
    browser = people.browser(STANDARD)
    await browser.get_code(KARI)
    await browser.get_code(KARI, "spa")

    assert "code" in (await browser.authorize(prompt="none")).sent_back
    assert (await browser.authorize("spa", prompt="none")).sent_back["error"] == "consent_required"


async def test_O2_prompt_none_goes_nowhere_before_client_and_redirect_uri_are_known(people: Served) -> None:
    for wrong in ({"redirect_uri": EVIL}, {"client_id": "client_unknown"}, {"redirect_uri": CALLBACK + "/"}):
        page = await people.browser(STANDARD).authorize(prompt="none", **wrong)
        assert (page.status, page.header("location")) == (400, None)


async def test_luca_takes_no_prompt_but_consent(people: Served) -> None:
    browser = people.browser(LUCA)
    assert (await browser.authorize(prompt="none")).has_form("/login")
    await browser.log_in(KARI)

    for prompt in ("none", "login", "login consent"):
        assert (await browser.authorize(prompt=prompt)).sent_back["error"] == "invalid_request"
    assert (await browser.authorize(prompt="consent", max_age="0")).has_form("/consent")


# --- the company ------------------------------------------------------------------------------------------------------


@WITH_PEOPLE
async def test_G6_a_company_that_the_user_has_no_access_to_is_a_page_with_two_ways_out(
    people: Served, issuer: Issuer
) -> None:
    browser = people.browser(issuer)

    page = await browser.ask_consent(KARI, organisation_number=FIRST, locale="en")

    assert page.status == 403
    assert not page.has_form("/consent")
    other, back = page.links
    assert other.startswith(f"{browser.root}/login?authorize&client_id=")
    assert back.startswith(f"{CALLBACK}?error=access_denied&")
    assert "state=s+1" in back
    assert "<bdi>app</bdi>" in page.text
    asked = await browser.log_in(SAM, await browser.get(other))
    assert asked.form("/consent").choices == {"decision": ["deny", "allow"]}


@WITH_PEOPLE
async def test_who_belongs_to_no_company_is_told_so_where_one_is_needed(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)

    page = await browser.ask_consent(LONER)

    assert page.has_form("/consent") is (issuer is STANDARD)
    assert page.status == (403 if issuer is LUCA else 200)


async def test_who_belongs_to_a_disabled_company_alone_is_told_that(people: Served) -> None:
    browser = people.browser(LUCA)
    for number in KARI.companies:
        await people.apply(SetOrganisationDisabled(LUCA.name, number, NOW))

    page = await browser.ask_consent(KARI)

    assert page.status == 403
    assert "Selskapet ditt er deaktivert her" in page.text


async def test_a_company_that_came_or_went_shows_at_once(people: Served) -> None:
    browser = people.browser(LUCA)
    await browser.log_in(KARI)
    await people.apply(AddMember(LUCA.name, FIRST, KARI.user_id, NOW))
    assert (await browser.authorize()).form("/consent").choices["organisation"] == [*KARI.companies, FIRST]

    await people.apply(RemoveMember(LUCA.name, FIRST, KARI.user_id))

    assert "organisation" not in (await browser.authorize()).form("/consent").choices


# --- bounds -----------------------------------------------------------------------------------------------------------


@WITH_PEOPLE
async def test_U10_so_many_requests_wait_in_one_session_and_no_more(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    await browser.log_in(KARI)

    pages = await asyncio.gather(*(browser.authorize(prompt="consent") for _ in range(3 * PENDING_LIMIT)))

    statuses = [page.status for page in pages]
    assert (statuses.count(200), statuses.count(429)) == (PENDING_LIMIT, 2 * PENDING_LIMIT)
    assert people.serving.rows()["transactions"] == PENDING_LIMIT
    other = people.browser(issuer)
    assert (await other.ask_consent(KARI)).status == 200

    people.serving.clock.advance(TRANSACTION_LIFE)

    assert (await browser.authorize(prompt="consent")).status == 200


async def test_U10_a_client_that_is_let_in_without_a_question_leaves_no_end_of_grants(people: Served) -> None:
    browser = people.browser(STANDARD)
    await browser.get_code(KARI)
    for _ in range(AUTHORIZATIONS.limit - 1):
        assert "code" in (await browser.authorize()).sent_back
    rows = people.serving.rows()

    assert (await browser.authorize()).status == 429
    assert (await browser.authorize(prompt="none")).sent_back["error"] == "temporarily_unavailable"

    assert people.serving.rows() == rows
    assert (await browser.authorize("other")).has_form("/consent")
    people.serving.clock.advance(AUTHORIZATIONS.window)
    assert "code" in (await browser.authorize()).sent_back


async def test_U10_what_waited_and_what_ended_is_deleted(people: Served) -> None:
    browser = people.browser(LUCA)
    await browser.ask_consent(KARI)
    await people.code(LUCA)
    assert people.serving.rows()["transactions"] == 2

    people.serving.clock.advance(SESSION_LIFE + 86400)
    while await people.store.clean(None, Instant(people.serving.clock() + 400 * 86400)):
        pass

    rows = people.serving.rows()
    assert (rows["transactions"], rows["sessions"], rows["codes"]) == (0, 0, 0)


async def test_H1_every_page_is_private_and_its_files_are_not(people: Served) -> None:
    page = await people.browser(LUCA).authorize()  # the browser of these tests checks the headers of every page
    (style,) = {part.split('"')[0] for part in page.text.split('href="')[1:] if "/static/" in part.split('"')[0]}

    answer = await people.serving.get(LUCA.url + style)

    assert answer.status == 200
    assert "public" in (answer.header("cache-control") or "")
    assert answer.header("set-cookie") is None


async def test_the_request_behind_a_page_never_reaches_the_log(people: Served) -> None:
    browser = people.browser(LUCA)
    people.serving.secrets.add("canary-state-1234567890")
    await browser.get_code(KARI, state="canary-state-1234567890")
    await browser.authorize(redirect_uri=EVIL)

    lines = [line for line in people.serving.lines() if line.get("path") == LUCA.provider.authorize_path]

    assert lines[-1]["code"] == "redirect_uri"
    assert "evil" not in str(lines)

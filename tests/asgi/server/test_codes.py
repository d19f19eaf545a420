"""Codes over HTTP, for tokens: once, by whoever asked, while everything still stands."""

from __future__ import annotations

import asyncio
import shlex
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from builders import NOW
from failing_store import FailingStore
from issuing import LUCA, STANDARD, a_copy, basic, body, error, known, opened, serving
from people_served import CALLBACK, FIRST, GRANTS, KARI, LOOPBACK, SAM, VERIFIER, an_application, quick
from portvakt.model.behalf_change import RevokeGrant
from portvakt.model.change import RemoveMember, SetClientDisabled
from portvakt.model.values import Secret
from portvakt.server.as_curl import code_url, token_request
from portvakt.store import StoreUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from people_served import Served
    from portvakt.model.nouns import Issuer

WITH_PEOPLE = pytest.mark.parametrize("issuer", [LUCA, STANDARD], ids=lambda issuer: issuer.name)
REFUSED = (400, "invalid_grant")
DATA = "--data-urlencode"
SECRET_SHOWN = "wrong-secret-wrong-secret"


@WITH_PEOPLE
async def test_a_code_gives_what_the_user_agreed_to(people: Served, issuer: Issuer) -> None:
    answer = await people.exchange(issuer, await people.code(issuer, SAM, organisation_number=FIRST))

    claims = await opened(people.serving, issuer, answer)
    luca = issuer is LUCA
    members = ["access_token", "refresh_token", "token_type", "expires_in"]
    assert list(answer.json()) == (members if luca else [members[0], "token_type", "expires_in", members[1], "scope"])
    assert answer.json()["token_type"] == ("bearer" if luca else "Bearer")
    assert answer.json()["expires_in"] == (3600 if luca else 600)
    assert (claims["sub"], claims["client_id"]) == (SAM.user_id, known(issuer, "app").client_id)
    assert (claims["organisation_number"], claims["scope"]) == (FIRST, "accounting" if luca else "read")


@WITH_PEOPLE
async def test_what_a_new_clients_page_shows_to_try_gets_a_code_and_redeems_it(people: Served, issuer: Issuer) -> None:
    app, browser = known(issuer, "app"), people.browser(issuer)
    client = (await people.store.client_facts(issuer.name, app.client_id)).client
    url = urlsplit(code_url(issuer, client, VERIFIER, "state-1"))

    await browser.log_in(KARI)
    asked = await browser.get(f"{url.path}?{url.query}")
    back = (await browser.submit(asked.form("/consent"), decision="allow")).sent_back
    curl = token_request(issuer, client, Secret(app.secret), VERIFIER).replace("$AUTHORIZATION_CODE", back["code"])
    words = shlex.split(curl.replace("\\\n", ""))
    sent = [word.partition("=") for flag, word in pairwise(words) if flag in {"-d", DATA}]

    assert back["state"] == "state-1"
    assert (await people.token(issuer, "app", **{name: value for name, _, value in sent})).status == 200


@WITH_PEOPLE
@pytest.mark.parametrize("later", [0, 1, 30])
async def test_I1_a_code_used_twice_ends_all_that_it_gave(people: Served, issuer: Issuer, later: int) -> None:
    code = await people.code(issuer)
    first = (await people.exchange(issuer, code)).json()
    people.serving.clock.advance(later)

    second = await people.exchange(issuer, code)

    assert error(second) == REFUSED
    assert error(await people.refresh(issuer, first["refresh_token"])) == REFUSED
    _, told = await people.store.revocations(issuer.name, 0, 10)
    assert len(told) == 1  # the guards end its access tokens
    assert error(await people.exchange(issuer, code)) == REFUSED


@WITH_PEOPLE
async def test_I2_of_many_at_once_one_wins_and_loses_it_again(people: Served, issuer: Issuer) -> None:
    code = await people.code(issuer)

    answers = await asyncio.gather(*(people.exchange(issuer, code) for _ in range(20)))

    assert sorted(answer.status for answer in answers) == [200, *[400] * 19]
    (won,) = [answer.json() for answer in answers if answer.status == 200]
    assert {answer.json()["error"] for answer in answers if answer.status == 400} == {"invalid_grant"}
    assert error(await people.refresh(issuer, won["refresh_token"])) == REFUSED


@WITH_PEOPLE
async def test_I3_another_clients_code_is_refused_and_stays_good(people: Served, issuer: Issuer) -> None:
    code = await people.code(issuer)

    assert error(await people.exchange(issuer, code, "other")) == REFUSED
    if issuer is STANDARD:
        assert error(await people.exchange(issuer, code, "spa")) == REFUSED

    assert (await people.exchange(issuer, code)).status == 200


@WITH_PEOPLE
async def test_I4_an_expired_or_altered_code_gives_nothing(people: Served, issuer: Issuer) -> None:
    browser = people.browser(issuer)
    code, late = await browser.get_code(KARI), await browser.get_code(KARI)

    for wrong in (
        code[:-1],
        code[1:],
        code[:-1] + "_",
        code.upper(),
        f" {code} ",
        code + code,
        "pvk_rt_" + code[7:],
        "x",
    ):
        assert error(await people.exchange(issuer, wrong)) == REFUSED, wrong
    assert error(await people.exchange(issuer, "")) == (400, "invalid_request")
    people.serving.clock.advance(issuer.provider.code_lifetime - 1)
    assert (await people.exchange(issuer, code)).status == 200
    people.serving.clock.advance(1)
    assert error(await people.exchange(issuer, late)) == REFUSED


@WITH_PEOPLE
@pytest.mark.parametrize("ended", ["client", "member", "grant"])
async def test_I5_G7_what_ended_since_the_user_agreed_ends_code_and_refresh(
    people: Served, issuer: Issuer, ended: str
) -> None:
    browser = people.browser(issuer)
    code = await browser.get_code(KARI)
    token = (await people.exchange(issuer, await browser.get_code(KARI, prompt="consent"))).json()["refresh_token"]

    if ended == "client":
        await people.apply(SetClientDisabled(issuer.name, known(issuer, "app").client_id, NOW))
    elif ended == "member":
        await people.apply(RemoveMember(issuer.name, KARI.companies[0], KARI.user_id))
    else:
        for grant in await people.store.grants_of_user(issuer.name, KARI.user_id):
            await people.apply(RevokeGrant(issuer.name, grant.id, NOW))

    expected = (401, "invalid_client") if ended == "client" else REFUSED
    assert error(await people.exchange(issuer, code)) == expected
    assert error(await people.refresh(issuer, token)) == expected


@WITH_PEOPLE
async def test_I9_wrong_authentication_leaves_the_code_as_it_is(people: Served, issuer: Issuer) -> None:
    code = await people.code(issuer)

    assert error(await people.exchange(issuer, code, client_secret=SECRET_SHOWN)) == (401, "invalid_client")
    no_secret = await people.exchange(issuer, code, client_secret="")
    assert no_secret.status == 401
    assert (await people.exchange(issuer, code)).status == 200


async def test_I9_by_header_as_well_as_by_body(people: Served) -> None:
    code, client = await people.code(STANDARD), known(STANDARD, "app")
    sent = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, "redirect_uri": CALLBACK}
    people.serving.secrets |= {code}

    async def ask(authorization: str) -> Any:
        return await people.token(STANDARD, "spa", **sent, client_id="", authorization=authorization)

    refused = await ask(basic(client.client_id, SECRET_SHOWN))
    granted = await ask(basic(client.client_id, client.secret))

    assert (error(refused), granted.status) == ((401, "invalid_client"), 200)


async def test_P3_a_verifier_without_a_challenge_is_a_downgrade(people: Served) -> None:
    code = await people.code(LUCA)

    assert error(await people.exchange(LUCA, code, code_verifier=VERIFIER)) == REFUSED
    assert error(await people.exchange(LUCA, code)) == REFUSED  # it is burned


@pytest.mark.parametrize("label", ["app", "spa"])
@pytest.mark.parametrize("wrong", ["w" * 43, "", "v" * 42, "v" * 129, "v" * 42 + " "], ids=ascii)
async def test_P2_P7_a_wrong_verifier_burns_the_code(people: Served, label: str, wrong: str) -> None:
    code = await people.code(STANDARD, label=label)

    assert error(await people.exchange(STANDARD, code, label, code_verifier=wrong)) == REFUSED
    assert error(await people.exchange(STANDARD, code, label)) == REFUSED


@WITH_PEOPLE
async def test_R18_the_redirect_uri_is_repeated_as_it_was_sent(people: Served, issuer: Issuer) -> None:
    for wrong in (CALLBACK + "/", CALLBACK.upper(), LOOPBACK):
        code = await people.code(issuer)
        assert error(await people.exchange(issuer, code, redirect_uri=wrong)) == REFUSED
        assert error(await people.exchange(issuer, code)) == REFUSED

    missing = await people.exchange(issuer, await people.code(issuer), redirect_uri="")

    assert missing.status == (200 if issuer is LUCA else 400)


async def test_P1_a_public_client_exchanges_with_its_verifier_alone(people: Served) -> None:
    granted = await people.exchange(STANDARD, await people.code(STANDARD, label="spa"), "spa")
    with_secret = await people.exchange(
        STANDARD, await people.code(STANDARD, label="spa"), "spa", client_secret=SECRET_SHOWN
    )

    assert granted.status == 200
    assert error(with_secret) == (401, "invalid_client")


async def test_a_client_without_the_grant_of_refresh_gets_no_refresh_token(people: Served) -> None:
    await people.apply(*an_application(STANDARD, "once", grants=GRANTS - {"refresh_token"}))

    answer = await people.exchange(STANDARD, await people.code(STANDARD, label="once"), "once")

    assert "refresh_token" not in answer.json()


@WITH_PEOPLE
async def test_FT5_a_store_that_fails_loses_no_code(peopled_file: Path, tmp_path: Path, issuer: Issuer) -> None:
    path = a_copy(peopled_file, tmp_path)
    store = FailingStore(path)
    async with serving(path, [LUCA, STANDARD], store=store) as served:
        people = quick(served)
        code = await people.code(issuer)
        store.failing["apply"] = StoreUnavailable("cannot apply: the database is gone")
        assert error(await people.exchange(issuer, code)) == (503, "server_error")
        store.failing.clear()

        token = (await people.exchange(issuer, code)).json()["refresh_token"]

        store.failing["apply"] = StoreUnavailable("cannot apply: the database is gone")
        refused = await people.refresh(issuer, token)
        assert refused.status == (200 if issuer is LUCA else 503)  # a static token writes nothing
        store.failing.clear()
        assert (await people.refresh(issuer, token)).status == 200
    await store.close()


async def test_a_code_is_no_refresh_token_and_no_other_text_is_a_code(people: Served) -> None:
    """CVE-2026-4282: a store of single-use texts without kinds."""
    browser = people.browser(LUCA)
    code = await browser.get_code(KARI)
    token = (await people.exchange(LUCA, await browser.get_code(KARI))).json()["refresh_token"]
    form = (await browser.authorize()).form("/consent")
    texts = {*browser.cookies.values(), *form.fields.values(), known(LUCA, "app").secret}

    for text in {token, *texts}:
        assert error(await people.exchange(LUCA, text)) == REFUSED
        assert error(await people.exchange(LUCA, "pvk_ac_" + text[7:])) == REFUSED
    for text in {code, *texts}:
        assert error(await people.refresh(LUCA, text)) == REFUSED
        assert error(await people.refresh(LUCA, "pvk_rt_" + text[7:])) == REFUSED
    for text in (code, token, form.fields["transaction"]):
        other = people.browser(LUCA, cookies={"__Host-portvakt-luca-session": text})
        assert (await other.get("/account")).has_form("/login")
    assert (await people.exchange(LUCA, code)).status == 200


async def test_a_provider_that_has_no_users_knows_no_codes(breeze: Any, prisjakt: Any) -> None:
    for served in (breeze, prisjakt):
        (issuer,) = served.application.issuers
        for grant_type in ("authorization_code", "refresh_token"):
            answer = await served.ask(issuer, body(issuer, grant_type=grant_type, code="x", refresh_token="x"))
            assert error(answer) == (400, "unsupported_grant_type")

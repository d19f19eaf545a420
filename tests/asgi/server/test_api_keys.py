"""Personal API keys: their page, and what the issuer tells of them."""

from __future__ import annotations

import html
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from acting import COMPANY, a_company, an_application, post
from asgi_driver import Answer, call
from builders import NOW
from issuing import FORM, HASHING, INSTALLATION, LUCA, OWNER, PRISJAKT, STANDARD, a_client, as_form, serving
from portvakt.guard import Denied, Guard, Verified
from portvakt.guard.api_keys import KEPT
from portvakt.model.behalf import Session
from portvakt.model.behalf_change import AddSession
from portvakt.model.change import AddMember, AddOrganisation, Applied, RemoveMember
from portvakt.model.nouns import Organisation
from portvakt.model.values import Instant, OrganisationNumber, SessionId
from portvakt.protocol.credentials import SECRET_OCTETS, Kind, keep_opaque, mint
from portvakt.protocol.own_scopes import API_KEYS, INTROSPECT
from portvakt.server.administration import Administration
from portvakt.server.keys import rotate
from portvakt.server.own_keys import OwnKeys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from issuing import Serving

BOATS = OrganisationNumber("313580261")
INACTIVE = {"active": False}


class Browser:
    """A user who is logged in at Luca."""

    def __init__(self, served: Serving) -> None:
        self.served = served
        self.cookie = mint(Kind.SESSION, os.urandom(SECRET_OCTETS))

    async def log_in(self) -> None:
        session = Session(
            issuer=LUCA.name,
            id=SessionId("ses_1"),
            digest=keep_opaque(Kind.SESSION, HASHING, self.cookie),
            user_id=OWNER,
            created_at=NOW,
            expires_at=Instant(NOW + 100_000_000),
        )
        assert await self.served.store.apply([AddSession(session)]) == Applied()

    async def ask(self, method: str, path: str = "/api-keys", *, cookie: bool = True, **form: str) -> Answer:
        headers = [("host", "luca.example"), ("origin", "https://luca.example"), ("content-type", FORM)]
        if cookie:
            headers.append(("cookie", f"__Host-portvakt-luca-session={self.cookie.reveal()}"))
        answer = await call(self.served.application, method, path, headers=headers, body=as_form(form))
        self.served.secrets |= {self.cookie.reveal(), *made(answer)}
        return answer

    async def send(self, **form: Any) -> Answer:
        """Fill in the form that the page shows, and send it."""
        page = (await self.ask("GET")).body.decode()
        csrf = re.search(r'name="csrf" value="([^"]*)"', page)
        assert csrf is not None
        sent: dict[str, Any] = {"do": "create", "csrf": html.unescape(csrf[1]), **form}
        return await self.ask("POST", **sent)

    async def key(self, **form: str) -> str:
        (key,) = made(await self.send(**form))
        return key


def made(answer: Answer) -> list[str]:
    return re.findall(r"<textarea[^>]*>([^<]+)</textarea>", answer.body.decode())


@pytest.fixture
async def luca(database: Path) -> AsyncIterator[Serving]:
    async with serving(database, [LUCA, STANDARD, PRISJAKT]) as served:
        await a_company(served, LUCA)
        await an_application(served, LUCA)
        for label, scope in (("api", API_KEYS), ("watcher", INTROSPECT)):
            changes = a_client(LUCA, label, scopes=(scope,), default_scopes=())
            assert await served.store.apply(changes) == Applied()
        yield served


@pytest.fixture
async def browser(luca: Serving) -> Browser:
    logged_in = Browser(luca)
    await logged_in.log_in()
    return logged_in


async def told(served: Serving, key: str, label: str = "api") -> Any:
    answer = await post(served, LUCA, "/introspect", label, token=key)
    assert answer.status == 200
    return answer.json()


def a_guard(served: Serving) -> Guard:
    return Guard(
        issuer=LUCA.url,
        audience=LUCA.audience,
        provider="luca",
        clock=served.clock,
        keys=OwnKeys(LUCA, served.application.copy, served.clock),
        api_keys=served.application.api_keys(LUCA),
    )


async def entered(guard: Guard, key: str) -> Verified | int:
    try:
        return await guard.verify([(b"authorization", f"Bearer {key}".encode())], scopes={"accounting"})
    except Denied as denied:
        return denied.refused.status


async def test_a_key_is_made_shown_once_listed_used_and_revoked(luca: Serving, browser: Browser) -> None:
    key = await browser.key(name="My script", expires="")
    page = (await browser.ask("GET")).body.decode()
    guard = a_guard(luca)

    verified = await entered(guard, key)
    key_id = re.search(r'name="key" value="([^"]*)"', page)
    assert key_id is not None
    gone = await browser.send(do="revoke", key=key_id[1])
    luca.clock.advance(KEPT)

    assert "My script" in page
    assert key not in page
    assert isinstance(verified, Verified)
    assert (verified.subject, verified.organisation_number) == (OWNER, COMPANY)
    assert verified.client_id == verified.token_id == key_id[1]
    assert (gone.status, gone.header("location")) == (303, "/api-keys")
    assert await entered(guard, key) == 401
    assert "My script" not in (await browser.ask("GET")).body.decode()


async def test_FT20_a_key_ends_with_the_signing_key_that_signed_it(luca: Serving, browser: Browser) -> None:
    key = await browser.key()
    guard = a_guard(luca)
    before = isinstance(await entered(guard, key), Verified)
    administration = Administration(luca.store, INSTALLATION, clock=luca.clock)
    (signed_by,) = await administration.keys(LUCA)

    await administration.revoke_key(LUCA, signed_by.id)
    luca.clock.advance(KEPT)

    assert (before, await entered(guard, key), (await told(luca, key))["active"]) == (True, 401, False)
    assert isinstance(await entered(guard, await browser.key()), Verified)


async def test_a_key_ends_on_the_day_that_was_chosen(luca: Serving, browser: Browser) -> None:
    key = await browser.key(expires="2027-01-17")  # NOW is a day and some hours before
    guard = a_guard(luca)

    assert isinstance(await entered(guard, key), Verified)
    luca.clock.advance(2 * 86400)
    assert await entered(guard, key) == 401


@pytest.mark.parametrize("expires", ["2020-01-01", "soon", "2027-13-01", "9999-12-31", "0000-00-00"])
async def test_no_key_ends_in_the_past_or_on_no_day(browser: Browser, expires: str) -> None:
    answer = await browser.send(expires=expires, name="kept")

    assert made(answer) == []
    assert 'value="kept"' in answer.body.decode()
    assert "problem" in answer.body.decode()


async def test_of_several_companies_one_must_be_chosen(luca: Serving, browser: Browser) -> None:
    boats = Organisation(issuer=LUCA.name, number=BOATS, name="Båt AS", created_at=NOW)
    await luca.store.apply([AddOrganisation(boats), AddMember(LUCA.name, BOATS, OWNER, NOW)])

    none = await browser.send()
    foreign = await browser.send(organisation="999999999")
    key = await browser.key(organisation=BOATS)

    assert made(none) == made(foreign) == []
    assert (await told(luca, key))["organisation_number"] == BOATS


async def test_U1_a_form_of_elsewhere_makes_and_ends_no_key(browser: Browser) -> None:
    answers = [
        await browser.ask("POST", do="create"),
        await browser.ask("POST", do="create", csrf="x"),
        await browser.ask("POST", do="revoke", csrf="x", key="key_1"),
    ]

    assert [answer.status for answer in answers] == [403, 403, 403]
    assert all(made(answer) == [] for answer in answers)


async def test_who_is_not_logged_in_is_asked_to(browser: Browser) -> None:
    answer = await browser.ask("GET", cookie=False)

    assert b'name="password"' in answer.body
    assert b"/api-keys" in answer.body


async def test_nobody_ends_the_key_of_another(luca: Serving, browser: Browser) -> None:
    key = await browser.key()

    await browser.send(do="revoke", key="key_of_somebody_else")

    assert (await told(luca, key))["active"] is True


async def test_the_pages_lead_there_only_where_there_are_keys(luca: Serving, browser: Browser) -> None:
    pages = [(await browser.ask("GET", path)).body for path in ("/account", "/connected")]

    assert all(b'href="/api-keys"' in page for page in pages)
    for issuer in (STANDARD, PRISJAKT):
        assert (await luca.get(f"{issuer.url}/api-keys")).status == 404


async def test_J7_only_an_api_that_takes_keys_is_told_of_one(luca: Serving, browser: Browser) -> None:
    key = await browser.key()

    said = await told(luca, key)
    others = [await told(luca, key, label) for label in ("app", "watcher")]
    access = (await luca.ask(STANDARD)).json()["access_token"]

    assert (said["active"], said["token_type"], said["scope"]) == (True, "api_key", "accounting")
    assert others == [INACTIVE, INACTIVE]
    assert await told(luca, access) == INACTIVE
    assert (await post(luca, LUCA, "/revoke", token=key)).status == 200
    assert (await told(luca, key))["active"] is True  # a client does not give back what is a user's


async def test_J7_a_key_of_one_issuer_is_none_of_another(luca: Serving, browser: Browser) -> None:
    key = await browser.key()
    elsewhere = replace(LUCA, url="https://luca.example/other")

    assert await luca.application.api_keys(elsewhere).ask(key) is None
    assert await luca.application.api_keys(LUCA).ask(key + "x") is None


async def test_G6_G7_a_key_ends_with_its_users_membership(luca: Serving, browser: Browser) -> None:
    key = await browser.key()

    await luca.store.apply([RemoveMember(LUCA.name, COMPANY, OWNER)])

    assert await told(luca, key) == INACTIVE


async def test_J15_a_key_outlives_the_rotation_of_what_signed_it(luca: Serving, browser: Browser) -> None:
    from issuing import SEALING

    key = await browser.key()
    await rotate(luca.store, LUCA, key=SEALING, clock=luca.clock)
    luca.clock.advance(400 * 86400)
    published = (await luca.get(f"{LUCA.url}/.well-known/jwks.json")).json()["keys"]

    assert len(published) == 1
    assert (await told(luca, key))["active"] is True
    assert isinstance(await entered(a_guard(luca), key), Verified)


async def test_the_last_use_of_a_key_is_shown(luca: Serving, browser: Browser) -> None:
    key = await browser.key()
    luca.clock.advance(7)
    await told(luca, key)

    await luca.application._uses.write(luca.store)

    (row,) = await luca.store.api_keys_of(LUCA.name, OWNER)
    assert row.last_used_at == NOW + 7

"""The page of the outbox: which links wait and why, and who is shown one."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import pytest

from administered import ACME, DEVELOPER, MEMBER, OPERATOR, OTHER, Administered
from browsers import admin, signed_in
from issuing import INSTALLATION, serving
from mail_host import mail_host
from polling import until
from portvakt.model.behalf import Purpose
from portvakt.protocol.govern.invitations import LIFE
from portvakt.server import mailing
from portvakt.server.administration import Administration
from portvakt.server.settings_mail import Mail, Tls

if TYPE_CHECKING:
    from pathlib import Path

    from html_pages import Form, Page
    from portvakt.server.inviting import Inviting

OUTBOX = f"/admin/{ACME.name}/outbox"
QUARTER = 15 * 60


def inviting(administered: Administered) -> Inviting:
    served = administered.served
    return Administration(served.store, INSTALLATION, clock=served.clock).inviting(ACME)


def form_for(page: Page, user_id: str) -> Form:
    return next(form for form in page.forms if form.fields.get("user") == user_id)


async def test_a_link_that_waits_is_shown_when_it_is_asked_for_and_works(administered: Administered) -> None:
    link = await inviting(administered).reset(DEVELOPER.email)
    administered.served.secrets.add(link.url.reveal().rpartition("=")[2])
    browser = await signed_in(administered, OPERATOR)

    listed = await browser.get(OUTBOX)
    shown = await browser.submit(form_for(listed, DEVELOPER.user_id))
    found = re.search(r'id="link"[^>]* value="([^"]+)"', shown.text)

    assert DEVELOPER.email in listed.text
    assert "Another password" in listed.text
    assert link.url.reveal() not in listed.text
    assert found
    assert found[1] == link.url.reveal()
    assert OUTBOX in shown.links


async def test_a_session_that_lies_open_and_a_form_from_elsewhere_are_shown_no_link(administered: Administered) -> None:
    link = await inviting(administered).reset(DEVELOPER.email)
    browser = await signed_in(administered, OPERATOR)
    form = form_for(await browser.get(OUTBOX), DEVELOPER.user_id)

    stranger = await browser.submit(form, csrf="x")
    administered.served.clock.advance(QUARTER + 1)
    stopped = await browser.submit(form)
    again = await browser.log_in(admin(OPERATOR), await browser.get(stopped.location))

    assert stranger.status == 403
    assert stopped.location == f"/portvakt/login?return_to={OUTBOX}%3Fdone%3Dagain"
    assert "Now you may see the link" in again.text
    assert not [page for page in (stranger, again) if link.url.reveal() in page.text]


@pytest.mark.parametrize("user", [MEMBER.user_id, "user_none", ""])
async def test_no_link_is_shown_that_does_not_wait(administered: Administered, user: str) -> None:
    await inviting(administered).reset(DEVELOPER.email)
    browser = await signed_in(administered, OPERATOR)
    form = form_for(await browser.get(OUTBOX), DEVELOPER.user_id)

    unknown = await browser.submit(form, user=user)
    administered.served.clock.advance(LIFE[Purpose.RESET])
    browser = await signed_in(administered, OPERATOR)
    fresh = (await browser.get(f"/admin/{ACME.name}/users")).forms[0].fields["csrf"]
    ended = await browser.submit(form, csrf=fresh)

    assert [unknown.status, ended.status] == [404, 404]


async def test_where_nobody_sends_mail_it_is_said_and_where_nobody_logs_in_too(administered: Administered) -> None:
    browser = await signed_in(administered, OPERATOR)

    here, elsewhere = [await browser.get(path) for path in (OUTBOX, f"/admin/{OTHER.name}/outbox")]

    assert "No mail is sent, since portvakt.toml has no table [mail]." in here.text
    assert "No link waits" in here.text
    assert "Nobody logs in here" in elsewhere.text


async def test_who_sends_mail_is_named_and_why_some_of_it_waits(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailing, "LOOK_EVERY", 0.01)
    async with contextlib.AsyncExitStack() as stack:
        host = await stack.enter_async_context(mail_host())
        host.refuses = DEVELOPER.email
        mail = Mail(host="127.0.0.1", port=host.port, sender="portvakt@example.no", tls=Tls.NONE)
        async with serving(database, [OPERATOR.issuer, ACME, OTHER], mail=mail) as served:
            administered = Administered(served)
            await administered.fill()
            await inviting(administered).reset(DEVELOPER.email)
            browser = await signed_in(administered, OPERATOR)
            sending = served.application._mailing
            assert sending is not None
            await until(lambda: bool(sending.unsent.to.get(ACME.name)), 10)
            refused = await browser.get(OUTBOX)
            await stack.aclose()
            await until(lambda: bool(sending.unsent.at_all), 10)
            down = await browser.get(OUTBOX)

    assert "mailed by <bdi>127.0.0.1</bdi>" in refused.text
    assert "550 no such mailbox" in refused.text
    assert "took nothing" not in refused.text
    assert 'took nothing at the last try: <span lang="en">[Errno' in down.text


async def test_many_links_are_listed_a_page_at_a_time(administered: Administered) -> None:
    people = inviting(administered)
    for at in range(53):
        await people.invite(f"many{at}@example.no")
    disabled = await administered.served.store.user_by_email(ACME.name, "many0@example.no")
    assert disabled is not None
    await Administration(administered.served.store, INSTALLATION).people(ACME).set_enabled(disabled.id, False)
    browser = await signed_in(administered, OPERATOR)

    first = await browser.get(OUTBOX)
    second = await browser.get(next(link for link in first.links if "after=" in link))

    asked = [form.fields["user"] for page in (first, second) for form in page.forms]
    assert len(asked) == len(set(asked)) == 52
    assert disabled.id not in asked

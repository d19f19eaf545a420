"""Links go out by mail once they wait in the outbox, to their users and to nobody else."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from certificates import named_certificate
from issuing import INSTALLATION, LUCA, STANDARD
from mail_host import mail_host
from people_served import KARI, SAM
from polling import until
from portvakt.model.values import Secret
from portvakt.protocol.govern.people import UserWish
from portvakt.server.administration import Administration, Refusal
from portvakt.server.log import Log
from portvakt.server.mailing import Mailing
from portvakt.server.settings_mail import Mail, Tls

if TYPE_CHECKING:
    from pathlib import Path

    from mail_host import MailHost
    from people_served import Served
    from portvakt.server.inviting import Inviting

MAIL = Mail(host="127.0.0.1", port=0, sender="portvakt@example.com", tls=Tls.NONE)


@pytest.fixture
def inviting(people: Served) -> Inviting:
    return Administration(people.store, INSTALLATION, clock=people.serving.clock).inviting(LUCA)


class Told(Log):
    """A log that remembers its failures."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[tuple[str, dict[str, Any]]] = []

    def failure(self, event: str, error: BaseException, **fields: Any) -> None:
        self.failures.append((event, {**fields, "error": repr(error)}))


def mailing(host: MailHost, *every: Inviting, log: Log | None = None, mail: Mail = MAIL) -> Mailing:
    links = [each.links for each in every]
    return Mailing(replace(mail, port=host.port), links, log or Told(), asyncio.Event())


async def test_an_invitation_is_sent_once_in_its_users_language(people: Served, inviting: Inviting) -> None:
    link = await inviting.invite("ny@example.com", UserWish(locale="nb"))
    async with mail_host() as host:
        for _ in range(2):
            await mailing(host, inviting).send_all(inviting.links)

    (letter,) = host.kept
    assert (letter["to"], letter["from"]) == ("ny@example.com", MAIL.sender)
    assert letter["subject"] == "Din tilgang til Luca Regnskap"
    assert link.url.reveal() in letter.get_content().splitlines()
    assert (letter["auto-submitted"], host.logged_in) == ("auto-generated", [])
    assert await inviting.outbox() == []
    page = await people.browser(LUCA).get(link.url.reveal().removeprefix(LUCA.url))
    assert page.status == 303


async def test_a_reset_is_sent_in_english_to_who_chose_no_language(inviting: Inviting) -> None:
    await inviting.invite("new@example.com")
    await inviting.reset("new@example.com")
    async with mail_host() as host:
        await mailing(host, inviting).send_all(inviting.links)

    (letter,) = host.kept
    assert letter["subject"] == "Choose another password for Luca Regnskap"
    assert "Somebody asked" in letter.get_content()


async def test_an_address_that_the_host_refuses_keeps_no_other_from_its_mail(inviting: Inviting) -> None:
    log = Told()
    for person in (KARI, SAM):
        await inviting.reset(person.email)
    async with mail_host() as host:
        host.refuses = KARI.email
        sending = mailing(host, inviting, log=log)
        await sending.send_all(inviting.links)

    assert [letter["to"] for letter in host.kept] == [SAM.email]
    ((event, fields),) = log.failures
    assert (event, fields["user_id"], fields["issuer"]) == ("mail_refused", KARI.user_id, LUCA.name)
    (waiting,) = await inviting.outbox()
    assert waiting.user.email == KARI.email
    ((user_id, why),) = sending.unsent.to[LUCA.name].items()
    assert (user_id, why) == (KARI.user_id, "550 no such mailbox")


@pytest.mark.parametrize("email", ["a@b,evil@example.com", "a@b;c@d", "a:b@c", '"a"b@c', "a[b@c"])
async def test_what_would_be_several_addresses_is_sent_to_none(inviting: Inviting, email: str) -> None:
    log = Told()
    try:
        await inviting.invite(email)
    except Refusal:
        return
    async with mail_host() as host:
        await mailing(host, inviting, log=log).send_all(inviting.links)

    assert host.kept == []
    assert [event for event, _ in log.failures] == ["mail_refused"]


async def test_what_a_host_that_is_down_did_not_take_is_sent_once_it_is_up(people: Served, inviting: Inviting) -> None:
    await inviting.reset(KARI.email)
    async with mail_host() as host:
        pass
    with pytest.raises(OSError, match="refused"):
        await mailing(host, inviting).send_all(inviting.links)
    assert len(await inviting.outbox()) == 1

    async with mail_host() as again:
        await mailing(again, inviting).send_all(inviting.links)

    assert len(again.kept) == 1
    assert people.serving.application._mailing is None


async def test_a_server_sends_what_waits_at_each_issuer_until_it_stops(people: Served, inviting: Inviting) -> None:
    other = Administration(people.store, INSTALLATION, clock=people.serving.clock).inviting(STANDARD)
    await inviting.reset(KARI.email)
    await other.reset(KARI.email)
    async with mail_host() as host:
        sending = mailing(host, inviting, other)
        task = asyncio.create_task(sending.send())
        await until(lambda: len(host.kept) == 2, 10)
        sending.stopping.set()
        await task

    assert len(host.kept) == 2
    assert await inviting.outbox() == await other.outbox() == []


async def test_a_host_that_fails_is_told_in_the_log_and_asked_again(people: Served, inviting: Inviting) -> None:
    await inviting.reset(KARI.email)
    log = Told()
    async with mail_host() as host:
        pass
    sending = mailing(host, inviting, log=log)
    task = asyncio.create_task(sending.send())
    await until(lambda: bool(log.failures), 10)
    sending.stopping.set()
    await task

    assert log.failures[0][0] == "mail_not_sent"
    assert "refused" in sending.unsent.at_all
    assert people.serving.clock() > 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (smtplib.SMTPAuthenticationError(535, b"who are you"), "535 who are you"),
        (smtplib.SMTPConnectError(421, "busy"), "421 busy"),
        (TimeoutError(), "TimeoutError"),
    ],
)
async def test_why_nothing_could_be_sent_is_told_in_the_hosts_words(
    inviting: Inviting, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    await inviting.reset(KARI.email)
    log = Told()

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Mailing, "_deliver", fail)
    async with mail_host() as host:
        sending = mailing(host, inviting, log=log)
    task = asyncio.create_task(sending.send())
    await until(lambda: bool(log.failures), 10)
    sending.stopping.set()
    await task

    assert sending.unsent.at_all == words


async def test_a_log_in_at_the_host_goes_out_encrypted_alone(inviting: Inviting) -> None:
    await inviting.reset(KARI.email)
    wanted = replace(MAIL, tls=Tls.STARTTLS, username="us", password=Secret("the-mail-password"))
    async with mail_host() as host:
        with pytest.raises(OSError, match="STARTTLS"):
            await mailing(host, inviting, mail=wanted).send_all(inviting.links)
        await mailing(host, inviting, mail=replace(wanted, tls=Tls.NONE)).send_all(inviting.links)

    assert host.logged_in == ["us the-mail-password"]
    assert len(host.kept) == 1
    assert "the-mail-password" not in repr(wanted)


async def test_a_host_whose_certificate_is_trusted_gets_the_log_in_and_the_mail(
    inviting: Inviting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await inviting.reset(KARI.email)
    wanted = replace(MAIL, host="localhost", tls=Tls.STARTTLS, username="us", password=Secret("the-mail-password"))
    serving, _ = named_certificate(tmp_path, "localhost")
    async with mail_host(serving) as host:
        with pytest.raises(ssl.SSLCertVerificationError):
            await mailing(host, inviting, mail=wanted).send_all(inviting.links)
        assert host.logged_in == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        await mailing(host, inviting, mail=wanted).send_all(inviting.links)

    assert (host.logged_in, host.encrypted) == (["us the-mail-password"], [True])

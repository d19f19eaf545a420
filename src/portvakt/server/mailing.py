"""Sends the links of the outbox by mail, off the way of every request.

A link that was sent is kept no more. Should the server end between the two, or two servers send at one moment, it is
sent twice: it is the same link, and still good once.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING

from portvakt.model.behalf import Purpose
from portvakt.model.change import ForgetLink
from portvakt.pages.render import choose_locale
from portvakt.server.settings_mail import Tls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portvakt.model.values import IssuerName, UserId
    from portvakt.pages.locale import Locale
    from portvakt.protocol.govern.invitations import Link
    from portvakt.server.links import Links
    from portvakt.server.log import Log
    from portvakt.server.settings_mail import Mail

LOOK_EVERY = 5.0
"""Seconds between two looks at the outbox."""

PATIENCE = 5.0
"""Seconds that a mail host may take for each step."""

AT_ONCE = 100

_SUBJECT: Mapping[Locale, Mapping[Purpose, str]] = {
    "en": {Purpose.INVITED: "Your access to {name}", Purpose.RESET: "Choose another password for {name}"},
    "nb": {Purpose.INVITED: "Din tilgang til {name}", Purpose.RESET: "Velg et annet passord for {name}"},
}
_TEXT: Mapping[Locale, Mapping[Purpose, str]] = {
    "en": {
        Purpose.INVITED: "You have been given access to {name}.\n\nChoose a password here, within 7 days:\n\n{url}\n",
        Purpose.RESET: "Somebody asked for another password for {name}.\n\n"
        "If it was you, choose one here, within 24 hours:\n\n{url}\n\nIf it was not, you need do nothing.\n",
    },
    "nb": {
        Purpose.INVITED: "Du har fått tilgang til {name}.\n\nVelg et passord her innen 7 dager:\n\n{url}\n",
        Purpose.RESET: "Noen har bedt om et annet passord for {name}.\n\n"
        "Var det deg, så velg et her innen 24 timer:\n\n{url}\n\nVar det ikke deg, trenger du ikke å gjøre noe.\n",
    },
}


_ONE_ADDRESS = re.compile(r"[^\s@,;:<>()\[\]\\\"]+@[^\s@,;:<>()\[\]\\\"]+")
"""Nothing that a header reads as several addresses: whoever has the link can be the user."""


class Unsendable(Exception):
    """A user's address is none that mail can be sent to."""


@dataclass(slots=True)
class Unsent:
    """Why what waits could not be sent at the last look, for people: in the host's own words where they are known.

    `at_all`: why nothing could, "" if something could. `to`: by issuer, for users whose mail alone is not taken.
    """

    at_all: str = ""
    to: dict[IssuerName, Mapping[UserId, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mailing:
    """Sends what waits at some issuers, as `mail` says."""

    mail: Mail
    every: Sequence[Links]
    log: Log
    stopping: asyncio.Event
    unsent: Unsent = field(default_factory=Unsent)

    async def send(self) -> None:
        """Look at the outbox once in a while, until the server stops."""
        while not self.stopping.is_set():
            try:
                for links in self.every:
                    await self.send_all(links)
                self.unsent.at_all = ""
            except Exception as error:  # noqa: BLE001 - whatever it was, the next look is another try
                self.unsent.at_all = _in_words(error)
                self.log.failure("mail_not_sent", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), LOOK_EVERY)

    async def send_all(self, links: Links) -> None:
        """Send what waits at one issuer. An address that the host refuses keeps no other from its mail.

        Raises: OSError: the host does not answer, or takes no mail of ours.
        """
        issuer = links.issuer.name
        refused: dict[UserId, str] = {}
        page = await links.outbox(None, AT_ONCE)
        while page:
            for link in page:
                if self.stopping.is_set():
                    return
                try:
                    await asyncio.to_thread(self._deliver, letter(self.mail, links, link), link.user.email)
                except (smtplib.SMTPRecipientsRefused, smtplib.SMTPNotSupportedError, Unsendable) as error:
                    refused[link.user.id] = _in_words(error)
                    self.log.failure("mail_refused", error, issuer=issuer, user_id=link.user.id)
                    continue
                await links.store.apply([ForgetLink(issuer, link.digest)])
            page = await links.outbox(page[-1].user.id, AT_ONCE)
        self.unsent.to[issuer] = refused

    def _deliver(self, message: EmailMessage, address: str) -> None:
        mail = self.mail
        trusted = ssl.create_default_context()
        if mail.tls is Tls.FROM_THE_START:
            host: smtplib.SMTP = smtplib.SMTP_SSL(mail.host, mail.port, timeout=PATIENCE, context=trusted)
        else:
            host = smtplib.SMTP(mail.host, mail.port, timeout=PATIENCE)
        with host:
            if mail.tls is Tls.STARTTLS:
                try:
                    host.starttls(context=trusted)
                except smtplib.SMTPNotSupportedError as error:
                    raise ConnectionError("the mail host offers no STARTTLS") from error
            if mail.username is not None and mail.password is not None:
                host.login(mail.username, mail.password.reveal())
            host.send_message(message, to_addrs=[address])


def _in_words(error: Exception) -> str:
    """Say what went wrong. A host answers with a number and a sentence (RFC 5321 §4.2)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        number, said = next(iter(error.recipients.values()))
        return f"{number} {said.decode('utf-8', 'replace')}"
    if isinstance(error, smtplib.SMTPResponseException):
        answer = error.smtp_error
        return f"{error.smtp_code} {answer.decode('utf-8', 'replace') if isinstance(answer, bytes) else answer}"
    return str(error) or type(error).__name__


def letter(mail: Mail, links: Links, link: Link) -> EmailMessage:
    """Return the mail that brings a link. Raises: Unsendable."""
    if not _ONE_ADDRESS.fullmatch(link.user.email):
        raise Unsendable("what the user logs in with is no one mail address")
    issuer = links.issuer
    locale = choose_locale(None, link.user.locale, None)
    told = {"name": issuer.title or issuer.provider.title, "url": link.url.reveal()}
    message = EmailMessage()
    message["From"] = mail.sender
    message["To"] = link.user.email
    message["Subject"] = _SUBJECT[locale][link.purpose].format(**told)
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=mail.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: nobody answers it by itself
    message.set_content(_TEXT[locale][link.purpose].format(**told), cte="8bit")
    return message

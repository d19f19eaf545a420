"""The table `[mail]` of portvakt.toml: by whom mail is sent. Without it, links wait in the outbox for an operator."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from portvakt.model.values import Secret
from portvakt.protocol.govern.people import is_email
from portvakt.server import settings_values as values
from portvakt.server.settings_sources import Found, Wrong, nearest, plain_text, read_named_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from portvakt.server.settings_sources import Document, Problem

    ValueT = TypeVar("ValueT")

KEYS = ("from", "host", "password_file", "port", "tls", "username")
_LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|::1", re.ASCII)


class Tls(StrEnum):
    """How a mail host is talked to. Its certificate is always checked."""

    STARTTLS = "starttls"
    FROM_THE_START = "tls"
    NONE = "none"  # on this machine alone


DEFAULT_PORTS = {Tls.STARTTLS: 587, Tls.FROM_THE_START: 465, Tls.NONE: 25}  # RFC 8314 §3.3, RFC 6409 §3.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """The mail host, and whom mail is from. `username` None: it asks for no log-in."""

    host: str
    port: int
    sender: str
    tls: Tls
    username: str | None = None
    password: Secret | None = field(default=None, repr=False)


def read_mail(document: Document | None, problems: list[Problem]) -> Mail | None:
    """Read the table; None where there is none, or where something is wrong with it, which goes to `problems`."""
    if document is None or "mail" not in document.table:
        return None
    table = document.table["mail"]
    if not isinstance(table, dict):
        problems.append(document.found(("mail",), table).problem("must be a table: [mail]"))
        return None
    return _Reader(document, table, problems).mail()


class _Reader:
    """Reads one key after the other, and goes on where one is wrong."""

    def __init__(self, document: Document, table: dict[str, object], problems: list[Problem]) -> None:
        self.document = document
        self.table = table
        self.problems = problems

    def mail(self) -> Mail | None:
        before = len(self.problems)
        for key in self.table:
            if key not in KEYS:
                self._wrong(key, "unknown key" + nearest(key, KEYS))
        tls = self._read("tls", _tls, Tls.STARTTLS)
        host = self._read("host", values.host, "")
        sender = self._read("from", _sender, "")
        port = self._read("port", values.port, DEFAULT_PORTS[tls])
        username = self._read("username", lambda found: plain_text(found.value), None)
        password = self._read("password_file", self._password, None)
        for key in ("host", "from"):
            if key not in self.table:
                self._wrong("", f"has no {key}")
        if (username is None) is not (password is None) and len(self.problems) == before:
            self._wrong("", "has one of username and password_file; a log-in needs both")
        if tls is Tls.NONE and host and not _LOOPBACK.fullmatch(host):
            self._wrong("tls", "none is for a mail host on this machine alone; links would go out readable")
        if len(self.problems) > before:
            return None
        return Mail(host=host, port=port, sender=sender, tls=tls, username=username, password=password)

    def _read(self, key: str, read: Callable[[Found], ValueT], default: ValueT) -> ValueT:
        if key not in self.table:
            return default
        try:
            return read(self.document.found(("mail", key), self.table[key]))
        except Wrong as error:
            self._wrong(key, str(error))
            return default

    def _password(self, found: Found) -> Secret | None:
        return Secret(read_named_file(self.document.folder, found.value, private=True))

    def _wrong(self, key: str, text: str) -> None:
        path = ("mail", key) if key else ("mail",)
        self.problems.append(self.document.found(path, None).problem(text))


def _tls(found: Found) -> Tls:
    try:
        return Tls(plain_text(found.value))
    except ValueError:
        raise Wrong(f"must be one of {', '.join(Tls)}") from None


def _sender(found: Found) -> str:
    text = plain_text(found.value)
    if not is_email(text) or not text.isascii():
        raise Wrong("must be an email address, NAME@HOST")
    return text

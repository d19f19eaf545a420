"""Settings: one frozen value, made from arguments, PORTVAKT_ variables, files, portvakt.toml and defaults.

In that order: the first place that has a setting wins. `load` either returns settings that are right or says
everything that is wrong with them, each with its source, so that one start is enough to learn it all.
Every relative path, wherever it stands, is relative to the folder of portvakt.toml.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from portvakt.server import settings_values as values
from portvakt.server.settings_issuers import own_issuer, read_issuers
from portvakt.server.settings_mail import read_mail
from portvakt.server.settings_sources import (
    Found,
    Problem,
    SettingsRefused,
    Sources,
    Wrong,
    nearest,
    read_document,
)
from portvakt.wire.issuer_url import check_issuer_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from portvakt.model.nouns import Issuer
    from portvakt.model.values import Secret
    from portvakt.server.settings_mail import Mail
    from portvakt.server.settings_sources import Document
    from portvakt.server.settings_values import Network

__all__ = ["Problem", "Settings", "SettingsRefused", "load", "remarks"]

ValueT = TypeVar("ValueT")

SETTINGS = ("database", "host", "log_level", "port", "secret", "trusted_proxies", "url")
"""What each of the places may hold; `issuers` and `mail` stand in portvakt.toml only."""

NOBODY: tuple[Network, ...] = ()
HTTP_PORT = 80  # which a URL leaves out
DEFAULT_DATABASE = "sqlite:///portvakt.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that a server, and a command that administers one, needs to know.

    `url` is where the installation is reached, scheme and host. `database` is a URL, SQLite's paths absolute;
    it may hold a password, so show `shown_database`. `secret` is the installation's secret. `issuers` are those of
    portvakt.toml, in its order; `own` is the installation's, named portvakt. Of requests from `trusted_proxies` alone
    the forwarding headers are believed. `log_level` is debug, info, warning or error. `mail` None: links wait in the
    outbox.
    """

    url: str
    database: str = field(repr=False)
    secret: Secret
    own: Issuer
    issuers: tuple[Issuer, ...]
    host: str
    port: int
    trusted_proxies: tuple[Network, ...]
    log_level: str
    mail: Mail | None = None

    @property
    def every_issuer(self) -> tuple[Issuer, ...]:
        """All issuers that are served: those of portvakt.toml, then the installation's own."""
        return (*self.issuers, self.own)

    @property
    def shown_database(self) -> str:
        """The database's URL without its password."""
        return values.without_password(self.database)


def load(arguments: Mapping[str, object], environ: Mapping[str, str], config: Path | None) -> Settings:
    """Read the settings.

    `arguments` by name of setting, None for what was not given. `config` is the portvakt.toml; None: there is
    none, and paths are relative to the current folder.

    Raises: SettingsRefused with everything that is wrong, none of it repeating a value.
    """
    problems: list[Problem] = []
    document = None if config is None else read_document(config, problems)
    if config is not None and document is None:
        raise SettingsRefused(tuple(problems))  # whatever else were said would follow from it
    sources = Sources(arguments, environ, document, Path() if document is None else document.folder)
    problems.extend(_unknown_keys(document))
    problems.extend(sources.unknown_variables(SETTINGS))
    settings = _Reader(sources, problems).settings()
    if settings is None:
        raise SettingsRefused(tuple(problems))
    return settings


def remarks(settings: Settings) -> tuple[str, ...]:
    """What is allowed and yet likely a mistake, one line each, for `check-config` and the start."""
    said = [
        f"issuers.{issuer.name} is at {issuer.url}, but the server listens on port {settings.port}: "
        "only a proxy in front can make that right"
        for issuer in settings.issuers
        if issuer.url.startswith("http://") and (urlsplit(issuer.url).port or HTTP_PORT) != settings.port
    ]
    return tuple(said if settings.issuers else ["there is no [issuers.NAME], so nothing is served"])


def _unknown_keys(document: Document | None) -> Iterator[Problem]:
    """Yield the keys at the top of portvakt.toml that mean nothing, or that stand there twice."""
    if document is None:
        return
    known = (
        "issuers",
        "mail",
        *(name for name in SETTINGS if name != "secret"),
        *(name + "_file" for name in SETTINGS),
    )
    for key, value in document.table.items():
        found = document.found((key,), value)
        if key == "secret":
            yield found.problem("does not belong in this file; put it in a file of its own and name that: secret_file")
        elif key not in known:
            yield found.problem("unknown key" + nearest(key, known))
        elif key + "_file" in document.table:
            yield found.problem(f"stands beside {key}_file; keep one of them")


class _Reader:
    """Reads one setting after the other, and goes on where one is wrong."""

    def __init__(self, sources: Sources, problems: list[Problem]) -> None:
        self.sources = sources
        self.problems = problems

    def settings(self) -> Settings | None:
        """Return the settings, None if there are problems."""
        host = self._read("host", values.host, "127.0.0.1")
        port = self._read("port", values.port, 8040)
        url = self._url(host, port)
        database = self._read("database", values.database(self.sources.folder), None, private=True)
        secret = self._secret()
        trusted_proxies = self._read("trusted_proxies", values.trusted_proxies, NOBODY)
        log_level = self._read("log_level", values.log_level, "info")
        issuers = read_issuers(self.sources.document, url, self.problems)
        mail = read_mail(self.sources.document, self.problems)
        if self.problems or secret is None:
            return None
        return Settings(
            url=url,
            database=database or values.database(self.sources.folder)(Found(DEFAULT_DATABASE, "default")),
            secret=secret,
            own=own_issuer(url),
            issuers=issuers,
            host=host,
            port=port,
            trusted_proxies=trusted_proxies,
            log_level=log_level,
            mail=mail,
        )

    def _url(self, host: str, port: int) -> str:
        """Return the installation's URL: as set, else where the server listens if that is loopback."""
        default = f"http://{f'[{host}]' if ':' in host else host}" + (f":{port}" if port != HTTP_PORT else "")
        url = self._read("url", values.installation_url, None)
        if url is None and not any(problem.text.startswith("url: ") for problem in self.problems):
            if check_issuer_url(default) is not None:
                self.problems.append(
                    Problem(
                        "url", "is missing; the server listens beyond loopback, so say where it is reached by https"
                    )
                )
            return default
        return url or default

    def _secret(self) -> Secret | None:
        before = len(self.problems)
        secret = self._read("secret", values.root_secret, None, private=True)
        if secret is None and len(self.problems) == before:
            name = "" if self.sources.document is None else f" or secret_file in {self.sources.document.name}"
            self.problems.append(
                Problem("PORTVAKT_SECRET_FILE", f"the installation's secret is missing; set this{name} to its file")
            )
        return secret

    def _read(self, name: str, read: Callable[[Found], ValueT], default: ValueT, *, private: bool = False) -> ValueT:
        """Return a setting's value, or its default if it is not given or wrong."""
        try:
            found = self.sources.find(name, private=private)
            if found is None:
                return default
        except SettingsRefused as refused:
            self.problems.extend(refused.problems)
            return default
        try:
            return read(found)
        except Wrong as error:
            self.problems.append(found.problem(str(error)))
            return default

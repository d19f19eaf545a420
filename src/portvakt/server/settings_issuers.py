"""The issuers of portvakt.toml: each table `[issuers.NAME]` becomes a `model.nouns.Issuer`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from portvakt.model.nouns import Algorithm, Issuer
from portvakt.model.values import IssuerName
from portvakt.providers import PROVIDERS
from portvakt.providers.places import OF_THE_INSTALLATION, WITH_USERS, is_at_or_under
from portvakt.server import settings_values as values
from portvakt.server.settings_providers import ProviderFiles, is_provider_file
from portvakt.server.settings_sources import Problem, Wrong, nearest, plain_text, spell
from portvakt.wire.issuer_url import check_issuer_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from portvakt.model.provider import Provider, Quota
    from portvakt.server.settings_sources import Document, Found

ValueT = TypeVar("ValueT")

OWN = IssuerName("portvakt")
KEYS = ("provider", "url", "api_url", "algorithm", "lifetime", "quotas", "title", "colour", "test")
QUOTAS = ("token", "api")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
LONGEST_TITLE = 60
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)


def own_issuer(base_url: str) -> Issuer:
    """The installation's own issuer: its users are the operators, its tokens are for the administration."""
    provider = PROVIDERS["standard"]
    api_url = base_url + "/admin/api/v1"
    return Issuer(
        name=OWN,
        url=f"{base_url}/{OWN}",
        provider=provider,
        api_url=api_url,
        audience=api_url + provider.api.audience_path,
        lifetime=provider.lifetime,
        title="Portvakt",
    )


def read_issuers(document: Document | None, base_url: str, problems: list[Problem]) -> tuple[Issuer, ...]:
    """Return the issuers that are right. What is wrong with the others goes to `problems`.

    An issuer without `url` has the installation's and its own name.
    """
    if document is None or "issuers" not in document.table:
        return ()
    tables = document.table["issuers"]
    if not isinstance(tables, dict):
        problems.append(document.found(("issuers",), tables).problem("must be tables: [issuers.NAME]"))
        return ()
    files = ProviderFiles(document.folder, problems)
    read = [_Table(document, name, table, problems, files).issuer(base_url) for name, table in tables.items()]
    issuers = tuple(issuer for issuer in read if issuer is not None)
    _check_together(document, issuers, own_issuer(base_url), problems)
    return issuers


class _Table:
    """One table `[issuers.NAME]` while it is read; problems go to the list that all share."""

    def __init__(
        self, document: Document, name: str, table: object, problems: list[Problem], files: ProviderFiles
    ) -> None:
        self.document = document
        self.name = name
        self.path = ("issuers", name)
        self.problems = problems
        self.files = files
        self.is_table = isinstance(table, dict)
        self.table: Mapping[str, object] = table if isinstance(table, dict) else {}

    def issuer(self, base_url: str) -> Issuer | None:
        """Return the issuer, or None if anything about it is wrong."""
        before = len(self.problems)
        if not self.is_table:
            self._add((), "must be a table: [issuers.NAME]")
            return None
        if _NAME.fullmatch(self.name) is None:
            self._add((), "an issuer's name is a lower-case letter, then up to 31 letters, digits and hyphens")
        elif self.name == OWN:
            self._add((), "is the installation's own issuer; it follows from the setting `url`, choose another name")
        for key in self.table:
            if key not in KEYS:
                self._add((key,), "unknown key" + nearest(key, KEYS))
        if "provider" not in self.table:
            self._add((), f"provider is missing; one of {', '.join(sorted(PROVIDERS))}, or a file of your own")
        provider = self._optional("provider", self._provider, None)
        url = self._optional("url", _url, f"{base_url}/{self.name}")
        api_url = self._api_url(provider, url)
        quotas = self._quotas()
        lifetime = self._optional("lifetime", values.lifetime, None)
        algorithm = self._algorithm(provider)
        title, colour = self._optional("title", _title, ""), self._optional("colour", _colour, None)
        test = self._optional("test", _yes_or_no, default=False)
        if len(self.problems) > before or provider is None:
            return None
        return Issuer(
            name=IssuerName(self.name),
            url=url,
            provider=provider,
            api_url=api_url,
            audience=api_url + provider.api.audience_path,
            lifetime=provider.lifetime if lifetime is None else lifetime,
            algorithm=algorithm,
            token_quota=quotas.get("token", provider.token_quota),
            api_quota=quotas.get("api", provider.api.quota),
            title=title,
            colour=colour,
            test=test,
            administration=own_issuer(base_url).audience,
        )

    def _provider(self, found: Found) -> Provider | None:
        """Return a provider by its name, or from its file; None if the file is wrong, which is told of it."""
        name = plain_text(found.value)
        if is_provider_file(name):
            return self.files.read(name)
        if name not in PROVIDERS:
            raise Wrong("no such provider" + nearest(name, PROVIDERS))
        return PROVIDERS[name]

    def _add(self, below: tuple[str, ...], text: str) -> None:
        self.problems.append(self.document.found((*self.path, *below), None).problem(text))

    def _optional(self, key: str, read: Callable[[Found], ValueT], default: ValueT) -> ValueT:
        if key not in self.table:
            return default
        found = self.document.found((*self.path, key), self.table[key])
        try:
            return read(found)
        except Wrong as error:
            self.problems.append(found.problem(str(error)))
            return default

    def _api_url(self, provider: Provider | None, url: str) -> str:
        if provider is None or "api_url" in self.table:
            return self._optional("api_url", _url, url)
        if _api_has_its_own_host(provider):
            self._add((), f"api_url is missing; {provider.title}'s API has a host of its own, so say where it is")
        return url + provider.api_path

    def _algorithm(self, provider: Provider | None) -> Algorithm:
        allowed = tuple(Algorithm) if provider is None else provider.algorithms

        def read(found: Found) -> Algorithm:
            text = plain_text(found.value)
            if text not in allowed:
                whose = "must be" if provider is None else f"{provider.title} signs with"
                raise Wrong(f"{whose} {' or '.join(allowed)}")
            return Algorithm(text)

        return self._optional("algorithm", read, allowed[0])

    def _quotas(self) -> dict[str, Quota | None]:
        table = self.table.get("quotas", {})
        if not isinstance(table, dict):
            self._add(("quotas",), 'must be a table: quotas = { token = "100/hour" }')
            return {}
        quotas = {}
        for key, value in table.items():
            found = self.document.found((*self.path, "quotas", key), value)
            if key not in QUOTAS:
                self.problems.append(found.problem("unknown key" + nearest(key, QUOTAS)))
                continue
            try:
                quotas[key] = values.quota(found)
            except Wrong as error:
                self.problems.append(found.problem(str(error)))
        return quotas


def _url(found: Found) -> str:
    text = plain_text(found.value)
    if wrong := check_issuer_url(text):
        raise Wrong(wrong)
    return text


def _title(found: Found) -> str:
    """What an issuer's pages are headed with."""
    text = plain_text(found.value)
    if not text.strip() or len(text) > LONGEST_TITLE or not text.isprintable():
        raise Wrong(f"must be 1 to {LONGEST_TITLE} printable characters")
    return text


def _colour(found: Found) -> str | None:
    """The accent of an issuer's pages."""
    text = plain_text(found.value)
    if _COLOUR.fullmatch(text) is None:
        raise Wrong('must be a colour such as "#1d4f7c"')
    return text


def _yes_or_no(found: Found) -> bool:
    if not isinstance(found.value, bool):
        raise Wrong("must be true or false")
    return found.value


def _api_has_its_own_host(provider: Provider) -> bool:
    return any(
        urlsplit(environment.issuer_url).netloc != urlsplit(environment.api_url).netloc
        for environment in provider.environments
    )


def _check_together(document: Document, issuers: Sequence[Issuer], own: Issuer, problems: list[Problem]) -> None:
    """Refuse issuers that would answer in one another's place, or in the installation's."""
    for index, issuer in enumerate(issuers):
        found = document.found(("issuers", issuer.name, "url"), None)
        path = urlsplit(issuer.url).path
        problems.extend(
            found.problem(f"claims {reserved}, which belongs to the installation")
            for reserved in OF_THE_INSTALLATION
            if any(is_at_or_under(claimed, reserved) for claimed in (path, *_claims(issuer)))
        )
        if ".well-known" in path.split("/"):
            problems.append(found.problem("claims a path under .well-known, which RFC 8615 keeps for other things"))
        problems.extend(
            found.problem(
                f"is on the host of issuers.{other.name}: one is a test and one is not, and people log in at both."
                " A browser keeps what is on one host in one place; give the test a host of its own"
            )
            for other in issuers[:index]
            if issuer.test is not other.test and _host(issuer) == _host(other) and _has_pages(issuer, other)
        )
        for other in (own, *issuers[:index]):
            if (_host(issuer), path) == (_host(other), urlsplit(other.url).path):
                text = f"is the place of issuers.{other.name}: the same path on the same host, whatever its port"
                problems.append(found.problem(text))
            elif between := _overlap(issuer, other) or _overlap(other, issuer):
                problems.append(found.problem(f"and issuers.{other.name} both answer at {spell([between])}"))


def _has_pages(*issuers: Issuer) -> bool:
    """Whether people log in at each of them."""
    return all(issuer.provider.authorize_path is not None for issuer in issuers)


def _overlap(inner: Issuer, outer: Issuer) -> str | None:
    """Return what `outer` answers at or under the URL of `inner`, which lies under its own; None if nothing."""
    inside, outside = urlsplit(inner.url).path, urlsplit(outer.url).path
    if _host(inner) != _host(outer) or not is_at_or_under(inside, outside):
        return None
    return next((claimed for claimed in _claims(outer) if is_at_or_under(claimed, inside)), None)


def _host(issuer: Issuer) -> str:
    """The host as requests are told apart by it: without port, all names of loopback being one."""
    host = urlsplit(issuer.url).hostname or ""
    return "127.0.0.1" if host in LOOPBACK else host


def _claims(issuer: Issuer) -> tuple[str, ...]:
    """The paths at which an issuer answers, besides the well-known ones."""
    provider = issuer.provider
    below = [*provider.token_paths, "/revocations"]
    if provider.authorize_path is not None:
        below += [provider.authorize_path, *WITH_USERS]
    return tuple(urlsplit(issuer.url).path + path for path in below)

"""A company's own provider, from TOML: the same value as those that portvakt knows, checked key by key."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from portvakt.model.provider import Environment, Provider
from portvakt.providers import PROVIDERS
from portvakt.providers.toml_keys import ANY, KEYS, TABLES
from portvakt.providers.toml_rules import RULES
from portvakt.providers.toml_text import NotToml, read_toml
from portvakt.providers.toml_values import Unfit, matching, one_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from portvakt.providers.toml_rules import Rule
    from portvakt.providers.toml_text import Lines

LARGEST = 64 * 1024
"""Bytes of a provider's TOML."""

LONGEST_LINE = 1000
"""Bytes of one of its lines: the parser's work on a key with many dots grows with the square of them."""

MOST_MISFITS = 100
BASED_ON = ("based_on",)
STANDARD = "standard"
TAKEN = (*PROVIDERS, "portvakt")

_DEEPEST = 4  # how far a table that nobody knows is looked into
_SHOWN = 40
_ENVIRONMENT_NAME = matching("[a-z][a-z0-9-]{0,31}", "a lower-case letter, then up to 31 letters, digits and hyphens")
_BASES = one_of(PROVIDERS)


@dataclass(frozen=True, slots=True)
class Misfit:
    """One thing that is wrong: on which line, at which key (none: with the text as a whole), and what would do.

    `path` holds what was written for keys; `text` never repeats a value.
    """

    line: int
    path: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        where = ".".join(ascii(part)[1:-1][:_SHOWN] for part in self.path) or "the file"
        return f"line {self.line}: {where}: {self.text}"


class ProviderRefused(Exception):
    """A text describes no provider. `misfits` are all that is wrong with it, by line; a hundred at most."""

    def __init__(self, misfits: tuple[Misfit, ...]) -> None:
        super().__init__("\n".join(map(str, misfits)))
        self.misfits = misfits


def load_provider(content: bytes) -> Provider:
    """Return the provider that a TOML text describes.

    Its keys are the fields of `model.provider.Provider`; what is not named is as the provider `based_on` has it
    (default: the standard), but `name` and `title`, which must be named, and environments and evidence, which are
    a provider's own. At most 64 KiB, in lines of 1,000 bytes.

    Raises:
        ProviderRefused: see there.
    """
    if len(content) > LARGEST:
        raise ProviderRefused((Misfit(1, (), "is larger than 64 KiB"),))
    long = [at for at, line in enumerate(content.split(b"\n"), 1) if len(line) > LONGEST_LINE]
    if long:
        raise ProviderRefused((Misfit(long[0], (), f"has a line of more than {LONGEST_LINE} bytes; break it"),))
    try:
        table, lines = read_toml(content)
    except NotToml as error:
        last = content.rstrip().count(b"\n") + 1
        raise ProviderRefused((Misfit(error.line or last, (), error.text),)) from None
    return _Reading(lines).provider(table)


class _Reading:
    """A table while it is read: the values that are right by path, and what is wrong."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.values: dict[tuple[str, ...], Any] = {}
        self.misfits: list[Misfit] = []
        self.wrong: set[tuple[str, ...]] = set()

    def provider(self, table: Mapping[str, object]) -> Provider:
        base = PROVIDERS[self._base(table)]
        for path, value in _leaves(table, ()):
            if len(self.misfits) >= MOST_MISFITS:
                break
            if path != BASED_ON:
                self._key(path, value)
        self._own_names(table)
        environments = self._environments()
        if BASED_ON not in self.wrong:
            made = self._made(base, environments)
            for rule in RULES:
                if rule.broken(made) and not self.wrong & set(rule.keys):
                    self._contradiction(rule, base)
        if self.misfits:
            raise ProviderRefused(tuple(sorted(self.misfits, key=lambda misfit: misfit.line)))
        return made

    def _base(self, table: Mapping[str, object]) -> str:
        try:
            return str(_BASES.read(table.get(BASED_ON[0], STANDARD)))
        except Unfit as error:
            self._add(BASED_ON, str(error))
            return STANDARD

    def _key(self, path: tuple[str, ...], value: object) -> None:
        known = _known(path)
        reader = KEYS.get(known)
        if reader is not None:
            try:
                self.values[path] = reader.read(value)
            except Unfit as error:
                self._add(path, str(error))
        elif known in TABLES:
            if not isinstance(value, dict):
                self._add(path, f"must be a table: [{'.'.join(known).replace(ANY, 'NAME')}]")
            elif len(known) > 1:  # an environment without anything
                self.values[path] = None
        else:
            self._add(path, "unknown key" + _meant(path))

    def _own_names(self, table: Mapping[str, object]) -> None:
        for key, example in (("name", "acme"), ("title", "Acme")):
            if key not in table:
                self._add((key,), f'is missing; say {key} = "{example}"')
        if self.values.get(("name",)) in TAKEN:
            self._add(("name",), "is the name of one that portvakt has; choose another")

    def _environments(self) -> tuple[Environment, ...]:
        named = [path[1] for path in (*self.values, *self.wrong) if path[0] == "environments" and len(path) > 1]
        found = tuple(dict.fromkeys(named))
        for name in found:
            try:
                _ENVIRONMENT_NAME.read(name)
            except Unfit as error:
                self._add(("environments", name), f"its name {error}")
            for key in ("issuer_url", "api_url"):
                path = ("environments", name, key)
                if path not in self.values and path not in self.wrong:
                    self._add(path, "is missing")
        if self.misfits:
            return ()
        return tuple(
            Environment(
                name=name, **{path[2]: url for path, url in self.values.items() if path[:2] == ("environments", name)}
            )
            for name in found
        )

    def _made(self, base: Provider, environments: tuple[Environment, ...]) -> Provider:
        def under(*root: str) -> dict[str, Any]:
            return {p[-1]: value for p, value in self.values.items() if p[:-1] == root}

        return replace(
            base,
            evidence=(),
            environments=environments,
            rate_limited=replace(base.rate_limited, **under("rate_limited")),
            api=replace(base.api, **under("api")),
            **under(),
        )

    def _contradiction(self, rule: Rule, base: Provider) -> None:
        """Say it at the first of its keys that was written; one of them was, as `base` is right."""
        written = [key for key in rule.keys if key in self.values]
        whose = "" if rule.keys[0] in self.values else f"as {base.name} has it, "
        self._add(rule.keys[0], whose + rule.text, at=written[0])

    def _add(self, path: tuple[str, ...], text: str, *, at: tuple[str, ...] | None = None) -> None:
        self.wrong.add(path)
        around = at or path
        line = next((self.lines[around[:end]] for end in range(len(around), 0, -1) if around[:end] in self.lines), 1)
        self.misfits.append(Misfit(line, path, text))


def _leaves(table: Mapping[str, object], around: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield every value with its path; a table as a whole where it is empty, stands for a value, or lies deep."""
    for name, value in table.items():
        path = (*around, name)
        if isinstance(value, dict) and value and _known(path) not in KEYS and len(path) < _DEEPEST:
            yield from _leaves(value, path)
        else:
            yield path, value


def _known(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return a path as KEYS has it."""
    return ("environments", ANY, *path[2:]) if path[0] == "environments" and len(path) > 1 else path


_DOTTED = {".".join(key).replace(ANY, "NAME"): key for key in (BASED_ON, *KEYS)}


def _meant(path: tuple[str, ...]) -> str:
    """Return the known key that is nearest to an unknown one: of that name elsewhere, or spelled nearly so."""
    last = path[-1][:64]
    by_name = {key[-1]: dotted for dotted, key in _DOTTED.items()}
    close = [by_name[name] for name in difflib.get_close_matches(last, by_name, n=1, cutoff=0.75)]
    written = ".".join(part[:64] for part in _known(path[:_DEEPEST])).replace(ANY, "NAME")
    # The same name in another table, or nearly so; but what is nearly right with its table goes first.
    close = difflib.get_close_matches(written, _DOTTED, n=1, cutoff=0.8) or close
    close = close or difflib.get_close_matches(written, _DOTTED, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else "; the guide to providers has every key"

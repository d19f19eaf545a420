"""What the values of a provider's TOML must be. A reader says what it takes; what it refuses is never repeated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portvakt.model.provider import Quota
from portvakt.model.values import Seconds
from portvakt.providers.places import OF_EVERY_ISSUER, OF_THE_INSTALLATION, WITH_USERS, is_at_or_under
from portvakt.wire.issuer_url import check_issuer_url

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from enum import Enum

OFF = "off"
LARGEST_QUOTA = 1_000_000_000
WINDOWS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
LONGEST_TEXT = 300
LONGEST_PATH = 200
LONGEST_TITLE = 60
MOST_ENTRIES = 50

_QUOTA = re.compile(r"([1-9][0-9]{0,9})/(?:(second|minute|hour|day)|([1-9][0-9]{0,4})s)", re.ASCII)
_PATH = re.compile(r"(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9._~-]+)+")
# RFC 6749 §5.2: error_description has no characters outside %x20-21 / %x23-5B / %x5D-7E; RFC 6750 §3 too
_TEXT = re.compile(rf"[\x20-\x21\x23-\x5b\x5d-\x7e]{{1,{LONGEST_TEXT}}}")
_PLACE = re.compile(r"\{(limit|window|seconds)\}")
_PREFIX = re.compile(r"[a-z][a-z0-9]{0,18}[_-]")
_OWN_PREFIXES = ("fam_", "grant_", "key_", "pvk_", "sec_", "ses_", "txn_", "user_")
_HEADER = re.compile(r"(?:X-|RateLimit)[A-Za-z0-9-]{1,60}", re.IGNORECASE)


class Unfit(Exception):
    """A value will not do; the text says what would."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one value. `takes` is what it must be, said after "must be"; `read` returns it, or raises Unfit."""

    takes: str
    read: Callable[[object], object]


def choice(entries: type[Enum]) -> Reader:
    """One of an enumeration, by its value."""
    by_value = {str(entry.value): entry for entry in entries}
    return one_of(by_value, by_value.__getitem__)


def one_of(names: Iterable[str], meant: Callable[[str], object] = str) -> Reader:
    """One of some names; `meant` makes of a name what it stands for."""
    known = tuple(names)
    takes = " or ".join(f'"{name}"' for name in known)

    def read(value: object) -> object:
        if not isinstance(value, str) or value not in known:
            raise Unfit(f"must be {takes}")
        return meant(value)

    return Reader(takes, read)


def seconds(least: int, most: int) -> Reader:
    """A length of time."""
    takes = f"a whole number of seconds from {least} to {most}"

    def read(value: object) -> Seconds:
        if type(value) is not int or not least <= value <= most:
            raise Unfit(f"must be {takes}")
        return Seconds(value)

    return Reader(takes, read)


def matching(pattern: str, takes: str) -> Reader:
    """A text of a certain shape."""
    shape = re.compile(pattern)

    def read(value: object) -> str:
        if not isinstance(value, str) or shape.fullmatch(value) is None:
            raise Unfit(f"must be {takes}")
        return value

    return Reader(takes, read)


def title() -> Reader:
    """What people are shown as the provider's name."""
    takes = f"a text of 1 to {LONGEST_TITLE} printable characters"

    def read(value: object) -> str:
        if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_TITLE or not value.isprintable():
            raise Unfit(f"must be {takes}")
        return value

    return Reader(takes, read)


def text(*, places: bool = False) -> Reader:
    """What callers are told. With `places` it may hold `{limit}`, `{window}` and `{seconds}`, to be read back."""
    takes = f"a text of up to {LONGEST_TEXT} ASCII characters"
    if places:
        takes += ", with the places {limit}, {window} and {seconds}"

    def read(value: object) -> str:
        if not isinstance(value, str) or _TEXT.fullmatch(value) is None:
            raise Unfit(f'must be {takes}, none of them a line break, " or \\')
        if places:
            _check_places(value)
        return value

    return Reader(takes, read)


def _check_places(said: str) -> None:
    found = _PLACE.findall(said)
    if {"{", "}"} & set(_PLACE.sub("", said)) or len(found) > len(set(found)):
        raise Unfit("may hold {limit}, {window} and {seconds}, each once, and no other braces")
    if re.search(r"\}[A-Za-z0-9]*\{", said):
        raise Unfit("has two places side by side, which nobody could read back; put a space or a word between them")


def path(*, may_be_empty: bool = False) -> Reader:
    """A path below a URL."""
    takes = 'a path such as "/oauth/token"' + (', or ""' if may_be_empty else "")

    def read(value: object) -> str:
        empty = may_be_empty and value == ""
        if not isinstance(value, str) or not (empty or (len(value) <= LONGEST_PATH and _PATH.fullmatch(value))):
            raise Unfit(f"must be {takes}: letters, digits and -._~ between the slashes, and no slash at the end")
        return value

    return Reader(takes, read)


def endpoint() -> Reader:
    """A path at which an issuer answers, and nothing else of the server's does."""
    plain = path()

    def read(value: object) -> object:
        said = str(plain.read(value))
        for root in OF_THE_INSTALLATION:
            if is_at_or_under(said, root):
                raise Unfit(f"is at {root}, which belongs to the installation; choose another path")
        for root in (*OF_EVERY_ISSUER, *WITH_USERS):
            if is_at_or_under(said, root):
                raise Unfit(f"is at {root}, where the server itself answers; choose another path")
        return said

    return Reader(plain.takes, read)


def url() -> Reader:
    """A URL such as an issuer's."""

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise Unfit("must be a URL such as https://api.example")
        if wrong := check_issuer_url(value):
            raise Unfit(wrong)
        return value

    return Reader("a URL such as https://api.example, without a slash at the end", read)


def prefix() -> Reader:
    """What client ids begin with. A client's `sub` must never look like a user's (RFC 9068 §5)."""
    takes = "a lower-case letter, then up to 18 letters and digits, then _ or -"
    shape = matching(_PREFIX.pattern, takes)

    def read(value: object) -> object:
        if value in _OWN_PREFIXES:
            raise Unfit("is what ids of another kind begin with; choose another")
        return shape.read(value)

    return Reader(takes, read)


def parse_quota(value: object) -> Quota | None:
    """Return a quota that is written as `100/hour`, `5/30s` or `off`. Raises: Unfit."""
    if value == OFF:
        return None
    match = _QUOTA.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) > LARGEST_QUOTA:
        raise Unfit(f"must be {QUOTA.takes}")
    return Quota(int(match[1]), Seconds(WINDOWS[match[2]] if match[2] else int(match[3])))


QUOTA = Reader('"100/hour" (or /second, /minute, /day, /90s), at most 1000000000, or "off"', parse_quota)


def or_word(reader: Reader, word: str = OFF) -> Reader:
    """What another reader takes, or a word for there being none."""

    def read(value: object) -> object:
        if value == word:
            return None
        try:
            return reader.read(value)
        except Unfit as error:
            raise Unfit(f'{error}, or "{word}"') from None

    return Reader(f'{reader.takes}, or "{word}"', read)


def each(
    reader: Reader,
    kind: Callable[[Iterable[object]], Collection[object]] = tuple,
    *,
    holds: Collection[str] = (),
    least: int = 1,
    most: int = MOST_ENTRIES,
) -> Reader:
    """A list of different values, which `holds` some in any case; `kind` is what becomes of it."""
    amount = f"{least}" if least == most else f"{least} to {most}"
    takes = f"a list, in which each is {reader.takes}" if least != most else f"a list of {amount}, each {reader.takes}"
    takes += f", with {' and '.join(sorted(holds))}" if holds else ""

    def read(value: object) -> object:
        if not isinstance(value, list):
            raise Unfit(f"must be {takes}")
        entries = [_entry(reader, entry) for entry in value]
        if not least <= len(entries) <= most:
            raise Unfit(f"must have {amount} entries")
        if len({str(entry).lower() for entry in entries}) < len(entries):
            raise Unfit("has an entry twice")
        if missing := sorted(set(holds) - {str(entry) for entry in entries}):
            raise Unfit(f"must hold {' and '.join(missing)}")
        return kind(entries)

    return Reader(takes, read)


def _entry(reader: Reader, entry: object) -> object:
    try:
        return reader.read(entry)
    except Unfit as error:
        raise Unfit(f"has an entry that {error}") from None


def scope() -> Reader:
    """One scope (RFC 6749 §3.3). Those that begin with `portvakt:` are the server's own."""
    takes = "a scope: 1 to 100 visible ASCII characters, not beginning with portvakt:"
    return matching(r"(?!portvakt:)[\x21\x23-\x5b\x5d-\x7e]{1,100}", takes)


def quota_header() -> Reader:
    """The name of a header that says how much of a quota is left."""
    return matching(f"(?i:{_HEADER.pattern})", "a header's name that begins with X- or RateLimit")

"""Which language a page is in, and how that language writes dates."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from portvakt.model.values import Instant

Locale = Literal["nb", "en"]
LOCALES: Final[tuple[Locale, ...]] = get_args(Locale)

_BY_TAG: Final[dict[str, Locale]] = {"nb": "nb", "no": "nb", "nn": "nb", "en": "en"}
# RFC 9110 §12.5.4: a language range, and perhaps its weight.
_RANGE = re.compile(
    r"[ \t]*([A-Za-z]{2,3})(?:-[A-Za-z0-9]{1,8}){0,4}[ \t]*(?:;[ \t]*q=([01](?:\.[0-9]{0,3})?))?[ \t]*", re.ASCII
)
_LONGEST_HEADER = 512
# fmt: off
_MONTHS: Final[dict[Locale, tuple[str, ...]]] = {
    "nb": ("januar", "februar", "mars", "april", "mai", "juni",
           "juli", "august", "september", "oktober", "november", "desember"),
    "en": ("January", "February", "March", "April", "May", "June",
           "July", "August", "September", "October", "November", "December"),
}
# fmt: on


def choose_locale(
    asked: str | None, users: str | None, accept_language: str | None, *, chosen: str | None = None
) -> Locale:
    """Return the language that a page is in.

    That is what the request asks for, else what was `chosen` in this browser, else the user's own setting, else what
    the browser accepts, else English.

    `asked`, `chosen` and `users` count if they are "nb" or "en". Nothing is kept from one call to the next, so that
    many different headers cost nothing but their own time, which is bounded.
    """
    for wish in (asked, chosen, users):
        for locale in LOCALES:
            if wish == locale:
                return locale
    return _browsers((accept_language or "")[:_LONGEST_HEADER])


def _browsers(header: str) -> Locale:
    best: tuple[float, Locale] = (0.0, "en")
    for part in header.split(","):
        found = _RANGE.fullmatch(part)
        locale = _BY_TAG.get(found[1].lower()) if found else None
        if found and locale:
            weight = min(float(found[2] or "1"), 1.0)
            if weight > best[0]:  # the first of equals stays
                best = weight, locale
    return best[1]


def date(moment: Instant, locale: Locale) -> str:
    """Return the day of a moment (UTC): 22. november 2026, 22 November 2026."""
    day = datetime.fromtimestamp(moment, UTC)
    dot = "." if locale == "nb" else ""
    return f"{day.day}{dot}\u00a0{_MONTHS[locale][day.month - 1]} {day.year}"


def date_and_time(moment: Instant, locale: Locale) -> str:
    """Return a moment (UTC): 22. november 2026 kl. 19.29 UTC, 22 November 2026 at 19:29 UTC."""
    at = datetime.fromtimestamp(moment, UTC)
    clock = f"kl.\u00a0{at:%H.%M}" if locale == "nb" else f"at {at:%H:%M}"
    return f"{date(moment, locale)} {clock}\u00a0UTC"


def iso(moment: Instant) -> str:
    """Return a moment for machines (HTML, `time datetime`)."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

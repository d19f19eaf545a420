"""The pages' texts, by language and name. A place in braces takes a value, which is escaped as it is put in."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from portvakt.pages.texts_console_en import CONSOLE_EN
from portvakt.pages.texts_console_nb import CONSOLE_NB
from portvakt.pages.texts_en import EN, SCOPES_EN
from portvakt.pages.texts_nb import NB, SCOPES_NB

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portvakt.pages.locale import Locale

TEXTS: Mapping[Locale, Mapping[str, str]] = MappingProxyType({"nb": NB | CONSOLE_NB, "en": EN | CONSOLE_EN})
SCOPES: Mapping[Locale, Mapping[str, str]] = MappingProxyType({"nb": SCOPES_NB, "en": SCOPES_EN})
"""What known scopes let an application do, as the end of "NAME asks to …"."""


def text(locale: Locale, name: str, **places: object) -> Markup:
    """Return a text for HTML, its places filled in. Raises KeyError for a name or a place that there is not."""
    return escape(TEXTS[locale][name]).format(**places)

"""A rendered page, read back: its tags, its fields, its text."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

from portvakt.pages.render import render

if TYPE_CHECKING:
    from portvakt.model.message import Reply
    from portvakt.pages.console import ConsoleView
    from portvakt.pages.locale import Locale
    from portvakt.pages.views import View


class Page(HTMLParser):
    """What a page is made of: its tags with their attributes, and its text."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(reply.body.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute stands twice in <{tag}>"
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def fields(self) -> dict[str, str | None]:
        return {str(a["name"]): a.get("value") for tag, a in self.tags if tag in {"input", "select"} and "name" in a}

    def shape(self) -> list[tuple[str, list[str]]]:
        """Return tags and names of attributes: what no text may change."""
        return [(tag, list(attributes)) for tag, attributes in self.tags]


def page(view: View | ConsoleView, locale: Locale = "nb") -> Page:
    return Page(render(view, locale))

"""Pages as somebody without a browser sees them: a status, headings, forms to fill in, links to follow."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit


@dataclass
class Form:
    """A form: where it goes, its hidden and filled-in fields, and what may be chosen, by name."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)


class _Reader(HTMLParser):
    """Notes what a person would see and press."""

    def __init__(self) -> None:
        super().__init__()
        self.lang = ""
        self.headings: list[str] = []
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._in_heading = False
        self._posts = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.lang = said.get("lang", "")
        elif tag == "h1":
            self._in_heading = True
            self.headings.append("")
        elif tag == "a" and "hreflang" not in said:  # which is the same page in another language
            self.links.append(said.get("href", ""))
        elif tag == "form":
            self._posts = said["method"] == "post"
            if self._posts:  # the others search
                self.forms.append(Form(said["action"]))
        elif tag in {"input", "button", "textarea"} and said.get("name") and self._posts and self.forms:
            form = self.forms[-1]
            if tag == "button" or said.get("type") == "radio":
                form.choices.setdefault(said["name"], []).append(said["value"])
                if "checked" in said:
                    form.fields[said["name"]] = said["value"]
            elif said.get("type") != "checkbox":  # none of ours is checked before a person does it
                form.fields[said["name"]] = said.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "h1":
            self._in_heading = False

    def handle_data(self, data: str) -> None:
        if self._in_heading:
            self.headings[-1] += data


@dataclass(frozen=True)
class Page:
    """An answer to a browser."""

    status: int
    headers: list[tuple[str, str]]
    text: str

    def header(self, name: str) -> str | None:
        """Return the one header of that name, in lower case; None if there is none."""
        values = [value for key, value in self.headers if key.lower() == name]
        assert len(values) < 2, f"{name} stands {len(values)} times"
        return values[0] if values else None

    @property
    def location(self) -> str:
        """Where the browser is sent: by 303 and in no other way (RFC 9700 §4.12)."""
        assert self.status == 303, (self.status, self.heading)
        found = self.header("location")
        assert found is not None
        return found

    @property
    def sent_back(self) -> dict[str, str]:
        """The parameters with which the browser is sent on; each stands once."""
        found = parse_qs(urlsplit(self.location).query, keep_blank_values=True, strict_parsing=True)
        assert all(len(values) == 1 for values in found.values()), found
        return {name: values[0] for name, values in found.items()}

    @property
    def heading(self) -> str:
        return " ".join(" ".join(self._read.headings).split())

    @property
    def lang(self) -> str:
        return self._read.lang

    @property
    def links(self) -> list[str]:
        return self._read.links

    @property
    def forms(self) -> list[Form]:
        return self._read.forms

    def form(self, ends: str) -> Form:
        """Return the first form whose action ends so."""
        found = [form for form in self.forms if urlsplit(form.action).path.endswith(ends)]
        assert found, (self.status, self.heading, [form.action for form in self.forms])
        return found[0]

    def has_form(self, ends: str) -> bool:
        return any(urlsplit(form.action).path.endswith(ends) for form in self.forms)

    @cached_property
    def _read(self) -> _Reader:
        reader = _Reader()
        reader.feed(self.text)
        reader.close()
        return reader

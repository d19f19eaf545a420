"""Whatever a form of administration does is shown as API call beside it, and to operators as command."""

from __future__ import annotations

import re

import pytest

from pages_shown_console import CONSOLE_SAMPLES
from portvakt.pages.render import render

MEANS = re.compile(r'<details class="means">.*?</details>', re.DOTALL)
FORM = re.compile(r'<form [^>]*method="post".*?</form>(?:\s*' + MEANS.pattern + ")?", re.DOTALL)
LOOK = 'name="do" value="show"'  # which shows a line of a list: as the list itself by other means
ACT = re.compile(r'<button [^>]*name="do" value="[a-z_]+"')


def by_other_means(name: str, shown: str) -> int:
    """Return how many acts a piece of a page shows by all means: API call, and command if it is an operator's."""
    means = "".join(MEANS.findall(shown))
    calls, commands = means.count("<code>curl "), means.count("<code>portvakt ")
    if name.startswith("settings"):  # of people who run no command on the server
        assert commands == 0
        return calls
    return min(calls, commands)


@pytest.mark.parametrize("name", CONSOLE_SAMPLES)
def test_each_act_of_each_form_is_shown_by_other_means(name: str) -> None:
    """Of every view there is a sample, so that a new page with a form is in here, too."""
    page = render(CONSOLE_SAMPLES[name], "en").body.decode()
    forms = [form for form in FORM.findall(page) if LOOK not in form]

    for means in MEANS.findall(page):
        assert means.count("PORTVAKT_TOKEN is an access token with the scope portvakt:manage") == 1
    for form in forms:
        assert by_other_means(name, form) >= max(1, len(ACT.findall(form))), form


@pytest.mark.parametrize("name", [name for name, view in CONSOLE_SAMPLES.items() if getattr(view, "lines", ())])
def test_each_list_is_shown_by_other_means(name: str) -> None:
    page = render(CONSOLE_SAMPLES[name], "en").body.decode()

    assert by_other_means(name, page) >= 1

"""What pages of administration say of one thing, and of none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pages_shown_console import LINES, clients, log, profile
from portvakt.pages.render import render

if TYPE_CHECKING:
    from portvakt.pages.locale import Locale


@pytest.mark.parametrize(
    ("locale", "sessions", "words"),
    [
        ("en", 0, "Not logged in anywhere"),
        ("en", 1, "Logged in in 1 browser"),
        ("nb", 0, "Ikke logget inn noe sted"),
        ("nb", 1, "Logget inn i 1 nettleser"),
        ("nb", 2, "Logget inn i 2 nettlesere"),
    ],
)
def test_a_profile_says_where_somebody_is_logged_in(locale: Locale, sessions: int, words: str) -> None:
    assert f"<h3>{words}</h3>" in render(profile(sessions=sessions), locale).body.decode()


@pytest.mark.parametrize(
    ("locale", "live", "words"), [("en", 1, "1 live"), ("nb", 1, "1 aktiv"), ("nb", 2, "2 aktive")]
)
def test_a_list_says_how_many_secrets_live(locale: Locale, live: int, words: str) -> None:
    for_ever, ends = replace(LINES[0], live=live, ends=None), replace(LINES[0], live=live, ends=LINES[0].used)
    page = render(clients("", (for_ever, ends)), locale).body.decode()

    assert f">{words}</td>" in page
    assert f">{words}, " in page


def test_what_happened_is_chosen_in_the_words_of_the_log() -> None:
    assert '<option value="client.disabled">Klient deaktivert</option>' in render(log(), "nb").body.decode()

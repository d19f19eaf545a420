"""Both languages say the same things: the same names, the same places, and none that no page uses."""

from __future__ import annotations

import re
import string
from importlib.resources import files

import pytest

from portvakt.model.audit import Act
from portvakt.model.behalf import Purpose
from portvakt.model.nouns import ClientAuthentication
from portvakt.pages import console
from portvakt.pages.texts import SCOPES, TEXTS, text
from portvakt.pages.views import ApiKeyProblem, Fault, LogInProblem, PasswordProblem
from portvakt.protocol.govern.keys import KeyState
from portvakt.protocol.own_scopes import SELF_SERVICE
from portvakt.providers import PROVIDERS

SAME_IN_BOTH = {"brand.test_title", "console.administrator", "console.kind.test", "console.state"}


def places(message: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(message) if name is not None)


def used() -> set[str]:
    """Return the names that templates and `render` ask for; a name made of parts stands for all that it can be."""
    folder = files("portvakt.pages")
    sources = [one.read_text() for one in folder.joinpath("templates").iterdir()]
    sources.append(folder.joinpath("render.py").read_text())
    found: set[str] = set()
    for source in sources:
        found |= set(re.findall(r'\bt\("([a-z_.]+)"[,)]', source))
        found |= set(re.findall(r'text\((?:locale|language), "([a-z_.]+)"[,)]', source))
    found |= {f"nav.{page}" for page in ("home", "connected", "api_keys", "sessions")}
    found |= {f"log_in.{one.value}" for one in LogInProblem}
    found |= {f"console.room.{one.value}" for one in console.Room}
    found |= {f"console.state.{one.value}" for one in console.State}
    found |= {f"console.done.{one.value}" for one in console.Done}
    found |= {f"console.person.{one.value}" for one in console.PersonDone}
    found |= {f"console.wrong.{one.value}" for one in console.Wrong}
    found |= {f"console.stop.{one.key}.{part}" for one in console.Stop for part in ("title", "text")}
    found |= {f"console.act.{one.value}" for one in Act}
    found |= {f"console.key.{one.value}" for one in KeyState}
    found |= {f"console.keys_done.{one.value}" for one in console.KeysDone}
    found |= {f"console.purpose.{one.value}" for one in Purpose}
    found |= {f"console.authentication.{one.value}" for one in ClientAuthentication}
    found |= {f"console.grace.{seconds}" for seconds in (0, 3600, 86_400, 604_800)}
    found |= {f"choose.{one.value}" for one in PasswordProblem}
    found |= {f"keys.problem.{one.value}" for one in ApiKeyProblem}
    return found | {f"problem.{one.key}.{part}" for one in Fault for part in ("title", "text", "advice")}


def test_both_languages_have_the_same_texts() -> None:
    assert TEXTS["nb"].keys() == TEXTS["en"].keys()
    assert SCOPES["nb"].keys() == SCOPES["en"].keys()


@pytest.mark.parametrize("name", TEXTS["en"])
def test_both_languages_have_the_same_places_in_a_text(name: str) -> None:
    assert places(TEXTS["nb"][name]) == places(TEXTS["en"][name])


def test_every_text_that_a_page_asks_for_is_there_and_none_is_left_over() -> None:
    assert used() ^ TEXTS["en"].keys() == set()


@pytest.mark.parametrize("table", [TEXTS, SCOPES])
def test_no_text_is_empty_untidy_or_left_in_the_other_language(table: dict[str, dict[str, str]]) -> None:
    for name, norwegian in table["nb"].items():
        english = table["en"][name]
        assert norwegian.strip() == norwegian != ""
        assert english.strip() == english != ""
        assert "  " not in norwegian + english
        assert norwegian != english or name in SAME_IN_BOTH, name


def test_every_scope_of_our_providers_has_words() -> None:
    scopes = {scope for provider in PROVIDERS.values() for scope in provider.scopes or ()}

    assert scopes | {"read", "write"} | SELF_SERVICE == SCOPES["en"].keys() == SCOPES["nb"].keys()


def test_what_goes_into_a_place_is_escaped() -> None:
    assert text("en", "back", client="<b>") == "Back to &lt;b&gt;"


@pytest.mark.parametrize("name", ["nowhere", "back"])
def test_an_unknown_text_and_a_missing_place_are_mistakes_of_ours(name: str) -> None:
    with pytest.raises(KeyError):
        text("en", name)

"""Whatever a company writes: a provider that can be spoken and heard, or the loader's one error."""

from __future__ import annotations

import contextlib
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portvakt.model.decision import Exceeded
from portvakt.model.provider import Provider
from portvakt.model.values import Seconds
from portvakt.providers import PROVIDERS
from portvakt.providers.hear import hear
from portvakt.providers.speak import refuse_exceeded, speak
from portvakt.providers.toml import Misfit, ProviderRefused, load_provider
from portvakt.providers.toml_keys import ANY, KEYS
from portvakt.providers.toml_rules import RULES
from portvakt.providers.toml_text import NotToml, read_toml
from provider_toml import MINIMAL, value_of, written

PATHS = [path for path in KEYS if ANY not in path]
WORDS = ["name", "api", "lifetim", "x", '"a.b"', "''", "environments", *(path[-1] for path in KEYS)]
VALUES = [
    "1", "-1", "true", "1.5", "nan", '"off"', '"any"', "'/token'", '"""\nx = 1"""', "[]", "[1]", "['GET']", "{}",
    "{ x = 1 }", "[{ x = 1 }, {}]", "1979-05-27", "''", "'{limit}{window}'",
]  # fmt: skip

keys = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(".".join)
lines = st.one_of(
    st.tuples(keys, st.sampled_from(VALUES)).map(" = ".join),
    keys.map("[{}]".format),
    keys.map("[[{}]]".format),
    st.text(max_size=20),
)
texts = st.lists(lines, max_size=8).map("\n".join)


def told(text: str) -> tuple[Misfit, ...]:
    """Return what is wrong with a text."""
    try:
        load_provider(text.encode(errors="surrogatepass"))
    except ProviderRefused as refused:
        return refused.misfits
    return ()


@given(st.binary(max_size=200) | texts.map(lambda text: text.encode(errors="surrogatepass")))
def test_FT28_any_bytes_give_a_provider_or_its_refusal(content: bytes) -> None:
    with contextlib.suppress(ProviderRefused):
        assert isinstance(load_provider(content), Provider)


@given(texts)
def test_FT28_what_is_wrong_with_a_key_stands_on_a_line_of_the_text(text: str) -> None:
    misfits = told(MINIMAL + text)

    assert all(1 <= misfit.line <= (MINIMAL + text).count("\n") + 1 for misfit in misfits)
    assert all(misfit.text.isprintable() for misfit in misfits)


@given(texts)
def test_every_key_of_a_text_has_a_line_on_which_its_last_part_is_written(text: str) -> None:
    try:
        _, found = read_toml(text.encode(errors="surrogatepass"))
    except NotToml:
        return
    rows = text.split("\n")
    for path, line in found.items():
        assert path[-1] in rows[line - 1] or '"' in rows[line - 1]


@given(st.data(), st.sampled_from(sorted(PROVIDERS)))
def test_any_part_of_a_provider_is_loaded_over_any_other_or_refused_by_rule(data: st.DataObject, base: str) -> None:
    """Each value is right by itself, so that what is told can only be that some do not go together."""
    other = data.draw(st.sampled_from(sorted(PROVIDERS)).map(PROVIDERS.__getitem__))
    chosen = data.draw(st.sets(st.sampled_from(PATHS[2:])))
    text = f'{MINIMAL}based_on = "{base}"\n'
    text += "\n".join(f"{'.'.join(path)} = {value_of(other, path)}" for path in PATHS if path in chosen)

    misfits = told(text)

    if misfits:
        assert {misfit.text.removeprefix(f"as {base} has it, ") for misfit in misfits} <= {rule.text for rule in RULES}
    else:
        provider = load_provider(text.encode())
        assert load_provider(written(provider).encode()) == provider


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda value: value.name)
def test_a_provider_written_out_and_loaded_again_is_equal(provider: Provider) -> None:
    named = dataclasses.replace(provider, name="acme", evidence=())

    assert load_provider(written(named).encode()) == named


pieces = st.sampled_from(["{limit}", "{window}", "{seconds}", " ", "a", "7", "per ", "seconds", ".", "(", "\\", "{"])


@given(st.lists(pieces, min_size=1, max_size=8).map("".join), st.integers(1, 10**9), st.sampled_from([1, 60, 90, 3600]))
def test_the_numbers_of_any_text_that_is_taken_are_read_back(text: str, limit: int, window: int) -> None:
    """Law 1: what a company's own text says of a quota is heard as it was said, where it says all of it."""
    try:
        provider = load_provider(f"{MINIMAL}rate_limited.text = '{text}'".encode())
    except ProviderRefused:
        return
    said = refuse_exceeded(provider, Exceeded(limit, Seconds(window), Seconds(5)))

    heard = hear(provider, speak(provider, said))

    if {"{limit}", "{window}", "{seconds}"} <= {text[at : text.find("}", at) + 1] for at in range(len(text))}:
        assert heard == said
    else:
        assert heard.exceeded is not None  # type: ignore[union-attr]  # a refusal, as the line above holds
        assert heard.exceeded.seconds == 5  # type: ignore[union-attr]  # a refusal, as the line above holds

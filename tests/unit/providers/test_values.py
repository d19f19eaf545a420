"""A provider is data and nothing else, and every deviation says who wants it."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

import pytest

import portvakt.providers
from portvakt.model.provider import Provider
from portvakt.providers import PROVIDERS

FOLDER = Path(portvakt.providers.__file__).parent
DEFAULTS = Provider(name="", title="")
every_provider = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda value: value.name)


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_a_provider_module_holds_imports_and_one_value(name: str) -> None:
    tree = ast.parse((FOLDER / f"{name}.py").read_text())

    statements = [node for node in tree.body if not isinstance(node, ast.ImportFrom)]
    forbidden = (
        ast.Lambda,
        ast.If,
        ast.IfExp,
        ast.ListComp,
        ast.DictComp,
        ast.SetComp,
        ast.GeneratorExp,
        ast.JoinedStr,
    )

    assert isinstance(statements[0], ast.Expr)  # the module's docstring
    assert [type(node) for node in statements[1:]] == [ast.Assign]
    assert not [node for node in ast.walk(tree) if isinstance(node, forbidden)]


@every_provider
def test_every_deviation_has_evidence_and_nothing_else_has(provider: Provider) -> None:
    deviations = {
        field.name
        for field in dataclasses.fields(Provider)
        if field.name not in {"name", "title", "evidence"}
        and getattr(provider, field.name) != getattr(DEFAULTS, field.name)
    }

    assert {evidence.field for evidence in provider.evidence} == deviations
    assert all(evidence.says for evidence in provider.evidence)


@every_provider
def test_a_text_holds_no_place_but_the_three_and_each_at_most_once(provider: Provider) -> None:
    for text in (provider.rate_limited.text, provider.api.quota_text):
        places = re.findall(r"\{([^}]*)\}", text)

        assert set(places) <= {"limit", "window", "seconds"}
        assert len(places) == len(set(places))


@every_provider
def test_every_text_may_stand_in_an_error_description(provider: Provider) -> None:
    texts = (provider.rate_limited.text, provider.wrong_credentials_text, provider.expired_secret_text or "")

    assert all(text.isascii() and text.isprintable() and not set(text) & {'"', "\\"} for text in texts)


def test_the_standard_deviates_from_nothing() -> None:
    standard = PROVIDERS["standard"]

    assert standard == dataclasses.replace(DEFAULTS, name=standard.name, title=standard.title)

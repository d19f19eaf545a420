"""The smallest nouns."""

from __future__ import annotations

import pickle

import pytest

from portvakt.model.values import Secret


def test_K2_a_secret_hides_itself_wherever_it_is_shown() -> None:
    secret = Secret("pvk_cs_canary")

    shown = f"{secret} {secret!r} {secret!s} {[secret]} %s" % secret

    assert "canary" not in shown
    assert "canary" not in str(ValueError(secret))
    assert secret.reveal() == "pvk_cs_canary"


def test_K2_a_secret_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Secret("x"))


def test_secrets_are_equal_by_their_text_and_to_nothing_else() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret("a")

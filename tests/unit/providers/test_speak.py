"""A decision in a provider's words: what the contract tests of the three providers do not take."""

from __future__ import annotations

import pytest

from portvakt.model.decision import INVALID_CLIENT, INVALID_SCOPE, Refused
from portvakt.providers.speak import speak
from portvakt.providers.standard import STANDARD


@pytest.mark.parametrize(
    ("refused", "body"),
    [
        (Refused(INVALID_CLIENT, "", 401), b'{"error":"invalid_client"}'),
        (Refused(INVALID_SCOPE, "x"), b'{"error":"invalid_scope","error_description":"x"}'),
    ],
)
def test_a_refusal_without_a_text_is_its_code_alone(refused: Refused, body: bytes) -> None:
    assert speak(STANDARD, refused).body == body

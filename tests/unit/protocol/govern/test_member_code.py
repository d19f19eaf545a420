"""Codes by which users let somebody have them belong to an organisation."""

from __future__ import annotations

import pytest

from builders import ISSUER, NOW, PEPPER, a_user
from portvakt.model.values import Instant, IssuerName
from portvakt.protocol.govern.member_code import LIFE, member_code, whose_code

USER = a_user().id
CODE = member_code(PEPPER, ISSUER, USER, NOW).reveal()


def test_a_code_says_whose_it_is_for_a_day_at_least_and_for_two_at_most() -> None:
    begin = Instant(NOW // 86_400 * 86_400)
    late = member_code(PEPPER, ISSUER, USER, Instant(begin + 86_399)).reveal()

    assert whose_code(PEPPER, ISSUER, CODE, NOW) == USER
    assert late == CODE
    assert whose_code(PEPPER, ISSUER, late, Instant(begin + 86_399 + 86_400)) == USER
    assert whose_code(PEPPER, ISSUER, CODE, Instant(begin + LIFE)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        USER,
        "kari@example.com",
        CODE + "x",
        CODE.replace(USER, "user_other"),
        CODE.replace(".1", ".2"),
        CODE[:-1] + ("A" if CODE[-1] != "A" else "B"),
    ],
)
def test_what_was_not_written_here_is_nobodys(text: str) -> None:
    assert whose_code(PEPPER, ISSUER, text, NOW) is None


def test_a_code_is_of_one_issuer_and_one_installation() -> None:
    assert whose_code(PEPPER, IssuerName("elsewhere"), CODE, NOW) is None
    assert whose_code(bytes(32), ISSUER, CODE, NOW) is None

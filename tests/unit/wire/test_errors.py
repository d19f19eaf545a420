from __future__ import annotations

import pytest

from portvakt.wire.errors import WireError, parameter_error


def test_a_refusal_is_an_invalid_request_with_400_unless_it_says_otherwise() -> None:
    error = WireError("scope", "scope is missing.")

    assert (error.code, error.status, error.parameter) == ("invalid_request", 400, "scope")
    assert str(error) == error.description == "scope is missing."


def test_a_harmless_name_is_repeated() -> None:
    error = parameter_error("client_id", "is missing")

    assert (error.parameter, error.description) == ("client_id", "client_id is missing.")


@pytest.mark.parametrize(
    "name", ["", "x" * 41, 'a"b', "a\\b", "a b", "a\nb", "blåbær", "<script>", "a\x00", "client_id\n", "\ud800"]
)
def test_a_name_that_could_do_harm_is_not_repeated(name: str) -> None:
    error = parameter_error(name, "is missing")

    assert (error.parameter, error.description) == (None, "A parameter is missing.")


@pytest.mark.parametrize("name", ["pvk_cs_Xa9", "q3V9x0-ZrT_b1Lk7uMw8Yc2NhP", "hunter2-4f9a7c", "AKIA"])
def test_K1_a_name_that_may_be_a_secret_is_not_repeated(name: str) -> None:
    assert parameter_error(name, "is not a string").description == "A parameter is not a string."

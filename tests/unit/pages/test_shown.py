"""Names that strangers chose: nothing in them hides, misleads or breaks a page."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portvakt.pages.shown import LONGEST_NAME, application_url, grouped, host_of, is_on_this_device, own_path, shown


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("Bilagsroboten", "Bilagsroboten"),
        ("Blåbær & Fløte «AS»", "Blåbær & Fløte «AS»"),
        ("  much \t\n\r\u2028 space\u00a0 ", "much space"),
        ("Bank\u202egro.live\u202c", "Bankgro.live"),  # right-to-left override
        ("\u2066isolated\u2069\u200f\u061c", "isolated"),
        ("zero\u200bwidth\u200d\ufeff\u2060", "zerowidth"),
        ("nul\x00bell\x07esc\x1b[31m", "nulbellesc[31m"),
        ("soft\u00adhyphen", "softhyphen"),
        ("\u115f\u3164\u2800", ""),
        ("\ue000\ud800\U000e0041", ""),
        ("e\u0301", "é"),
        ("Z" + "\u0335" * 50 + "algo", "Z\u0335\u0335algo"),
        ("שלום", "שלום"),
        ("", ""),
    ],
)
def test_W2_a_name_is_one_line_with_nothing_hidden_in_it(written: str, seen: str) -> None:
    assert shown(written) == seen


def test_W2_a_name_of_ten_kilobytes_is_cut() -> None:
    cut = shown("Æ" * 10_000)

    assert cut == "Æ" * (LONGEST_NAME - 1) + "…"


def test_W2_a_name_of_five_million_characters_costs_no_more_than_a_long_one() -> None:
    begun = time.process_time()

    assert shown("\u202e" * 5_000_000) == ""
    assert time.process_time() - begun < 0.1


@given(st.text())
def test_W2_whatever_a_name_is_what_is_shown_stays_the_same_and_has_no_control(name: str) -> None:
    seen = shown(name)

    assert len(seen) <= LONGEST_NAME
    assert shown(seen) == seen
    assert {unicodedata.category(one) for one in seen} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} == set()


@pytest.mark.parametrize(
    ("number", "seen"),
    [
        ("912345678", "912\u00a0345\u00a0678"),
        ("5561234567", "5561234567"),
        ("٩١٢٣٤٥٦٧٨", "٩١٢٣٤٥٦٧٨"),
        ("9" * 100, "9" * 23 + "…"),
        ("", ""),
    ],
)
def test_an_organisation_number_of_nine_digits_stands_in_groups(number: str, seen: str) -> None:
    assert grouped(number) == seen


@pytest.mark.parametrize(
    ("redirect_uri", "host"),
    [
        ("https://app.example/callback?x=1", "app.example"),
        ("https://app.example:8443/callback", "app.example"),
        ("http://127.0.0.1:51234/callback", "127.0.0.1"),
        ("http://[::1]:51234/callback", "::1"),
        ("com.example.app:/callback", "com.example.app"),
    ],
)
def test_an_application_is_known_by_its_host_or_its_own_scheme(redirect_uri: str, host: str) -> None:
    assert host_of(redirect_uri) == host
    assert is_on_this_device(redirect_uri) is (host in {"127.0.0.1", "::1"})


@pytest.mark.parametrize("path", ["/", "/luca/login?return_to=%2Fx"])
def test_a_page_links_to_paths_of_its_own(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize(
    "url", ["", "login", "//evil.example", "/\\evil.example", "https://x.example", "/a\nb", "/a b"]
)
def test_W1_a_page_links_to_nothing_else(url: str) -> None:
    with pytest.raises(ValueError, match="own issuer"):
        own_path(url)


@pytest.mark.parametrize("url", ["https://x.example/?a=b", "http://127.0.0.1:1/", "com.example.app:/cb", "HTTPS://X/"])
def test_an_application_lives_on_the_web_or_has_a_scheme_of_its_own(url: str) -> None:
    assert application_url(url) == url


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "/x", "", "https://x\n"]
)
def test_W1_a_link_that_would_run_is_no_applications_address(url: str) -> None:
    with pytest.raises(ValueError, match="no scheme"):
        application_url(url)

from __future__ import annotations

import base64
import time

import pytest

from portvakt.server.redaction import conceal, plain_path, redact

BASIC = base64.b64encode(b"oauth_1:canary").decode()
RANDOM = "q3V9x0-ZrT_b1Lk7uMw8Yc2NhPfJdGaE5sXoKiQeRtU"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nothing to hide", "nothing to hide"),
        ("the secret pvk_cs_canary-1_x is old", "the secret pvk_*** is old"),
        ("xpvk_cs_canary", "xpvk_***"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJjYW5hcnki.canary", "eyJ***"),
        ("token eyJcanary", "token eyJ***"),
        ("Authorization: Bearer canary", "Authorization: Bearer ***"),
        (f"basic {BASIC}", "basic ***"),
        ("DPoP canary.canary", "DPoP ***"),
        ("grant_type=x&client_secret=canary&a=b", "grant_type=x&client_secret=***&a=b"),
        ('{"client_secret": "canary", "a": 1}', '{"client_secret": "***", "a": 1}'),
        ("{'password': 'canary'}", "{'password': '***'}"),
        ("refresh_token=canary access_token=canary", "refresh_token=*** access_token=***"),
        ("?code=canary&state=x", "?code=***&state=x"),
        ("postgresql+psycopg://portvakt:canary@db:5432/x", "postgresql+psycopg://***@db:5432/x"),
        ("http://127.0.0.1:8040/x", "http://127.0.0.1:8040/x"),
        ("postgresql:/portvakt:can@ary@db/x", "postgresql:/***@db/x"),
        (f"no file {RANDOM}/x", "no file ***/x"),
        (RANDOM.encode().hex(), "***"),
        (base64.b64encode(RANDOM.encode()).decode(), "***"),
        ("".join(f"%{octet:02x}" for octet in RANDOM.encode()), "***"),
        ("test_K1_a_long_name_of_words_and_numbers_22", "test_K1_a_long_name_of_words_and_numbers_22"),
        ("[SQL: INSERT] [parameters: ('canary', b'canary')]\n(canary)", "[SQL: INSERT] [parameters:***"),
    ],
)
def test_K1_what_looks_like_a_secret_is_blanked(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("portvakt.toml:3: secret: is empty", "portvakt.toml:3: secret: is empty"),
        ("the header is Authorization: Basic realm", "the header is Authorization: Basic realm"),
        ("No such command 'pvk_cs_canary'.", "No such command 'pvk_***'."),
        ("postgresql:/u:canary@db/x: does not exist", "postgresql:/***@db/x: does not exist"),
        (f"{RANDOM}/portvakt.toml: does not exist", "***/portvakt.toml: does not exist"),
    ],
)
def test_FT28_a_message_of_ours_loses_only_what_is_a_secret_by_itself(text: str, shown: str) -> None:
    assert conceal(text) == shown


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/livez",
        "/breeze/oauth/token",
        "/api/v2/oauth2/token",
        "/acme-2024-test-env/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/b2b",
        "/Breeze/Admin.php",
    ],
)
def test_a_path_of_words_is_shown_as_it_is(path: str) -> None:
    assert plain_path(path) == path


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/breeze/{RANDOM}/x", "/breeze/***/x"),
        ("/p@ss:w0rd", "/***"),
        ("/gQ5RPRdAvbxl/", "/***/"),
        ("/a b\nc", "/***"),
        (f"/{'a-' * 30}", "/***"),
    ],
)
def test_K1_what_is_no_word_in_a_path_is_blanked(path: str, shown: str) -> None:
    assert plain_path(path) == shown


def test_a_long_hostile_text_takes_no_time() -> None:
    texts = ("a" * 100_000, "token" * 20_000, "eyJ" * 30_000, "://" * 30_000, "Basic " * 20_000, "_token" * 20_000)
    began = time.perf_counter()

    for text in (*texts, "a1" * 50_000, ":/a@" * 20_000, "%3" * 50_000, "a-" * 50_000):
        redact(text[:4096])
        plain_path(text)

    assert time.perf_counter() - began < 1

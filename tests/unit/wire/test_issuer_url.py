from __future__ import annotations

import pytest

from portvakt.wire.issuer_url import LONGEST, check_issuer_url, well_known


@pytest.mark.parametrize(
    "url",
    [
        "https://id.example",
        "https://id.example:8443/acme/v1",
        "https://system.upnxt.no",
        "https://xn--blbr-roah.example/A-Z_~.b",
        "https://192.0.2.1",
        "https://[2001:db8::1]:8443",
        "https://intranet",
        "http://127.0.0.1:8040/breeze-test",
        "http://127.1.2.3",
        "http://localhost:8040",
        "http://[::1]:8040/x",
        "https://id.example/...",
    ],
)
def test_an_issuer_is_https_or_http_on_loopback(url: str) -> None:
    assert check_issuer_url(url) is None


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "https://"),
        ("id.example", "https://"),
        ("https:/id.example", "https://"),
        ("HTTPS://id.example", "https://"),
        ("ftp://id.example", "https://"),
        (" https://id.example", "https://"),
        ("http://id.example", "loopback"),
        ("http://localhost.id.example", "loopback"),
        ("http://127.0.0.1.id.example", "loopback"),
        ("http://0.0.0.0:8040", "loopback"),
        ("http://10.0.0.1", "loopback"),
        ("http://[::2]", "loopback"),
        ("https://id.example/", "slash"),
        ("https://id.example/a/", "slash"),
        ("https://", "host"),
        ("https://id.example?x", "query"),
        ("https://id.example/?", "query"),
        ("https://id.example/a#b", "fragment"),
        ("https://user@id.example", "user"),
        ("https://user:password@id.example", "user"),
        ("https://ID.example", "upper case"),
        ("https://[2001:DB8::1]", "upper case"),
        ("https://id.example/a//b", "segment"),
        ("https://id.example/./a", "segment"),
        ("https://id.example/a/..", "segment"),
        ("https://id.example/%2e%2e/a", "segment"),
        ("https://id.example/blåbær", "segment"),
        ("https://id.example/a\n", "segment"),
        ("https://id.example/a b", "segment"),
        ("https://id.example\\evil.example", "host"),
        ("https://id.example\n", "host"),
        ("https:///a", "host"),
        ("https://:443", "host"),
        ("https://blåbær.example", "host"),
        ("https://id_portal.example", "host"),
        ("https://-id.example", "host"),
        ("https://id-.example", "host"),
        ("https://id..example", "host"),
        ("https://id.example.", "host"),
        ("https://127.1", "host"),
        ("https://0x7f000001", "host"),
        ("https://2130706433", "host"),
        ("https://127.0.0.01", "host"),
        ("https://[::0001]", "host"),
        ("https://[127.0.0.1]", "host"),
        ("https://[fe80::1%25eth0]", "host"),
        ("https://[v1.x]", "host"),
        (f"https://{'a' * 64}.example", "host"),
        ("https://id.example:", "host"),
        ("https://id.example:080", "host"),
        ("https://id.example:x", "host"),
        ("https://id.example:123456", "host"),
        ("https://id.example:65536", "port"),
        ("https://id.example:443", "port"),
        ("http://localhost:80", "port"),
        ("https://id.example/" + "a" * LONGEST, "longer"),
    ],
)
def test_what_else_there_is_has_a_problem_with_a_name(url: str, problem: str) -> None:
    said = check_issuer_url(url)

    assert said is not None
    assert problem in said


def test_the_path_of_an_issuer_goes_behind_the_well_known_one() -> None:
    assert (
        well_known("http://127.0.0.1:8040/a/b", "openid-configuration")
        == "http://127.0.0.1:8040/.well-known/openid-configuration/a/b"
    )

"""What may be registered as a redirect URI, what matches it, and how an answer is put into it."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from portvakt.wire.redirect_uri import (
    ANSWER_PARAMETERS,
    LOOPBACK_LITERALS,
    LOOPBACK_NAMES,
    answer_uri,
    check_redirect_uri,
    matches,
)

CB = "https://app.example/cb?x=1"
LOOPBACK = "http://127.0.0.1/cb"


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/cb",
        "https://app.example",
        "https://app.example/",
        "https://app.example:8443/cb?x=1&y=%20z&next=%2Fhome",
        "https://xn--bcher-kva.example/cb",
        "https://192.0.2.1/cb",
        "https://[2001:db8::1]/cb",
        "https://localhost/cb",
        "http://127.0.0.1/callback",
        "http://127.0.0.1:65535/cb?x=1",
        "http://[::1]:8080/cb",
        "http://localhost/cb",
        "https://app.example/@me/a.b/..c",
        "https://app.example/" + "a" * 2028,
    ],
)
@pytest.mark.parametrize("public", [False, True])
def test_https_and_plain_http_on_loopback_may_be_registered(uri: str, public: bool) -> None:
    assert check_redirect_uri(uri, public=public) is None


@pytest.mark.parametrize("uri", ["com.example.app:/cb", "com.example.app://cb", "no.a-b.c:/x?y=1"])
def test_a_scheme_of_an_applications_own_is_for_public_clients(uri: str) -> None:
    assert check_redirect_uri(uri, public=True) is None
    assert "public" in str(check_redirect_uri(uri, public=False))


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example/cb",
        "http://127.0.0.2/cb",
        "http://0.0.0.0/cb",
        "http://localhost.evil.example/cb",
        "http://[::2]/cb",
        "http://2130706433/cb",
        "http://127.1/cb",
        "http://[::ffff:127.0.0.1]/cb",
    ],
)
def test_R12_plain_http_elsewhere_is_refused(uri: str) -> None:
    assert check_redirect_uri(uri, public=True) is not None


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "\tjavascript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://app.example/x",
        "intent:/x",
        "about:blank",
        "ftp://app.example/cb",
        "ws://app.example/cb",
        "myapp:/cb",
        "HTTPS://app.example/cb",
        "com.example.app:cb",
        "com.example.app:",
        "com.example.app:javascript",
        "com.example.app://a@b/cb",
        "com.example.app://a[b/cb",
        "com.example.app://[::1/cb",
        "Com.Example.App:/cb",
        ".a:/cb",
        "1.a:/cb",
    ],
)
def test_R13_a_scheme_that_is_not_allowed_is_refused(uri: str) -> None:
    assert check_redirect_uri(uri, public=True) is not None


@pytest.mark.parametrize(
    "uri",
    [
        "https://*.example/cb",
        "https://app.example/*",
        "https://app.example/^cb$",
        "https://app.example/(a|b)",
        "https://app.example/cb\\d",
        "https://user@app.example/cb",
        "https://a:b@app.example/cb",
        "https://app.example:80@evil.example/cb",
        "https://app.example/cb#",
        "https://app.example/cb#x",
        "/cb",
        "cb",
        "",
        "https",
        "https:",
        "https:/cb",
        "https:app.example",
        "//app.example/cb",
        "https://",
        "https:///cb",
        "https://?x",
        "https://:443/cb",
        "https://app.example:/cb",
        "https://app.example:0/cb",
        "https://app.example:65536/cb",
        "https://app.example:99999/cb",
        "https://app.example:080/cb",
        "https://app.example:x/cb",
        "https://app..example/cb",
        "https://-a.example/cb",
        "https://app.example./cb",
        "https://999.1.1.1/cb",
        "https://[::1/cb",
        "https://[:::1]/cb",
        "https://[0::1]/cb",
        "https://App.example/cb",
        "https://bücher.example/cb",
        "https://\u0430pp.example/cb",
        "https://app.example/a/../cb",
        "https://app.example/..",
        "https://app.example/./cb",
        "https://app.example/..;/cb",
        "https://app.example/cb%2f..%2fevil",
        "https://app.example/cb%5Cevil",
        "https://app.example/%2e%2e/cb",
        "https://app.example/cb%0d%0aSet-Cookie:x",
        "https://app.example/cb%00",
        "https://app.example/cb%7f",
        "https://app.example/cb?x=%0d%0aSet-Cookie:x",
        "https://app.example/cb%zz",
        "https://app.example/cb%",
        "https://app.example/c b",
        "https://app.example/cb\r\nSet-Cookie: a=b",
        "https://app.example/cb\u2028",
        'https://app.example/"><script>',
        "https://app.example/'",
        "https://app.example/" + "a" * 2029,
        "https://app.example/" + "a" * 8192,
    ],
)
def test_R14_what_is_not_one_plain_absolute_uri_is_refused(uri: str) -> None:
    problem = check_redirect_uri(uri, public=True)

    assert problem
    assert problem.isascii()


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("https://app.example/cb#x", "has a fragment"),
        ("https://user@app.example/cb", "holds a user name"),
        ("http://app.example/cb", "is plain http, which is for 127.0.0.1, [::1] and localhost"),
        ("https:/cb", "has no host"),
    ],
)
def test_R14_what_is_wrong_is_said(uri: str, says: str) -> None:
    assert check_redirect_uri(uri, public=False) == says


@pytest.mark.parametrize("name", sorted(ANSWER_PARAMETERS))
def test_R14_a_query_that_would_speak_for_the_server_is_refused(name: str) -> None:
    for query in (f"{name}=x", f"x=1&{name.upper()}=x", f"x=1&{name}"):
        assert check_redirect_uri(f"https://app.example/cb?{query}", public=False) is not None


def test_a_redirect_uri_matches_itself() -> None:
    assert matches(CB, CB)
    assert matches("com.example.app:/cb", "com.example.app:/cb")


@pytest.mark.parametrize(
    "sent",
    [
        "https://app.example/cb?x=1&y=2",
        "https://app.example/cb",
        "https://app.example/cb?x=1&x=1",
        "https://app.example/cb?x=1;y",
    ],
)
def test_R1_another_query_does_not_match(sent: str) -> None:
    assert not matches(CB, sent, any_port_on=LOOPBACK_NAMES)


@pytest.mark.parametrize("sent", [CB + "#", CB + "#x", CB + "%23x", "#" + CB])
def test_R3_a_fragment_does_not_match(sent: str) -> None:
    assert not matches(CB, sent, any_port_on=LOOPBACK_NAMES)


@pytest.mark.parametrize(
    "sent",
    [
        "https://app.example/cb/..;/evil?x=1",
        "https://app.example/cb%2f..%2fevil?x=1",
        "https://app.example\\cb?x=1",
        "https://app.example/%5ccb?x=1",
        "https://app.example/./cb?x=1",
        "https://app.example/%63b?x=1",
    ],
)
def test_R5_paths_that_another_server_reads_alike_do_not_match(sent: str) -> None:
    assert not matches(CB, sent, any_port_on=LOOPBACK_NAMES)


@pytest.mark.parametrize(
    "sent",
    [
        "HTTPS://APP.EXAMPLE/cb?x=1",
        "https://app.example/CB?x=1",
        "https://app.example:443/cb?x=1",
        "https://app.example./cb?x=1",
    ],
)
def test_R6_letter_case_and_ports_are_compared_as_they_are(sent: str) -> None:
    assert not matches(CB, sent, any_port_on=LOOPBACK_NAMES)


@pytest.mark.parametrize(
    "sent", ["https://app.example@evil.example/cb?x=1", "https://a@@app.example/cb?x=1", "https://app.example:80@e/cb"]
)
def test_R7_users_in_front_of_a_host_do_not_match(sent: str) -> None:
    assert not matches(CB, sent, any_port_on=LOOPBACK_NAMES)


@pytest.mark.parametrize("port", ["1", "80", "49152", "65535"])
def test_R9_the_port_on_loopback_may_differ_where_it_may(port: str) -> None:
    assert matches(LOOPBACK, f"http://127.0.0.1:{port}/cb", any_port_on=LOOPBACK_LITERALS)
    assert matches(f"http://127.0.0.1:{port}/cb", LOOPBACK, any_port_on=LOOPBACK_LITERALS)
    assert not matches(LOOPBACK, f"http://127.0.0.1:{port}/cb")


@pytest.mark.parametrize(
    "sent",
    [
        "http://127.0.0.1:49152/cb?bar=1",
        "http://127.0.0.1:49152/cb2",
        "http://127.0.0.1:49152/CB",
        "http://127.0.0.1:49152",
        "http://127.0.0.1:49152/",
        "https://127.0.0.1/cb",
        "https://127.0.0.1:49152/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:080/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:49152x/cb",
        "http://127.0.0.1:-1/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1:80:81/cb",
        "http://127.0.0.1.evil.example:80/cb",
        "HTTP://127.0.0.1:80/cb",
        "http://[::1]:80/cb",
        "http://localhost:80/cb",
        "http://127.1:80/cb",
        "http://127.0.0.1:4915\n2/cb",
        "http://127.0.0.1:٤٩/cb",
    ],
)
def test_R9_nothing_but_the_port_may_differ(sent: str) -> None:
    assert not matches(LOOPBACK, sent, any_port_on=LOOPBACK_NAMES)


@pytest.mark.parametrize("host", ["localhost", "[::1]", "127.0.0.1"])
def test_R19_any_port_of_the_same_host_with_the_same_path_and_query(host: str) -> None:
    registered = f"http://{host}/cb?a=b"

    assert matches(registered, f"http://{host}:8765/cb?a=b", any_port_on=LOOPBACK_NAMES)
    for sent in (f"http://{host}:8765/cb", f"http://{host}:8765/cb?a=b&c=d", f"http://{host}:8765/other?a=b"):
        assert not matches(registered, sent, any_port_on=LOOPBACK_NAMES)


@pytest.mark.parametrize(
    "sent",
    ["http://localhost.evil/cb", "http://localhost:80@evil/cb", "http://127.0.0.2/cb", "http://localhost.:80/cb"],
)
def test_R19_look_alikes_of_localhost_do_not_match(sent: str) -> None:
    assert not matches("http://localhost/cb", sent, any_port_on=LOOPBACK_NAMES)
    assert not matches("http://localhost/cb", "http://localhost:80/cb", any_port_on=LOOPBACK_LITERALS)


@pytest.mark.parametrize(
    "sent", [CB + "\r\n", CB + "\t", CB + " ", CB + "\u2028", CB + "%0d%0aSet-Cookie:a=b", "\n" + CB]
)
def test_R17_control_characters_do_not_match(sent: str) -> None:
    assert not matches(CB, sent, any_port_on=LOOPBACK_NAMES)


def test_R17_an_answer_never_splits_a_header() -> None:
    location = answer_uri(
        CB, [("code", "a\r\nSet-Cookie: b=c"), ("state", "x\u2028y &=#"), ("iss", "https://id.example")]
    )

    assert location.isascii()
    assert location.isprintable()
    assert " " not in location
    assert dict(parse_qsl(urlsplit(location).query))["state"] == "x\u2028y &=#"


@pytest.mark.parametrize("uri", [CB + "\r\n", CB + " ", CB + "\u2028", CB + "#x", CB + "\x7f"])
def test_R17_an_answer_is_not_put_into_what_was_never_checked(uri: str) -> None:
    with pytest.raises(ValueError, match="not checked"):
        answer_uri(uri, [("code", "x")])


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        ("https://a.example/cb", "https://a.example/cb?code=x&state=y"),
        ("https://a.example", "https://a.example?code=x&state=y"),
        ("https://a.example/cb?", "https://a.example/cb?code=x&state=y"),
        ("https://a.example/cb?a=b", "https://a.example/cb?a=b&code=x&state=y"),
        ("https://a.example/cb?a=b&", "https://a.example/cb?a=b&code=x&state=y"),
        ("com.example.app:/cb", "com.example.app:/cb?code=x&state=y"),
    ],
)
def test_an_answer_is_added_to_the_query_that_was_registered(uri: str, location: str) -> None:
    assert answer_uri(uri, [("code", "x"), ("state", "y")]) == location

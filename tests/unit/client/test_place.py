import pytest

from portvakt.client.address import NotPlain, Place, is_loopback, is_public, place


def test_a_url_is_taken_apart() -> None:
    assert place("https://Id.Example/acme/keys?v=1") == Place("https", "id.example", 443, "/acme/keys?v=1")
    assert place("http://127.0.0.1:8040") == Place("http", "127.0.0.1", 8040, "/")
    assert place("https://[2001:DB8::1]:8443/") == Place("https", "2001:db8::1", 8443, "/")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://id.example/keys",
        "data:application/json,{}",
        "gopher://id.example/",
        "jar:https://id.example/",
        "//id.example/keys",
        "/keys",
        "",
        "https:///keys",
    ],
)
def test_S6_only_http_and_https_are_schemes(url: str) -> None:
    with pytest.raises(NotPlain):
        place(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://id.example/keys\r\nX-Injected: yes",
        "https://id.example/ke ys",
        "https://id.example/\x00",
        "https://id.example\\@evil.example/",
        "https://id.example/keys#part",
        "https://user:password@id.example/",
        "https://id.example@evil.example/",
        "https://id.exam%70le/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://[fe80::1%25eth0]/",
        "https://id.example:99999/",
        "https://id.example:port/",
        "https://[::1/",
    ],
)
def test_S5_what_two_parsers_could_read_differently_is_no_url(url: str) -> None:
    with pytest.raises(NotPlain):
        place(url)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "2002:0101:0101::1", "64:ff9b::101:101"]
)
def test_addresses_of_the_open_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.8",
        "192.0.0.9",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:0001::",
        "2001:0000:4136:e378:8000:63bf:80ff:fffe",
        "64:ff9b::192.0.0.8",
        "64:ff9b:1::1",
        "2001:20::1",
        "2001:db8::1",
        "3fff::1",
        "3fff:fff:ffff::1",
        "5f00::1",
        "100::1",
        "fc00::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_S2_S4_addresses_for_special_use_are_not_public_however_they_are_wrapped(address: str) -> None:
    assert not is_public(address)


def test_loopback_is_told_from_other_private_addresses() -> None:
    assert is_loopback("127.0.0.2")
    assert is_loopback("::1")
    assert not is_loopback("10.0.0.1")
    assert not is_loopback("0.0.0.0")

from __future__ import annotations

from ipaddress import ip_network

import pytest

from portvakt.wire.address import HOP_LIMIT, bucket_address, client_address

PROXY = "10.0.0.1"
TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
CLIENT = "203.0.113.7"


def test_without_trusted_proxies_the_client_is_the_peer() -> None:
    assert client_address(PROXY, [CLIENT.encode()]) == PROXY


def test_a_peer_that_is_not_trusted_is_not_believed() -> None:
    assert client_address("198.51.100.1", [CLIENT.encode()], TRUSTED) == "198.51.100.1"


def test_without_the_header_the_client_is_the_peer() -> None:
    assert client_address(PROXY, [], TRUSTED) == PROXY


@pytest.mark.parametrize(
    "values",
    [
        [b"203.0.113.7"],
        [b"198.51.100.9, 203.0.113.7"],
        [b"unknown, 203.0.113.7"],
        [b"203.0.113.7, 10.1.1.1"],
        [b"198.51.100.9,203.0.113.7 ,\t10.1.1.1"],
        [b"198.51.100.9", b"203.0.113.7", b"10.1.1.1"],
        [b"203.0.113.7, fd00::1"],
        [b"::ffff:203.0.113.7, ::ffff:10.0.0.2"],
    ],
)
@pytest.mark.parametrize("peer", [PROXY, "fd00::9", "::ffff:10.0.0.1"])
def test_E1_the_client_is_the_right_most_address_that_is_not_trusted(values: list[bytes], peer: str) -> None:
    assert client_address(peer, values, TRUSTED) == CLIENT


def test_E1_a_gateway_does_not_make_a_proxy_of_who_stands_behind_it() -> None:
    assert client_address("64:ff9b::10.0.0.1", [CLIENT.encode()], TRUSTED) == "64:ff9b::10.0.0.1"


def test_if_all_are_trusted_the_client_is_the_left_most() -> None:
    assert client_address(PROXY, [b"10.3.3.3, 10.2.2.2"], TRUSTED) == "10.3.3.3"


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"unknown",
        b"_hidden",
        b"[",
        b"[]",
        b"[::1]",
        b"[2001:db8::1]:443",
        b"203.0.113.7:80",
        b"fe80::1%eth0",
        b"fe80::1%25eth0",
        b"203.0.113.07",
        b"203.0.113",
        b"3405803783",
        b"0xcb007107",
        b"203.0.113.7/32",
        b"203.0.113.7 203.0.113.8",
        b"\xff\xfe",
        "\uff12\uff10\uff13.0.113.7".encode(),
        b"203.0.113.7\x00",
        b":" * 60_000,
        b'"203.0.113.7"',
        b"for=203.0.113.7",
    ],
)
def test_L3_a_malformed_entry_is_treated_as_the_peer(entry: bytes) -> None:
    assert client_address(PROXY, [entry], TRUSTED) == PROXY
    assert client_address(PROXY, [CLIENT.encode() + b"," + entry], TRUSTED) == PROXY
    assert client_address(PROXY, [CLIENT.encode(), entry + b", 10.1.1.1"], TRUSTED) == PROXY


@pytest.mark.parametrize("peer", ["", "unix:", "testclient", "10.0.0.1%1"])
def test_L3_a_peer_that_is_no_address_is_not_trusted(peer: str) -> None:
    assert client_address(peer, [CLIENT.encode()], TRUSTED) == peer


def test_E1_the_number_of_entries_is_bounded() -> None:
    hops = b",".join([b"10.2.2.2"] * (HOP_LIMIT - 1))

    assert client_address(PROXY, [CLIENT.encode() + b"," + hops], TRUSTED) == CLIENT
    assert client_address(PROXY, [CLIENT.encode() + b",10.9.9.9," + hops], TRUSTED) == "10.9.9.9"


@pytest.mark.parametrize(
    ("address", "bucket"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:0DB8:0001:0002:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        ("64:ff9b::203.0.113.7", "203.0.113.7"),
        ("64:ff9b::cb00:7108", "203.0.113.8"),
        ("64:ff9b:0:0:0:1::", "64:ff9b::/64"),
    ],
)
def test_E1_an_ipv6_host_is_one_bucket_whichever_of_its_addresses_it_uses(address: str, bucket: str) -> None:
    assert bucket_address(address) == bucket


@pytest.mark.parametrize("address", ["", "unix:", "fe80::1%eth0", "x" * 10_000])
def test_L3_what_is_no_address_is_its_own_bucket(address: str) -> None:
    assert bucket_address(address) == address


def test_E4_what_is_remembered_of_addresses_is_bounded() -> None:
    for number in range(5_000):
        bucket_address(f"2001:db8:{number:x}::1")

    assert bucket_address.cache_info().currsize <= 1_024

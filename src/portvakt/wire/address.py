"""Who is at the other end: addresses as buckets of failures and quotas count them. Nothing here raises."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

HOP_LIMIT = 32
"""So many entries of X-Forwarded-For are looked at, from the right."""

_REMEMBERED = 1024
_V6_HOST_BITS = 64
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1: the last 32 bits are the host's IPv4 address


def client_address(
    peer: str, forwarded_for: Sequence[bytes], trusted: Collection[IPv4Network | IPv6Network] = ()
) -> str:
    """Return the address of the client: the peer, or the right-most one that no trusted proxy vouches for.

    `forwarded_for` are the values of the X-Forwarded-For headers in their order. They count only if the peer is
    in a `trusted` network, each entry only if what is right of it is. An entry that is no bare address (a port,
    a zone, `unknown`) is worth nothing and neither is what is left of it: the answer is then the peer. If every
    entry is trusted it is the left-most.
    """
    if not trusted or not forwarded_for:
        return peer
    found = _address(peer)
    if found is None or not _is_in(found, trusted):
        return peer
    entries = b",".join(forwarded_for).rsplit(b",", HOP_LIMIT)[-HOP_LIMIT:]
    for entry in reversed(entries):
        found = _address(entry.strip(b" \t").decode("latin-1"))
        if found is None:
            return peer
        if not _is_in(found, trusted):
            break
    return str(found)


@lru_cache(maxsize=_REMEMBERED)
def bucket_address(address: str) -> str:
    """Return the name of the bucket that an address counts in: an IPv6 address its /64, since one host owns that.

    An IPv4 address mapped into IPv6, or translated by a NAT64 gateway, is the IPv4 address. What is no address is its
    own bucket.
    """
    found = _address(address)
    if found is None:
        return address
    if found in _NAT64:  # only here: no gateway's word makes somebody a trusted proxy
        found = IPv4Address(int(found) & 0xFFFFFFFF)
    if isinstance(found, IPv6Address):
        network = IPv6Address(int(found) >> _V6_HOST_BITS << _V6_HOST_BITS)
        return f"{network}/64"
    return str(found)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address; one mapped into IPv6 as IPv4. None for what is none, or has a zone."""
    if "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _is_in(address: IPv4Address | IPv6Address, networks: Collection[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)

from __future__ import annotations

import pytest

from portvakt.jose import base64url


@pytest.mark.parametrize(
    ("octets", "text"),
    [(b"", b""), (b"f", b"Zg"), (b"fo", b"Zm8"), (b"foo", b"Zm9v"), (b"\xfb\xff\xfe", b"-__-"), (b"\x00", b"AA")],
)
def test_octets_have_one_spelling(octets: bytes, text: bytes) -> None:
    assert base64url.encode(octets) == text
    assert base64url.decode(text) == octets


@pytest.mark.parametrize(
    "text",
    [
        b"Zg==",
        b"Zm8=",
        b"=",
        b"==",
        b"Z",
        b"Zm9vZ",
        b"+__-",
        b"-//-",
        b"Zm 8",
        b"Zm8\n",
        b"\nZm8",
        b"Zm8.",
        b"Zm\x008",
        b"Z\xc3\xa5",
    ],
)
def test_what_is_not_base64url_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the type is the contract
        base64url.decode(text)


@pytest.mark.parametrize("text", [b"Zh", b"Zo", b"Zv", b"Zm9", b"Zm-", b"AB", b"AAB"])
def test_B6_unused_bits_of_the_last_character_are_zero(text: bytes) -> None:
    with pytest.raises(ValueError, match="not base64url"):
        base64url.decode(text)

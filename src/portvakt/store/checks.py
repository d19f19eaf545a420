"""What a database could not hold, or no look-up would ever find, is refused here, before any SQL."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeGuard, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portvakt.model.values import Instant

IdT = TypeVar("IdT", bound=str)

DIGEST_OCTETS = 32
LONGEST_TEXT = 65_536
"""Characters of a text, and bytes of what is sealed: far more than any noun needs."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_MOMENTS = range(-(2**63), 2**63)  # BIGINT


def is_id(text: object) -> TypeGuard[str]:
    """Whether a text can be the id of a row: 1 to 255 of A-Z a-z 0-9 _ -."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def checked_id(text: IdT) -> IdT:
    """Return an id that is about to be written. Raises: ValueError if no look-up would ever find it."""
    if not is_id(text):
        raise ValueError("an id is 1 to 255 of A-Z a-z 0-9 _ -")
    return text


def is_text(text: str) -> bool:
    """Whether both databases can hold a text: PostgreSQL has no NUL, and UTF-8 no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def checked_text(text: str) -> str:
    """Return a text that is about to be written.

    Raises: ValueError if it has a NUL or a lone surrogate, or is longer than `LONGEST_TEXT`.
    """
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"a text is longer than {LONGEST_TEXT} characters")
    if not is_text(text):
        raise ValueError("a text has a NUL or a lone surrogate")
    return text


def checked_words(words: Iterable[str]) -> str:
    """Return a list of texts as a JSON array that is about to be written. Raises: ValueError as `checked_text`."""
    return checked_text(json.dumps([checked_text(word) for word in words], ensure_ascii=False, separators=(",", ":")))


def is_digest(octets: object) -> TypeGuard[bytes]:
    """Whether some bytes can be the digest by which a row is found."""
    return isinstance(octets, bytes) and len(octets) == DIGEST_OCTETS


def checked_digest(octets: bytes) -> bytes:
    """Return a digest that is about to be written. Raises: ValueError if it is none: a token itself is longer."""
    if not is_digest(octets):
        raise ValueError(f"a digest is {DIGEST_OCTETS} bytes")
    return octets


def checked_sealed(octets: bytes) -> bytes:
    """Return something sealed that is about to be written. Raises: ValueError if it is too long."""
    if len(octets) > LONGEST_TEXT:
        raise ValueError(f"what is sealed is longer than {LONGEST_TEXT} bytes")
    return octets


def checked_moment(moment: Instant) -> Instant:
    """Return a moment that is about to be written. Raises: ValueError if it does not fit 64 bits."""
    if moment not in _MOMENTS:
        raise ValueError("a moment does not fit 64 bits")
    return moment


def checked_end(moment: Instant | None) -> Instant | None:
    """As `checked_moment`, with None for "never"."""
    return None if moment is None else checked_moment(moment)

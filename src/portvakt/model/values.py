"""The smallest nouns: moments, lengths of time, names and secrets.

Look-alikes have types of their own, so that a user's id in a client's place fails in the type checker.
"""

from __future__ import annotations

import hmac
from typing import NewType, NoReturn

Instant = NewType("Instant", int)
"""A moment: whole Unix seconds, UTC. Ends are exclusive: at `now == expires_at` a thing has expired."""

Seconds = NewType("Seconds", int)
"""A length of time: whole seconds, never negative."""

IssuerName = NewType("IssuerName", str)
ClientId = NewType("ClientId", str)
UserId = NewType("UserId", str)
SecretId = NewType("SecretId", str)
KeyId = NewType("KeyId", str)
GrantId = NewType("GrantId", str)
FamilyId = NewType("FamilyId", str)
TransactionId = NewType("TransactionId", str)
SessionId = NewType("SessionId", str)
ApiKeyId = NewType("ApiKeyId", str)

OrganisationNumber = NewType("OrganisationNumber", str)
"""A company's number in its country's register, as digits."""


class Secret:
    """A text that hides itself: in `repr`, `str` and formatting it is `***`, and it cannot be pickled.

    Equality takes the same time wherever the difference lies. Call `reveal()` where the bytes leave for the
    wire or for a hash, nowhere else.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: it would lie in a file in clear")

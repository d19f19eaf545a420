"""An access token, as a caller sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from portvakt.model.values import Secret


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. `repr`, `str` and logs show neither it nor any part of it, and it cannot be pickled.

    `expires_at` is its end in Unix seconds, by this machine's clock; the client itself counts the seconds since it
    was asked for, so that a clock that is set does not matter. `scope` is what was granted, "" if nothing.
    """

    _secret: Secret
    expires_at: int
    scope: str

    @property
    def value(self) -> str:
        """The token itself. It opens the API to whoever reads it: for the wire, nowhere else."""
        return self._secret.reveal()

    @property
    def authorization(self) -> str:
        """The value of the header `Authorization` (RFC 6750 §2.1)."""
        return f"Bearer {self._secret.reveal()}"

    def __repr__(self) -> str:
        return f"Token(***, expires_at={self.expires_at}, scope={self.scope!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Token is not pickled: it would lie in a file in clear")

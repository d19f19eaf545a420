"""The one exception of this room: bytes that are not an acceptable message."""

from __future__ import annotations

import re

from portvakt.model.decision import INVALID_REQUEST

# Names of RFC 6749 and its extensions are such words. Anything else may be a secret in the place of a name.
_HARMLESS = re.compile(r"[A-Za-z][a-z_.-]{0,38}[0-9]{0,2}")


class WireError(Exception):
    r"""What was received is no acceptable message; answer `status` with `code` and `description`.

    `parameter` is the one at fault, or None where there is none, or its name is not fit to be repeated.
    `description` is ASCII without `"` and `\` (RFC 6749 §5.2) and never holds a value that was sent.
    """

    def __init__(
        self, parameter: str | None, description: str, status: int = 400, *, code: str = INVALID_REQUEST
    ) -> None:
        super().__init__(description)
        self.parameter = parameter
        self.description = description
        self.status = status
        self.code = code


def parameter_error(name: str, says: str) -> WireError:
    """Return the refusal `NAME SAYS.`; a name that could do harm in a log or a page becomes "A parameter"."""
    if _HARMLESS.fullmatch(name):
        return WireError(name, f"{name} {says}.")
    return WireError(None, f"A parameter {says}.")

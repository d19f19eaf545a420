"""A JSON object of texts, as some providers take token requests (contracts: "not a string" is refused)."""

from __future__ import annotations

from json import JSONDecoder

from portvakt.wire.errors import WireError, parameter_error
from portvakt.wire.form import FIELD_LIMIT


def _no_text(_digits: str) -> None:
    """Stand for a number, so that a million digits are read past and not converted."""


# Objects become tuples of pairs, and so differ from arrays (lists), texts and the rest (None, bools).
_decoder = JSONDecoder(object_pairs_hook=tuple, parse_int=_no_text, parse_float=_no_text, parse_constant=_no_text)


def parse_json_object(body: bytes) -> dict[str, str]:
    r"""Read one flat JSON object of texts, each name at most once, in UTF-8 without a byte order mark (RFC 8259).

    No value is coerced: `null`, numbers, booleans, arrays and objects are refused, and so are NUL and lone
    surrogates (`\ud800`), which are no text that a database or a comparison should meet.

    Raises: WireError for whatever is not such an object, in time linear in its length.
    """
    try:
        text = body.decode().strip(" \t\n\r")
        pairs, end = _decoder.raw_decode(text)
    except UnicodeDecodeError:
        raise WireError(None, "The body is not UTF-8.") from None
    except (ValueError, RecursionError):
        raise WireError(None, "The body is not JSON.") from None
    if end != len(text) or type(pairs) is not tuple:
        raise WireError(None, "The body is not one JSON object.")
    members: dict[str, str] = dict(pairs)
    if len(members) != len(pairs) or len(pairs) > FIELD_LIMIT:
        raise _repeated(pairs)
    escaped = "\\" in text  # a raw NUL is no JSON, a raw surrogate no UTF-8: both come only by escapes
    for name, value in pairs:
        if type(value) is not str:
            raise parameter_error(name, "is not a string")
        if escaped and (_is_unfit(name) or _is_unfit(value)):
            raise parameter_error(name, "holds a NUL or half a character")
    return members


def _repeated(pairs: tuple[tuple[str, object], ...]) -> WireError:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return parameter_error(name, "is sent more than once")
        seen.add(name)
    return WireError(None, "The body has too many parameters.")


def _is_unfit(text: str) -> bool:
    try:
        return b"\0" in text.encode()
    except UnicodeEncodeError:
        return True

"""`application/x-www-form-urlencoded`, strictly: what is not certainly meant is refused (RFC 6749 appendix B)."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from portvakt.wire.errors import WireError, parameter_error

FIELD_LIMIT = 100
"""A body may have so many parameters."""

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NO_FORM_BEGINS_SO = (b"{", b"\xef\xbb\xbf")  # JSON under the wrong name; a byte order mark


def parse_form(body: bytes, *, repeatable: frozenset[str] = frozenset()) -> dict[str, str]:
    """Read a form in which every name occurs at most once, known or not, empty or not (RFC 6749 §3.2).

    Only `&` separates; `;` is data. Empty values are kept. Between two `&` there may be nothing; anything else
    without `=` is refused, so that JSON or plain text sent as a form is not taken for an odd name. The values
    of a name in `repeatable` are joined by one space: it is for values that hold none (URIs, RFC 8707 §2), so
    one that does is refused.

    Raises: WireError for whatever is not such a form, in time linear in its length.
    """
    if body.startswith(_NO_FORM_BEGINS_SO):
        raise WireError(None, "The body is not a form, as its content type says.")
    if body.count(b"&") >= FIELD_LIMIT:
        raise WireError(None, "The body has too many parameters.")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise WireError(None, "The body is not UTF-8.") from None
    plain = not ("%" in text or "+" in text or "\0" in text)
    fields: dict[str, str] = {}
    for field in text.split("&"):
        name, equals, value = field.partition("=")
        if not equals:
            if field:
                raise WireError(None, "The body is not a form: a part of it has no equals sign.")
            continue
        if not plain:
            name, value = _decode_field(name, value)
        if name in repeatable:
            value = _joined(name, fields.get(name, ""), value)
        elif name in fields:
            raise parameter_error(name, "is sent more than once")
        fields[name] = value
    return fields


def decode_component(text: str) -> str:
    """Decode `+` and `%XX` once.

    Raises: ValueError if an escape is not `%` and two hexadecimal digits, or the result is not UTF-8.
    """
    text = text.replace("+", " ")
    if "%" not in text:
        return text
    if _BAD_ESCAPE.search(text):
        raise ValueError("bad percent escape")
    return unquote_to_bytes(text).decode()


def _decode_field(name: str, value: str) -> tuple[str, str]:
    try:
        name = decode_component(name)
    except ValueError:
        raise WireError(None, "The name of a parameter is not percent-encoded UTF-8.") from None
    try:
        value = decode_component(value)
    except ValueError:
        raise parameter_error(name, "is not percent-encoded UTF-8") from None
    if "\0" in name or "\0" in value:
        raise parameter_error(name, "holds a NUL")
    return name, value


def _joined(name: str, before: str, value: str) -> str:
    if " " in value:
        raise parameter_error(name, "holds a space")
    return f"{before} {value}" if before and value else before or value

"""Content type and content encoding of a request."""

from __future__ import annotations

import re

from portvakt.wire.errors import WireError

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # RFC 9110 §5.6.2
_UTF_8 = re.compile(rb"(" + _TOKEN + rb"/" + _TOKEN + rb')(?:[ \t]*;[ \t]*charset=(?:utf-8|"utf-8"))?', re.IGNORECASE)
_LIMIT = 256  # bytes; the longest registered type has about 130

_USUAL = {
    b"application/x-www-form-urlencoded": "application/x-www-form-urlencoded",
    b"application/x-www-form-urlencoded;charset=UTF-8": "application/x-www-form-urlencoded",
    b"application/json": "application/json",
    b"application/json; charset=utf-8": "application/json",
}


def media_type(value: bytes | None) -> str:
    """Return type and subtype in lower case, without parameters.

    The one parameter that is understood is `charset=utf-8`, in any letter case, quoted or not, once.

    Raises: WireError: 415 for multipart, 400 if there is no content type (None), it holds another parameter, or
        it is not one content type.
    """
    if value is None:
        raise WireError(None, "The request has no content type.")
    usual = _USUAL.get(value)
    if usual is not None:
        return usual
    if value[:10].lower() == b"multipart/":
        raise WireError(None, "A multipart body is not accepted.", 415)
    match = _UTF_8.fullmatch(value) if len(value) <= _LIMIT else None
    if match is None:
        raise WireError(None, "The content type is not one type, with no parameter but charset=utf-8.")
    return match[1].lower().decode("ascii")


def refuse_encoding(value: bytes | None) -> None:
    """Refuse a body that is compressed: it is never unpacked.

    Raises: WireError: 415 for any content encoding but `identity`.
    """
    if value is not None and value.lower() != b"identity":
        raise WireError(None, "A body with a content encoding is not accepted.", 415)

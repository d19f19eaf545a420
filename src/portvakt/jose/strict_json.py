"""JSON objects read strictly: what two parsers could read differently is refused (RFC 8259 §4, RFC 7515 §10.12)."""

from __future__ import annotations

import json
import math
from typing import NoReturn

MAX_DEPTH = 16


def read_object(octets: bytes) -> dict[str, object]:
    """Return the JSON object that `octets` spell, in UTF-8 without a byte order mark.

    Raises:
        ValueError: not JSON, not UTF-8, not an object; a member twice at any depth; half of a surrogate pair; NaN or
            an infinity, also as a number too large for a float; an integer of thousands of digits; nested deeper
            than 16.
    """
    text = octets.decode("utf-8")
    try:
        value: object = _DECODER.decode(text)
        if text.count("{") + text.count("[") > MAX_DEPTH:
            _refuse_depth(value)
        if "\\" in text:  # only an escape can spell half of a pair: what cannot be written as UTF-8 is refused
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        value = None
    if isinstance(value, dict):
        return value
    raise ValueError("not a JSON object, or nested too deep")


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("not a number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number that is too large")
    return number


def _refuse_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        level = inner
    if any(isinstance(item, dict | list) for item in level):
        raise ValueError("nested too deep")


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_refuse_constant, parse_float=_finite)

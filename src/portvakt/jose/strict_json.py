"""JSON objects read strictly: what two parsers could read differently is refused (RFC 8259 §4, RFC 7515 §10.12)."""

from __future__ import annotations

import json
from typing import NoReturn

MAX_DEPTH = 16


def read_object(octets: bytes) -> dict[str, object]:
    """Return the JSON object that `octets` spell, in UTF-8 without a byte order mark.

    Raises:
        ValueError: not JSON, not UTF-8, not an object; a member twice at any depth; NaN or an infinity; a number of
            thousands of digits; nested deeper than 16.
    """
    try:
        value: object = _DECODER.decode(octets.decode("utf-8"))
        _refuse_depth(value)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if isinstance(value, dict):
        return value
    raise ValueError("not a JSON object")


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("not a number")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
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
        if not level:
            return
    raise ValueError("nested too deep")


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_refuse_constant, parse_float=_finite)

"""Whether a JSON value has the shape that is asked for, and what is wrong with it, place by place.

A shape is the part of JSON Schema (2020-12) that is written here, so that the one that checks what comes is the one
that stands in an OpenAPI document: `type`, `enum`, `properties`, `required`, `additionalProperties: False`, `items`,
`minItems`, `maxItems`, `uniqueItems`, `minLength`, `maxLength`, `pattern` (`^…$`), `minimum`, `maximum`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Shape = Mapping[str, Any]

MOST_FAULTS = 20
"""No more are told at once."""

LONGEST_NAME = 64
"""Characters of a member's name that are told again."""

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
_CALLED = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at one place. `path` is a JSON Pointer (RFC 6901). `detail` holds no value that was sent."""

    path: str
    detail: str


def faults_of(shape: Shape, value: object) -> tuple[Fault, ...]:
    """Return what is wrong with a value that was parsed from JSON, in its own order; nothing if it has the shape."""
    found: list[Fault] = []
    for fault in _faults(shape, value, ""):
        found.append(fault)
        if len(found) == MOST_FAULTS:
            break
    return tuple(found)


def nearest(name: str, known: object) -> str:
    """Return the end of a sentence about an unknown name: the known one that it looks like, if there is one."""
    close = difflib.get_close_matches(name[:LONGEST_NAME], list(known) if isinstance(known, Mapping) else [], n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _faults(shape: Shape, value: object, path: str) -> Iterator[Fault]:
    types = shape.get("type")
    types = [types] if isinstance(types, str) else types
    if types is not None and not any(_is(name, value) for name in types):
        yield Fault(path, f"must be {' or '.join(_CALLED[name] for name in types)}")
    elif value is not None and "enum" in shape and value not in shape["enum"]:
        yield Fault(path, f"must be one of {', '.join(str(each) for each in shape['enum'] if each is not None)}")
    elif isinstance(value, dict):
        yield from _of_object(shape, value, path)
    elif isinstance(value, list):
        yield from _of_list(shape, value, path)
    elif isinstance(value, str):
        yield from _of_text(shape, value, path)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield from _of_number(shape, value, path)


def _is(name: str, value: object) -> bool:
    return isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def _of_object(shape: Shape, value: dict[str, object], path: str) -> Iterator[Fault]:
    members: Mapping[str, Shape] = shape.get("properties", {})
    for name, member in value.items():
        place = f"{path}/{name[:LONGEST_NAME].replace('~', '~0').replace('/', '~1')}"
        if name in members:
            yield from _faults(members[name], member, place)
        elif shape.get("additionalProperties") is False:
            yield Fault(place, f"is not known here{nearest(name, members)}")
    for name in shape.get("required", ()):
        if name not in value:
            yield Fault(f"{path}/{name}", "is missing")


def _of_list(shape: Shape, value: list[object], path: str) -> Iterator[Fault]:
    least, most = shape.get("minItems", 0), shape.get("maxItems")
    if len(value) < least or (most is not None and len(value) > most):
        yield Fault(path, f"must have {_between(least, most)} entries")
        return
    if shape.get("uniqueItems") and len({repr(each) for each in value}) != len(value):
        yield Fault(path, "has an entry twice")
    for index, each in enumerate(value):
        yield from _faults(shape.get("items", {}), each, f"{path}/{index}")


def _of_text(shape: Shape, value: str, path: str) -> Iterator[Fault]:
    least, most = shape.get("minLength", 0), shape.get("maxLength")
    if len(value) < least or (most is not None and len(value) > most):
        yield Fault(path, f"must have {_between(least, most)} characters")
    elif "pattern" in shape and not _matches(shape["pattern"], value):
        yield Fault(path, f"must match {shape['pattern']}")


def _matches(pattern: str, value: str) -> bool:
    """`$` would also match before a line's end, which it does not in JSON Schema."""
    return re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value, re.ASCII) is not None


def _of_number(shape: Shape, value: int, path: str) -> Iterator[Fault]:
    least, most = shape.get("minimum"), shape.get("maximum")
    if (least is not None and value < least) or (most is not None and value > most):
        yield Fault(path, f"must be {_between(least, most)}")


def _between(least: int | None, most: int | None) -> str:
    if most is None:
        return f"at least {least}"
    return f"at most {most}" if not least else f"{least} to {most}"

"""The HTTP library that is installed: httpx2, else httpx. They have the same interface, and either may be absent."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

NAMES = ("httpx2", "httpx")


def installed() -> Iterator[ModuleType]:
    """Load those that are installed, the one that portvakt prefers first."""
    for name in NAMES:
        try:
            yield import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:  # it is there, and something of its own is missing
                raise


@cache
def http_library() -> ModuleType:
    """Return the one that portvakt itself uses.

    Raises:
        ModuleNotFoundError: neither is installed.
    """
    for library in installed():
        return library
    raise ModuleNotFoundError("portvakt.client needs an HTTP library: pip install httpx2", name=NAMES[0])

"""Canaries: secrets planted on purpose, and the search for them wherever they must never be.

Each is searched for as it is, reversed, in hex, percent-encoded and in base64 at all three alignments, so that it
is found inside a Basic pair or a longer text too. Of a secret with a prefix that lists may show, what is random
counts. `LEAKED` finds what nobody planted: whole client secrets and whole tokens, by their shape.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from portvakt.protocol.credentials import SECRET_PREFIX, SHOWN_END, SHOWN_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SHORTEST = 12
"""Characters. A shorter text would be found by chance."""

LEAKED = re.compile(
    rb"""
      pvk_cs_[A-Za-z0-9_-]{49}                                          # a client secret, whole
    | eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{86,}       # a token with all of its signature
    """,
    re.VERBOSE,
)

LOGS = ("*.jsonl", "*.log", "stderr.txt")
DATABASES = ("*.db", "*.db-wal", "*.db-shm", "*.db-journal")

PLANTED = "planted.json"
"""The file in a run's temporary folder that holds what its tests planted, by name."""


class Finding(NamedTuple):
    """A canary where it must not be: which one, where (a file or a description), and in which form."""

    name: str
    where: str
    form: str


def forms(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield every form in which a secret is searched for, by name."""
    yield "clear", secret
    yield "reversed", secret[::-1]
    yield "hex", secret.hex().encode()
    yield "hex in capitals", secret.hex().upper().encode()
    percent = "".join(f"%{octet:02x}" for octet in secret)
    yield "percent-encoded", percent.encode()
    yield "percent-encoded in capitals", percent.upper().encode()
    if quote(secret, safe="").encode() != secret:
        encoded = quote(secret, safe="")
        yield "URL-encoded", encoded.encode()
        yield "URL-encoded in small letters", re.sub("%..", lambda found: found[0].lower(), encoded).encode()
        yield "in JSON", json.dumps(secret.decode("latin-1"))[1:-1].encode()
    for offset in range(3):
        core = _base64(secret, offset)
        yield f"base64 at {offset}", core
        yield f"base64url at {offset}", core.replace(b"+", b"-").replace(b"/", b"_")


def _base64(secret: bytes, offset: int) -> bytes:
    """Return the characters that stand for `secret`, and nothing around it, `offset` octets into a base64 text."""
    text = base64.b64encode(bytes(offset) + secret)
    first = (0, 2, 3)[offset]
    last = (0, 3, 2)[(offset + len(secret)) % 3]
    return text[first : len(text) - last]


class Canaries:
    """The secrets that a scenario planted."""

    def __init__(self, planted: Iterable[tuple[str, str]] = ()) -> None:
        self._needles: dict[tuple[str, str], bytes] = {}
        self.planted: dict[str, str] = {}
        for name, text in planted:
            self.plant(name, text)

    def plant(self, name: str, secret: str) -> str:
        """Remember a text, and return it. A client secret is known by what lists do not show of it."""
        self.planted[name] = secret
        core = secret[SHOWN_PREFIX:-SHOWN_END] if secret.startswith(SECRET_PREFIX) else secret
        self._remember(name, core.encode())
        return secret

    def plant_octets(self, name: str, secret: bytes) -> None:
        """Remember octets, such as a number of a private key: every other run of 16 of them counts.

        PEM breaks its lines after 48 octets, so each line holds a whole run.
        """
        for start in range(0, len(secret) - 15, 32):
            self._remember(f"{name}[{start}:]", secret[start : start + 16])

    def _remember(self, name: str, secret: bytes) -> None:
        assert len(secret) >= SHORTEST, f"{name} is too short to be searched for"
        for form, needle in forms(secret):
            self._needles[name, form] = needle

    def find_in(self, *places: Path | bytes | tuple[str, bytes]) -> list[Finding]:
        """Search files, folders with all that is in them, octets, and octets with a name."""
        held = list(_held(places))
        everything = b"\0".join(octets for _, octets in held)  # hardly any is in it, and each is looked for once
        there = {key: needle for key, needle in self._needles.items() if needle in everything}
        return [
            Finding(name, where, form)
            for where, octets in held
            for (name, form), needle in there.items()
            if needle in octets
        ]


def leaks_in(*places: Path | bytes | tuple[str, bytes]) -> list[Finding]:
    """Search for whole client secrets and whole tokens, whoever made them."""
    return [
        Finding(found[0][: SHOWN_PREFIX - 1].decode() + "…", where, "by its shape")
        for where, held in _held(places)
        if b"pvk_cs_" in held or b"eyJ" in held
        for found in LEAKED.finditer(held)
    ]


def records_under(folder: Path) -> list[Path]:
    """Return the logs and database files somewhere under a folder."""
    return sorted(path for kind in (*LOGS, *DATABASES) for path in folder.rglob(kind) if path.is_file())


def _held(places: Iterable[Path | bytes | tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    for place in places:
        if isinstance(place, bytes):
            yield "octets", place
        elif isinstance(place, tuple):
            yield place
        elif place.is_dir():
            yield from ((str(path), path.read_bytes()) for path in sorted(place.rglob("*")) if path.is_file())
        else:
            yield str(place), place.read_bytes()

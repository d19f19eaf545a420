"""The files that pages load. A name holds a hash of its file, so browsers may keep it for ever."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_STYLE = files("portvakt.pages").joinpath("style.css").read_bytes()

STYLESHEET = f"portvakt.{hashlib.sha256(_STYLE).hexdigest()[:16]}.css"

FILES: Mapping[str, tuple[str, bytes]] = MappingProxyType({STYLESHEET: ("text/css; charset=utf-8", _STYLE)})
"""Name to media type and bytes, served at `<issuer>/static/NAME`."""

CACHE_CONTROL = "public, max-age=31536000, immutable"

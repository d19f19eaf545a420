"""The files that pages load. A name holds a hash of its file, so browsers may keep it for ever."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_CSS, _JS = "text/css; charset=utf-8", "text/javascript; charset=utf-8"  # RFC 9239 §6
_STYLE, _CONSOLE, _SCRIPT = (
    files("portvakt.pages").joinpath(name).read_bytes() for name in ("style.css", "console.css", "console.js")
)

STYLESHEET = f"portvakt.{hashlib.sha256(_STYLE).hexdigest()[:16]}.css"
CONSOLE_STYLESHEET = f"console.{hashlib.sha256(_CONSOLE).hexdigest()[:16]}.css"
CONSOLE_SCRIPT = f"console.{hashlib.sha256(_SCRIPT).hexdigest()[:16]}.js"
"""What the pages of administration load besides."""

FILES: Mapping[str, tuple[str, bytes]] = MappingProxyType(
    {STYLESHEET: (_CSS, _STYLE), CONSOLE_STYLESHEET: (_CSS, _CONSOLE), CONSOLE_SCRIPT: (_JS, _SCRIPT)}
)
"""Name to media type and bytes, served at `<issuer>/static/NAME`."""

CACHE_CONTROL = "public, max-age=31536000, immutable"

"""Files of another user, whoever runs the tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

NOBODY = 65_534


def belong_to_another(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give `path` away. Only root can; anybody else becomes another user instead, as far as `os` tells."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: NOBODY)

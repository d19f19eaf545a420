"""What an import costs beyond what it builds on, and what it loads: fresh interpreters, byte code written, in turn."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

# What is imported, and the HTTP library that is there already.
PAIRS = (
    ("portvakt.client", "httpx2"),
    ("authlib.integrations.httpx_client", "httpx2"),
    ("httpx_auth", "httpx"),
    ("requests_oauthlib", "requests"),
    ("msal", "requests"),
)

_PROGRAM = """
import json, sys, time
before = time.perf_counter()
import {library}
between, known = time.perf_counter(), set(sys.modules)
import {module}
after = time.perf_counter()
new = set(sys.modules) - known
print(json.dumps({{"library": between - before, "module": after - between, "new": sorted(new)}}))
"""


@dataclass(frozen=True)
class Import:
    """Medians in milliseconds: the HTTP library, and the module beyond it. `new`: the modules that it loaded."""

    module: str
    library: str
    library_ms: float
    module_ms: float
    new: tuple[str, ...]

    @property
    def packages(self) -> list[str]:
        """Packages beyond the HTTP library and the standard library, ours by their rooms."""
        kept = {_package(name) for name in self.new if name.partition(".")[0] not in sys.stdlib_module_names}
        return sorted(kept - {"portvakt", "__mp_main__"})


def _package(module: str) -> str:
    package, _, rest = module.partition(".")
    return f"portvakt.{rest.partition('.')[0]}" if package == "portvakt" and rest else package


def measured(times: int) -> list[Import]:
    """Import each so many times, in turn."""
    runs: dict[str, list[tuple[float, float]]] = {module: [] for module, _ in PAIRS}
    new = {}
    for number in range(times + 1):
        for module, library in PAIRS:
            found = _run(module, library)
            new[module] = tuple(found["new"])
            if number:  # the first writes the byte code
                runs[module].append((found["library"] * 1000, found["module"] * 1000))
    return [
        Import(
            module,
            library,
            statistics.median(one for one, _ in runs[module]),
            statistics.median(one for _, one in runs[module]),
            new[module],
        )
        for module, library in PAIRS
    ]


def _run(module: str, library: str) -> dict[str, Any]:
    program = _PROGRAM.format(module=module, library=library)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found

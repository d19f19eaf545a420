"""`./dev bench NAME [--quick]`: token, guard or client. Prints tables for docs/performance.md."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from measure import QUICK, Scale

BENCHES = {"token": "tokens", "guard": "guards", "client": "clients"}
IDLE = 0.3
PEERS = Path(__file__).resolve().parents[1] / "tests"  # where the servers of others are


def main(arguments: list[str]) -> int:
    """Run the bench that is named."""
    names = [argument for argument in arguments if argument != "--quick"]
    if len(names) != 1 or names[0] not in BENCHES:
        print(f"which bench? There are {', '.join(BENCHES)}")
        return 2
    if (os.cpu_count() or 1) < 2:  # noqa: PLR2004  one for the server, one for the load
        print("a bench needs two cores")
        return 1
    busy = os.getloadavg()[0]
    if busy > IDLE:
        print(f"others use this machine (its load is {busy:.1f}): what is printed is no result")
    sys.path.append(str(PEERS))
    importlib.import_module(BENCHES[names[0]]).bench(QUICK if "--quick" in arguments else Scale())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

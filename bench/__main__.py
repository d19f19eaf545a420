"""`./dev bench NAME [--quick]`: token or guard. Prints a table for docs/performance.md."""

from __future__ import annotations

import os
import sys

import guards
import tokens

BENCHES = {"token": tokens.bench, "guard": guards.bench}


def main(arguments: list[str]) -> int:
    """Run the bench that is named."""
    names = [argument for argument in arguments if argument != "--quick"]
    if len(names) != 1 or names[0] not in BENCHES:
        print(f"which bench? There are {', '.join(BENCHES)}")
        return 2
    if (os.cpu_count() or 1) < 2:  # noqa: PLR2004  one for the server, one for the load
        print("a bench needs two cores")
        return 1
    quick = "--quick" in arguments
    BENCHES[names[0]](rounds=2 if quick else 7, seconds=1.0 if quick else 4.0)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A Breeze sandbox whose API's quota is counted and never used up: what `./dev bench guard` loads."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

from portvakt.sandbox import run as sandboxes


def main() -> int:
    """Serve until a signal."""
    with sandboxes.prepared(["breeze"], port=0, data=None, seed=None) as sandbox:
        issuers = tuple(replace(issuer, api_quota=sandboxes.UNLIMITED) for issuer in sandbox.settings.issuers)
        unlimited = replace(sandbox, settings=replace(sandbox.settings, issuers=issuers))
        return sandboxes.run(unlimited, on_ready=lambda told: print(json.dumps(told), flush=True))


if __name__ == "__main__":
    sys.exit(main())

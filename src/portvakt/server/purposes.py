"""What keys are derived from the installation's secret for: see `portvakt.jose.sealing.derive`."""

from __future__ import annotations

PEPPER = b"portvakt/pepper"
KEYS = b"portvakt/keys"
FORMS = b"portvakt/forms"
PAGES = b"portvakt/pages"
LINKS = b"portvakt/links"

"""`python -m portvakt.cli`."""

import sys

from portvakt.cli import main

sys.exit(main())

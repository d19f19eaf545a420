"""OAuth messages <-> bytes: bounded parsers that raise only `WireError`, and writers that quote what they write."""

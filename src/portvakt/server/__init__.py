"""The ASGI shell: routes, settings, clock, entropy, logging, wiring."""

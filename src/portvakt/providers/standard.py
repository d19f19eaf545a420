"""Plain RFC: what clients that nobody here wrote expect. Every field is the default."""

from portvakt.model.provider import Provider

STANDARD = Provider(name="standard", title="Standard OAuth 2.0")

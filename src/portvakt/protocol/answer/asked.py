"""What a request asks for, against what there is to give: scopes and resources."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from portvakt.model.decision import INVALID_SCOPE, INVALID_TARGET, Refused

if TYPE_CHECKING:
    from portvakt.model.nouns import Client, Issuer
    from portvakt.model.provider import Provider

SCOPE_CHARACTERS = 4096

# RFC 6749 §3.3: scope = scope-token *( SP scope-token ); scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")
_NO_SCOPE = Refused(INVALID_SCOPE, "scope is not a list of scopes separated by one space.")


def ask_scopes(
    provider: Provider, client: Client, asked: str | None, *, own: frozenset[str] = frozenset()
) -> tuple[str, ...] | Refused:
    """Return the scopes that a client may have: those asked for, each once, or its default ones. Never fewer.

    `own`: scopes of the server's own, which it may have whatever scopes the provider documents.
    """
    if asked is None:
        return client.default_scopes
    scopes = _read(asked)
    if scopes is None:
        return _NO_SCOPE
    known = client.scopes if provider.scopes is None else provider.scopes
    if not set(scopes) <= (set(known) | own) & set(client.scopes):
        return Refused(INVALID_SCOPE, "The client does not have every scope that was asked for.")
    return scopes


def narrow_scopes(given: tuple[str, ...], asked: str | None) -> tuple[str, ...] | Refused:
    """Return those of the `given` scopes that were asked for, all if none were (RFC 6749 §6). Never another."""
    if asked is None:
        return given
    scopes = _read(asked)
    if scopes is None:
        return _NO_SCOPE
    if not set(scopes) <= set(given):
        return Refused(INVALID_SCOPE, "The grant does not hold every scope that was asked for.")
    return scopes


def refuse_resource(issuer: Issuer, asked: str | None) -> Refused | None:
    """Refuse a `resource` that is no API of the issuer (RFC 8707 §2). `asked` holds them with spaces between."""
    if asked is None or set(asked.split(" ")) == {issuer.audience}:
        return None
    return Refused(INVALID_TARGET, "resource names no API of this server.")


def _read(asked: str) -> tuple[str, ...] | None:
    if len(asked) > SCOPE_CHARACTERS or not _SCOPE.fullmatch(asked):
        return None
    return tuple(dict.fromkeys(asked.split(" ")))

"""What a request asks for, against what there is to give: scopes and resources."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from portvakt.model.decision import INVALID_SCOPE, INVALID_TARGET, Refused
from portvakt.protocol.own_scopes import SELF_SERVICE

if TYPE_CHECKING:
    from collections.abc import Collection

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


def audience_of(issuer: Issuer, scopes: Collection[str]) -> str:
    """Return the `aud` of a token of these scopes: the administration's where they are its scopes, else the API's."""
    return issuer.administration if _administers(issuer, scopes) else issuer.audience


def refuse_audience(issuer: Issuer, scopes: Collection[str], resource: str | None) -> Refused | None:
    """Refuse scopes of two APIs in one token (RFC 9068 §3), and a `resource` that is not the one that they are for."""
    if issuer.administration and SELF_SERVICE & set(scopes) and not _administers(issuer, scopes):
        text = "portvakt:read and portvakt:manage are for the administration alone: ask for no other scope with them."
        return Refused(INVALID_SCOPE, text)
    return refuse_resource({audience_of(issuer, scopes)}, resource)


def apis_of(issuer: Issuer) -> set[str]:
    """Return what a token of the issuer may be for, by `aud`."""
    return {issuer.audience, issuer.administration} - {""}


def refuse_resource(apis: set[str], asked: str | None) -> Refused | None:
    """Refuse a `resource` that is not one of the APIs (RFC 8707 §2). `asked` holds them with spaces between."""
    named = set() if asked is None else set(asked.split(" "))
    if len(named) <= 1 and named <= apis:
        return None
    return Refused(INVALID_TARGET, "resource names no API of this server.")


def _administers(issuer: Issuer, scopes: Collection[str]) -> bool:
    return bool(issuer.administration and scopes) and set(scopes) <= SELF_SERVICE


def _read(asked: str) -> tuple[str, ...] | None:
    if len(asked) > SCOPE_CHARACTERS or not _SCOPE.fullmatch(asked):
        return None
    return tuple(dict.fromkeys(asked.split(" ")))

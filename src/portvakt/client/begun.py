"""A log-in that has begun: the URL for the browser, and the text that an application keeps until it comes back."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field

from portvakt.jose.strict_json import read_object
from portvakt.model.values import Secret
from portvakt.protocol.ask.authorize import Expected

BACK_WITHIN = 3600
"""Seconds that a browser may take to come back."""

_LONGEST = 8192
_VERSION = 1
_TEXTS = ("issuer", "client_id", "redirect_uri", "scope", "state", "verifier")


class NotKeptHere(Exception):
    """A text is not what an application was given to keep, or it was kept for too long. The text says which."""


@dataclass(frozen=True, slots=True)
class StartedLogin:
    """Where to send the browser, and what to keep meanwhile in that browser's session.

    `url` is the first. `kept` binds the answer to this browser, this issuer and this request: it belongs in the session
    of the user who leaves, is taken out of it when they come back, and is good for an hour.
    """

    url: str = field(repr=False)
    kept: str = field(repr=False)


def kept_text(expected: Expected, now: int) -> str:
    """Return what must come back as a text."""
    members = {
        "version": _VERSION,
        "at": now,
        "issuer": expected.issuer,
        "client_id": expected.client_id,
        "redirect_uri": expected.redirect_uri,
        "requires_iss": expected.requires_iss,
        "scope": expected.scope,
        "resource": expected.resource,
        "state": expected.state.reveal(),
        "verifier": expected.verifier.reveal(),
    }
    return base64.urlsafe_b64encode(json.dumps(members, separators=(",", ":")).encode()).decode()


def read_kept(text: str, now: int) -> Expected:
    """Return what must come back. Raises: NotKeptHere."""
    members = _members(text)
    if not text:
        raise NotKeptHere("this browser began no log-in here, or its session has ended: begin again")
    if members is None:
        raise NotKeptHere("what was kept is not what start_login gave")
    at, resource, requires_iss = members.get("at"), members.get("resource"), members.get("requires_iss")
    texts = {name: members.get(name) for name in _TEXTS}
    good = (
        members.get("version") == _VERSION
        and type(at) is int
        and isinstance(requires_iss, bool)
        and (resource is None or isinstance(resource, str))
        and all(isinstance(value, str) for value in texts.values())
        and texts["state"] != ""
    )
    if not good:
        raise NotKeptHere("what was kept is not what start_login gave")
    if not isinstance(at, int) or not 0 <= now - at < BACK_WITHIN:
        raise NotKeptHere("the browser came back too late: begin again")
    return Expected(
        issuer=str(texts["issuer"]),
        client_id=str(texts["client_id"]),
        redirect_uri=str(texts["redirect_uri"]),
        requires_iss=requires_iss is True,
        scope=str(texts["scope"]),
        resource=None if resource is None else str(resource),
        state=Secret(str(texts["state"])),
        verifier=Secret(str(texts["verifier"])),
    )


def _members(text: str) -> dict[str, object] | None:
    if len(text) > _LONGEST:
        return None
    try:
        return read_object(base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        return None

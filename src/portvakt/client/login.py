"""A log-in: what a user gave to a client, as a value and as the text in which it is kept."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from portvakt.jose.strict_json import read_object
from portvakt.model.values import Secret
from portvakt.providers.hear import LONGEST_LIFETIME

if TYPE_CHECKING:
    from portvakt.model.decision import Tokens
    from portvakt.protocol.ask.wish import Wish

TEXT_LIMIT = 64 * 1024
"""Characters of the text of a log-in."""

_VERSION = 1
_LATEST = 1 << 40
_TOKEN = re.compile(r"[\x21-\x7e]+")
_MEMBERS = frozenset(
    {
        "version",
        "issuer",
        "client_id",
        "access_token",
        "expires_at",
        "lifetime",
        "scope",
        "resource",
        "refresh_token",
        "since",
        "asked_at",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a user gave to the client `client_id` at `issuer`. Whoever has it acts for that user: keep it as a password.

    `repr`, `str` and logs show neither `access_token` nor `refresh_token` (None: there is none); it cannot be pickled.
    `scope` is what was granted, "" if the server did not say, `resource` the API that it is for. `since` is when the
    user logged in, `expires_at` when the access token ends, in Unix seconds, after a life of `lifetime` seconds.
    `asked_at`: when its refresh token was first sent with no answer that could be kept; None: it was not.
    """

    issuer: str
    client_id: str
    access_token: Secret
    expires_at: int
    lifetime: int
    scope: str
    resource: str | None
    refresh_token: Secret | None
    since: int
    asked_at: int | None = None

    def to_text(self) -> str:
        """Return a text for a database or a file of your own. It holds the tokens."""
        members = {
            "version": _VERSION,
            "issuer": self.issuer,
            "client_id": self.client_id,
            "access_token": self.access_token.reveal(),
            "expires_at": self.expires_at,
            "lifetime": self.lifetime,
            "scope": self.scope,
            "resource": self.resource,
            "refresh_token": None if self.refresh_token is None else self.refresh_token.reveal(),
            "since": self.since,
            "asked_at": self.asked_at,
        }
        return json.dumps(members, separators=(",", ":"))

    @staticmethod
    def from_text(text: str) -> Login:
        """Return the log-in that `to_text` wrote.

        Raises:
            ValueError: it is none. The message repeats nothing of it.
            TypeError: it is no text.
        """
        if not isinstance(text, str):
            raise TypeError("a log-in is read from a text")
        login = _read(text)
        if login is None:
            raise ValueError("this is not the text of a log-in, or one of another version of portvakt")
        return login

    def serves(self, wish: Wish) -> bool:
        """Whether what was given is what is wanted: that resource, and no scope beyond."""
        given = set(self.scope.split())
        return self.resource == wish.resource and (not given or given.issuperset(wish.scope.split()))

    def renewed(self, tokens: Tokens, now: int) -> Login:
        """Return it with new tokens. Whatever refresh token came takes the place of the old one; none: it stays."""
        return replace(
            self,
            access_token=tokens.access_token,
            expires_at=now + (tokens.lifetime or 0),
            lifetime=tokens.lifetime or 0,
            scope=tokens.scope or self.scope,
            refresh_token=tokens.refresh_token or self.refresh_token,
            asked_at=None,
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Login is not pickled: it would lie in a file in clear; to_text says so by its name")


def first_login(tokens: Tokens, wish: Wish, issuer: str, now: int) -> Login:
    """Return the log-in that came from a code."""
    empty = Login(
        issuer=issuer,
        client_id=wish.client_id,
        access_token=tokens.access_token,
        expires_at=now,
        lifetime=0,
        scope="",
        resource=wish.resource,
        refresh_token=None,
        since=now,
    )
    return empty.renewed(tokens, now)


def _read(text: str) -> Login | None:
    """Return the log-in that a text holds; None if it is not one, to the last member."""
    if len(text) > TEXT_LIMIT:
        return None
    try:
        members = read_object(text.encode())
    except ValueError:
        return None
    if members.keys() != _MEMBERS or members["version"] != _VERSION:
        return None
    texts = {name: members[name] for name in ("issuer", "client_id", "scope")}
    numbers = {name: members[name] for name in ("expires_at", "lifetime", "since")}
    access, refresh = members["access_token"], members["refresh_token"]
    resource, asked_at = members["resource"], members["asked_at"]
    good = (
        all(isinstance(value, str) for value in texts.values())
        and all(_is_moment(value) for value in numbers.values())
        and numbers["lifetime"] <= LONGEST_LIFETIME  # type: ignore[operator]  # a number, by the line above
        and _is_token(access)
        and (refresh is None or _is_token(refresh))
        and (resource is None or isinstance(resource, str))
        and (asked_at is None or _is_moment(asked_at))
    )
    if not good:
        return None
    return Login(
        **texts,  # type: ignore[arg-type]  # checked above
        **numbers,  # type: ignore[arg-type]
        access_token=Secret(str(access)),
        refresh_token=None if refresh is None else Secret(str(refresh)),
        resource=None if resource is None else str(resource),
        asked_at=asked_at if isinstance(asked_at, int) else None,
    )


def _is_moment(value: object) -> bool:
    return type(value) is int and 0 <= value < _LATEST


def _is_token(value: object) -> bool:
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None

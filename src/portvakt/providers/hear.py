"""What a provider's token endpoint replied, as `Granted` or `Refused`: the inverse of `speak`.

It believes nothing: a reply is bytes from somebody else. What no provider would say raises `ReplyError`.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn

from portvakt.model.decision import RATE_LIMITED, SERVER_ERROR, Exceeded, Granted, Refused, Tokens
from portvakt.model.values import Seconds, Secret
from portvakt.providers.speak import WINDOWS

if TYPE_CHECKING:
    from portvakt.model.message import Reply
    from portvakt.model.provider import Provider

REPLY_LIMIT = 1024 * 1024
"""Bytes of a reply that are looked at; a longer one is refused."""

LONGEST_LIFETIME = 10 * 366 * 86400
"""Seconds; an `expires_in` beyond ten years is a mistake, and believing it would keep a dead token."""

_SUCCESS = 200
_TOO_MANY = 429
_OUR_SIDE = range(400, 500)
_TEXT_LIMIT = 500
_VISIBLE = re.compile(r"[\x21-\x7e]+")  # RFC 6749 App. A.12: access-token = 1*VSCHAR (a space would split a header)
_CODE = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]{1,100}")  # RFC 6749 App. A.7
_DIGITS = re.compile(r"[0-9]{1,10}")
_PLACES = re.compile(r"\\\{(limit|window|seconds)\\\}")
_SPELLED = {name: seconds for seconds, name in WINDOWS.items()}


class ReplyError(Exception):
    """The other side's reply is no answer of a token endpoint. `status` is its HTTP status.

    The text says what is wrong with it and never holds what it said.
    """

    def __init__(self, problem: str, status: int) -> None:
        super().__init__(f"the token endpoint's reply (HTTP {status}) {problem}")
        self.problem = problem
        self.status = status


def hear(provider: Provider, reply: Reply) -> Granted[Tokens] | Refused:
    """Return what the reply says.

    A missing `scope` is None: as asked (RFC 6749 §5.1). A lifetime may come as digits in a text, and a
    refusal under status 200, since some services do. A 429 and a 5xx need no JSON.

    Raises:
        ReplyError: it is neither tokens nor a refusal.
    """
    members = _members(reply)
    if reply.status == _SUCCESS and members is not None and "access_token" in members:
        return Granted(_tokens(members, reply))
    code = members.get("error") if members is not None else None
    if members is not None and isinstance(code, str) and _CODE.fullmatch(code):
        return _refused(provider, code, members, reply)
    if reply.status == _TOO_MANY:
        return Refused(RATE_LIMITED, "", reply.status, exceeded=_exceeded(provider, "", reply))
    if reply.status >= _OUR_SIDE.stop:
        return Refused(SERVER_ERROR, "", reply.status)
    return _fail("holds neither an access token nor an error", reply)


def _members(reply: Reply) -> dict[str, object] | None:
    if len(reply.body) > REPLY_LIMIT:
        _fail("is longer than 1 MiB", reply)
    try:
        members = json.loads(reply.body.decode("utf-8"))
    except (ValueError, RecursionError):
        if reply.status == _TOO_MANY or reply.status >= _OUR_SIDE.stop:
            return None
        return _fail("is not JSON", reply)
    return members if isinstance(members, dict) else None


def _tokens(members: dict[str, object], reply: Reply) -> Tokens:
    token_type = members.get("token_type", "Bearer")
    # RFC 6749 §5.1: the type is case-insensitive; §7.1: a client must not use a type that it does not understand
    if not isinstance(token_type, str) or token_type.lower() != "bearer":
        _fail("has a token_type that is not bearer", reply)
    scope = members.get("scope")
    if not (scope is None or isinstance(scope, str)):
        _fail("has a scope that is not a text", reply)
    refresh_token = _token(members, "refresh_token", reply) if members.get("refresh_token") is not None else None
    return Tokens(
        access_token=_token(members, "access_token", reply),
        token_type=token_type,
        lifetime=_lifetime(members.get("expires_in"), reply),
        scope=scope,
        refresh_token=refresh_token,
    )


def _token(members: dict[str, object], name: str, reply: Reply) -> Secret:
    token = members[name]
    if not isinstance(token, str) or not _VISIBLE.fullmatch(token):
        _fail(f"has a bad {name}: not a text of visible characters", reply)
    return Secret(token)


def _lifetime(stated: object, reply: Reply) -> Seconds | None:
    if stated is None:
        return None
    if isinstance(stated, str) and _DIGITS.fullmatch(stated):
        stated = int(stated)
    if not isinstance(stated, int) or isinstance(stated, bool) or not 0 <= stated <= LONGEST_LIFETIME:
        _fail("has an expires_in that is no number of seconds", reply)
    return Seconds(stated)


def _refused(provider: Provider, code: str, members: dict[str, object], reply: Reply) -> Refused:
    text = members.get("error_description", members.get("error_descriptions"))
    description = text[:_TEXT_LIMIT] if isinstance(text, str) else ""
    status = reply.status
    if status == _TOO_MANY:
        exceeded = _exceeded(provider, description, reply)
        return Refused(RATE_LIMITED, description, status, exceeded=exceeded)
    return Refused(code, description, status)


def _exceeded(provider: Provider, description: str, reply: Reply) -> Exceeded | None:
    """Return the numbers of a rate limit: those of the text, else `Retry-After` with the provider's quota."""
    found = _reader(provider.rate_limited.text).fullmatch(description)
    said = found.groupdict() if found else {}
    quota = provider.token_quota
    after = dict(reply.headers).get("retry-after", "")
    seconds = said.get("seconds") or (after if _DIGITS.fullmatch(after) else None)
    if seconds is None:
        return None
    limit = int(said["limit"]) if "limit" in said else (quota.limit if quota else 0)
    window = _read_window(said["window"]) if "window" in said else (quota.window if quota else Seconds(0))
    return Exceeded(limit, window, Seconds(max(1, int(seconds))))


@lru_cache(maxsize=64)
def _reader(text: str) -> re.Pattern[str]:
    """Return the expression that reads a provider's text back: its places become groups."""
    places = {"limit": r"[0-9]{1,10}", "window": r"[0-9]{1,10} seconds|[a-z]{3,6}", "seconds": r"[0-9]{1,10}"}
    return re.compile(_PLACES.sub(lambda place: f"(?P<{place[1]}>{places[place[1]]})", re.escape(text)))


def _read_window(spelled: str) -> Seconds:
    return Seconds(_SPELLED.get(spelled) or int("".join(re.findall("[0-9]", spelled)) or 0))


def _fail(problem: str, reply: Reply) -> NoReturn:
    raise ReplyError(problem, reply.status)

"""Decisions about users: create, change, give a password, log out, disable, enable."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from portvakt.model.audit import Act
from portvakt.model.behalf_change import EndSession, SetPassword
from portvakt.model.change import AddUser, ChangeUser, EndInvitation, Note, SetUser, SetUserDisabled
from portvakt.model.decision import INVALID_REQUEST, Granted, Refused
from portvakt.model.nouns import User
from portvakt.model.values import UserId
from portvakt.protocol.credentials import mint_id
from portvakt.protocol.ending import begin_user, end_grant, end_user, tell_of_clients
from portvakt.protocol.govern.actor import OPERATOR
from portvakt.protocol.govern.api_keys import end_api_keys
from portvakt.protocol.govern.told import differences, of_user, tell_user

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from portvakt.model.behalf import ApiKey, Grant, Invitation, Password, Session
    from portvakt.model.change import Change
    from portvakt.model.nouns import Client, Issuer
    from portvakt.model.values import Instant, SessionId

LONGEST_EMAIL = 254  # RFC 5321 §4.5.3.1.3, without the angle brackets
LOCALES = ("en", "nb")
ROLES = 20
_ROLE = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)

LAST_OPERATOR = Refused(
    "last_operator",
    "This is the last operator who is enabled: make another one first.",
    409,
    reason="the last operator",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserWish:
    """What of a user may be changed. `locale` None: the browser's. `roles`: what their clients and keys act with."""

    locale: str | None = None
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What is a user's own: what they gave, where they are logged in, keys, clients, a link to choose a password."""

    grants: Sequence[Grant] = ()
    sessions: Sequence[Session] = ()
    api_keys: Sequence[ApiKey] = ()
    clients: Sequence[Client] = ()
    invitation: Invitation | None = None


def is_email(text: str) -> bool:
    """Whether a text is an address that a user may have."""
    name, _, host = text.rpartition("@")
    plain = text.isprintable() and not set(text) & set(' "<>()') and not set(host) & set(":/")
    return bool(name and host) and plain and len(text) <= LONGEST_EMAIL


def create_user(
    issuer: Issuer,
    known: User | None,
    *,
    email: str,
    wish: UserWish,
    may_operate: bool = False,
    random: bytes,
    now: Instant,
) -> Granted[User] | Refused:
    """Decide on a new user; `known` is who has that address already. `random`: 32 bytes.

    `may_operate`: whether the issuer is the installation's own, whose users alone are operators.
    """
    if not is_email(email):
        return _refused("An email address is NAME@HOST.")
    if known is not None:
        return _refused("There is a user with that address already.")
    problem = _wrong_wish(wish, may_operate=may_operate)
    if problem:
        return _refused(problem)
    user = User(
        id=UserId(mint_id("user_", random)),
        issuer=issuer.name,
        email=email,
        locale=wish.locale,
        roles=wish.roles,
        created_at=now,
    )
    return Granted(user, (AddUser(user), Note(of_user(user, Act.USER_CREATED, now, after=tell_user(user)))))


def wish_of(user: User) -> UserWish:
    """Return the wish that a user is the fulfilment of: what a change begins with."""
    return UserWish(locale=user.locale, roles=user.roles)


def change_user(user: User, wish: UserWish, others: Sequence[User] | None, *, now: Instant) -> Granted[User] | Refused:
    """Decide that a user becomes what `wish` says, all of it.

    `others`: the other enabled operators, of whom one is enough; None: the issuer is not the installation's own, so
    that nobody is an operator there. Who has a role that nobody is given any more keeps it.
    """
    problem = _wrong_wish(wish, may_operate=others is not None, had=user.roles)
    if problem:
        return _refused(problem)
    after = replace(user, locale=wish.locale, roles=wish.roles)
    if after == user:
        return Granted(user)
    kept = _keep_an_operator(user, after, others)
    if isinstance(kept, Refused):
        return kept
    was, is_now = differences(tell_user(user), tell_user(after))
    changes = (
        ChangeUser(user.issuer, user.id, user.version),
        *kept,
        SetUser(after),
        Note(of_user(user, Act.USER_CHANGED, now, before=was, after=is_now)),
    )
    return Granted(replace(after, version=user.version + 1), changes)


def set_password(
    user: User, password: Password, sessions: Sequence[Session], invitation: Invitation | None = None, *, now: Instant
) -> Granted[None]:
    """Decide on a new password. Whoever is logged in with the old one is so no more, and no link gives another."""
    changes = (
        *_end_invitation(invitation),
        SetPassword(password),
        *_end_sessions(user, sessions, now),
        Note(of_user(user, Act.PASSWORD_SET, now)),
    )
    return Granted(None, changes)


def end_sessions(
    user: User, sessions: Sequence[Session], which: SessionId | None = None, *, now: Instant
) -> Granted[None]:
    """Decide that a user is logged in no more: in one browser, or anywhere."""
    ended = [one for one in sessions if which is None or one.id == which]
    return Granted(None, tuple(_end_sessions(user, ended, now)))


def set_user_enabled(
    issuer: Issuer,
    user: User,
    held: Holdings,
    others: Sequence[User] | None,
    *,
    enabled: bool,
    now: Instant,
) -> Granted[User] | Refused:
    """Decide to enable or disable a user; one that is so already stays as it is. `others`: see `change_user`.

    Disabling ends what the user gave to applications, where they are logged in and their API keys, and tells the
    guards, also of the clients that are theirs. Enabling gives nothing back that was not asked for again.
    """
    if enabled is (user.disabled_at is None):
        return Granted(user)
    after = replace(user, disabled_at=None if enabled else now)
    kept = _keep_an_operator(user, after, others)
    if isinstance(kept, Refused):
        return kept
    act = Act.USER_ENABLED if enabled else Act.USER_DISABLED
    who = (issuer.name, user.id)
    changes = (
        ChangeUser(*who, user.version),
        *kept,
        SetUserDisabled(*who, after.disabled_at),
        *(() if enabled else _end_holdings(issuer, user, held, now)),
        *tell_of_clients(held.clients, user.disabled_at, now),
        *((end_user(*who, now),) if user.disabled_at is None else begin_user(*who, user.disabled_at, now)),
        Note(of_user(user, act, now, before={"enabled": not enabled}, after={"enabled": enabled})),
    )
    return Granted(replace(after, version=user.version + 1), changes)


def _end_holdings(issuer: Issuer, user: User, held: Holdings, now: Instant) -> tuple[Change, ...]:
    return (
        *_end_invitation(held.invitation),
        *_end_sessions(user, held.sessions, now),
        *end_api_keys(held.api_keys, now),
        *(change for grant in held.grants for change in end_grant(issuer, grant, now)),
    )


def _keep_an_operator(user: User, after: User, others: Sequence[User] | None) -> tuple[Change, ...] | Refused:
    """Return what holds on to another operator, where one ceases to be one: two who do so at once are decided again."""
    ceases = _operates(user) and not _operates(after)
    if others is None or not ceases:
        return ()
    if not others:
        return LAST_OPERATOR
    other = others[0]
    return (ChangeUser(other.issuer, other.id, other.version),)


def _operates(user: User) -> bool:
    return OPERATOR in user.roles and user.disabled_at is None


def _wrong_wish(wish: UserWish, *, may_operate: bool, had: frozenset[str] = frozenset()) -> str:
    """Return what is wrong with a wish, or an empty text. `had`: the roles of the user that it would change."""
    if wish.locale is not None and wish.locale not in LOCALES:
        return f"A locale is {' or '.join(LOCALES)}."
    if len(wish.roles) > ROLES or not all(_ROLE.fullmatch(role) for role in wish.roles):
        return f"A user has at most {ROLES} roles, each of 1 to 64 of A-Z a-z 0-9 . _ : -"
    if OPERATOR in wish.roles - had and not may_operate:
        return "Only users of the installation's own issuer are operators."
    return ""


def _end_sessions(user: User, sessions: Iterable[Session], now: Instant) -> tuple[Change, ...]:
    live = [one for one in sessions if one.revoked_at is None]
    notes = (Note(of_user(user, Act.SESSION_ENDED, now, what=one.id)) for one in live)
    return (*(EndSession(one.issuer, one.id, now) for one in live), *notes)


def _end_invitation(invitation: Invitation | None) -> tuple[Change, ...]:
    return () if invitation is None else (EndInvitation(invitation.issuer, invitation.digest),)


def _refused(text: str) -> Refused:
    return Refused(INVALID_REQUEST, text, reason=text)

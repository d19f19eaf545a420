"""Decisions about users and organisations: create, disable, enable, join, leave."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from portvakt.model.change import (
    AddMember,
    AddOrganisation,
    AddUser,
    EndSession,
    RemoveMember,
    SetOrganisationDisabled,
    SetPassword,
    SetUserDisabled,
)
from portvakt.model.decision import INVALID_REQUEST, Granted, Refused
from portvakt.model.nouns import Organisation, User
from portvakt.model.values import OrganisationNumber, UserId
from portvakt.protocol.credentials import mint_id
from portvakt.protocol.ending import end_grant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portvakt.model.behalf import Grant, Password, Session
    from portvakt.model.nouns import Issuer
    from portvakt.model.values import Instant

LONGEST_EMAIL = 254  # RFC 5321 §4.5.3.1.3, without the angle brackets
NAME_CHARACTERS = 200
LOCALES = ("en", "nb")
_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)


def is_email(text: str) -> bool:
    """Whether a text is an address that a user may have."""
    name, _, host = text.rpartition("@")
    plain = text.isprintable() and not set(text) & set(' "<>()') and not set(host) & set(":/")
    return bool(name and host) and plain and len(text) <= LONGEST_EMAIL


def create_user(
    issuer: Issuer, known: User | None, *, email: str, locale: str | None, random: bytes, now: Instant
) -> Granted[User] | Refused:
    """Decide on a new user; `known` is who has that address already. `random`: 32 bytes."""
    if not is_email(email):
        return _refused("An email address is NAME@HOST.")
    if locale is not None and locale not in LOCALES:
        return _refused(f"A locale is {' or '.join(LOCALES)}.")
    if known is not None:
        return _refused("There is a user with that address already.")
    user = User(id=UserId(mint_id("user_", random)), issuer=issuer.name, email=email, locale=locale, created_at=now)
    return Granted(user, (AddUser(user),))


def set_password(password: Password, sessions: Sequence[Session], *, now: Instant) -> Granted[None]:
    """Decide on a new password. Whoever is logged in with the old one is so no more."""
    return Granted(None, (SetPassword(password), *_end_sessions(sessions, now)))


def end_sessions(sessions: Sequence[Session], *, now: Instant) -> Granted[None]:
    """Decide that nobody is logged in any more."""
    return Granted(None, _end_sessions(sessions, now))


def set_user_enabled(
    issuer: Issuer, user: User, grants: Sequence[Grant], sessions: Sequence[Session], *, enabled: bool, now: Instant
) -> Granted[User]:
    """Decide to enable or disable a user; one that is so already stays as it is.

    Disabling ends what the user gave to applications, and where they are logged in: so the guards are told, and
    enabling gives nothing back that was not asked for again. But for their API keys, which were never ended: those are
    good again.
    """
    if enabled is (user.disabled_at is None):
        return Granted(user)
    disabled_at = None if enabled else now
    changed = replace(user, disabled_at=disabled_at)
    change = SetUserDisabled(issuer.name, user.id, disabled_at)
    if enabled:
        return Granted(changed, (change,))
    ends = (each for grant in grants for each in end_grant(issuer, grant, now))
    return Granted(changed, (change, *_end_sessions(sessions, now), *ends))


def create_organisation(
    issuer: Issuer, known: Organisation | None, *, number: str, name: str, now: Instant
) -> Granted[Organisation] | Refused:
    """Decide on a new organisation; `known` is the one that has that number already."""
    if not _NUMBER.fullmatch(number):
        return _refused("An organisation number is 1 to 20 digits.")
    if not name.strip() or len(name) > NAME_CHARACTERS or not name.isprintable():
        return _refused(f"An organisation needs a name of 1 to {NAME_CHARACTERS} printable characters.")
    if known is not None:
        return _refused("There is an organisation with that number already.")
    made = Organisation(issuer=issuer.name, number=OrganisationNumber(number), name=name, created_at=now)
    return Granted(made, (AddOrganisation(made),))


def set_organisation_enabled(organisation: Organisation, *, enabled: bool, now: Instant) -> Granted[Organisation]:
    """Decide to enable or disable an organisation; one that is so already stays as it is.

    Disabled, nothing new is given for it, and nothing renewed; access tokens that were given end by themselves.
    """
    if enabled is (organisation.disabled_at is None):
        return Granted(organisation)
    disabled_at = None if enabled else now
    change = SetOrganisationDisabled(organisation.issuer, organisation.number, disabled_at)
    return Granted(replace(organisation, disabled_at=disabled_at), (change,))


def add_member(
    user: User, organisation: Organisation, memberships: Sequence[Organisation], *, now: Instant
) -> Granted[None]:
    """Decide that a user belongs to an organisation; who does already goes on to."""
    if organisation.number in {each.number for each in memberships}:
        return Granted(None)
    return Granted(None, (AddMember(user.issuer, organisation.number, user.id, now),))


def remove_member(
    issuer: Issuer,
    user: User,
    organisation: Organisation,
    memberships: Sequence[Organisation],
    grants: Sequence[Grant],
    *,
    now: Instant,
) -> Granted[None] | Refused:
    """Decide that a user leaves an organisation; what they gave to applications for it ends with that."""
    if organisation.number not in {each.number for each in memberships}:
        return Refused("not_found", "The user is no member of that organisation.", 404)
    theirs = [grant for grant in grants if grant.organisation == organisation.number]
    ends = tuple(change for grant in theirs for change in end_grant(issuer, grant, now))
    return Granted(None, (RemoveMember(issuer.name, organisation.number, user.id), *ends))


def _end_sessions(sessions: Sequence[Session], now: Instant) -> tuple[EndSession, ...]:
    return tuple(EndSession(one.issuer, one.id, now) for one in sessions if one.revoked_at is None)


def _refused(text: str) -> Refused:
    return Refused(INVALID_REQUEST, text, reason=text)

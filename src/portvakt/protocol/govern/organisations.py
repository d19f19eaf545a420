"""Decisions about organisations and who belongs to them: create, change, disable, enable, join, administer, leave."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from portvakt.model.audit import Act
from portvakt.model.behalf import Member
from portvakt.model.change import (
    AddMember,
    AddOrganisation,
    ChangeOrganisation,
    Note,
    RemoveMember,
    SetAdministrator,
    SetOrganisation,
    SetOrganisationDisabled,
)
from portvakt.model.decision import INVALID_REQUEST, Granted, Refused
from portvakt.model.nouns import Organisation
from portvakt.model.values import OrganisationNumber
from portvakt.protocol.ending import begin_organisation, end_grant, end_organisation, tell_of_clients
from portvakt.protocol.govern.api_keys import end_api_keys
from portvakt.protocol.govern.told import differences, of_organisation, tell_organisation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portvakt.model.behalf import ApiKey, Grant
    from portvakt.model.change import Change
    from portvakt.model.nouns import Client, Issuer, User
    from portvakt.model.values import Instant

NAME_CHARACTERS = 200
_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)

NO_MEMBER = Refused("not_found", "The user is no member of that organisation.", 404)


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """A user, an organisation, whether the one belongs to the other, and what of the user's may end with that.

    `member` None: the user is none. `grants` and `api_keys`: the user's, for whichever organisation.
    """

    user: User
    organisation: Organisation
    member: Member | None
    grants: Sequence[Grant] = ()
    api_keys: Sequence[ApiKey] = ()


def create_organisation(
    issuer: Issuer, known: Organisation | None, *, number: str, name: str, now: Instant
) -> Granted[Organisation] | Refused:
    """Decide on a new organisation; `known` is the one that has that number already."""
    if not _NUMBER.fullmatch(number):
        return _refused("An organisation number is 1 to 20 digits.")
    if _is_no_name(name):
        return _wrong_name()
    if known is not None:
        return _refused("There is an organisation with that number already.")
    made = Organisation(issuer=issuer.name, number=OrganisationNumber(number), name=name, created_at=now)
    note = Note(of_organisation(made, Act.ORGANISATION_CREATED, now, after=tell_organisation(made)))
    return Granted(made, (AddOrganisation(made), note))


def change_organisation(organisation: Organisation, *, name: str, now: Instant) -> Granted[Organisation] | Refused:
    """Decide that an organisation is called so."""
    if _is_no_name(name):
        return _wrong_name()
    after = replace(organisation, name=name)
    if after == organisation:
        return Granted(organisation)
    was, is_now = differences(tell_organisation(organisation), tell_organisation(after))
    changes = (
        ChangeOrganisation(organisation.issuer, organisation.number, organisation.version),
        SetOrganisation(after),
        Note(of_organisation(organisation, Act.ORGANISATION_CHANGED, now, before=was, after=is_now)),
    )
    return Granted(replace(after, version=organisation.version + 1), changes)


def set_organisation_enabled(
    organisation: Organisation, clients: Sequence[Client], *, enabled: bool, now: Instant
) -> Granted[Organisation]:
    """Decide to enable or disable an organisation; one that is so already stays as it is.

    Disabled, nothing new is given for it, and nothing renewed; the guards refuse what was given for it, and what its
    own `clients` were given, also once it is enabled again.
    """
    if enabled is (organisation.disabled_at is None):
        return Granted(organisation)
    which, was = (organisation.issuer, organisation.number), organisation.disabled_at
    after = replace(organisation, disabled_at=None if enabled else now)
    act = Act.ORGANISATION_ENABLED if enabled else Act.ORGANISATION_DISABLED
    told = of_organisation(organisation, act, now, before={"enabled": not enabled}, after={"enabled": enabled})
    changes: tuple[Change, ...] = (
        ChangeOrganisation(*which, organisation.version),
        SetOrganisationDisabled(*which, after.disabled_at),
        *tell_of_clients(clients, was, now),
        *((end_organisation(*which, now),) if was is None else begin_organisation(*which, was, now)),
        Note(told),
    )
    return Granted(replace(after, version=organisation.version + 1), changes)


def add_member(facts: Belonging, *, administrator: bool, now: Instant) -> Granted[Member]:
    """Decide that a user belongs to an organisation; who belongs, or administers it, goes on to."""
    if facts.member is not None:
        return _set_administrator(facts, facts.member, administrator or facts.member.administrator, now)
    user, organisation = facts.user, facts.organisation
    key = (organisation.issuer, organisation.number, user.id)
    made = Member(user=user, organisation=organisation, since=now, administrator=administrator)
    changes: tuple[Change, ...] = (
        AddMember(*key, now),
        *((SetAdministrator(*key, True),) if administrator else ()),
        _note(facts, Act.MEMBER_ADDED, now, after={"administrator": administrator}),
    )
    return Granted(made, changes)


def set_administrator(facts: Belonging, *, administrator: bool, now: Instant) -> Granted[Member] | Refused:
    """Decide whether a member administers what is the organisation's."""
    return NO_MEMBER if facts.member is None else _set_administrator(facts, facts.member, administrator, now)


def remove_member(issuer: Issuer, facts: Belonging, *, now: Instant) -> Granted[None] | Refused:
    """Decide that a user leaves an organisation; what they gave for it and their API keys for it end with that."""
    if facts.member is None:
        return NO_MEMBER
    user, number = facts.user, facts.organisation.number
    grants = [grant for grant in facts.grants if grant.organisation == number]
    keys = [key for key in facts.api_keys if key.organisation == number]
    changes = (
        RemoveMember(issuer.name, number, user.id),
        *end_api_keys(keys, now),
        *(change for grant in grants for change in end_grant(issuer, grant, now)),
        _note(facts, Act.MEMBER_REMOVED, now, before={"administrator": facts.member.administrator}),
    )
    return Granted(None, changes)


def _set_administrator(facts: Belonging, member: Member, administrator: bool, now: Instant) -> Granted[Member]:
    if member.administrator is administrator:
        return Granted(member)
    organisation = facts.organisation
    changes = (
        SetAdministrator(organisation.issuer, organisation.number, facts.user.id, administrator),
        _note(
            facts,
            Act.MEMBER_CHANGED,
            now,
            before={"administrator": member.administrator},
            after={"administrator": administrator},
        ),
    )
    return Granted(replace(member, administrator=administrator), changes)


def _note(facts: Belonging, act: Act, now: Instant, **told: dict[str, bool]) -> Note:
    return Note(of_organisation(facts.organisation, act, now, user=facts.user, **told))


def _is_no_name(name: str) -> bool:
    return not name or name != name.strip() or len(name) > NAME_CHARACTERS or not name.isprintable()


def _wrong_name() -> Refused:
    return _refused(
        f"An organisation needs a name of 1 to {NAME_CHARACTERS} printable characters, without spaces at its ends."
    )


def _refused(text: str) -> Refused:
    return Refused(INVALID_REQUEST, text, reason=text)

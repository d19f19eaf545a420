"""Who administers, and what they may see and change. Deny by default: each question has one function here.

There are four roles. An operator, a user of the installation's own issuer, may do everything at every issuer. An
administrator of an organisation may do what concerns that organisation's clients, members and log. A developer makes
applications and may do everything with their own. Any user may look after their own account, which needs no role.
What somebody may not see they are told is not there: an id tells nothing by being tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portvakt.model.audit import ActorKind
from portvakt.model.decision import Refused

if TYPE_CHECKING:
    from portvakt.model.audit import Entry
    from portvakt.model.nouns import Client, User
    from portvakt.model.values import IssuerName, OrganisationNumber, UserId

OPERATOR = "operator"
"""The role of a user of the installation's own issuer who may do everything."""

DEVELOPER = "developer"
"""The role of a user who may make applications."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody who administers. `issuer` and `user`: whose user they are; None, an operator at the command line.

    A client of an organisation has an issuer and no user: it administers that organisation for nobody in particular.
    `administers`: the enabled organisations of `issuer` that they administer now.
    """

    issuer: IssuerName | None = None
    user: UserId | None = None
    operator: bool = False
    developer: bool = False
    administers: frozenset[OrganisationNumber] = frozenset()


AT_THE_COMMAND_LINE = Actor(operator=True)
"""Whoever may read the installation's settings and its secret may do everything."""


def actor_of(user: User, own: IssuerName, administers: frozenset[OrganisationNumber]) -> Actor:
    """Return what a user is who has logged in, or whose client acts. `own`: the installation's own issuer."""
    if user.disabled_at is not None:
        return Actor(issuer=user.issuer, user=user.id)
    return Actor(
        issuer=user.issuer,
        user=user.id,
        operator=user.issuer == own and OPERATOR in user.roles,
        developer=DEVELOPER in user.roles,
        administers=administers,
    )


def actor_for(issuer: IssuerName, organisation: OrganisationNumber) -> Actor:
    """Return what a client of an organisation is, that acts for itself."""
    return Actor(issuer=issuer, administers=frozenset({organisation}))


def not_found(what: str) -> Refused:
    """Return the answer about what is not there, or not theirs."""
    return Refused("not_found", f"There is no such {what}.", 404)


def may_everything(actor: Actor, issuer: IssuerName) -> bool:
    """Whether they may do all there is to do at an issuer: users, organisations, keys, the whole log."""
    del issuer  # an operator is one everywhere; that another role may be one of an issuer is for this line to say
    return actor.operator


def may_client(actor: Actor, client: Client) -> bool:
    """Whether they may see and change a client."""
    if actor.operator:
        return True
    if actor.issuer != client.issuer:
        return False
    if client.organisation is not None:
        return client.organisation in actor.administers
    return actor.developer and client.owner == actor.user


def may_own(actor: Actor, issuer: IssuerName, owner: UserId, organisation: OrganisationNumber | None) -> bool:
    """Whether they may make a client of that user's or of that organisation's."""
    if actor.operator:
        return True
    if actor.issuer != issuer or actor.user not in {owner, None}:
        return False
    if organisation is not None:
        return organisation in actor.administers
    return actor.developer and actor.user is not None


def may_organisation(actor: Actor, issuer: IssuerName, number: OrganisationNumber) -> bool:
    """Whether they may see an organisation, its members and its log, and say who belongs to it."""
    return actor.operator or (actor.issuer == issuer and number in actor.administers)


def may_read(
    actor: Actor,
    issuer: IssuerName,
    *,
    organisation: OrganisationNumber | None = None,
    client: Client | None = None,
    user: UserId | None = None,
) -> bool:
    """Whether they may read the lines of the log about all that is named (nothing: all lines): the first is theirs.

    Lines about a user are theirs whatever else these are about: what they gave for an organisation, too.
    """
    if actor.operator:
        return True
    if organisation is not None:
        return may_organisation(actor, issuer, organisation)
    if client is not None:
        return may_client(actor, client)
    return user is not None and actor.issuer == issuer and actor.user == user


def may_address(actor: Actor, entry: Entry, client: Client | None) -> bool:
    """Whether they may know from which address a line's act was done. `client`: the one that did it, if one did.

    They may if they did it, if a client of theirs did, or if it was tried at their own account by nobody who is known.
    An address is personal: that two people look after one organisation tells neither where the other one is.
    """
    by = entry.by
    if actor.operator:
        return True
    if by.kind is ActorKind.CLIENT:
        return client is not None and may_client(actor, client)
    if by.kind is ActorKind.NOBODY:
        return actor.user is not None and (actor.issuer, actor.user) == (entry.event.issuer, entry.event.user)
    return by.kind is ActorKind.USER and (actor.issuer, actor.user) == (by.issuer, by.id)
